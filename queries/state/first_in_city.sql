-- The day on which a person of several completions was first counted in a year, anywhere in the city.
-- grain: one plan, year, person
SELECT
    plan,       -- the plan
    year,       -- the year
    person_key, -- the person
    min(completed_on) AS completed_on -- the first day
FROM first_in_district
GROUP BY plan, year, person_key
