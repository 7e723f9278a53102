-- Leads: one phone of several trainees, or one account that several persons' subsidies go to.
-- grain: one phone or account
WITH

phones AS (
    SELECT phone_key
    FROM trainee_enrolled
    WHERE phone_key IS NOT NULL
    GROUP BY phone_key
    HAVING min(person_key) <> max(person_key)
),

phone_users AS (
    SELECT
        trainee_enrolled.phone_key AS contact_key,
        trainee_enrolled.person_key,
        trainee_enrolled.class_id,
        trainee_enrolled.enrolled_on AS day,
        trainee_enrolled.kafka_topic,
        trainee_enrolled.kafka_partition,
        trainee_enrolled.kafka_offset,
        trainee_enrolled.origin
    FROM phones
    INNER JOIN trainee_enrolled ON trainee_enrolled.phone_key = phones.phone_key
    INNER JOIN trainee_enrolled_in_force
        ON trainee_enrolled_in_force.kafka_topic = trainee_enrolled.kafka_topic
       AND trainee_enrolled_in_force.kafka_partition = trainee_enrolled.kafka_partition
       AND trainee_enrolled_in_force.kafka_offset = trainee_enrolled.kafka_offset
),

account_users AS (
    SELECT
        subsidy_status_changed.account_key AS contact_key,
        subsidy_status_changed.person_key,
        subsidy_status_changed.class_id,
        subsidy_status_changed.effective_on AS day,
        subsidy_status_changed.kafka_topic,
        subsidy_status_changed.kafka_partition,
        subsidy_status_changed.kafka_offset,
        subsidy_status_changed.origin
    FROM subsidy_status_changed
    INNER JOIN subsidy_entries
        ON subsidy_entries.kafka_topic = subsidy_status_changed.kafka_topic
       AND subsidy_entries.kafka_partition = subsidy_status_changed.kafka_partition
       AND subsidy_entries.kafka_offset = subsidy_status_changed.kafka_offset
    WHERE subsidy_status_changed.account_key IS NOT NULL
      AND subsidy_status_changed.person_key IS NOT NULL
),

users AS (
    SELECT 'phone' AS contact, contact_key, person_key, class_id, day, kafka_topic, kafka_partition, kafka_offset, origin
    FROM phone_users
    UNION ALL
    SELECT 'account' AS contact, contact_key, person_key, class_id, day, kafka_topic, kafka_partition, kafka_offset, origin
    FROM account_users
),

gathered AS (
    SELECT
        contact,
        contact_key,
        count(DISTINCT person_key) AS persons,
        -- Days sort as text: the class of the latest, of several the bytewise greatest.
        nullif(substr(max(concat(CAST(day AS VARCHAR), class_id)), 11), '') AS class_id,
        max(CAST(extract(YEAR FROM day) AS BIGINT)) AS year,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM users
    GROUP BY contact, contact_key
),

told AS (
    SELECT gathered.*
    FROM lead_limits
    CROSS JOIN gathered
    WHERE gathered.persons >= CASE WHEN gathered.contact = 'phone' THEN lead_limits.phone_persons ELSE lead_limits.account_persons END
)

SELECT
    'shared_contact' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    coalesce(filed_classes.year, told.year) AS year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    'person/*' AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(told.persons, CASE WHEN told.contact = 'phone' THEN ' 人共用一个联系电话' ELSE ' 人的补贴进入同一账户' END)
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'shared_contact'
