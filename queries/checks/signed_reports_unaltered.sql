-- The report that an office signed is not altered where it lies below the data root.
-- grain: one closing and plan whose report was altered
SELECT
    period,   -- the period
    revision, -- how often it had been closed
    plan,     -- the plan
    digest,   -- SHA-256 that the report's manifest should have
    signer    -- the office that signed
FROM closing_spans
WHERE report = 'altered'
ORDER BY
    period,
    revision,
    plan
