-- The closings whose pin can be read here, with the days of the year that their report counted, by the setting of today.
-- grain: one closing and plan (period, revision, plan)
--
-- The last day is told as in report_span: the cut-off day where the setting has one, but the year ends with the year. A closing does not
-- name its plan, its report does; where that is not at hand as it was signed, each plan with targets for the year is taken.
WITH

named AS (
    SELECT
        closings.period,
        closings.revision,
        coalesce(signed_reports.plan, plan_years.plan) AS plan,
        closings.digest,
        signed_reports.pin_id,
        signed_reports.report,
        coalesce(signed_reports.provisional, FALSE) AS provisional,
        closings.signer,
        closings.signed_at,
        closings.closed,
        closings.reason,
        signed_reports.year,
        signed_reports.month,
        signed_reports.last_day
    FROM closings
    INNER JOIN signed_reports
        ON signed_reports.period = closings.period
       AND signed_reports.pin = closings.pin
       AND signed_reports.digest = closings.digest
    LEFT JOIN plan_years
        ON plan_years.year = signed_reports.year
       AND signed_reports.plan IS NULL
)

SELECT
    named.period,      -- 2021-06, or 2021
    named.revision,    -- how often the period had been closed
    named.plan,        -- the report's plan
    named.digest,      -- SHA-256 of the report's manifest
    named.pin_id,      -- short name of the report's pin
    named.report,      -- the report below the data root: as_signed, altered or missing
    named.provisional, -- published before the log's end was seen
    named.signer,      -- the office that signed
    named.signed_at,   -- when the log took the closing in
    named.closed,      -- the period's last word
    named.reason,      -- why it was opened again; null: it was not
    named.year,        -- the year that is counted
    CASE
        WHEN report_month.cut_off_day IS NULL OR named.month = 12 THEN named.last_day
        ELSE least(
            CAST(date_trunc('month', named.last_day) AS DATE) + (CAST(report_month.cut_off_day AS INT) - 1),
            named.last_day)
    END AS last_day    -- its last day that is counted
FROM named
CROSS JOIN report_month
WHERE named.plan IS NOT NULL
