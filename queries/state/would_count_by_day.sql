-- The completions that would count on each day, before any is held.
-- grain: one plan, day of completion, district, occupation
SELECT
    plan,          -- the class's plan
    year,          -- the year of the day
    completed_on,  -- the day
    district_code, -- the class's district
    occupation,    -- the class's occupation
    count(*) AS completions, -- completions (人次)
    count(CASE WHEN subsidised THEN 1 END) AS subsidised -- of these, in subsidised classes
FROM passed_completions
WHERE standing = 'would_count'
GROUP BY plan, year, completed_on, district_code, occupation
