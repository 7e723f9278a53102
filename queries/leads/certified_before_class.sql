-- Leads: a certificate issued before the class that it followed began; a contest's needs no class.
-- grain: one certificate
WITH

early AS (
    SELECT
        certificate_issued_in_force.certificate_no,
        certificate_issued_in_force.class_id,
        certificate_issued_in_force.issued_on,
        filed_classes.starts_on,
        certificate_issued_in_force.kafka_topic,
        certificate_issued_in_force.kafka_partition,
        certificate_issued_in_force.kafka_offset
    FROM certificate_issued_in_force
    INNER JOIN filed_classes ON filed_classes.class_id = certificate_issued_in_force.class_id
    WHERE certificate_issued_in_force.issued_on < filed_classes.starts_on
      AND certificate_issued_in_force.basis <> 'contest'
),

events_of_it AS (
    SELECT
        early.certificate_no,
        early.class_id,
        early.issued_on,
        early.starts_on,
        certificate_issued.kafka_topic,
        certificate_issued.kafka_partition,
        certificate_issued.kafka_offset,
        certificate_issued.origin
    FROM early
    INNER JOIN certificate_issued
        ON certificate_issued.kafka_topic = early.kafka_topic
       AND certificate_issued.kafka_partition = early.kafka_partition
       AND certificate_issued.kafka_offset = early.kafka_offset
    UNION ALL
    SELECT
        early.certificate_no,
        early.class_id,
        early.issued_on,
        early.starts_on,
        filed_classes.kafka_topic,
        filed_classes.kafka_partition,
        filed_classes.kafka_offset,
        filed_classes.origin
    FROM early
    INNER JOIN filed_classes ON filed_classes.class_id = early.class_id
),

told AS (
    SELECT
        certificate_no,
        class_id,
        issued_on,
        starts_on,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY certificate_no, class_id, issued_on, starts_on
)

SELECT
    'certified_before_class' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('certificate/', told.certificate_no) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat('发证日期 ', CAST(told.issued_on AS VARCHAR), ' 早于开班日期 ', CAST(told.starts_on AS VARCHAR))
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'certified_before_class'
