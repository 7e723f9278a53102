-- The figures of a report that a closing signs: from January to the period's last day, in each district and the city.
-- grain: one plan, period, district (null: the city), metric
WITH

places AS (
    SELECT DISTINCT
        completion_by_district_year.plan,
        completion_by_district_year.district_code
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
    UNION ALL
    SELECT
        plan,
        NULL AS district_code
    FROM report_span
),

counts AS (
    SELECT
        completion_by_day.district_code,
        completion_by_day.completed,
        completion_by_day.held,
        0 AS persons
    FROM completion_by_day
    INNER JOIN report_span
        ON report_span.plan = completion_by_day.plan
       AND report_span.year = completion_by_day.year
    WHERE completion_by_day.completed_on <= report_span.last_day
    UNION ALL
    SELECT
        persons_by_day.district_code,
        0 AS completed,
        0 AS held,
        persons_by_day.persons
    FROM persons_by_day
    INNER JOIN report_span
        ON report_span.plan = persons_by_day.plan
       AND report_span.year = persons_by_day.year
    WHERE persons_by_day.completed_on <= report_span.last_day
),

sums AS (
    SELECT
        district_code,
        sum(completed) AS completed,
        sum(held) AS held,
        sum(persons) AS persons
    FROM counts
    WHERE district_code IS NOT NULL
    GROUP BY district_code
    UNION ALL
    SELECT
        NULL AS district_code,
        sum(completed) AS completed,
        sum(held) AS held,
        sum(CASE WHEN district_code IS NULL THEN persons ELSE 0 END) AS persons
    FROM counts
)

SELECT
    places.plan,          -- the plan
    report_span.period,   -- 2021-06, or 2021
    places.district_code, -- the district; null: the city
    metrics.metric,       -- completed, persons or held
    CAST(coalesce(
        CASE metrics.metric WHEN 'completed' THEN sums.completed WHEN 'held' THEN sums.held ELSE sums.persons END,
        0) AS BIGINT) AS figure -- how many
FROM places
CROSS JOIN report_span
CROSS JOIN (VALUES ('completed'), ('persons'), ('held')) AS metrics (metric)
LEFT JOIN sums ON coalesce(sums.district_code, 'CITY') = coalesce(places.district_code, 'CITY')
ORDER BY
    places.plan,
    places.district_code NULLS LAST,
    metrics.metric
