-- Leads: a district with too much of a year's completions in December.
-- grain: one plan, year and district
WITH

rushes AS (
    SELECT
        completion_by_day.plan,
        completion_by_day.year,
        completion_by_day.district_code,
        CAST(sum(completion_by_day.completed) AS BIGINT) AS completed,
        CAST(sum(CASE WHEN extract(MONTH FROM completion_by_day.completed_on) = 12 THEN completion_by_day.completed ELSE 0 END) AS BIGINT)
            AS in_december
    FROM completion_by_day
    GROUP BY completion_by_day.plan, completion_by_day.year, completion_by_day.district_code
),

rushed AS (
    SELECT rushes.*
    FROM lead_limits
    CROSS JOIN rushes
    WHERE rushes.completed >= lead_limits.december_completions
      AND rushes.in_december * 100 > rushes.completed * lead_limits.december_percent
),

classes AS (
    SELECT DISTINCT
        rushed.plan,
        rushed.year,
        rushed.district_code,
        rushed.completed,
        rushed.in_december,
        completions.class_id
    FROM rushed
    INNER JOIN completions
        ON completions.plan = rushed.plan
       AND completions.year = rushed.year
       AND completions.district_code = rushed.district_code
    WHERE completions.counted
      AND extract(MONTH FROM completions.completed_on) = 12
),

told AS (
    SELECT
        classes.plan,
        classes.year,
        classes.district_code,
        classes.completed,
        classes.in_december,
        array_agg(
            concat(filed_classes.kafka_topic, '/', filed_classes.kafka_partition, '@', filed_classes.kafka_offset)
            ORDER BY filed_classes.kafka_topic, filed_classes.kafka_partition, filed_classes.kafka_offset
        ) AS evidence,
        coalesce(
            array_agg(DISTINCT filed_classes.origin ORDER BY filed_classes.origin)
                FILTER (WHERE filed_classes.origin IS NOT NULL),
            []
        ) AS origins
    FROM classes
    INNER JOIN filed_classes ON filed_classes.class_id = classes.class_id
    GROUP BY classes.plan, classes.year, classes.district_code, classes.completed, classes.in_december
)

SELECT
    'december_rush' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    told.plan, -- the class's plan; null: no class
    told.year, -- the class's year; without a class, of the day it is about
    told.district_code, -- the class's district; null: no class
    CAST(NULL AS VARCHAR) AS class_id, -- the class; null: none
    concat('target/', told.plan, '/', told.district_code, '/', told.year, '/trainees') AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat('全年完成 ', told.completed, ' 人次，其中十二月 ', told.in_december, ' 人次')
        AS detail -- what was found, in words
FROM told
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'december_rush'
