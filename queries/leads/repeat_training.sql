-- Leads: somebody trained in one occupation and level more than once, or in too many subsidised classes of a year.
-- grain: one person and occupation and level, or one person and year
WITH

repeated AS (
    SELECT
        'same' AS kind,
        trained_again.person_key,
        trained_again.occupation,
        trained_again.title,
        trained_again.level,
        CAST(NULL AS BIGINT) AS year
    FROM trained_again
    GROUP BY trained_again.person_key, trained_again.occupation, trained_again.title, trained_again.level
    HAVING count(*) > 1
),

frequent AS (
    SELECT
        trained_again.person_key,
        trained_again.year
    FROM lead_limits
    CROSS JOIN trained_again
    WHERE trained_again.subsidised
    GROUP BY trained_again.person_key, trained_again.year, lead_limits.subsidised_a_year
    HAVING count(*) > lead_limits.subsidised_a_year
),

completions_of_it AS (
    SELECT
        'same' AS kind,
        trained_again.person_key,
        trained_again.occupation,
        trained_again.title,
        trained_again.level,
        CAST(NULL AS BIGINT) AS year,
        trained_again.class_id,
        trained_again.completed_on,
        trained_again.kafka_topic,
        trained_again.kafka_partition,
        trained_again.kafka_offset
    FROM repeated
    INNER JOIN trained_again
        ON trained_again.person_key = repeated.person_key
       AND trained_again.occupation = repeated.occupation
       AND trained_again.title = repeated.title
       AND trained_again.level = repeated.level
    UNION ALL
    SELECT
        'frequent' AS kind,
        trained_again.person_key,
        CAST(NULL AS VARCHAR) AS occupation,
        CAST(NULL AS VARCHAR) AS title,
        CAST(NULL AS VARCHAR) AS level,
        trained_again.year,
        trained_again.class_id,
        trained_again.completed_on,
        trained_again.kafka_topic,
        trained_again.kafka_partition,
        trained_again.kafka_offset
    FROM frequent
    INNER JOIN trained_again
        ON trained_again.person_key = frequent.person_key
       AND trained_again.year = frequent.year
    WHERE trained_again.subsidised
),

told AS (
    SELECT
        completions_of_it.kind,
        completions_of_it.person_key,
        completions_of_it.occupation,
        completions_of_it.title,
        completions_of_it.level,
        completions_of_it.year,
        count(*) AS times,
        -- Days sort as text: the class of the latest, of several the bytewise greatest.
        substr(max(concat(CAST(completions_of_it.completed_on AS VARCHAR), completions_of_it.class_id)), 11) AS class_id,
        array_agg(
            concat(trainee_completed.kafka_topic, '/', trainee_completed.kafka_partition, '@', trainee_completed.kafka_offset)
            ORDER BY trainee_completed.kafka_topic, trainee_completed.kafka_partition, trainee_completed.kafka_offset
        ) AS evidence,
        coalesce(
            array_agg(DISTINCT trainee_completed.origin ORDER BY trainee_completed.origin)
                FILTER (WHERE trainee_completed.origin IS NOT NULL),
            []
        ) AS origins
    FROM completions_of_it
    INNER JOIN trainee_completed
        ON trainee_completed.kafka_topic = completions_of_it.kafka_topic
       AND trainee_completed.kafka_partition = completions_of_it.kafka_partition
       AND trainee_completed.kafka_offset = completions_of_it.kafka_offset
    GROUP BY
        completions_of_it.kind,
        completions_of_it.person_key,
        completions_of_it.occupation,
        completions_of_it.title,
        completions_of_it.level,
        completions_of_it.year
)

SELECT
    'repeat_training' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id, '/person/*') AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    CASE
        WHEN told.kind = 'frequent' THEN concat('一人 ', told.year, ' 年参加政府补贴性培训 ', told.times, ' 次')
        ELSE concat('同一人参加', occupations.label, coalesce(levels.label, '（未填等级）'), '培训并合格 ', told.times, ' 次')
    END AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
LEFT JOIN occupations ON occupations.occupation = told.occupation
LEFT JOIN levels ON levels.level = told.level
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'repeat_training'
