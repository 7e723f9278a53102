-- Leads: more trainees enrolled in a class than it was filed for.
-- grain: one class
WITH

overfull AS (
    SELECT
        filed_classes.class_id,
        count(*) AS enrolled
    FROM trainee_enrolled_in_force
    INNER JOIN filed_classes ON filed_classes.class_id = trainee_enrolled_in_force.class_id
    GROUP BY filed_classes.class_id, filed_classes.capacity
    HAVING count(*) > filed_classes.capacity
),

events_of_it AS (
    SELECT
        trainee_enrolled.class_id,
        trainee_enrolled.kafka_topic,
        trainee_enrolled.kafka_partition,
        trainee_enrolled.kafka_offset,
        trainee_enrolled.origin
    FROM overfull
    INNER JOIN trainee_enrolled_in_force ON trainee_enrolled_in_force.class_id = overfull.class_id
    INNER JOIN trainee_enrolled
        ON trainee_enrolled.kafka_topic = trainee_enrolled_in_force.kafka_topic
       AND trainee_enrolled.kafka_partition = trainee_enrolled_in_force.kafka_partition
       AND trainee_enrolled.kafka_offset = trainee_enrolled_in_force.kafka_offset
    UNION ALL
    SELECT
        filed_classes.class_id,
        filed_classes.kafka_topic,
        filed_classes.kafka_partition,
        filed_classes.kafka_offset,
        filed_classes.origin
    FROM overfull
    INNER JOIN filed_classes ON filed_classes.class_id = overfull.class_id
),

told AS (
    SELECT
        class_id,
        count(*) - 1 AS enrolled, -- but for the filing
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY class_id
)

SELECT
    'over_capacity' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat('报名 ', told.enrolled, ' 人，备案 ', filed_classes.capacity, ' 人')
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'over_capacity'
