-- The figures that each closing signed: as they were published, else, where the signed report is not at hand, as its pin gives them today.
-- grain: one period, revision, plan, district (null: the city), metric
WITH

places AS (
    SELECT DISTINCT plan, district_code
    FROM target_set_in_force
    WHERE metric = 'trainees'
      AND district_code IS NOT NULL
      AND year IS NOT NULL
    UNION ALL
    SELECT DISTINCT plan, NULL AS district_code
    FROM plan_years
),

remade AS (
    SELECT
        closing_spans.period,
        closing_spans.revision,
        closing_spans.plan,
        places.district_code,
        metrics.metric,
        coalesce(restated_figures.figure, 0) AS figure
    FROM closing_spans
    INNER JOIN places ON places.plan = closing_spans.plan
    CROSS JOIN (VALUES ('completed'), ('persons'), ('held')) AS metrics (metric)
    LEFT JOIN restated_figures
        ON restated_figures.period = closing_spans.period
       AND restated_figures.revision = closing_spans.revision
       AND restated_figures.plan = closing_spans.plan
       AND coalesce(restated_figures.district_code, 'CITY') = coalesce(places.district_code, 'CITY')
       AND restated_figures.metric = metrics.metric
    WHERE closing_spans.report <> 'as_signed'
),

together AS (
    SELECT
        closing_spans.period,
        closing_spans.revision,
        closing_spans.plan,
        signed_figures.district_code,
        signed_figures.metric,
        signed_figures.figure
    FROM closing_spans
    INNER JOIN signed_figures ON signed_figures.digest = closing_spans.digest
    WHERE closing_spans.report = 'as_signed'
    UNION ALL
    SELECT period, revision, plan, district_code, metric, figure
    FROM remade
)

SELECT
    period,        -- 2021-06, or 2021
    revision,      -- how often the period had been closed
    plan,          -- the report's plan
    district_code, -- the district; null: the city
    metric,        -- what is counted: completed, persons or held
    figure         -- the figure
FROM together
