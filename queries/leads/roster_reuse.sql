-- Leads: two classes with nearly the same trainees.
-- grain: two classes
WITH

pairs AS (
    SELECT
        one.class_id AS one_class,
        other.class_id AS other_class,
        one.trainees AS one_trainees,
        other.trainees AS other_trainees,
        count(*) AS shared
    FROM reused_seats AS one
    INNER JOIN reused_seats AS other ON other.person_key = one.person_key
    WHERE one.class_id < other.class_id
    GROUP BY one.class_id, other.class_id, one.trainees, other.trainees
),

alike AS (
    SELECT
        pairs.one_class,
        pairs.other_class,
        pairs.one_trainees,
        pairs.other_trainees,
        pairs.shared
    FROM lead_limits
    CROSS JOIN pairs
    WHERE pairs.shared * 100 >= lead_limits.roster_percent * (pairs.one_trainees + pairs.other_trainees - pairs.shared)
),

-- The enrolments of those in both.
seats AS (
    SELECT
        alike.one_class,
        alike.other_class,
        alike.one_trainees,
        alike.other_trainees,
        alike.shared,
        CASE WHEN sides.side = 1 THEN one.kafka_topic ELSE other.kafka_topic END AS kafka_topic,
        CASE WHEN sides.side = 1 THEN one.kafka_partition ELSE other.kafka_partition END AS kafka_partition,
        CASE WHEN sides.side = 1 THEN one.kafka_offset ELSE other.kafka_offset END AS kafka_offset
    FROM alike
    INNER JOIN reused_seats AS one ON one.class_id = alike.one_class
    INNER JOIN reused_seats AS other
        ON other.class_id = alike.other_class
       AND other.person_key = one.person_key
    CROSS JOIN (VALUES (1), (2)) AS sides (side)
),

gathered AS (
    SELECT
        seats.one_class,
        seats.other_class,
        seats.one_trainees,
        seats.other_trainees,
        seats.shared,
        array_agg(
            concat(trainee_enrolled.kafka_topic, '/', trainee_enrolled.kafka_partition, '@', trainee_enrolled.kafka_offset)
            ORDER BY trainee_enrolled.kafka_topic, trainee_enrolled.kafka_partition, trainee_enrolled.kafka_offset
        ) AS evidence,
        coalesce(
            array_agg(DISTINCT trainee_enrolled.origin ORDER BY trainee_enrolled.origin)
                FILTER (WHERE trainee_enrolled.origin IS NOT NULL),
            []
        ) AS origins
    FROM seats
    INNER JOIN trainee_enrolled
        ON trainee_enrolled.kafka_topic = seats.kafka_topic
       AND trainee_enrolled.kafka_partition = seats.kafka_partition
       AND trainee_enrolled.kafka_offset = seats.kafka_offset
    GROUP BY seats.one_class, seats.other_class, seats.one_trainees, seats.other_trainees, seats.shared
),

-- It concerns the one that begins later.
told AS (
    SELECT
        gathered.*,
        CASE WHEN other.starts_on IS NULL OR one.starts_on > other.starts_on THEN gathered.one_class ELSE gathered.other_class END
            AS class_id
    FROM gathered
    LEFT JOIN filed_classes AS one ON one.class_id = gathered.one_class
    LEFT JOIN filed_classes AS other ON other.class_id = gathered.other_class
)

SELECT
    'roster_reuse' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(
        told.one_class, ' 班 ', told.one_trainees, ' 人与 ', told.other_class, ' 班 ', told.other_trainees, ' 人中，相同 ', told.shared, ' 人'
    ) AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'roster_reuse'
