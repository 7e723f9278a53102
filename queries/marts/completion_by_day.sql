-- What counts, and what is held, on each day: the one count that every other completion mart and report sums.
-- grain: one plan, day of completion, district, occupation
-- counts completed: completions where counted
-- counts subsidised: completions where counted AND subsidised
-- counts held: completions where NOT counted
WITH

left_out AS (
    SELECT
        plan,
        year,
        completed_on,
        district_code,
        occupation,
        count(*) AS left_out_rows,
        count(CASE WHEN subsidised THEN 1 END) AS subsidised_rows,
        count(CASE WHEN outcome = 'held' THEN 1 END) AS held_rows
    FROM left_out_completions
    GROUP BY plan, year, completed_on, district_code, occupation
)

SELECT
    would_count_by_day.plan,          -- the plan
    would_count_by_day.year,          -- the year of the day
    would_count_by_day.completed_on,  -- the day
    would_count_by_day.district_code, -- the district
    would_count_by_day.occupation,    -- the occupation
    would_count_by_day.completions - coalesce(left_out.left_out_rows, 0) AS completed, -- completions that count (人次)
    would_count_by_day.subsidised - coalesce(left_out.subsidised_rows, 0) AS subsidised, -- of these, in subsidised classes
    coalesce(left_out.held_rows, 0) AS held -- held for review, not counted
FROM would_count_by_day
LEFT JOIN left_out
    ON left_out.plan = would_count_by_day.plan
   AND left_out.completed_on = would_count_by_day.completed_on
   AND left_out.district_code = would_count_by_day.district_code
   AND left_out.occupation = would_count_by_day.occupation
ORDER BY
    would_count_by_day.plan,
    would_count_by_day.completed_on,
    would_count_by_day.district_code,
    would_count_by_day.occupation
