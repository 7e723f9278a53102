-- The hours of each subsidised class, as filed and as delivered, and whether practical training is at least 65 % of them.
-- grain: one subsidised class in force
SELECT
    subsidised_classes.class_id,       -- the class
    subsidised_classes.plan,           -- the plan it was filed in
    subsidised_classes.district_code,  -- the district it was filed with
    districts.district,                -- its name
    subsidised_classes.institution_id, -- the carrier's credit code
    CAST(extract(YEAR FROM subsidised_classes.ended_on) AS BIGINT) AS year, -- of the last day as closed, else as filed
    subsidised_classes.planned_total_minutes,       -- planned minutes
    subsidised_classes.planned_practical_minutes,   -- of these, practical
    subsidised_classes.planned_verdict,             -- compliant, not_compliant or undecided (no minutes)
    subsidised_classes.delivered_total_minutes,     -- minutes delivered; null: neither a closing nor a session
    subsidised_classes.delivered_practical_minutes, -- of these, practical
    subsidised_classes.delivered_source,            -- class_closed, sessions (their sum); null: neither
    subsidised_classes.delivered_verdict            -- compliant, not_compliant or undecided (no minutes)
FROM subsidised_classes
LEFT JOIN districts ON districts.district_code = subsidised_classes.district_code
ORDER BY
    subsidised_classes.class_id
