-- Leads: an evaluator that issued too many certificates on a day, or soon after it was listed.
-- grain: one evaluator and day, or one evaluator
WITH

days AS (
    SELECT
        certificate_issued_in_force.evaluator_id,
        certificate_issued_in_force.issued_on
    FROM lead_limits
    CROSS JOIN certificate_issued_in_force
    GROUP BY certificate_issued_in_force.evaluator_id, certificate_issued_in_force.issued_on, lead_limits.issued_a_day
    HAVING count(*) > lead_limits.issued_a_day
),

newcomers AS (
    SELECT
        evaluator_listed_in_force.evaluator_id,
        evaluator_listed_in_force.valid_from,
        evaluator_listed_in_force.kafka_topic,
        evaluator_listed_in_force.kafka_partition,
        evaluator_listed_in_force.kafka_offset
    FROM lead_limits
    CROSS JOIN evaluator_listed_in_force
    INNER JOIN certificate_issued_in_force ON certificate_issued_in_force.evaluator_id = evaluator_listed_in_force.evaluator_id
    WHERE certificate_issued_in_force.issued_on >= evaluator_listed_in_force.valid_from
      AND certificate_issued_in_force.issued_on - evaluator_listed_in_force.valid_from <= lead_limits.listing_days
    GROUP BY
        evaluator_listed_in_force.evaluator_id,
        evaluator_listed_in_force.valid_from,
        evaluator_listed_in_force.kafka_topic,
        evaluator_listed_in_force.kafka_partition,
        evaluator_listed_in_force.kafka_offset,
        lead_limits.issued_after_listing
    HAVING count(*) > lead_limits.issued_after_listing
),

events_of_it AS (
    SELECT
        days.evaluator_id,
        days.issued_on,
        CAST(NULL AS DATE) AS valid_from,
        1 AS certificates,
        certificate_issued.kafka_topic,
        certificate_issued.kafka_partition,
        certificate_issued.kafka_offset,
        certificate_issued.origin
    FROM days
    INNER JOIN certificate_issued_in_force
        ON certificate_issued_in_force.evaluator_id = days.evaluator_id
       AND certificate_issued_in_force.issued_on = days.issued_on
    INNER JOIN certificate_issued
        ON certificate_issued.kafka_topic = certificate_issued_in_force.kafka_topic
       AND certificate_issued.kafka_partition = certificate_issued_in_force.kafka_partition
       AND certificate_issued.kafka_offset = certificate_issued_in_force.kafka_offset
    UNION ALL
    SELECT
        newcomers.evaluator_id,
        CAST(NULL AS DATE) AS issued_on,
        newcomers.valid_from,
        1 AS certificates,
        certificate_issued.kafka_topic,
        certificate_issued.kafka_partition,
        certificate_issued.kafka_offset,
        certificate_issued.origin
    FROM lead_limits
    CROSS JOIN newcomers
    INNER JOIN certificate_issued_in_force ON certificate_issued_in_force.evaluator_id = newcomers.evaluator_id
    INNER JOIN certificate_issued
        ON certificate_issued.kafka_topic = certificate_issued_in_force.kafka_topic
       AND certificate_issued.kafka_partition = certificate_issued_in_force.kafka_partition
       AND certificate_issued.kafka_offset = certificate_issued_in_force.kafka_offset
    WHERE certificate_issued_in_force.issued_on >= newcomers.valid_from
      AND certificate_issued_in_force.issued_on - newcomers.valid_from <= lead_limits.listing_days
    UNION ALL
    SELECT
        newcomers.evaluator_id,
        CAST(NULL AS DATE) AS issued_on,
        newcomers.valid_from,
        0 AS certificates,
        evaluator_listed.kafka_topic,
        evaluator_listed.kafka_partition,
        evaluator_listed.kafka_offset,
        evaluator_listed.origin
    FROM newcomers
    INNER JOIN evaluator_listed
        ON evaluator_listed.kafka_topic = newcomers.kafka_topic
       AND evaluator_listed.kafka_partition = newcomers.kafka_partition
       AND evaluator_listed.kafka_offset = newcomers.kafka_offset
),

told AS (
    SELECT
        evaluator_id,
        issued_on,
        valid_from,
        CAST(sum(certificates) AS BIGINT) AS certificates,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY evaluator_id, issued_on, valid_from
)

SELECT
    'bulk_issuing' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    CAST(NULL AS VARCHAR) AS plan, -- the class's plan; null: no class
    CAST(extract(YEAR FROM coalesce(told.issued_on, told.valid_from)) AS BIGINT)
        AS year, -- the class's year; without a class, of the day it is about
    CAST(NULL AS VARCHAR) AS district_code, -- the class's district; null: no class
    CAST(NULL AS VARCHAR) AS class_id, -- the class; null: none
    concat('evaluator/', told.evaluator_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    CASE
        WHEN told.valid_from IS NULL THEN concat('评价机构 ', CAST(told.issued_on AS VARCHAR), ' 一日发证 ', told.certificates, ' 本')
        ELSE concat(
            '评价机构 ', CAST(told.valid_from AS VARCHAR), ' 入目录后 ', lead_limits.listing_days, ' 天内发证 ', told.certificates, ' 本'
        )
    END AS detail -- what was found, in words
FROM lead_limits
CROSS JOIN told
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'bulk_issuing'
