-- Leads: a subsidy of one kind paid on two claims for one person, occupation and level, or for one class.
-- grain: one person and kind and occupation and level, or one class and kind
WITH

claims AS (
    SELECT
        paid_claims.*,
        CASE WHEN paid_claims.person_key IS NULL THEN paid_claims.class_id END AS claimed_class,
        CASE WHEN paid_claims.person_key IS NOT NULL THEN paid_claims.occupation END AS claimed_occupation,
        CASE WHEN paid_claims.person_key IS NOT NULL THEN paid_claims.level END AS claimed_level
    FROM paid_claims
    WHERE (paid_claims.person_key IS NOT NULL AND paid_claims.occupation IS NOT NULL AND paid_claims.level IS NOT NULL)
       OR (paid_claims.person_key IS NULL AND paid_claims.class_id IS NOT NULL)
),

-- A claim may be paid in parts: two claims make it twice.
told AS (
    SELECT
        person_key,
        claimed_class,
        claimed_occupation,
        claimed_level,
        subsidy_kind,
        count(DISTINCT claim_id) AS claims,
        -- Days sort as text: the class of the latest, of several the bytewise greatest.
        nullif(substr(max(concat(CAST(effective_on AS VARCHAR), class_id)), 11), '') AS class_id,
        max(year) AS year,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM claims
    GROUP BY person_key, claimed_class, claimed_occupation, claimed_level, subsidy_kind
    HAVING min(claim_id) <> max(claim_id)
)

SELECT
    'paid_twice' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    coalesce(filed_classes.year, told.year) AS year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    CASE WHEN told.person_key IS NULL THEN concat('class/', told.class_id) ELSE 'person/*' END
        AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(
        CASE
            WHEN told.person_key IS NULL THEN '同一班次'
            ELSE concat('同一人', occupations.label, levels.label)
        END,
        kinds.label, '经 ', told.claims, ' 笔申请拨付'
    ) AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
LEFT JOIN occupations ON occupations.occupation = told.claimed_occupation
LEFT JOIN levels ON levels.level = told.claimed_level
LEFT JOIN codes AS kinds
    ON kinds.field = 'subsidy_kind'
   AND kinds.code = told.subsidy_kind
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'paid_twice'
