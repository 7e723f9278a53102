-- The of-which tasks (其中): completions in an occupation that has a target of its own within the plan.
-- grain: one plan, metric, year (null: the whole plan), district (null: the city)
-- counts completed: completions where counted AND occupation = (SELECT occupation FROM metrics WHERE metric = cell.metric)
WITH

-- The metrics that are an occupation's.
wanted AS (
    SELECT
        metric,
        occupation
    FROM metrics
    WHERE occupation IS NOT NULL
),

years_due AS (
    SELECT plan, year
    FROM plan_years
    UNION ALL
    SELECT DISTINCT plan, CAST(NULL AS BIGINT) AS year
    FROM plan_years
),

plan_districts AS (
    SELECT DISTINCT plan, district_code, district
    FROM completion_by_district_year
),

districts_rows AS (
    SELECT
        years_due.plan,
        wanted.metric,
        years_due.year,
        plan_districts.district_code,
        plan_districts.district
    FROM years_due
    INNER JOIN plan_districts ON plan_districts.plan = years_due.plan
    CROSS JOIN wanted
),

year_counts AS (
    SELECT
        completion_by_day.plan,
        wanted.metric,
        completion_by_day.year,
        completion_by_day.district_code,
        CAST(sum(completion_by_day.completed) AS BIGINT) AS completed
    FROM completion_by_day
    INNER JOIN wanted ON wanted.occupation = completion_by_day.occupation
    GROUP BY completion_by_day.plan, wanted.metric, completion_by_day.year, completion_by_day.district_code
),

counts AS (
    SELECT plan, metric, year, district_code, completed
    FROM year_counts
    UNION ALL
    SELECT plan, metric, CAST(NULL AS BIGINT) AS year, district_code, CAST(sum(completed) AS BIGINT) AS completed
    FROM year_counts
    GROUP BY plan, metric, district_code
),

by_district AS (
    SELECT
        districts_rows.plan,
        districts_rows.metric,
        districts_rows.year,
        districts_rows.district_code,
        districts_rows.district,
        target_set_in_force.target,
        coalesce(counts.completed, 0) AS completed
    FROM districts_rows
    LEFT JOIN target_set_in_force
        ON target_set_in_force.plan = districts_rows.plan
       AND target_set_in_force.metric = districts_rows.metric
       AND target_set_in_force.district_code = districts_rows.district_code
       AND coalesce(target_set_in_force.year, 0) = coalesce(districts_rows.year, 0)
    LEFT JOIN counts
        ON counts.plan = districts_rows.plan
       AND counts.metric = districts_rows.metric
       AND counts.district_code = districts_rows.district_code
       AND coalesce(counts.year, 0) = coalesce(districts_rows.year, 0)
),

by_city AS (
    SELECT
        plan,
        metric,
        year,
        CAST(sum(target) AS BIGINT) AS target,
        CAST(sum(completed) AS BIGINT) AS completed
    FROM by_district
    GROUP BY plan, metric, year
),

of_the_city AS (
    SELECT
        plan,
        metric,
        year,
        target
    FROM target_set_in_force
    WHERE district_code IS NULL
),

together AS (
    SELECT plan, metric, year, district_code, district, target, completed
    FROM by_district
    UNION ALL
    SELECT
        by_city.plan,
        by_city.metric,
        by_city.year,
        NULL AS district_code,
        city.whole AS district,
        coalesce(of_the_city.target, by_city.target) AS target,
        by_city.completed
    FROM city
    CROSS JOIN by_city
    LEFT JOIN of_the_city
        ON of_the_city.plan = by_city.plan
       AND of_the_city.metric = by_city.metric
       AND coalesce(of_the_city.year, 0) = coalesce(by_city.year, 0)
)

SELECT
    plan,          -- the plan
    metric,        -- elderly_caregivers or elderly_social_workers
    year,          -- the year of completed_on; null: the whole plan
    district_code, -- the district; null: the city
    district,      -- its name
    target,        -- the target; null: the plan gives none. The city's: its own, else the districts' sum
    completed      -- completions that count in the metric's occupation (人次)
FROM together
ORDER BY
    plan,
    metric,
    year NULLS LAST,
    district_code NULLS LAST
