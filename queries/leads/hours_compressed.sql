-- Leads: a class taught for more than a day's hours on a day, or in too few days for its hours.
-- grain: one class
WITH

-- A day in Asia/Shanghai, which is eight hours ahead of UTC all year.
long_days AS (
    SELECT
        session_delivered_in_force.class_id,
        CAST(session_delivered_in_force.started_at + INTERVAL '8 hours' AS DATE) AS taught_on,
        CAST(sum(session_delivered_in_force.session_minutes) AS BIGINT) AS minutes
    FROM lead_limits
    CROSS JOIN session_delivered_in_force
    GROUP BY
        session_delivered_in_force.class_id,
        CAST(session_delivered_in_force.started_at + INTERVAL '8 hours' AS DATE),
        lead_limits.day_minutes
    HAVING sum(session_delivered_in_force.session_minutes) > lead_limits.day_minutes
),

-- The days as they are, weekends and breaks included: fewer than this can't be made up for.
hours AS (
    SELECT
        filed_classes.class_id,
        filed_classes.ended_on - filed_classes.starts_on + 1 AS days,
        coalesce(class_closed_in_force.delivered_total_minutes, filed_classes.planned_total_minutes) AS minutes,
        class_closed_in_force.kafka_topic,
        class_closed_in_force.kafka_partition,
        class_closed_in_force.kafka_offset
    FROM filed_classes
    LEFT JOIN class_closed_in_force ON class_closed_in_force.class_id = filed_classes.class_id
),

short_spans AS (
    SELECT hours.*
    FROM lead_limits
    CROSS JOIN hours
    WHERE hours.minutes > lead_limits.day_minutes * greatest(hours.days, 0)
),

events_of_it AS (
    SELECT
        long_days.class_id,
        session_delivered.kafka_topic,
        session_delivered.kafka_partition,
        session_delivered.kafka_offset,
        session_delivered.origin,
        long_days.minutes AS day_minutes,
        CAST(NULL AS BIGINT) AS days,
        CAST(NULL AS BIGINT) AS minutes
    FROM long_days
    INNER JOIN session_delivered_in_force
        ON session_delivered_in_force.class_id = long_days.class_id
       AND CAST(session_delivered_in_force.started_at + INTERVAL '8 hours' AS DATE) = long_days.taught_on
    INNER JOIN session_delivered
        ON session_delivered.kafka_topic = session_delivered_in_force.kafka_topic
       AND session_delivered.kafka_partition = session_delivered_in_force.kafka_partition
       AND session_delivered.kafka_offset = session_delivered_in_force.kafka_offset
    UNION ALL
    SELECT
        short_spans.class_id,
        filed_classes.kafka_topic,
        filed_classes.kafka_partition,
        filed_classes.kafka_offset,
        filed_classes.origin,
        CAST(NULL AS BIGINT) AS day_minutes,
        short_spans.days,
        short_spans.minutes
    FROM short_spans
    INNER JOIN filed_classes ON filed_classes.class_id = short_spans.class_id
    UNION ALL
    SELECT
        short_spans.class_id,
        class_closed.kafka_topic,
        class_closed.kafka_partition,
        class_closed.kafka_offset,
        class_closed.origin,
        CAST(NULL AS BIGINT) AS day_minutes,
        short_spans.days,
        short_spans.minutes
    FROM short_spans
    INNER JOIN class_closed
        ON class_closed.kafka_topic = short_spans.kafka_topic
       AND class_closed.kafka_partition = short_spans.kafka_partition
       AND class_closed.kafka_offset = short_spans.kafka_offset
),

told AS (
    SELECT
        class_id,
        max(day_minutes) AS day_minutes,
        max(days) AS days,
        max(minutes) AS minutes,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY class_id
)

SELECT
    'hours_compressed' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(
        CASE WHEN told.day_minutes IS NOT NULL THEN concat('一日授课最多 ', told.day_minutes, ' 分钟') ELSE '' END,
        CASE WHEN told.day_minutes IS NOT NULL AND told.minutes IS NOT NULL THEN '；' ELSE '' END,
        CASE WHEN told.minutes IS NOT NULL THEN concat('首尾 ', told.days, ' 天共 ', told.minutes, ' 分钟') ELSE '' END
    ) AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'hours_compressed'
