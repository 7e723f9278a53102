-- Leads: somebody who attends two sessions that overlap.
-- grain: one person and two classes, or one class with itself
WITH

-- Two that overlap begin on the same day, or the earlier one goes on past midnight.
neighbours AS (
    SELECT
        one.person_key,
        one.class_id AS one_class,
        one.first_day AS one_day,
        one.started_at AS one_started,
        one.ended_at AS one_ended,
        one.kafka_topic AS one_topic,
        one.kafka_partition AS one_partition,
        one.kafka_offset AS one_offset,
        other.class_id AS other_class,
        other.first_day AS other_day,
        other.started_at AS other_started,
        other.ended_at AS other_ended,
        other.kafka_topic AS other_topic,
        other.kafka_partition AS other_partition,
        other.kafka_offset AS other_offset
    FROM busy_attendance AS one
    INNER JOIN busy_attendance AS other
        ON other.person_key = one.person_key
       AND other.first_day = one.first_day
    WHERE one.class_id < other.class_id
       OR (one.class_id = other.class_id AND one.session_id < other.session_id)
    UNION ALL
    SELECT
        one.person_key,
        one.class_id AS one_class,
        one.first_day AS one_day,
        one.started_at AS one_started,
        one.ended_at AS one_ended,
        one.kafka_topic AS one_topic,
        one.kafka_partition AS one_partition,
        one.kafka_offset AS one_offset,
        other.class_id AS other_class,
        other.first_day AS other_day,
        other.started_at AS other_started,
        other.ended_at AS other_ended,
        other.kafka_topic AS other_topic,
        other.kafka_partition AS other_partition,
        other.kafka_offset AS other_offset
    FROM busy_attendance AS one
    INNER JOIN busy_attendance AS other ON other.person_key = one.person_key
    WHERE one.last_day > one.first_day
      AND other.first_day > one.first_day
),

overlapping AS (
    SELECT
        neighbours.person_key,
        least(neighbours.one_class, neighbours.other_class) AS first_class,
        greatest(neighbours.one_class, neighbours.other_class) AS second_class,
        CASE WHEN sides.side = 1 THEN neighbours.one_class ELSE neighbours.other_class END AS class_id,
        CASE WHEN sides.side = 1 THEN neighbours.one_day ELSE neighbours.other_day END AS first_day,
        CASE WHEN sides.side = 1 THEN neighbours.one_topic ELSE neighbours.other_topic END AS kafka_topic,
        CASE WHEN sides.side = 1 THEN neighbours.one_partition ELSE neighbours.other_partition END AS kafka_partition,
        CASE WHEN sides.side = 1 THEN neighbours.one_offset ELSE neighbours.other_offset END AS kafka_offset
    FROM lead_limits
    CROSS JOIN neighbours
    CROSS JOIN (VALUES (1), (2)) AS sides (side)
    WHERE greatest(neighbours.one_started, neighbours.other_started)
          + CAST(concat(lead_limits.overlap_minutes, ' minutes') AS INTERVAL)
        < least(neighbours.one_ended, neighbours.other_ended)
),

attended AS (
    SELECT DISTINCT
        overlapping.person_key,
        overlapping.first_class,
        overlapping.second_class,
        overlapping.class_id,
        overlapping.first_day,
        attendance_recorded.kafka_topic,
        attendance_recorded.kafka_partition,
        attendance_recorded.kafka_offset,
        attendance_recorded.origin
    FROM overlapping
    INNER JOIN attendance_recorded
        ON attendance_recorded.kafka_topic = overlapping.kafka_topic
       AND attendance_recorded.kafka_partition = overlapping.kafka_partition
       AND attendance_recorded.kafka_offset = overlapping.kafka_offset
),

told AS (
    SELECT
        person_key,
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
    FROM attended
    GROUP BY person_key, first_class, second_class
)

SELECT
    'session_overlap' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id, '/person/*') AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    CASE
        WHEN told.first_class = told.second_class THEN concat('同一人在本班 ', told.sessions, ' 个时间重叠的课次均有签到')
        ELSE concat('同一人在 ', told.first_class, '、', told.second_class, ' 两班 ', told.sessions, ' 个时间重叠的课次均有签到')
    END AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'session_overlap'
