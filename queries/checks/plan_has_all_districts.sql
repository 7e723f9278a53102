-- Guards that each district has a trainees target in each year of a plan: without one it drops out of the table and the city's sum.
-- grain: one plan, year, district without a target
SELECT
    plan_years.plan,         -- the plan
    plan_years.year,         -- the year
    districts.district_code, -- the district without a target
    districts.district       -- its name
FROM plan_years
CROSS JOIN districts
LEFT JOIN completion_by_district_year
    ON completion_by_district_year.plan = plan_years.plan
   AND completion_by_district_year.year = plan_years.year
   AND completion_by_district_year.district_code = districts.district_code
WHERE completion_by_district_year.plan IS NULL
ORDER BY
    plan_years.plan,
    plan_years.year,
    districts.district_code
