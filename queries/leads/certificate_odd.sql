-- Leads: a certificate whose number contradicts what is stated of it, or a number stated of several persons.
-- grain: one certificate and what is odd about it
WITH

numbers AS (
    SELECT
        certificate_issued_in_force.certificate_no,
        certificate_issued_in_force.class_id,
        certificate_issued_in_force.issued_on,
        certificate_issued_in_force.level,
        substr(certificate_issued_in_force.certificate_no, certificate_kinds.province_position, 2) AS number_province,
        substr(certificate_issued_in_force.certificate_no, certificate_kinds.year_position, 2) AS number_year,
        substr(certificate_issued_in_force.certificate_no, certificate_kinds.level_position, 1) AS number_level,
        certificate_issued_in_force.kafka_topic,
        certificate_issued_in_force.kafka_partition,
        certificate_issued_in_force.kafka_offset
    FROM certificate_issued_in_force
    INNER JOIN certificate_kinds ON certificate_kinds.certificate_kind = certificate_issued_in_force.certificate_kind
    WHERE certificate_issued_in_force.certificate_no ~ certificate_kinds.number_pattern
),

contradicting AS (
    SELECT
        numbers.certificate_no,
        concat(
            '证书编号与所报不符：',
            CASE
                WHEN numbers.number_year <> lpad(CAST(CAST(extract(YEAR FROM numbers.issued_on) AS BIGINT) % 100 AS VARCHAR), 2, '0')
                    THEN concat('年份 ', numbers.number_year, ' ')
                ELSE ''
            END,
            CASE WHEN numbers.number_level <> numbers.level THEN concat('等级 ', numbers.number_level, ' ') ELSE '' END,
            CASE
                WHEN numbers.number_province <> substr(city.region_code, 1, 2) THEN concat('省级代码 ', numbers.number_province)
                ELSE ''
            END
        ) AS detail,
        numbers.class_id,
        numbers.issued_on,
        numbers.kafka_topic,
        numbers.kafka_partition,
        numbers.kafka_offset
    FROM city
    CROSS JOIN numbers
    WHERE numbers.number_year <> lpad(CAST(CAST(extract(YEAR FROM numbers.issued_on) AS BIGINT) % 100 AS VARCHAR), 2, '0')
       OR numbers.number_level <> numbers.level
       OR numbers.number_province <> substr(city.region_code, 1, 2)
),

-- Whatever became of them: another person for a number that is in force has no effect, and shows here.
restated AS (
    SELECT
        certificate_issued.certificate_no,
        certificate_issued.person_key,
        certificate_issued.class_id,
        certificate_issued.issued_on,
        certificate_issued.kafka_topic,
        certificate_issued.kafka_partition,
        certificate_issued.kafka_offset
    FROM contested_events
    INNER JOIN certificate_issued
        ON certificate_issued.kafka_topic = contested_events.kafka_topic
       AND certificate_issued.kafka_partition = contested_events.kafka_partition
       AND certificate_issued.kafka_offset = contested_events.kafka_offset
    WHERE contested_events.type = 'kangyang.certificate_issued.v1'
),

shared AS (
    SELECT certificate_no
    FROM restated
    GROUP BY certificate_no
    HAVING min(person_key) <> max(person_key)
),

odd AS (
    SELECT certificate_no, detail, class_id, issued_on, kafka_topic, kafka_partition, kafka_offset
    FROM contradicting
    UNION ALL
    SELECT
        restated.certificate_no,
        '同一证书编号报有不同持证人' AS detail,
        restated.class_id,
        restated.issued_on,
        restated.kafka_topic,
        restated.kafka_partition,
        restated.kafka_offset
    FROM shared
    INNER JOIN restated ON restated.certificate_no = shared.certificate_no
),

told AS (
    SELECT
        odd.certificate_no,
        odd.detail,
        -- Days sort as text: the class of the latest, of several the bytewise greatest.
        nullif(substr(max(concat(CAST(odd.issued_on AS VARCHAR), odd.class_id)), 11), '') AS class_id,
        max(CAST(extract(YEAR FROM odd.issued_on) AS BIGINT)) AS year,
        array_agg(
            concat(certificate_issued.kafka_topic, '/', certificate_issued.kafka_partition, '@', certificate_issued.kafka_offset)
            ORDER BY certificate_issued.kafka_topic, certificate_issued.kafka_partition, certificate_issued.kafka_offset
        ) AS evidence,
        coalesce(
            array_agg(DISTINCT certificate_issued.origin ORDER BY certificate_issued.origin)
                FILTER (WHERE certificate_issued.origin IS NOT NULL),
            []
        ) AS origins
    FROM odd
    INNER JOIN certificate_issued
        ON certificate_issued.kafka_topic = odd.kafka_topic
       AND certificate_issued.kafka_partition = odd.kafka_partition
       AND certificate_issued.kafka_offset = odd.kafka_offset
    GROUP BY odd.certificate_no, odd.detail
)

SELECT
    'certificate_odd' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    coalesce(filed_classes.year, told.year) AS year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('certificate/', told.certificate_no) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    rtrim(told.detail)
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'certificate_odd'
