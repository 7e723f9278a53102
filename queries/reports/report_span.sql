-- The days that a report is about: up to the period's last day, which is the cut-off day where the setting has one.
-- grain: one row in a report; none outside
--
-- The year's last month, and a whole year, end with the year.
WITH

calendar AS (
    SELECT
        report_period.plan,
        report_period.period,
        report_period.year,
        report_period.month,
        report_period.last_day,
        CAST(date_trunc('month', report_period.last_day) AS DATE) AS month_first_day,
        CAST(date_trunc('month', report_period.last_day) - INTERVAL '1' MONTH AS DATE) AS previous_first_day,
        CAST(report_month.cut_off_day AS INT) AS cut_off_day
    FROM report_period
    CROSS JOIN report_month
)

SELECT
    plan,   -- the plan
    period, -- the period's name: 2021-06, or 2021
    year,   -- its year
    month,  -- its month; 12 for a year
    CASE
        WHEN cut_off_day IS NULL OR month = 1 THEN month_first_day
        ELSE least(previous_first_day + cut_off_day, month_first_day)
    END AS month_first_day, -- first day of its last month
    CASE
        WHEN cut_off_day IS NULL OR month = 12 THEN last_day
        ELSE least(month_first_day + (cut_off_day - 1), last_day)
    END AS last_day -- its last day
FROM calendar
