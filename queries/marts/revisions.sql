-- What became of each figure that an office signed: as published, as it is now, and the difference in four kinds.
-- grain: one period, revision, plan, district (null: the city), metric
--
-- The difference between what was signed and what today's rules make of the same events is a change of rules (口径); all else is told by
-- today's rules on both sides. What is neither late nor withdrawn is a correction (更正): the parts always add up. Where the signed report
-- is not at hand (figures_by_revision says so), its figure is made again by today's rules, and no change of rules can be told.
WITH

metrics AS (
    SELECT DISTINCT period, revision, plan, metric
    FROM closing_figures
    WHERE metric IN ('completed', 'persons', 'held')
),

now_by_district AS (
    SELECT
        closing_spans.period,
        closing_spans.revision,
        closing_spans.plan,
        completion_by_day.district_code,
        sum(completion_by_day.completed) AS completed,
        sum(completion_by_day.held) AS held
    FROM completion_by_day
    INNER JOIN closing_spans
        ON closing_spans.plan = completion_by_day.plan
       AND closing_spans.year = completion_by_day.year
    WHERE completion_by_day.completed_on <= closing_spans.last_day
    GROUP BY closing_spans.period, closing_spans.revision, closing_spans.plan, completion_by_day.district_code
),

now_persons AS (
    SELECT
        closing_spans.period,
        closing_spans.revision,
        closing_spans.plan,
        persons_by_day.district_code,
        sum(persons_by_day.persons) AS persons
    FROM persons_by_day
    INNER JOIN closing_spans
        ON closing_spans.plan = persons_by_day.plan
       AND closing_spans.year = persons_by_day.year
    WHERE persons_by_day.completed_on <= closing_spans.last_day
    GROUP BY closing_spans.period, closing_spans.revision, closing_spans.plan, persons_by_day.district_code
),

changed_by_district AS (
    SELECT
        change,
        period,
        revision,
        plan,
        district_code,
        count(CASE WHEN counted THEN 1 END) AS completed,
        count(CASE WHEN NOT counted THEN 1 END) AS held
    FROM changed_completions
    GROUP BY change, period, revision, plan, district_code
),

-- The city's completions are the districts' sum; its persons are not, and stand above as they are.
counts AS (
    SELECT 'now' AS side, period, revision, plan, district_code, completed, held, 0 AS persons
    FROM now_by_district
    UNION ALL
    SELECT 'now' AS side, period, revision, plan, NULL AS district_code, completed, held, 0 AS persons
    FROM now_by_district
    UNION ALL
    SELECT 'now' AS side, period, revision, plan, district_code, 0 AS completed, 0 AS held, persons
    FROM now_persons
    UNION ALL
    SELECT change AS side, period, revision, plan, district_code, completed, held, 0 AS persons
    FROM changed_by_district
    UNION ALL
    SELECT change AS side, period, revision, plan, NULL AS district_code, completed, held, 0 AS persons
    FROM changed_by_district
    UNION ALL
    SELECT change AS side, period, revision, plan, district_code, 0 AS completed, 0 AS held, count(*) AS persons
    FROM changed_persons
    GROUP BY change, period, revision, plan, district_code
),

figures AS (
    SELECT 'signed' AS side, period, revision, plan, district_code, metric, figure
    FROM closing_figures
    UNION ALL
    SELECT
        'restated' AS side,
        restated_figures.period,
        restated_figures.revision,
        restated_figures.plan,
        restated_figures.district_code,
        restated_figures.metric,
        restated_figures.figure
    FROM restated_figures
    INNER JOIN metrics
        ON metrics.period = restated_figures.period
       AND metrics.revision = restated_figures.revision
       AND metrics.plan = restated_figures.plan
       AND metrics.metric = restated_figures.metric
    UNION ALL
    SELECT
        counts.side,
        counts.period,
        counts.revision,
        counts.plan,
        counts.district_code,
        metrics.metric,
        CASE metrics.metric
            WHEN 'completed' THEN counts.completed
            WHEN 'held' THEN counts.held
            ELSE counts.persons
        END AS figure
    FROM counts
    INNER JOIN metrics
        ON metrics.period = counts.period
       AND metrics.revision = counts.revision
       AND metrics.plan = counts.plan
),

sums AS (
    SELECT
        period,
        revision,
        plan,
        district_code,
        metric,
        CAST(sum(CASE WHEN side = 'signed' THEN figure ELSE 0 END) AS BIGINT) AS published,
        CAST(sum(CASE WHEN side = 'restated' THEN figure ELSE 0 END) AS BIGINT) AS restated,
        CAST(sum(CASE WHEN side = 'now' THEN figure ELSE 0 END) AS BIGINT) AS revised,
        CAST(sum(CASE WHEN side = 'late' THEN figure ELSE 0 END) AS BIGINT) AS late,
        CAST(-sum(CASE WHEN side = 'withdrawn' THEN figure ELSE 0 END) AS BIGINT) AS withdrawn
    FROM figures
    GROUP BY period, revision, plan, district_code, metric
)

SELECT
    sums.period,               -- 2021-06, or 2021
    sums.revision,             -- how often the period had been closed
    sums.plan,                 -- the plan
    sums.district_code,        -- the district; null: the city
    sums.metric,               -- completed (本年累计), persons or held, from January to the period's last day
    sums.published,            -- the figure as signed
    sums.revised,              -- the figure as it is now
    sums.late,                 -- 补报: of what was first stated after the signed report's pin
    sums.revised - sums.restated - sums.late - sums.withdrawn AS corrected, -- 更正: of what had been stated before
    sums.withdrawn,            -- 核减: of what counted then and was withdrawn since; not above 0
    sums.restated - sums.published AS rules, -- 口径: what today's rules make of what the signed report knew, less the figure as signed
    CASE
        WHEN closing_spans.provisional THEN 'p'
        WHEN sums.revised <> sums.published THEN 'r'
        ELSE 'f'
    END AS flag                -- p: was provisional; r: has been revised; f: final
FROM sums
INNER JOIN closing_spans
    ON closing_spans.period = sums.period
   AND closing_spans.revision = sums.revision
   AND closing_spans.plan = sums.plan
ORDER BY
    sums.period,
    sums.revision,
    sums.plan,
    sums.district_code NULLS LAST,
    sums.metric
