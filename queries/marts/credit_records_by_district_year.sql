-- How many domestic workers trained in each year have a credit record (家政服务信用建档).
-- grain: one plan, year, district (null: the city) with a trainees target; zeros included
-- counts domestic_workers: trained one per person_key where occupation IN (SELECT occupation FROM credit_rule)
-- counts with_record: trained one per person_key where occupation IN (SELECT occupation FROM credit_rule) AND person_key IN (SELECT
--     person_key FROM credit_recorded_in_force)
WITH

workers AS (
    SELECT DISTINCT
        counted_completions.plan,
        counted_completions.year,
        counted_completions.district_code,
        counted_completions.person_key
    FROM counted_completions
    INNER JOIN credit_rule ON credit_rule.occupation = counted_completions.occupation
),

recorded AS (
    SELECT DISTINCT credit_recorded_in_force.person_key
    FROM credit_recorded_in_force
),

told AS (
    SELECT
        workers.plan,
        workers.year,
        workers.district_code,
        workers.person_key,
        recorded.person_key IS NOT NULL AS has_record
    FROM workers
    LEFT JOIN recorded ON recorded.person_key = workers.person_key
),

in_city AS (
    SELECT DISTINCT plan, year, person_key, has_record
    FROM told
),

counts AS (
    SELECT
        plan,
        year,
        district_code,
        count(*) AS domestic_workers,
        count(CASE WHEN has_record THEN 1 END) AS with_record
    FROM told
    GROUP BY plan, year, district_code
    UNION ALL
    SELECT
        plan,
        year,
        NULL AS district_code,
        count(*) AS domestic_workers,
        count(CASE WHEN has_record THEN 1 END) AS with_record
    FROM in_city
    GROUP BY plan, year
),

rows_due AS (
    SELECT plan, year, district_code, district
    FROM completion_by_district_year
    UNION ALL
    SELECT completion_by_year.plan, completion_by_year.year, NULL AS district_code, city.whole AS district
    FROM city
    CROSS JOIN completion_by_year
),

-- Half-up to hundredths of a percent, in integers.
rates AS (
    SELECT
        rows_due.plan,
        rows_due.year,
        rows_due.district_code,
        rows_due.district,
        coalesce(counts.domestic_workers, 0) AS domestic_workers,
        coalesce(counts.with_record, 0) AS with_record,
        CAST((20000 * counts.with_record + counts.domestic_workers
            - (20000 * counts.with_record + counts.domestic_workers) % nullif(2 * counts.domestic_workers, 0))
            / nullif(2 * counts.domestic_workers, 0) AS BIGINT) AS rate_hundredths
    FROM rows_due
    LEFT JOIN counts
        ON counts.plan = rows_due.plan
       AND counts.year = rows_due.year
       AND coalesce(counts.district_code, 'CITY') = coalesce(rows_due.district_code, 'CITY')
)

SELECT
    plan,             -- the plan
    year,             -- the year of completed_on
    district_code,    -- the district with which the class was filed; null: the city
    district,         -- its name
    domestic_workers, -- distinct persons counted as domestic worker
    with_record,      -- of these, with a credit record in force on any platform
    CAST(CAST(rate_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS rate       -- with_record × 100 / domestic_workers, half-up; null: no domestic worker
FROM rates
ORDER BY
    plan,
    year,
    district_code NULLS LAST
