-- How many persons were counted for the first time in a year on each day, in a district and in the city: sums are persons (人数).
-- grain: one plan, year, day, district (null: the city)
WITH

-- A person with one completion is counted on its day; persons with several are taken out and added on their first day.
added AS (
    SELECT plan, year, completed_on, district_code, completions AS persons
    FROM would_count_by_day
    UNION ALL
    SELECT plan, year, completed_on, district_code, -count(*) AS persons
    FROM repeated_completions
    GROUP BY plan, year, completed_on, district_code
    UNION ALL
    SELECT plan, year, completed_on, district_code, count(*) AS persons
    FROM first_in_district
    GROUP BY plan, year, completed_on, district_code
    UNION ALL
    SELECT plan, year, completed_on, NULL AS district_code, completions AS persons
    FROM would_count_by_day
    UNION ALL
    SELECT plan, year, completed_on, NULL AS district_code, -count(*) AS persons
    FROM repeated_completions
    GROUP BY plan, year, completed_on
    UNION ALL
    SELECT plan, year, completed_on, NULL AS district_code, count(*) AS persons
    FROM first_in_city
    GROUP BY plan, year, completed_on
)

SELECT
    plan,          -- the plan
    year,          -- the year
    completed_on,  -- the day on which they were first counted in the year
    district_code, -- the district; null: the city, where a person of two districts is one
    CAST(sum(persons) AS BIGINT) AS persons -- persons first counted that day
FROM added
GROUP BY plan, year, completed_on, district_code
HAVING sum(persons) > 0
ORDER BY
    plan,
    year,
    completed_on,
    district_code NULLS LAST
