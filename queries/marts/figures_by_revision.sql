-- Every figure that an office signed, by period and by revision: the triangle of what was published when.
-- grain: one period, revision, plan, district (null: the city), metric
SELECT
    closing_figures.period,        -- 2021-06, or 2021
    closing_figures.revision,      -- 1, 2, …: how often the period had been closed
    closing_figures.plan,          -- the plan
    closing_figures.district_code, -- the district; null: the city
    coalesce(districts.district, city.whole) AS district, -- its name
    closing_figures.metric,        -- completed, persons or held, from January to the period's last day
    closing_figures.figure,        -- the figure as signed; made again by today's rules where the report is not at hand
    closing_figures.figure - earlier.figure AS difference, -- less that of the revision before; null: the first
    CASE
        WHEN closing_spans.provisional THEN 'p'
        WHEN closing_figures.figure <> earlier.figure THEN 'r'
        ELSE 'f'
    END AS flag,                   -- p: provisional; r: another than the revision before it; f: final
    closing_spans.closed,          -- true: the period's last word; false: opened again since
    closing_spans.report,          -- the signed report below the data root: as_signed, altered or missing
    closing_spans.reason,          -- why it was opened again; null: it was not
    closing_spans.signer,          -- the office that signed
    closing_spans.signed_at,       -- when the log took the closing in
    closing_spans.last_day         -- the last day that is counted
FROM city
CROSS JOIN closing_figures
INNER JOIN closing_spans
    ON closing_spans.period = closing_figures.period
   AND closing_spans.revision = closing_figures.revision
   AND closing_spans.plan = closing_figures.plan
LEFT JOIN districts ON districts.district_code = closing_figures.district_code
LEFT JOIN closing_figures AS earlier
    ON earlier.period = closing_figures.period
   AND earlier.revision = closing_figures.revision - 1
   AND earlier.plan = closing_figures.plan
   AND coalesce(earlier.district_code, 'CITY') = coalesce(closing_figures.district_code, 'CITY')
   AND earlier.metric = closing_figures.metric
ORDER BY
    closing_figures.period,
    closing_figures.revision,
    closing_figures.plan,
    closing_figures.district_code NULLS LAST,
    closing_figures.metric
