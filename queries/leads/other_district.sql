-- Leads: a district that states, corrects or withdraws what concerns another district's class.
-- grain: one class and stating district
WITH

events_of_it AS (
    SELECT
        strange_sources.class_id,
        strange_sources.district_code,
        events.kafka_topic,
        events.kafka_partition,
        events.kafka_offset,
        events.origin
    FROM strange_sources
    INNER JOIN events
        ON events.class_id = strange_sources.class_id
       AND events.source = strange_sources.source
    WHERE events.type IN (
        'kangyang.class_filed.v1', 'kangyang.trainee_enrolled.v1', 'kangyang.session_delivered.v1', 'kangyang.attendance_recorded.v1',
        'kangyang.class_closed.v1', 'kangyang.trainee_completed.v1'
    )
    UNION ALL
    SELECT
        strange_sources.class_id,
        strange_sources.district_code,
        record_withdrawn.kafka_topic,
        record_withdrawn.kafka_partition,
        record_withdrawn.kafka_offset,
        record_withdrawn.origin
    FROM strange_sources
    INNER JOIN record_withdrawn
        ON split_part(record_withdrawn.subject, '/', 2) = strange_sources.class_id
       AND record_withdrawn.source = strange_sources.source
    WHERE record_withdrawn.subject LIKE 'class/%'
),

told AS (
    SELECT
        class_id,
        district_code,
        count(*) AS statements,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY class_id, district_code
)

SELECT
    'other_district' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(districts.district, '对该班次有 ', told.statements, ' 条陈述，该班次不由其备案')
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
LEFT JOIN districts ON districts.district_code = told.district_code
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'other_district'
