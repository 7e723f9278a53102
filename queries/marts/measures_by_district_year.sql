-- The measures (工作举措) that each district took in each year.
-- grain: one year, district (null: the city), measure with a report in force
SELECT
    year,          -- the year of the months
    district_code, -- the district; null: the city
    district,      -- its name
    measure,       -- what is counted
    CAST(sum(total) AS BIGINT) AS total -- how many in the year: the months' sum
FROM measures_by_district_month
GROUP BY year, district_code, district, measure
ORDER BY
    year,
    district_code NULLS LAST,
    measure
