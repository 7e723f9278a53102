-- 附表2 养老护理员、老年社会工作者任务完成进度表: the of-which tasks up to the period's last day; the city's row is last.
-- grain: one district of the plan, and the city
-- counts caregiver_year: in_report_completions where counted AND in_year AND occupation = (SELECT occupation FROM metrics WHERE metric =
--     'elderly_caregivers')
-- counts caregiver_plan: in_report_completions where counted AND to_date AND occupation = (SELECT occupation FROM metrics WHERE metric =
--     'elderly_caregivers')
-- counts social_year: in_report_completions where counted AND in_year AND occupation = (SELECT occupation FROM metrics WHERE metric =
--     'elderly_social_workers')
-- counts social_plan: in_report_completions where counted AND to_date AND occupation = (SELECT occupation FROM metrics WHERE metric =
--     'elderly_social_workers')
WITH

plan_years AS (
    SELECT
        min(completion_by_district_year.year) AS first_year,
        max(completion_by_district_year.year) AS last_year
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
),

-- The plan's months that are over, of all its months.
pace_of_plan AS (
    SELECT
        least(
            greatest((report_span.year - plan_years.first_year) * 12 + report_span.month, 0),
            (plan_years.last_year - plan_years.first_year + 1) * 12
        ) AS months_over,
        (plan_years.last_year - plan_years.first_year + 1) * 12 AS months
    FROM report_span
    CROSS JOIN plan_years
),

-- One row for each metric, district and the city, with the whole plan's target.
tasks AS (
    SELECT
        of_which_by_district_year.metric,
        of_which_by_district_year.district_code,
        of_which_by_district_year.district,
        of_which_by_district_year.target
    FROM of_which_by_district_year
    INNER JOIN report_span ON report_span.plan = of_which_by_district_year.plan
    WHERE of_which_by_district_year.year IS NULL
),

done AS (
    SELECT
        metrics.metric,
        completion_by_day.district_code,
        CAST(sum(CASE WHEN completion_by_day.year = report_span.year THEN completion_by_day.completed ELSE 0 END) AS BIGINT)
            AS year_completed,
        CAST(sum(completion_by_day.completed) AS BIGINT) AS plan_completed
    FROM completion_by_day
    INNER JOIN metrics ON metrics.occupation = completion_by_day.occupation
    INNER JOIN report_span ON report_span.plan = completion_by_day.plan
    WHERE completion_by_day.completed_on <= report_span.last_day
    GROUP BY metrics.metric, completion_by_day.district_code
),

done_and_city AS (
    SELECT metric, district_code, year_completed, plan_completed
    FROM done
    UNION ALL
    SELECT
        metric,
        NULL AS district_code,
        CAST(sum(year_completed) AS BIGINT) AS year_completed,
        CAST(sum(plan_completed) AS BIGINT) AS plan_completed
    FROM done
    GROUP BY metric
),

-- Half-up to hundredths of a percent, in integers.
progress AS (
    SELECT
        tasks.metric,
        tasks.district_code,
        tasks.district,
        tasks.target,
        coalesce(done_and_city.year_completed, 0) AS year_completed,
        coalesce(done_and_city.plan_completed, 0) AS plan_completed,
        CAST((20000 * coalesce(done_and_city.plan_completed, 0) + tasks.target
            - (20000 * coalesce(done_and_city.plan_completed, 0) + tasks.target) % nullif(2 * tasks.target, 0))
            / nullif(2 * tasks.target, 0) AS BIGINT) AS hundredths
    FROM tasks
    LEFT JOIN done_and_city
        ON done_and_city.metric = tasks.metric
       AND coalesce(done_and_city.district_code, 'CITY') = coalesce(tasks.district_code, 'CITY')
),

paced AS (
    SELECT
        progress.*,
        CAST((20000 * pace_of_plan.months_over + pace_of_plan.months
            - (20000 * pace_of_plan.months_over + pace_of_plan.months) % (2 * pace_of_plan.months))
            / (2 * pace_of_plan.months) AS BIGINT) AS pace_hundredths,
        CASE
            WHEN progress.target IS NULL OR progress.target = 0 THEN NULL
            WHEN pace.by_points
             AND CAST(progress.plan_completed AS DECIMAL(19, 0)) * CAST(pace_of_plan.months * 100 AS DECIMAL(19, 0))
                >= CAST(progress.target AS DECIMAL(19, 0))
                    * CAST(pace_of_plan.months_over * 100 - pace_of_plan.months * pace.green_points AS DECIMAL(19, 0))
                THEN 'green'
            WHEN pace.by_points
             AND CAST(progress.plan_completed AS DECIMAL(19, 0)) * CAST(pace_of_plan.months * 100 AS DECIMAL(19, 0))
                >= CAST(progress.target AS DECIMAL(19, 0))
                    * CAST(pace_of_plan.months_over * 100 - pace_of_plan.months * pace.yellow_points AS DECIMAL(19, 0))
                THEN 'yellow'
            WHEN NOT pace.by_points
             AND CAST(progress.plan_completed AS DECIMAL(19, 0)) * CAST(pace_of_plan.months * 100 AS DECIMAL(19, 0))
                >= CAST(progress.target AS DECIMAL(19, 0)) * CAST(pace_of_plan.months_over * pace.green_percent AS DECIMAL(19, 0))
                THEN 'green'
            WHEN NOT pace.by_points
             AND CAST(progress.plan_completed AS DECIMAL(19, 0)) * CAST(pace_of_plan.months * 100 AS DECIMAL(19, 0))
                >= CAST(progress.target AS DECIMAL(19, 0)) * CAST(pace_of_plan.months_over * pace.yellow_percent AS DECIMAL(19, 0))
                THEN 'yellow'
            ELSE 'red'
        END AS light_code
    FROM progress
    CROSS JOIN pace_of_plan
    CROSS JOIN pace
)

SELECT
    districts.position,                       -- 序号 in the annex; null: the city
    social.district,                          -- the district's name, or the city's row
    caregiver.target AS caregiver_target,     -- 养老护理员: the plan's target; null: not split among the districts
    caregiver.year_completed AS caregiver_year, -- completions that count in the year (人次)
    caregiver.plan_completed AS caregiver_plan, -- since the plan began
    CAST(CAST(caregiver.hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS caregiver_rate,                    -- caregiver_plan × 100 / caregiver_target; null: no target
    social.target AS social_target,           -- 老年社会工作者: the plan's target
    social.year_completed AS social_year,     -- completions that count in the year (人次)
    social.plan_completed AS social_plan,     -- since the plan began
    CAST(CAST(social.hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS social_rate,                       -- social_plan × 100 / social_target; null: no target
    CAST(CAST(social.pace_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS social_pace,                       -- the share of the plan's months that is over, in percent
    CAST(CAST(social.hundredths - social.pace_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS social_difference,                 -- social_rate − social_pace, of the printed figures
    codes.label AS social_light,              -- 绿, 黄 or 红, by the exact fractions; null: no target
    CAST(NULL AS VARCHAR) AS remark           -- left for the office
FROM paced AS social
INNER JOIN paced AS caregiver
    ON caregiver.metric = 'elderly_caregivers'
   AND coalesce(caregiver.district_code, 'CITY') = coalesce(social.district_code, 'CITY')
LEFT JOIN districts ON districts.district_code = social.district_code
LEFT JOIN codes
    ON codes.field = 'light'
   AND codes.code = social.light_code
WHERE social.metric = 'elderly_social_workers'
ORDER BY
    districts.position NULLS LAST
