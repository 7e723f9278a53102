-- The figures of each closing as its pin gives them by the rules of today; what is not there is 0.
-- grain: one period, revision, plan, district (null: the city), metric
WITH

by_district AS (
    SELECT
        period,
        revision,
        plan,
        district_code,
        count(CASE WHEN counted THEN 1 END) AS completed,
        count(CASE WHEN NOT counted THEN 1 END) AS held
    FROM closing_completions
    GROUP BY period, revision, plan, district_code
),

persons AS (
    SELECT period, revision, plan, district_code, count(DISTINCT person_key) AS persons
    FROM closing_completions
    WHERE counted
    GROUP BY period, revision, plan, district_code
    UNION ALL
    SELECT period, revision, plan, NULL AS district_code, count(DISTINCT person_key) AS persons
    FROM closing_completions
    WHERE counted
    GROUP BY period, revision, plan
),

-- The city's completions are the districts' sum; its persons are not.
counts AS (
    SELECT period, revision, plan, district_code, completed, held, 0 AS persons
    FROM by_district
    UNION ALL
    SELECT period, revision, plan, NULL AS district_code, sum(completed) AS completed, sum(held) AS held, 0 AS persons
    FROM by_district
    GROUP BY period, revision, plan
    UNION ALL
    SELECT period, revision, plan, district_code, 0 AS completed, 0 AS held, persons
    FROM persons
)

SELECT
    counts.period,        -- 2021-06, or 2021
    counts.revision,      -- how often the period had been closed
    counts.plan,          -- the plan
    counts.district_code, -- the class's district then; null: the city
    metrics.metric,       -- completed, persons or held
    CAST(sum(CASE metrics.metric
        WHEN 'completed' THEN counts.completed
        WHEN 'held' THEN counts.held
        ELSE counts.persons
    END) AS BIGINT) AS figure -- how many
FROM counts
CROSS JOIN (VALUES ('completed'), ('persons'), ('held')) AS metrics (metric)
GROUP BY counts.period, counts.revision, counts.plan, counts.district_code, metrics.metric
