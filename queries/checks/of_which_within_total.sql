-- Guards that an of-which figure never exceeds its total: 其中 printed larger than the whole discredits the report.
-- grain: one plan, metric, year, district (null: the city) whose part exceeds the whole
WITH

totals AS (
    SELECT plan, year, district_code, completed
    FROM completion_by_district_year
    UNION ALL
    SELECT plan, CAST(NULL AS BIGINT) AS year, district_code, CAST(sum(completed) AS BIGINT) AS completed
    FROM completion_by_district_year
    GROUP BY plan, district_code
    UNION ALL
    SELECT plan, year, NULL AS district_code, completed
    FROM completion_by_year
    UNION ALL
    SELECT plan, CAST(NULL AS BIGINT) AS year, NULL AS district_code, CAST(sum(completed) AS BIGINT) AS completed
    FROM completion_by_year
    GROUP BY plan
)

SELECT
    of_which_by_district_year.plan,          -- the plan
    of_which_by_district_year.metric,        -- the part
    of_which_by_district_year.year,          -- the year; null: the whole plan
    of_which_by_district_year.district_code, -- the district; null: the city
    of_which_by_district_year.completed,     -- the part's completions
    totals.completed AS total                -- all completions; null: the total has no such row
FROM of_which_by_district_year
LEFT JOIN totals
    ON totals.plan = of_which_by_district_year.plan
   AND coalesce(totals.year, 0) = coalesce(of_which_by_district_year.year, 0)
   AND coalesce(totals.district_code, 'CITY') = coalesce(of_which_by_district_year.district_code, 'CITY')
WHERE of_which_by_district_year.completed > coalesce(totals.completed, 0)
ORDER BY
    of_which_by_district_year.plan,
    of_which_by_district_year.metric,
    of_which_by_district_year.year NULLS LAST,
    of_which_by_district_year.district_code NULLS LAST
