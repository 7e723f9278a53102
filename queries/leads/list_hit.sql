-- Leads: a trainee on a list of another authority that speaks against this training.
-- grain: one list, class and person
WITH

hits AS (
    SELECT
        match_hit_in_force.list_id,
        match_hit_in_force.class_id,
        match_hit_in_force.person_key,
        list_matched_in_force.list_kind,
        list_matched_in_force.list_date,
        trainee_enrolled_in_force.person_groups,
        filed_classes.subsidised,
        match_hit_in_force.kafka_topic AS hit_topic,
        match_hit_in_force.kafka_partition AS hit_partition,
        match_hit_in_force.kafka_offset AS hit_offset,
        list_matched_in_force.kafka_topic AS list_topic,
        list_matched_in_force.kafka_partition AS list_partition,
        list_matched_in_force.kafka_offset AS list_offset,
        trainee_enrolled_in_force.kafka_topic AS enrolled_topic,
        trainee_enrolled_in_force.kafka_partition AS enrolled_partition,
        trainee_enrolled_in_force.kafka_offset AS enrolled_offset
    FROM match_hit_in_force
    INNER JOIN list_matched_in_force ON list_matched_in_force.list_id = match_hit_in_force.list_id
    INNER JOIN filed_classes ON filed_classes.class_id = match_hit_in_force.class_id
    LEFT JOIN trainee_enrolled_in_force
        ON trainee_enrolled_in_force.class_id = match_hit_in_force.class_id
       AND trainee_enrolled_in_force.person_key = match_hit_in_force.person_key
    WHERE list_matched_in_force.list_date >= filed_classes.starts_on
      AND list_matched_in_force.list_date <= filed_classes.ended_on
),

speaking AS (
    SELECT hits.*
    FROM hits
    WHERE hits.list_kind IN ('pension_recipient', 'ineligible')
       OR (hits.list_kind = 'fiscal_payroll' AND hits.subsidised)
       OR (hits.list_kind = 'pension_contributor' AND array_has(hits.person_groups, 'unemployed'))
),

events_of_it AS (
    SELECT
        speaking.list_id,
        speaking.class_id,
        speaking.person_key,
        speaking.list_kind,
        speaking.list_date,
        match_hit.kafka_topic,
        match_hit.kafka_partition,
        match_hit.kafka_offset,
        match_hit.origin
    FROM speaking
    INNER JOIN match_hit
        ON match_hit.kafka_topic = speaking.hit_topic
       AND match_hit.kafka_partition = speaking.hit_partition
       AND match_hit.kafka_offset = speaking.hit_offset
    UNION ALL
    SELECT
        speaking.list_id,
        speaking.class_id,
        speaking.person_key,
        speaking.list_kind,
        speaking.list_date,
        list_matched.kafka_topic,
        list_matched.kafka_partition,
        list_matched.kafka_offset,
        list_matched.origin
    FROM speaking
    INNER JOIN list_matched
        ON list_matched.kafka_topic = speaking.list_topic
       AND list_matched.kafka_partition = speaking.list_partition
       AND list_matched.kafka_offset = speaking.list_offset
    UNION ALL
    SELECT
        speaking.list_id,
        speaking.class_id,
        speaking.person_key,
        speaking.list_kind,
        speaking.list_date,
        trainee_enrolled.kafka_topic,
        trainee_enrolled.kafka_partition,
        trainee_enrolled.kafka_offset,
        trainee_enrolled.origin
    FROM speaking
    INNER JOIN trainee_enrolled
        ON trainee_enrolled.kafka_topic = speaking.enrolled_topic
       AND trainee_enrolled.kafka_partition = speaking.enrolled_partition
       AND trainee_enrolled.kafka_offset = speaking.enrolled_offset
),

told AS (
    SELECT
        list_id,
        class_id,
        person_key,
        list_kind,
        list_date,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY list_id, class_id, person_key, list_kind, list_date
)

SELECT
    'list_hit' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id, '/person/*') AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat('在', CAST(told.list_date AS VARCHAR), '“', codes.label, '”名单中')
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
LEFT JOIN codes
    ON codes.field = 'list_kind'
   AND codes.code = told.list_kind
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'list_hit'
