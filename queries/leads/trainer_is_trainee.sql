-- Leads: somebody who teaches a class and is enrolled in it.
-- grain: one class and person
WITH

taught AS (
    SELECT
        class_id,
        trainer_key
    FROM session_delivered_in_force
    WHERE trainer_key IS NOT NULL
    GROUP BY class_id, trainer_key
),

teaching_trainees AS (
    SELECT
        trainee_enrolled_in_force.class_id,
        trainee_enrolled_in_force.person_key,
        trainee_enrolled_in_force.kafka_topic,
        trainee_enrolled_in_force.kafka_partition,
        trainee_enrolled_in_force.kafka_offset
    FROM taught
    INNER JOIN trainee_enrolled_in_force
        ON trainee_enrolled_in_force.class_id = taught.class_id
       AND trainee_enrolled_in_force.person_key = taught.trainer_key
),

events_of_it AS (
    SELECT
        teaching_trainees.class_id,
        teaching_trainees.person_key,
        0 AS sessions,
        trainee_enrolled.kafka_topic,
        trainee_enrolled.kafka_partition,
        trainee_enrolled.kafka_offset,
        trainee_enrolled.origin
    FROM teaching_trainees
    INNER JOIN trainee_enrolled
        ON trainee_enrolled.kafka_topic = teaching_trainees.kafka_topic
       AND trainee_enrolled.kafka_partition = teaching_trainees.kafka_partition
       AND trainee_enrolled.kafka_offset = teaching_trainees.kafka_offset
    UNION ALL
    SELECT
        teaching_trainees.class_id,
        teaching_trainees.person_key,
        1 AS sessions,
        session_delivered.kafka_topic,
        session_delivered.kafka_partition,
        session_delivered.kafka_offset,
        session_delivered.origin
    FROM teaching_trainees
    INNER JOIN session_delivered_in_force
        ON session_delivered_in_force.class_id = teaching_trainees.class_id
       AND session_delivered_in_force.trainer_key = teaching_trainees.person_key
    INNER JOIN session_delivered
        ON session_delivered.kafka_topic = session_delivered_in_force.kafka_topic
       AND session_delivered.kafka_partition = session_delivered_in_force.kafka_partition
       AND session_delivered.kafka_offset = session_delivered_in_force.kafka_offset
),

told AS (
    SELECT
        class_id,
        person_key,
        CAST(sum(sessions) AS BIGINT) AS sessions,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY class_id, person_key
)

SELECT
    'trainer_is_trainee' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id, '/person/*') AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat('既为本班学员，又为本班 ', told.sessions, ' 个课次的教师')
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'trainer_is_trainee'
