-- The persons who are counted after a closing by what came late and were not before, and who are no longer by what was withdrawn.
-- grain: one change, period, revision, plan, district (null: the city), person
WITH

changed AS (
    SELECT DISTINCT change, period, revision, plan, district_code, person_key
    FROM changed_completions
    WHERE counted
),

-- Where each of them was counted then, and is counted now: the other side decides whether the change made a difference.
counted_then AS (
    SELECT DISTINCT
        closing_completions.period,
        closing_completions.revision,
        closing_completions.district_code,
        closing_completions.person_key
    FROM closing_completions
    INNER JOIN (SELECT DISTINCT person_key FROM changed WHERE change = 'late') AS persons
        ON persons.person_key = closing_completions.person_key
    WHERE closing_completions.counted
),

counted_now AS (
    SELECT DISTINCT
        closing_spans.period,
        closing_spans.revision,
        counted_completions.district_code,
        counted_completions.person_key
    FROM counted_completions
    INNER JOIN (SELECT DISTINCT person_key FROM changed WHERE change = 'withdrawn') AS persons
        ON persons.person_key = counted_completions.person_key
    INNER JOIN closing_spans
        ON closing_spans.plan = counted_completions.plan
       AND closing_spans.year = counted_completions.year
    WHERE counted_completions.completed_on <= closing_spans.last_day
),

sides AS (
    SELECT 'late' AS change, period, revision, district_code, person_key FROM counted_then
    UNION ALL
    SELECT 'withdrawn' AS change, period, revision, district_code, person_key FROM counted_now
),

in_district AS (
    SELECT changed.change, changed.period, changed.revision, changed.plan, changed.district_code, changed.person_key
    FROM changed
    LEFT JOIN sides
        ON sides.change = changed.change
       AND sides.period = changed.period
       AND sides.revision = changed.revision
       AND sides.district_code = changed.district_code
       AND sides.person_key = changed.person_key
    WHERE sides.change IS NULL
),

in_city AS (
    SELECT DISTINCT changed.change, changed.period, changed.revision, changed.plan, changed.person_key
    FROM changed
    LEFT JOIN (SELECT DISTINCT change, period, revision, person_key FROM sides) AS anywhere
        ON anywhere.change = changed.change
       AND anywhere.period = changed.period
       AND anywhere.revision = changed.revision
       AND anywhere.person_key = changed.person_key
    WHERE anywhere.change IS NULL
),

together AS (
    SELECT change, period, revision, plan, district_code, person_key FROM in_district
    UNION ALL
    SELECT change, period, revision, plan, NULL AS district_code, person_key FROM in_city
)

SELECT
    change,        -- late or withdrawn
    period,        -- the closing's period
    revision,      -- the closing's revision
    plan,          -- its plan
    district_code, -- the district; null: the city
    person_key     -- the person
FROM together
