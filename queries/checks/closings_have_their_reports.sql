-- The report that a closed period's office signed is below the data root, unchanged, and made from this lake.
-- grain: one closing in force whose report is missing or altered
SELECT
    closings.period,   -- the period
    closings.revision, -- how often it had been closed
    closings.digest,   -- SHA-256 that the report's manifest should have
    closings.signer    -- the office that signed
FROM closings
LEFT JOIN closing_spans
    ON closing_spans.period = closings.period
   AND closing_spans.revision = closings.revision
WHERE closings.closed
  AND closing_spans.period IS NULL
ORDER BY
    closings.period,
    closings.revision
