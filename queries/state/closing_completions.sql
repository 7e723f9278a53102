-- What counted or was held when each closing's report was made, in the days that the report counts, by the rules of today.
-- grain: one period, revision, plan, class, person
SELECT
    closing_spans.period,             -- 2021-06, or 2021
    closing_spans.revision,           -- how often the period had been closed
    closing_spans.plan,               -- the report's plan
    pinned_completions.district_code, -- the class's district then
    pinned_completions.class_id,      -- the class
    pinned_completions.person_key,    -- the person
    pinned_completions.counted        -- true: counted then; false: was held
FROM pinned_completions
INNER JOIN closing_spans
    ON closing_spans.pin_id = pinned_completions.pin_id
   AND closing_spans.plan = pinned_completions.plan
   AND closing_spans.year = pinned_completions.year
WHERE pinned_completions.completed_on <= closing_spans.last_day
