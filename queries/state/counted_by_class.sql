-- How many completions that count each class has in each year.
-- grain: one class, year
SELECT
    plan,          -- the class's plan
    year,          -- the year of completed_on
    district_code, -- the class's district
    class_id,      -- the class
    count(*) AS completions -- completions that count (人次)
FROM counted_completions
GROUP BY plan, year, district_code, class_id
