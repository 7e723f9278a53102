-- The day on which a person of several completions was first counted in a year, in each district.
-- grain: one plan, year, district, person
SELECT
    plan,          -- the plan
    year,          -- the year
    district_code, -- the district
    person_key,    -- the person
    min(completed_on) AS completed_on -- the first day
FROM repeated_counted_completions
GROUP BY plan, year, district_code, person_key
