-- The measures that each district took month by month: feeds measures_by_district_year and table 8.
-- grain: one month, district (null: the city), measure with a report in force
WITH

by_district AS (
    SELECT
        CAST(substr(month, 1, 4) AS BIGINT) AS year,
        CAST(substr(month, 6, 2) AS BIGINT) AS month,
        district_code,
        measure,
        measure_count
    FROM measure_reported_in_force
),

together AS (
    SELECT
        by_district.year,
        by_district.month,
        by_district.district_code,
        districts.district,
        by_district.measure,
        by_district.measure_count AS total
    FROM by_district
    LEFT JOIN districts ON districts.district_code = by_district.district_code
    UNION ALL
    SELECT
        by_district.year,
        by_district.month,
        NULL AS district_code,
        city.whole AS district,
        by_district.measure,
        CAST(sum(by_district.measure_count) AS BIGINT) AS total
    FROM city
    CROSS JOIN by_district
    GROUP BY by_district.year, by_district.month, city.whole, by_district.measure
)

SELECT
    year,          -- the year of the month
    month,         -- the month, 1–12
    district_code, -- the district; null: the city
    district,      -- its name
    measure,       -- what is counted
    total          -- how many in the month
FROM together
ORDER BY
    year,
    month,
    district_code NULLS LAST,
    measure
