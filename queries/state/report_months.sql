-- The report month of each day on which something would count: the calendar month, or that which the cut-off day makes of it.
-- grain: one day (completed_on)
--
-- With a cut-off day a month runs from the day after it to the next cut-off; the year's first month begins and its last ends with the year.
SELECT
    days.completed_on, -- the day
    CASE
        WHEN extract(DAY FROM days.completed_on) > report_month.cut_off_day
            THEN least(CAST(extract(MONTH FROM days.completed_on) AS BIGINT) + 1, 12)
        ELSE CAST(extract(MONTH FROM days.completed_on) AS BIGINT)
    END AS month       -- the month of the day's own year, 1–12
FROM report_month
CROSS JOIN (SELECT DISTINCT completed_on FROM would_count_by_day) AS days
