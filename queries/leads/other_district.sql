-- Leads: a district that states, corrects or withdraws what concerns another district's class.
-- grain: one class and stating district
WITH

first_filings AS (
    SELECT
        class_id,
        min(kafka_offset) AS kafka_offset -- of one partition: a class is one subject
    FROM class_filed
    GROUP BY class_id
),

-- Who may speak of a class: the district that filed it first, and any to which city or province moved it.
entitled AS (
    SELECT
        class_filed.class_id,
        class_filed.district_code
    FROM first_filings
    INNER JOIN class_filed
        ON class_filed.class_id = first_filings.class_id
       AND class_filed.kafka_offset = first_filings.kafka_offset
    UNION
    SELECT
        class_id,
        district_code
    FROM class_filed
    WHERE source NOT LIKE '/districts/%'
),

stated AS (
    SELECT
        class_id,
        source
    FROM events
    WHERE source LIKE '/districts/%'
      AND type IN (
        'kangyang.class_filed.v1', 'kangyang.trainee_enrolled.v1', 'kangyang.session_delivered.v1', 'kangyang.attendance_recorded.v1',
        'kangyang.class_closed.v1', 'kangyang.trainee_completed.v1'
      )
    GROUP BY class_id, source
    UNION
    SELECT
        split_part(subject, '/', 2) AS class_id,
        source
    FROM record_withdrawn
    WHERE source LIKE '/districts/%'
      AND subject LIKE 'class/%'
),

strange AS (
    SELECT
        stated.class_id,
        stated.source,
        split_part(stated.source, '/', 3) AS district_code
    FROM stated
    INNER JOIN first_filings ON first_filings.class_id = stated.class_id
    LEFT JOIN entitled
        ON entitled.class_id = stated.class_id
       AND entitled.district_code = split_part(stated.source, '/', 3)
    WHERE entitled.class_id IS NULL
),

events_of_it AS (
    SELECT
        strange.class_id,
        strange.district_code,
        events.kafka_topic,
        events.kafka_partition,
        events.kafka_offset,
        events.origin
    FROM strange
    INNER JOIN events
        ON events.class_id = strange.class_id
       AND events.source = strange.source
    WHERE events.type IN (
        'kangyang.class_filed.v1', 'kangyang.trainee_enrolled.v1', 'kangyang.session_delivered.v1', 'kangyang.attendance_recorded.v1',
        'kangyang.class_closed.v1', 'kangyang.trainee_completed.v1'
    )
    UNION ALL
    SELECT
        strange.class_id,
        strange.district_code,
        record_withdrawn.kafka_topic,
        record_withdrawn.kafka_partition,
        record_withdrawn.kafka_offset,
        record_withdrawn.origin
    FROM strange
    INNER JOIN record_withdrawn
        ON split_part(record_withdrawn.subject, '/', 2) = strange.class_id
       AND record_withdrawn.source = strange.source
    WHERE record_withdrawn.subject LIKE 'class/%'
),

told AS (
    SELECT
        class_id,
        district_code,
        count(*) AS statements,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM events_of_it
    GROUP BY class_id, district_code
)

SELECT
    'other_district' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    filed_classes.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('class/', told.class_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(districts.district, '对该班次有 ', told.statements, ' 条陈述，该班次不由其备案')
        AS detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
LEFT JOIN districts ON districts.district_code = told.district_code
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'other_district'
