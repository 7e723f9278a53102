-- All leads (疑点): what somebody should look at, with the events it rests on. A lead changes no figure.
-- grain: one finding of one rule
WITH

together AS (
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM repeat_training
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM session_overlap
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM trainer_is_trainee
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM trainer_overlap
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM identity_mismatch
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM shared_contact
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM bulk_sign_in
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM roster_reuse
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM over_capacity
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM hours_compressed
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM hours_mismatch
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM bulk_issuing
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM certified_before_class
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM not_listed
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM other_district
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM identical_figures
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM december_rush
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM paid_twice
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM wrong_fund
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM paid_without_completion
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM certificate_odd
    UNION ALL
    SELECT lead, rule_version, plan, year, district_code, class_id, subject, evidence, origins, detail
    FROM list_hit
)

SELECT
    lead,          -- the rule's code
    rule_version,  -- the rule's version
    plan,          -- the class's plan; null: it concerns no class
    year,          -- the class's year; without a class, of the day it is about
    district_code, -- the class's district; null: it concerns no class
    class_id,      -- the class, of several that of the latest event; null: none
    subject,       -- what it is about, a person masked
    evidence,      -- the events it rests on: topic/partition@offset
    origins,       -- these events' files and rows, as far as stated
    detail         -- what was found, in words, without personal data
FROM together
ORDER BY
    lead,
    rule_version,
    plan NULLS LAST,
    year NULLS LAST,
    district_code NULLS LAST,
    class_id NULLS LAST,
    subject,
    evidence,
    detail
