-- Leads: a session at which nearly everybody signed in at once.
-- grain: one session
WITH

-- Who signed in at once, counted from each sign-in on.
bursts AS (
    SELECT
        one.class_id,
        one.session_id,
        one.attended_at,
        crowded_sessions.signed,
        count(*) AS at_once
    FROM lead_limits
    CROSS JOIN crowded_sessions
    INNER JOIN attendance_recorded_in_force AS one
        ON one.class_id = crowded_sessions.class_id
       AND one.session_id = crowded_sessions.session_id
    INNER JOIN attendance_recorded_in_force AS other
        ON other.class_id = crowded_sessions.class_id
       AND other.session_id = crowded_sessions.session_id
    WHERE other.attended_at >= one.attended_at
      AND other.attended_at <= one.attended_at + CAST(concat(lead_limits.sign_in_seconds, ' seconds') AS INTERVAL)
    GROUP BY
        one.class_id,
        one.session_id,
        one.kafka_topic,
        one.kafka_partition,
        one.kafka_offset,
        one.attended_at,
        crowded_sessions.signed,
        lead_limits.sign_in_percent
    HAVING count(*) * 100 >= crowded_sessions.signed * lead_limits.sign_in_percent
),

firsts AS (
    SELECT
        class_id,
        session_id,
        signed,
        min(attended_at) AS began_at
    FROM bursts
    GROUP BY class_id, session_id, signed
),

events_of_it AS (
    SELECT
        firsts.class_id,
        firsts.session_id,
        firsts.signed,
        attendance_recorded.kafka_topic,
        attendance_recorded.kafka_partition,
        attendance_recorded.kafka_offset,
        attendance_recorded.origin
    FROM lead_limits
    CROSS JOIN firsts
    INNER JOIN attendance_recorded_in_force
        ON attendance_recorded_in_force.class_id = firsts.class_id
       AND attendance_recorded_in_force.session_id = firsts.session_id
    INNER JOIN attendance_recorded
        ON attendance_recorded.kafka_topic = attendance_recorded_in_force.kafka_topic
       AND attendance_recorded.kafka_partition = attendance_recorded_in_force.kafka_partition
       AND attendance_recorded.kafka_offset = attendance_recorded_in_force.kafka_offset
    WHERE attendance_recorded_in_force.attended_at >= firsts.began_at
      AND attendance_recorded_in_force.attended_at
        <= firsts.began_at + CAST(concat(lead_limits.sign_in_seconds, ' seconds') AS INTERVAL)
),

told AS (
    SELECT
        class_id,
        session_id,
        signed,
        count(*) AS at_once,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY class_id, session_id, signed
)

SELECT
    'bulk_sign_in' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id, '/session/', told.session_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat('签到 ', told.signed, ' 人，其中 ', told.at_once, ' 人在 ', lead_limits.sign_in_seconds, ' 秒内签到')
        AS detail -- what was found, in words
FROM lead_limits
CROSS JOIN told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'bulk_sign_in'
