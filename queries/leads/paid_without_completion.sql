-- Leads: a subsidy for training paid for somebody, or for a class, without a passed completion.
-- grain: one claim
WITH

due AS (
    SELECT paid_claims.*
    FROM paid_claims
    INNER JOIN subsidy_kinds ON subsidy_kinds.subsidy_kind = paid_claims.subsidy_kind
    WHERE subsidy_kinds.needs_completion
),

-- For a person in a class.
of_trainees AS (
    SELECT due.*
    FROM due
    LEFT JOIN passed_completions
        ON passed_completions.class_id = due.class_id
       AND passed_completions.person_key = due.person_key
    WHERE due.class_id IS NOT NULL
      AND due.person_key IS NOT NULL
      AND passed_completions.class_id IS NULL
),

-- For a class as a whole.
of_classes AS (
    SELECT due.*
    FROM due
    LEFT JOIN passed_completions ON passed_completions.class_id = due.class_id
    WHERE due.class_id IS NOT NULL
      AND due.person_key IS NULL
      AND passed_completions.class_id IS NULL
),

-- For a person without a class: any of the occupation, and of the level where the claim names one.
of_persons AS (
    SELECT due.*
    FROM due
    LEFT JOIN passed_completions
        ON passed_completions.person_key = due.person_key
       AND passed_completions.occupation = due.occupation
       AND (due.stated_level IS NULL OR passed_completions.level = due.stated_level)
    WHERE due.class_id IS NULL
      AND due.person_key IS NOT NULL
      AND due.occupation IS NOT NULL
      AND passed_completions.class_id IS NULL
),

unearned AS (
    SELECT * FROM of_trainees
    UNION ALL
    SELECT * FROM of_classes
    UNION ALL
    SELECT * FROM of_persons
),

told AS (
    SELECT
        claim_id,
        max(person_key) AS person_key,
        max(subsidy_kind) AS subsidy_kind,
        max(class_id) AS class_id,
        max(year) AS year,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM unearned
    GROUP BY claim_id
)

SELECT
    'paid_without_completion' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    coalesce(filed_classes.year, told.year) AS year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('claim/', told.claim_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat('已拨付', kinds.label, CASE WHEN told.person_key IS NULL THEN '，该班无人培训合格' ELSE '，该人无相应培训合格记录' END)
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
LEFT JOIN codes AS kinds
    ON kinds.field = 'subsidy_kind'
   AND kinds.code = told.subsidy_kind
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'paid_without_completion'
