-- Leads: a class whose closing states other hours than its sessions add up to.
-- grain: one class with a closing and a session in force
WITH

sessions AS (
    SELECT
        class_id,
        CAST(sum(session_minutes) AS BIGINT) AS total_minutes,
        CAST(sum(CASE WHEN practical THEN session_minutes ELSE 0 END) AS BIGINT) AS practical_minutes
    FROM session_delivered_in_force
    GROUP BY class_id
),

differing AS (
    SELECT
        class_closed_in_force.class_id,
        class_closed_in_force.kafka_topic,
        class_closed_in_force.kafka_partition,
        class_closed_in_force.kafka_offset,
        class_closed_in_force.delivered_total_minutes,
        class_closed_in_force.delivered_practical_minutes,
        sessions.total_minutes,
        sessions.practical_minutes
    FROM lead_limits
    CROSS JOIN class_closed_in_force
    INNER JOIN sessions ON sessions.class_id = class_closed_in_force.class_id
    WHERE abs(class_closed_in_force.delivered_total_minutes - sessions.total_minutes) > lead_limits.mismatch_minutes
       OR abs(class_closed_in_force.delivered_practical_minutes - sessions.practical_minutes) > lead_limits.mismatch_minutes
),

events_of_it AS (
    SELECT
        differing.class_id,
        class_closed.kafka_topic,
        class_closed.kafka_partition,
        class_closed.kafka_offset,
        class_closed.origin
    FROM differing
    INNER JOIN class_closed
        ON class_closed.kafka_topic = differing.kafka_topic
       AND class_closed.kafka_partition = differing.kafka_partition
       AND class_closed.kafka_offset = differing.kafka_offset
    UNION ALL
    SELECT
        differing.class_id,
        session_delivered.kafka_topic,
        session_delivered.kafka_partition,
        session_delivered.kafka_offset,
        session_delivered.origin
    FROM differing
    INNER JOIN session_delivered_in_force ON session_delivered_in_force.class_id = differing.class_id
    INNER JOIN session_delivered
        ON session_delivered.kafka_topic = session_delivered_in_force.kafka_topic
       AND session_delivered.kafka_partition = session_delivered_in_force.kafka_partition
       AND session_delivered.kafka_offset = session_delivered_in_force.kafka_offset
),

gathered AS (
    SELECT
        class_id,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY class_id
),

told AS (
    SELECT
        differing.class_id,
        differing.delivered_total_minutes,
        differing.delivered_practical_minutes,
        differing.total_minutes,
        differing.practical_minutes,
        gathered.evidence,
        gathered.origins
    FROM differing
    INNER JOIN gathered ON gathered.class_id = differing.class_id
)

SELECT
    'hours_mismatch' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(
        '结班总时长 ', told.delivered_total_minutes, ' 分钟、实操 ', told.delivered_practical_minutes,
        ' 分钟，课次合计 ', told.total_minutes, ' 分钟、实操 ', told.practical_minutes, ' 分钟'
    ) AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'hours_mismatch'
