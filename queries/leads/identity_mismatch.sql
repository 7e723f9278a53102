-- Leads: one ID number under several names or sexes.
-- grain: one person
WITH

persons AS (
    SELECT person_key
    FROM trainee_enrolled
    GROUP BY person_key
    HAVING min(name_key) <> max(name_key)
        OR min(sex) <> max(sex)
),

-- Also what contradicts and so is not in force; not what its source took back.
stated AS (
    SELECT
        trainee_enrolled.person_key,
        trainee_enrolled.class_id,
        trainee_enrolled.name_key,
        trainee_enrolled.sex,
        trainee_enrolled.enrolled_on,
        trainee_enrolled.kafka_topic,
        trainee_enrolled.kafka_partition,
        trainee_enrolled.kafka_offset,
        trainee_enrolled.origin
    FROM persons
    INNER JOIN trainee_enrolled ON trainee_enrolled.person_key = persons.person_key
    LEFT JOIN contested_verdicts
        ON contested_verdicts.type = 'kangyang.trainee_enrolled.v1'
       AND contested_verdicts.kafka_topic = trainee_enrolled.kafka_topic
       AND contested_verdicts.kafka_partition = trainee_enrolled.kafka_partition
       AND contested_verdicts.kafka_offset = trainee_enrolled.kafka_offset
    WHERE contested_verdicts.state IS NULL
       OR contested_verdicts.state IN ('in_force', 'conflict')
),

told AS (
    SELECT
        person_key,
        coalesce(min(name_key) <> max(name_key), FALSE) AS names_differ,
        coalesce(min(sex) <> max(sex), FALSE) AS sexes_differ,
        -- Days sort as text: the class of the latest, of several the bytewise greatest.
        substr(max(concat(CAST(enrolled_on AS VARCHAR), class_id)), 11) AS class_id,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM stated
    GROUP BY person_key
    HAVING min(name_key) <> max(name_key)
        OR min(sex) <> max(sex)
)

SELECT
    'identity_mismatch' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    'person/*' AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    CASE
        WHEN told.names_differ AND told.sexes_differ THEN '同一证件号码的姓名、性别不一致'
        WHEN told.names_differ THEN '同一证件号码的姓名不一致'
        ELSE '同一证件号码的性别不一致'
    END AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'identity_mismatch'
