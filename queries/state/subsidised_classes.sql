-- The subsidised classes with their hours as filed and as delivered, and whether each passes the rule of the practical share (65 %).
-- grain: one subsidised class in force
SELECT
    class_filed_in_force.class_id,       -- the class
    class_filed_in_force.plan,           -- the plan it was filed in
    class_filed_in_force.district_code,  -- the district it was filed with
    class_filed_in_force.institution_id, -- the carrier's credit code
    coalesce(delivered_minutes.ended_on, class_filed_in_force.ends_on) AS ended_on, -- the last day: as closed, else as filed
    class_filed_in_force.planned_total_minutes,     -- planned minutes
    class_filed_in_force.planned_practical_minutes, -- of these, practical
    CASE
        WHEN class_filed_in_force.planned_total_minutes = 0 THEN 'undecided'
        WHEN CAST(class_filed_in_force.planned_practical_minutes AS DECIMAL(19, 0)) * 100
            >= CAST(class_filed_in_force.planned_total_minutes AS DECIMAL(19, 0))
                * CAST(practical_share.practical_percent AS DECIMAL(19, 0)) THEN 'compliant'
        ELSE 'not_compliant'
    END AS planned_verdict,              -- compliant, not_compliant or undecided
    delivered_minutes.delivered_total_minutes,     -- minutes delivered; null: neither a closing nor a session
    delivered_minutes.delivered_practical_minutes, -- of these, practical
    delivered_minutes.delivered_source,  -- class_closed or sessions; null: neither
    CASE
        WHEN coalesce(delivered_minutes.delivered_total_minutes, 0) = 0 THEN 'undecided'
        WHEN CAST(delivered_minutes.delivered_practical_minutes AS DECIMAL(19, 0)) * 100
            >= CAST(delivered_minutes.delivered_total_minutes AS DECIMAL(19, 0))
                * CAST(practical_share.practical_percent AS DECIMAL(19, 0)) THEN 'compliant'
        ELSE 'not_compliant'
    END AS delivered_verdict             -- compliant, not_compliant or undecided
FROM practical_share
CROSS JOIN class_filed_in_force
LEFT JOIN delivered_minutes ON delivered_minutes.class_id = class_filed_in_force.class_id
WHERE class_filed_in_force.subsidised
