-- Leads: a trainer who teaches two sessions at the same time.
-- grain: one trainer and two classes, or one class with itself
WITH

-- The days of the sessions in Asia/Shanghai, which is eight hours ahead of UTC all year.
taught AS (
    SELECT
        kafka_topic,
        kafka_partition,
        kafka_offset,
        class_id,
        session_id,
        trainer_key,
        started_at,
        ended_at,
        CAST(started_at + INTERVAL '8 hours' AS DATE) AS first_day,
        CAST(ended_at + INTERVAL '8 hours' AS DATE) AS last_day
    FROM session_delivered_in_force
    WHERE trainer_key IS NOT NULL
),

-- Two that overlap begin on the same day, or the earlier one goes on past midnight.
neighbours AS (
    SELECT
        one.trainer_key,
        one.class_id AS one_class,
        one.session_id AS one_session,
        one.first_day AS one_day,
        one.started_at AS one_started,
        one.ended_at AS one_ended,
        one.kafka_topic AS one_topic,
        one.kafka_partition AS one_partition,
        one.kafka_offset AS one_offset,
        other.class_id AS other_class,
        other.session_id AS other_session,
        other.first_day AS other_day,
        other.started_at AS other_started,
        other.ended_at AS other_ended,
        other.kafka_topic AS other_topic,
        other.kafka_partition AS other_partition,
        other.kafka_offset AS other_offset
    FROM taught AS one
    INNER JOIN taught AS other
        ON other.trainer_key = one.trainer_key
       AND other.first_day = one.first_day
    WHERE one.class_id < other.class_id
       OR (one.class_id = other.class_id AND one.session_id < other.session_id)
    UNION ALL
    SELECT
        one.trainer_key,
        one.class_id AS one_class,
        one.session_id AS one_session,
        one.first_day AS one_day,
        one.started_at AS one_started,
        one.ended_at AS one_ended,
        one.kafka_topic AS one_topic,
        one.kafka_partition AS one_partition,
        one.kafka_offset AS one_offset,
        other.class_id AS other_class,
        other.session_id AS other_session,
        other.first_day AS other_day,
        other.started_at AS other_started,
        other.ended_at AS other_ended,
        other.kafka_topic AS other_topic,
        other.kafka_partition AS other_partition,
        other.kafka_offset AS other_offset
    FROM taught AS one
    INNER JOIN taught AS other ON other.trainer_key = one.trainer_key
    WHERE one.last_day > one.first_day
      AND other.first_day > one.first_day
),

overlapping AS (
    SELECT
        neighbours.trainer_key,
        least(neighbours.one_class, neighbours.other_class) AS first_class,
        greatest(neighbours.one_class, neighbours.other_class) AS second_class,
        sides.side,
        CASE WHEN sides.side = 1 THEN neighbours.one_class ELSE neighbours.other_class END AS class_id,
        CASE WHEN sides.side = 1 THEN neighbours.one_day ELSE neighbours.other_day END AS first_day,
        CASE WHEN sides.side = 1 THEN neighbours.one_topic ELSE neighbours.other_topic END AS kafka_topic,
        CASE WHEN sides.side = 1 THEN neighbours.one_partition ELSE neighbours.other_partition END AS kafka_partition,
        CASE WHEN sides.side = 1 THEN neighbours.one_offset ELSE neighbours.other_offset END AS kafka_offset
    FROM lead_limits
    CROSS JOIN neighbours
    CROSS JOIN (VALUES (1), (2)) AS sides (side)
    WHERE greatest(neighbours.one_started, neighbours.other_started)
          + CAST(concat(lead_limits.trainer_overlap_minutes, ' minutes') AS INTERVAL)
        < least(neighbours.one_ended, neighbours.other_ended)
),

sessions AS (
    SELECT DISTINCT
        overlapping.trainer_key,
        overlapping.first_class,
        overlapping.second_class,
        overlapping.class_id,
        overlapping.first_day,
        session_delivered.kafka_topic,
        session_delivered.kafka_partition,
        session_delivered.kafka_offset,
        session_delivered.origin
    FROM overlapping
    INNER JOIN session_delivered
        ON session_delivered.kafka_topic = overlapping.kafka_topic
       AND session_delivered.kafka_partition = overlapping.kafka_partition
       AND session_delivered.kafka_offset = overlapping.kafka_offset
),

told AS (
    SELECT
        trainer_key,
        first_class,
        second_class,
        -- Days sort as text: the class of the latest, of several the bytewise greatest.
        substr(max(concat(CAST(first_day AS VARCHAR), class_id)), 11) AS class_id,
        count(*) AS sessions,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM sessions
    GROUP BY trainer_key, first_class, second_class
)

SELECT
    'trainer_overlap' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    CASE
        WHEN told.first_class = told.second_class THEN concat('同一教师在本班 ', told.sessions, ' 个课次时间重叠')
        ELSE concat('同一教师在 ', told.first_class, '、', told.second_class, ' 两班 ', told.sessions, ' 个课次时间重叠')
    END AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'trainer_overlap'
