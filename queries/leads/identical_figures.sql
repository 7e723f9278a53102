-- Leads: an institution several of whose classes in a year have the same figure: all passed, all certified, exactly the practical share.
-- grain: one institution, year and figure
WITH

results AS (
    SELECT
        class_id,
        count(*) AS completions,
        count(CASE WHEN result = 'passed' THEN 1 END) AS passed
    FROM trainee_completed_in_force
    GROUP BY class_id
),

holders AS (
    SELECT DISTINCT
        class_id,
        person_key
    FROM certificate_issued_in_force
    WHERE class_id IS NOT NULL
),

certified AS (
    SELECT
        class_id,
        count(*) AS certified
    FROM holders
    GROUP BY class_id
),

alike AS (
    SELECT
        figures.figure,
        filed_classes.institution_id,
        filed_classes.year,
        filed_classes.class_id,
        filed_classes.ended_on,
        filed_classes.kafka_topic,
        filed_classes.kafka_partition,
        filed_classes.kafka_offset,
        filed_classes.origin
    FROM lead_limits
    CROSS JOIN filed_classes
    CROSS JOIN practical_share
    CROSS JOIN (VALUES ('passed'), ('certified'), ('practical')) AS figures (figure)
    INNER JOIN results ON results.class_id = filed_classes.class_id
    LEFT JOIN certified ON certified.class_id = filed_classes.class_id
    LEFT JOIN delivered_minutes ON delivered_minutes.class_id = filed_classes.class_id
    WHERE NOT filed_classes.schooling
      AND results.completions >= lead_limits.identical_trainees
      AND CASE figures.figure
              WHEN 'passed' THEN results.passed = results.completions
              WHEN 'certified' THEN results.passed > 0 AND certified.certified = results.passed
              ELSE delivered_minutes.delivered_total_minutes > 0
                  AND delivered_minutes.delivered_practical_minutes * 100
                      = delivered_minutes.delivered_total_minutes * practical_share.practical_percent
          END
),

gathered AS (
    SELECT
        figure,
        institution_id,
        year,
        count(*) AS classes,
        -- Days sort as text: the class of the latest, of several the bytewise greatest.
        substr(max(concat(CAST(ended_on AS VARCHAR), class_id)), 11) AS class_id,
        array_agg(
            concat(kafka_topic, '/', kafka_partition, '@', kafka_offset)
            ORDER BY kafka_topic, kafka_partition, kafka_offset
        ) AS evidence,
        coalesce(array_agg(DISTINCT origin ORDER BY origin) FILTER (WHERE origin IS NOT NULL), []) AS origins
    FROM alike
    GROUP BY figure, institution_id, year
),

told AS (
    SELECT gathered.*
    FROM lead_limits
    CROSS JOIN gathered
    WHERE gathered.classes >= lead_limits.identical_classes
)

SELECT
    'identical_figures' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    told.year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    concat('institution/', told.institution_id) AS subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    concat(
        '该机构 ', told.year, ' 年有 ', told.classes, ' 个班次',
        CASE told.figure
            WHEN 'passed' THEN '合格率均为 100%'
            WHEN 'certified' THEN '取证人数均等于合格人数'
            ELSE concat('实操占比均恰为 ', practical_share.practical_percent, '.00%')
        END
    ) AS detail -- what was found, in words
FROM practical_share
CROSS JOIN told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'identical_figures'
