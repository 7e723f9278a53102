-- Completion of the plan month by month in each district and the city, and whether each was on pace (序时进度).
-- grain: one plan, year, month 1–12, district (null: the city) with a trainees target; zeros included
-- counts completed: completions where counted AND completed_on IN (SELECT completed_on FROM report_months WHERE month = cell.month)
-- counts persons: trained one per person_key where completed_on IN (SELECT completed_on FROM report_months WHERE month = cell.month)
-- counts subsidised: completions where counted AND subsidised AND completed_on IN (SELECT completed_on FROM report_months WHERE month =
--     cell.month)
-- counts completed_to_date: completions where counted AND completed_on IN (SELECT completed_on FROM report_months WHERE month <=
--     cell.month)
WITH

months AS (
    SELECT CAST(month AS BIGINT) AS month
    FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12)) AS listed (month)
),

targets AS (
    SELECT plan, year, district_code, district, target
    FROM completion_by_district_year
    UNION ALL
    SELECT
        completion_by_year.plan,
        completion_by_year.year,
        NULL AS district_code,
        city.whole AS district,
        completion_by_year.target
    FROM city
    CROSS JOIN completion_by_year
),

by_district AS (
    SELECT
        completion_by_day.plan,
        completion_by_day.year,
        report_months.month,
        completion_by_day.district_code,
        CAST(sum(completion_by_day.completed) AS BIGINT) AS completed,
        CAST(sum(completion_by_day.subsidised) AS BIGINT) AS subsidised
    FROM completion_by_day
    INNER JOIN report_months ON report_months.completed_on = completion_by_day.completed_on
    GROUP BY completion_by_day.plan, completion_by_day.year, report_months.month, completion_by_day.district_code
),

done AS (
    SELECT plan, year, month, district_code, completed, subsidised
    FROM by_district
    UNION ALL
    SELECT
        plan,
        year,
        month,
        NULL AS district_code,
        CAST(sum(completed) AS BIGINT) AS completed,
        CAST(sum(subsidised) AS BIGINT) AS subsidised
    FROM by_district
    GROUP BY plan, year, month
),

-- A person with one completion is counted with it; persons with several are taken out and added once for each month.
repeated_persons AS (
    SELECT DISTINCT
        repeated_counted_completions.plan,
        repeated_counted_completions.year,
        report_months.month,
        repeated_counted_completions.district_code,
        repeated_counted_completions.person_key
    FROM repeated_counted_completions
    INNER JOIN report_months ON report_months.completed_on = repeated_counted_completions.completed_on
),

persons_added AS (
    SELECT plan, year, completed_on, district_code, completions AS persons
    FROM would_count_by_day
    UNION ALL
    SELECT plan, year, completed_on, district_code, -count(*) AS persons
    FROM repeated_completions
    GROUP BY plan, year, completed_on, district_code
),

alone AS (
    SELECT
        persons_added.plan,
        persons_added.year,
        report_months.month,
        persons_added.district_code,
        sum(persons_added.persons) AS persons
    FROM persons_added
    INNER JOIN report_months ON report_months.completed_on = persons_added.completed_on
    GROUP BY persons_added.plan, persons_added.year, report_months.month, persons_added.district_code
),

persons_of AS (
    SELECT plan, year, month, district_code, persons
    FROM alone
    UNION ALL
    SELECT plan, year, month, district_code, count(*) AS persons
    FROM repeated_persons
    GROUP BY plan, year, month, district_code
    UNION ALL
    SELECT plan, year, month, NULL AS district_code, persons
    FROM alone
    UNION ALL
    SELECT plan, year, month, NULL AS district_code, count(DISTINCT person_key) AS persons
    FROM repeated_persons
    GROUP BY plan, year, month
),

persons AS (
    SELECT
        plan,
        year,
        month,
        district_code,
        CAST(sum(persons) AS BIGINT) AS persons
    FROM persons_of
    GROUP BY plan, year, month, district_code
),

counts AS (
    SELECT
        targets.plan,
        targets.year,
        months.month,
        targets.district_code,
        targets.district,
        coalesce(done.completed, 0) AS completed,
        coalesce(persons.persons, 0) AS persons,
        coalesce(done.subsidised, 0) AS subsidised,
        targets.target
    FROM targets
    CROSS JOIN months
    LEFT JOIN done
        ON done.plan = targets.plan
       AND done.year = targets.year
       AND done.month = months.month
       AND coalesce(done.district_code, 'CITY') = coalesce(targets.district_code, 'CITY')
    LEFT JOIN persons
        ON persons.plan = targets.plan
       AND persons.year = targets.year
       AND persons.month = months.month
       AND coalesce(persons.district_code, 'CITY') = coalesce(targets.district_code, 'CITY')
),

sums AS (
    SELECT
        counts.*,
        CAST(sum(completed) OVER to_date AS BIGINT) AS completed_to_date
    FROM counts
    WINDOW to_date AS (
        PARTITION BY plan, year, district_code
        ORDER BY month
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)

SELECT
    plan,              -- the plan
    year,              -- the year of completed_on
    month,             -- the month, 1–12; with a cut-off day, the month that ends with it
    district_code,     -- the district with which the class was filed; null: the city
    district,          -- its name
    completed,         -- completions that count in the month (人次)
    persons,           -- distinct persons among them
    subsidised,        -- of the completed, in subsidised classes
    completed_to_date, -- completed since the year began
    target,            -- the year's target; the city's: the districts' sum
    CAST(completed_to_date AS DECIMAL(19, 0)) * 12 >= CAST(target AS DECIMAL(19, 0)) * CAST(month AS DECIMAL(19, 0))
        AS on_pace     -- completed_to_date × 12 ≥ target × month
FROM sums
ORDER BY
    plan,
    year,
    month,
    district_code NULLS LAST
