-- What changed since a closing adds up to the difference, late is not below 0, withdrawn not above, and the city is the districts' sum.
-- grain: one figure that doesn't (period, revision, plan, district, metric)
WITH

districts_sums AS (
    SELECT
        period,
        revision,
        plan,
        metric,
        sum(revised) AS revised,
        sum(late) AS late,
        sum(corrected) AS corrected,
        sum(withdrawn) AS withdrawn
    FROM revisions
    WHERE district_code IS NOT NULL
      AND metric <> 'persons'
    GROUP BY period, revision, plan, metric
)

SELECT
    revisions.period,        -- the period
    revisions.revision,      -- how often it had been closed
    revisions.plan,          -- the plan
    revisions.district_code, -- the district; null: the city
    revisions.metric         -- completed, persons or held
FROM revisions
LEFT JOIN districts_sums
    ON revisions.district_code IS NULL
   AND districts_sums.period = revisions.period
   AND districts_sums.revision = revisions.revision
   AND districts_sums.plan = revisions.plan
   AND districts_sums.metric = revisions.metric
WHERE revisions.published + revisions.late + revisions.corrected + revisions.withdrawn + revisions.rules <> revisions.revised
   OR revisions.late < 0
   OR revisions.withdrawn > 0
   OR districts_sums.revised <> revisions.revised
   OR districts_sums.late <> revisions.late
   OR districts_sums.corrected <> revisions.corrected
   OR districts_sums.withdrawn <> revisions.withdrawn
ORDER BY
    revisions.period,
    revisions.revision,
    revisions.plan,
    revisions.district_code NULLS LAST,
    revisions.metric
