-- The closings whose report is at hand as it was signed, with the days of the year that it counted, by the setting of today.
-- grain: one closing (period, revision)
--
-- The last day is told as in report_span: the cut-off day where the setting has one, but the year ends with the year.
SELECT
    closings.period,            -- 2021-06, or 2021
    closings.revision,          -- how often the period had been closed
    signed_reports.plan,        -- the report's plan
    closings.digest,            -- SHA-256 of the report's manifest
    signed_reports.pin_id,      -- short name of the report's pin
    signed_reports.provisional, -- published before the log's end was seen
    closings.signer,            -- the office that signed
    closings.signed_at,         -- when the log took the closing in
    closings.closed,            -- the period's last word
    closings.reason,            -- why it was opened again; null: it was not
    signed_reports.year,        -- the year that is counted
    CASE
        WHEN report_month.cut_off_day IS NULL OR signed_reports.month = 12 THEN signed_reports.last_day
        ELSE least(
            CAST(date_trunc('month', signed_reports.last_day) AS DATE) + (CAST(report_month.cut_off_day AS INT) - 1),
            signed_reports.last_day)
    END AS last_day             -- its last day that is counted
FROM closings
INNER JOIN signed_reports
    ON signed_reports.digest = closings.digest
   AND signed_reports.period = closings.period
   AND signed_reports.pin = closings.pin
CROSS JOIN report_month
