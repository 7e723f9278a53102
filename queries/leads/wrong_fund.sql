-- Leads: a subsidy paid from a fund that the rules do not give for its kind.
-- grain: one claim and kind and fund
WITH

-- A kind without any rule that day can't be judged.
judged AS (
    SELECT
        paid_claims.kafka_topic,
        paid_claims.kafka_partition,
        paid_claims.kafka_offset,
        count(*) AS rules,
        count(CASE WHEN fund_rules.fund = paid_claims.fund THEN 1 END) AS fitting
    FROM paid_claims
    INNER JOIN fund_rules ON fund_rules.subsidy_kind = paid_claims.subsidy_kind
    WHERE paid_claims.effective_on >= fund_rules.valid_from
      AND (fund_rules.valid_to IS NULL OR paid_claims.effective_on <= fund_rules.valid_to)
    GROUP BY paid_claims.kafka_topic, paid_claims.kafka_partition, paid_claims.kafka_offset
),

told AS (
    SELECT
        paid_claims.claim_id,
        paid_claims.subsidy_kind,
        paid_claims.fund,
        max(paid_claims.class_id) AS class_id,
        max(paid_claims.year) AS year,
        array_agg(
            concat(paid_claims.kafka_topic, '/', paid_claims.kafka_partition, '@', paid_claims.kafka_offset)
            ORDER BY paid_claims.kafka_topic, paid_claims.kafka_partition, paid_claims.kafka_offset
        ) AS evidence,
        coalesce(
            array_agg(DISTINCT paid_claims.origin ORDER BY paid_claims.origin)
                FILTER (WHERE paid_claims.origin IS NOT NULL),
            []
        ) AS origins
    FROM judged
    INNER JOIN paid_claims
        ON paid_claims.kafka_topic = judged.kafka_topic
       AND paid_claims.kafka_partition = judged.kafka_partition
       AND paid_claims.kafka_offset = judged.kafka_offset
    WHERE judged.fitting = 0
    GROUP BY paid_claims.claim_id, paid_claims.subsidy_kind, paid_claims.fund
)

SELECT
    'wrong_fund' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    coalesce(filed_classes.year, told.year) AS year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('claim/', told.claim_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(kinds.label, '从', funds.label, '拨付')
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
LEFT JOIN codes AS kinds
    ON kinds.field = 'subsidy_kind'
   AND kinds.code = told.subsidy_kind
LEFT JOIN codes AS funds
    ON funds.field = 'fund'
   AND funds.code = told.fund
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'wrong_fund'
