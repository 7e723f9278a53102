-- 附表1 任务完成进度表: each district's progress in the year up to the period's last day; the city's row is last.
-- grain: one district of the plan, and the city
-- counts month_completed: in_report_completions where counted AND in_month
-- counts year_completed: in_report_completions where counted AND in_year
-- counts persons: in_report_trained one per person_key
-- counts previous_completed: in_report_completions where counted AND in_previous_year
-- counts plan_completed: in_report_completions where counted AND to_date
-- counts held: in_report_completions where NOT counted AND in_year
WITH

-- The same day a year ago; the end of February stays the end of February.
period AS (
    SELECT
        plan,
        year,
        month,
        month_first_day,
        last_day,
        CAST(CAST(last_day + INTERVAL '1' DAY AS DATE) - INTERVAL '1' YEAR - INTERVAL '1' DAY AS DATE) AS previous_last_day,
        CAST(year - 1 AS VARCHAR) || substr(period, 5) AS previous_period
    FROM report_span
),

plan_targets AS (
    SELECT
        completion_by_district_year.district_code,
        completion_by_district_year.district,
        completion_by_district_year.position,
        CAST(sum(completion_by_district_year.target) AS BIGINT) AS plan_target,
        CAST(sum(CASE WHEN completion_by_district_year.year = period.year THEN completion_by_district_year.target END) AS BIGINT) AS target
    FROM completion_by_district_year
    INNER JOIN period ON period.plan = completion_by_district_year.plan
    GROUP BY completion_by_district_year.district_code, completion_by_district_year.district, completion_by_district_year.position
),

done AS (
    SELECT
        completion_by_day.district_code,
        CAST(sum(CASE
            WHEN completion_by_day.completed_on >= period.month_first_day AND completion_by_day.completed_on <= period.last_day
            THEN completion_by_day.completed ELSE 0 END) AS BIGINT) AS month_completed,
        CAST(sum(CASE
            WHEN completion_by_day.year = period.year AND completion_by_day.completed_on <= period.last_day
            THEN completion_by_day.completed ELSE 0 END) AS BIGINT) AS year_completed,
        CAST(sum(CASE
            WHEN completion_by_day.year = period.year AND completion_by_day.completed_on <= period.last_day
            THEN completion_by_day.held ELSE 0 END) AS BIGINT) AS held,
        CAST(sum(CASE
            WHEN completion_by_day.year = period.year - 1 AND completion_by_day.completed_on <= period.previous_last_day
            THEN completion_by_day.completed ELSE 0 END) AS BIGINT) AS previous_completed,
        CAST(sum(CASE
            WHEN completion_by_day.completed_on <= period.last_day
            THEN completion_by_day.completed ELSE 0 END) AS BIGINT) AS plan_completed
    FROM completion_by_day
    INNER JOIN period ON period.plan = completion_by_day.plan
    GROUP BY completion_by_day.district_code
),

persons AS (
    SELECT
        persons_by_day.district_code,
        CAST(sum(persons_by_day.persons) AS BIGINT) AS persons
    FROM persons_by_day
    INNER JOIN period
        ON period.plan = persons_by_day.plan
       AND period.year = persons_by_day.year
    WHERE persons_by_day.completed_on <= period.last_day
    GROUP BY persons_by_day.district_code
),

by_district AS (
    SELECT
        plan_targets.position,
        plan_targets.district_code,
        plan_targets.district,
        plan_targets.target,
        plan_targets.plan_target,
        coalesce(done.month_completed, 0) AS month_completed,
        coalesce(done.year_completed, 0) AS year_completed,
        coalesce(persons.persons, 0) AS persons,
        coalesce(done.held, 0) AS held,
        coalesce(done.previous_completed, 0) AS previous_completed,
        coalesce(done.plan_completed, 0) AS plan_completed
    FROM plan_targets
    LEFT JOIN done ON done.district_code = plan_targets.district_code
    LEFT JOIN persons ON persons.district_code = plan_targets.district_code
),

by_city AS (
    SELECT
        CAST(sum(target) AS BIGINT) AS target,
        CAST(sum(plan_target) AS BIGINT) AS plan_target,
        CAST(coalesce(sum(month_completed), 0) AS BIGINT) AS month_completed,
        CAST(coalesce(sum(year_completed), 0) AS BIGINT) AS year_completed,
        CAST(coalesce(sum(held), 0) AS BIGINT) AS held,
        CAST(coalesce(sum(previous_completed), 0) AS BIGINT) AS previous_completed,
        CAST(coalesce(sum(plan_completed), 0) AS BIGINT) AS plan_completed
    FROM by_district
    HAVING count(*) > 0
),

together AS (
    SELECT
        position, district_code, district, target, plan_target, month_completed, year_completed, persons, held,
        previous_completed, plan_completed
    FROM by_district
    UNION ALL
    SELECT
        CAST(NULL AS BIGINT) AS position,
        NULL AS district_code,
        city.whole AS district,
        by_city.target,
        by_city.plan_target,
        by_city.month_completed,
        by_city.year_completed,
        coalesce(persons.persons, 0) AS persons,
        by_city.held,
        by_city.previous_completed,
        by_city.plan_completed
    FROM city
    CROSS JOIN by_city
    LEFT JOIN persons ON persons.district_code IS NULL
),

-- Restated by this pin's rules, or as published then, where the setting says so; what was not published then is not known.
published AS (
    SELECT
        coalesce(published_figures.district_code, 'CITY') AS place,
        published_figures.completed
    FROM published_figures
    INNER JOIN period
        ON period.plan = published_figures.plan
       AND period.previous_period = published_figures.period
),

compared AS (
    SELECT
        together.position,
        together.district_code,
        together.district,
        together.target,
        together.plan_target,
        together.month_completed,
        together.year_completed,
        together.persons,
        together.held,
        CASE WHEN previous_year.restated THEN together.previous_completed ELSE published.completed END AS previous_completed,
        together.plan_completed
    FROM together
    CROSS JOIN previous_year
    LEFT JOIN published ON published.place = coalesce(together.district_code, 'CITY')
),

-- Exact fractions; the city's own unit is listed without a rank where the setting says so.
ranked AS (
    SELECT
        by_district.district_code,
        by_district.target,
        by_district.year_completed
    FROM by_district
    CROSS JOIN ranking
    WHERE by_district.target > 0
      AND (ranking.city_direct_ranked OR by_district.district_code <> ranking.city_direct_code)
),

ranks AS (
    SELECT
        behind.district_code,
        1 + count(ahead.district_code) AS rank
    FROM ranked AS behind
    LEFT JOIN ranked AS ahead
        ON CAST(ahead.year_completed AS DECIMAL(19, 0)) * CAST(behind.target AS DECIMAL(19, 0))
           > CAST(behind.year_completed AS DECIMAL(19, 0)) * CAST(ahead.target AS DECIMAL(19, 0))
    GROUP BY behind.district_code
),

-- Half-up, away from zero, to hundredths of a percent, in integers.
rates AS (
    SELECT
        compared.*,
        CAST((20000 * year_completed + target - (20000 * year_completed + target) % nullif(2 * target, 0))
            / nullif(2 * target, 0) AS BIGINT) AS completion_hundredths,
        CAST((20000 * period.month + 12 - (20000 * period.month + 12) % 24) / 24 AS BIGINT) AS pace_hundredths,
        CASE WHEN year_completed < previous_completed THEN -1 ELSE 1 END
            * CAST((20000 * abs(year_completed - previous_completed) + previous_completed
                - (20000 * abs(year_completed - previous_completed) + previous_completed) % nullif(2 * previous_completed, 0))
            / nullif(2 * previous_completed, 0) AS BIGINT) AS growth_hundredths,
        CAST((20000 * plan_completed + plan_target - (20000 * plan_completed + plan_target) % nullif(2 * plan_target, 0))
            / nullif(2 * plan_target, 0) AS BIGINT) AS plan_hundredths,
        CASE
            WHEN target IS NULL OR target = 0 THEN NULL
            WHEN pace.by_points AND CAST(year_completed AS DECIMAL(19, 0)) * 1200
                >= CAST(target AS DECIMAL(19, 0)) * CAST(period.month * 100 - 12 * pace.green_points AS DECIMAL(19, 0)) THEN 'green'
            WHEN pace.by_points AND CAST(year_completed AS DECIMAL(19, 0)) * 1200
                >= CAST(target AS DECIMAL(19, 0)) * CAST(period.month * 100 - 12 * pace.yellow_points AS DECIMAL(19, 0)) THEN 'yellow'
            WHEN NOT pace.by_points AND CAST(year_completed AS DECIMAL(19, 0)) * 1200
                >= CAST(target AS DECIMAL(19, 0)) * CAST(period.month * pace.green_percent AS DECIMAL(19, 0)) THEN 'green'
            WHEN NOT pace.by_points AND CAST(year_completed AS DECIMAL(19, 0)) * 1200
                >= CAST(target AS DECIMAL(19, 0)) * CAST(period.month * pace.yellow_percent AS DECIMAL(19, 0)) THEN 'yellow'
            ELSE 'red'
        END AS light_code
    FROM compared
    CROSS JOIN period
    CROSS JOIN pace
)

SELECT
    rates.position,           -- 序号 in the annex; null: the city
    rates.district,           -- the district's name, or the city's row
    rates.target,             -- the year's target; null: the plan gives none
    rates.month_completed,    -- completions that count, of the period's month up to its last day (人次)
    rates.year_completed,     -- since the first of January (人次)
    rates.persons,            -- distinct persons among these
    CAST(CAST(rates.completion_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS completion_rate,   -- year_completed × 100 / target; null: no target
    CAST(CAST(rates.pace_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS pace_rate,         -- the share of the year's months that is over, in percent
    CAST(CAST(rates.completion_hundredths - rates.pace_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS pace_difference,   -- completion_rate − pace_rate, of the printed figures
    codes.label AS light,     -- 绿, 黄 or 红, by the exact fractions; null: no target
    ranks.rank,               -- place among the districts, 1, 2, 2, 4; null: no rate, not ranked, or the city
    rates.previous_completed, -- the same period of the year before, by this pin's rules or as published; null: not known
    CAST(CAST(rates.growth_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS growth_rate,       -- (year_completed − previous_completed) × 100 / previous_completed; null: nothing before
    rates.plan_target,        -- the sum of all the plan's years
    rates.plan_completed,     -- since the plan began
    CAST(CAST(rates.plan_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS plan_rate,         -- plan_completed × 100 / plan_target; null: plan_target 0
    rates.held,               -- held for review in the year, not counted
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM rates
LEFT JOIN codes
    ON codes.field = 'light'
   AND codes.code = rates.light_code
LEFT JOIN ranks ON ranks.district_code = rates.district_code
ORDER BY
    rates.position NULLS LAST
