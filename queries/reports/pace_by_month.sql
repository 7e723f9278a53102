-- How the year's completions of each district, and of the city, grew month by month beside what was due by then: the figure of the pace.
-- grain: one district of the plan (null: the city) and month of the period's year
-- counts completed: in_report_completions where counted AND in_year AND completed_on IN (SELECT completed_on FROM report_months
--     WHERE month = cell.month)
-- counts completed_to_date: in_report_completions where counted AND in_year AND completed_on IN (SELECT completed_on FROM report_months
--     WHERE month <= cell.month) AND cell.completed IS NOT NULL
WITH

months AS (
    SELECT
        CAST(coalesce(districts.position, 0) AS BIGINT) AS place,
        completion_by_district_month.district_code,
        completion_by_district_month.district,
        completion_by_district_month.month,
        completion_by_district_month.target,
        CASE WHEN completion_by_district_month.month <= report_span.month
            THEN completion_by_district_month.completed END AS completed,
        CASE WHEN completion_by_district_month.month <= report_span.month
            THEN completion_by_district_month.completed_to_date END AS completed_to_date
    FROM completion_by_district_month
    INNER JOIN report_span
        ON report_span.plan = completion_by_district_month.plan
       AND report_span.year = completion_by_district_month.year
    LEFT JOIN districts ON districts.district_code = completion_by_district_month.district_code
),

-- The light of each month, as table 1 gives it for the last one; what was due, half-up to hundredths, in integers.
lit AS (
    SELECT
        months.*,
        CAST((200 * months.target * months.month + 12 - (200 * months.target * months.month + 12) % 24) / 24 AS BIGINT) AS due_hundredths,
        CASE
            WHEN months.completed_to_date IS NULL OR months.target = 0 THEN NULL
            WHEN pace.by_points AND CAST(months.completed_to_date AS DECIMAL(19, 0)) * 1200
                >= CAST(months.target AS DECIMAL(19, 0)) * CAST(months.month * 100 - 12 * pace.green_points AS DECIMAL(19, 0))
                THEN 'green'
            WHEN pace.by_points AND CAST(months.completed_to_date AS DECIMAL(19, 0)) * 1200
                >= CAST(months.target AS DECIMAL(19, 0)) * CAST(months.month * 100 - 12 * pace.yellow_points AS DECIMAL(19, 0))
                THEN 'yellow'
            WHEN NOT pace.by_points AND CAST(months.completed_to_date AS DECIMAL(19, 0)) * 1200
                >= CAST(months.target AS DECIMAL(19, 0)) * CAST(months.month * pace.green_percent AS DECIMAL(19, 0)) THEN 'green'
            WHEN NOT pace.by_points AND CAST(months.completed_to_date AS DECIMAL(19, 0)) * 1200
                >= CAST(months.target AS DECIMAL(19, 0)) * CAST(months.month * pace.yellow_percent AS DECIMAL(19, 0)) THEN 'yellow'
            ELSE 'red'
        END AS light_code
    FROM months
    CROSS JOIN pace
)

SELECT
    nullif(lit.place, 0) AS position, -- 序号 in the annex; null: the city
    lit.district,          -- the district's name, or the city's
    lit.month,             -- the month, 1–12
    lit.target,            -- the year's target
    lit.completed,         -- completions that count in the month (人次); null: a month after the period
    lit.completed_to_date, -- since the year began; null: a month after the period
    CAST(CAST(lit.due_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2))
        AS due_to_date,    -- target × month / 12
    codes.label AS light   -- 绿, 黄 or 红 at the month's end; null: no target, or a month after the period
FROM lit
LEFT JOIN codes
    ON codes.field = 'light'
   AND codes.code = lit.light_code
ORDER BY
    lit.place,
    lit.month
