-- The figures that each closing signed, as they were published.
-- grain: one period, revision, plan, district (null: the city), metric
SELECT
    closing_spans.period,         -- 2021-06, or 2021
    closing_spans.revision,       -- how often the period had been closed
    closing_spans.plan,           -- the report's plan
    signed_figures.district_code, -- the district; null: the city
    signed_figures.metric,        -- what is counted: completed, persons or held
    signed_figures.figure         -- the figure as signed
FROM closing_spans
INNER JOIN signed_figures ON signed_figures.digest = closing_spans.digest
