-- Leads: a class of an institution, or a certificate of an evaluator, that was not listed for it that day.
-- grain: one class, or one certificate
WITH

-- While none is listed, the catalogue is not kept and can't be held against anybody.
kept AS (
    SELECT
        (SELECT count(*) FROM institution_listed_in_force) AS institutions,
        (SELECT count(*) FROM evaluator_listed_in_force) AS evaluators
),

carriers AS (
    SELECT
        filed_classes.class_id,
        CASE
            WHEN institution_listed_in_force.institution_id IS NULL
                OR institution_listed_in_force.valid_from > filed_classes.starts_on
                OR institution_listed_in_force.valid_to < filed_classes.starts_on
                OR (institution_delisted_in_force.effective_on <= filed_classes.starts_on
                    AND institution_delisted_in_force.effective_on >= institution_listed_in_force.valid_from)
                THEN '开班当日培训机构不在目录'
            WHEN NOT array_has(institution_listed_in_force.occupations, filed_classes.occupation) THEN '职业不在培训机构目录范围'
        END AS detail,
        institution_listed_in_force.kafka_topic AS listed_topic,
        institution_listed_in_force.kafka_partition AS listed_partition,
        institution_listed_in_force.kafka_offset AS listed_offset,
        institution_delisted_in_force.kafka_topic AS delisted_topic,
        institution_delisted_in_force.kafka_partition AS delisted_partition,
        institution_delisted_in_force.kafka_offset AS delisted_offset
    FROM kept
    CROSS JOIN filed_classes
    LEFT JOIN institution_listed_in_force ON institution_listed_in_force.institution_id = filed_classes.institution_id
    LEFT JOIN institution_delisted_in_force ON institution_delisted_in_force.institution_id = filed_classes.institution_id
    WHERE kept.institutions > 0
),

-- An occupation that is nowhere in the catalogue is none that it is about.
catalogued AS (
    SELECT
        filed_classes.class_id,
        count(
            CASE
                WHEN occupation_catalogued_in_force.valid_from <= filed_classes.starts_on
                    AND (occupation_catalogued_in_force.valid_to IS NULL
                        OR occupation_catalogued_in_force.valid_to >= filed_classes.starts_on)
                    AND (filed_classes.level IS NULL OR array_has(occupation_catalogued_in_force.levels, filed_classes.level))
                    THEN 1
            END
        ) AS fitting
    FROM filed_classes
    INNER JOIN occupation_catalogued_in_force ON occupation_catalogued_in_force.occupation = filed_classes.occupation
    GROUP BY filed_classes.class_id
),

issued AS (
    SELECT
        certificate_issued_in_force.certificate_no,
        certificate_issued_in_force.class_id,
        CAST(extract(YEAR FROM certificate_issued_in_force.issued_on) AS BIGINT) AS year,
        CASE
            WHEN evaluator_listed_in_force.evaluator_id IS NULL
                OR evaluator_listed_in_force.valid_from > certificate_issued_in_force.issued_on
                OR evaluator_listed_in_force.valid_to < certificate_issued_in_force.issued_on
                THEN '发证当日评价机构不在目录'
            WHEN NOT array_has(evaluator_listed_in_force.occupations, certificate_issued_in_force.occupation)
                THEN '职业不在评价机构目录范围'
            WHEN certificate_issued_in_force.level IS NOT NULL
                AND NOT array_has(evaluator_listed_in_force.levels, certificate_issued_in_force.level)
                THEN '等级不在评价机构目录范围'
        END AS detail,
        certificate_issued_in_force.kafka_topic,
        certificate_issued_in_force.kafka_partition,
        certificate_issued_in_force.kafka_offset,
        evaluator_listed_in_force.kafka_topic AS listed_topic,
        evaluator_listed_in_force.kafka_partition AS listed_partition,
        evaluator_listed_in_force.kafka_offset AS listed_offset
    FROM kept
    CROSS JOIN certificate_issued_in_force
    INNER JOIN certificate_kinds ON certificate_kinds.certificate_kind = certificate_issued_in_force.certificate_kind
    LEFT JOIN evaluator_listed_in_force ON evaluator_listed_in_force.evaluator_id = certificate_issued_in_force.evaluator_id
    WHERE kept.evaluators > 0
      AND certificate_kinds.by_listed_evaluator
),

places AS (
    SELECT
        concat('class/', filed_classes.class_id) AS subject,
        filed_classes.class_id,
        filed_classes.year,
        carriers.detail,
        CASE sides.side WHEN 1 THEN filed_classes.kafka_topic WHEN 2 THEN carriers.listed_topic ELSE carriers.delisted_topic END
            AS kafka_topic,
        CASE sides.side WHEN 1 THEN filed_classes.kafka_partition WHEN 2 THEN carriers.listed_partition ELSE carriers.delisted_partition END
            AS kafka_partition,
        CASE sides.side WHEN 1 THEN filed_classes.kafka_offset WHEN 2 THEN carriers.listed_offset ELSE carriers.delisted_offset END
            AS kafka_offset
    FROM carriers
    INNER JOIN filed_classes ON filed_classes.class_id = carriers.class_id
    CROSS JOIN (VALUES (1), (2), (3)) AS sides (side)
    WHERE carriers.detail IS NOT NULL
    UNION ALL
    SELECT
        concat('class/', filed_classes.class_id) AS subject,
        filed_classes.class_id,
        filed_classes.year,
        '开班当日职业或等级不在职业目录' AS detail,
        filed_classes.kafka_topic,
        filed_classes.kafka_partition,
        filed_classes.kafka_offset
    FROM catalogued
    INNER JOIN filed_classes ON filed_classes.class_id = catalogued.class_id
    WHERE catalogued.fitting = 0
    UNION ALL
    SELECT
        concat('certificate/', issued.certificate_no) AS subject,
        issued.class_id,
        issued.year,
        issued.detail,
        CASE sides.side WHEN 1 THEN issued.kafka_topic ELSE issued.listed_topic END AS kafka_topic,
        CASE sides.side WHEN 1 THEN issued.kafka_partition ELSE issued.listed_partition END AS kafka_partition,
        CASE sides.side WHEN 1 THEN issued.kafka_offset ELSE issued.listed_offset END AS kafka_offset
    FROM issued
    CROSS JOIN (VALUES (1), (2)) AS sides (side)
    WHERE issued.detail IS NOT NULL
),

told AS (
    SELECT
        places.subject,
        places.class_id,
        places.year,
        places.detail,
        array_agg(
            concat(events.kafka_topic, '/', events.kafka_partition, '@', events.kafka_offset)
            ORDER BY events.kafka_topic, events.kafka_partition, events.kafka_offset
        ) AS evidence,
        coalesce(
            array_agg(DISTINCT events.origin ORDER BY events.origin)
                FILTER (WHERE events.origin IS NOT NULL),
            []
        ) AS origins
    FROM places
    INNER JOIN events
        ON events.kafka_topic = places.kafka_topic
       AND events.kafka_partition = places.kafka_partition
       AND events.kafka_offset = places.kafka_offset
    GROUP BY places.subject, places.class_id, places.year, places.detail
)

SELECT
    'not_listed' AS lead, -- the lead's code
    lead_rules.rule_version, -- the version of the rule
    filed_classes.plan, -- the class's plan; null: no class
    coalesce(filed_classes.year, told.year) AS year, -- the class's year; without a class, of the day it is about
    filed_classes.district_code, -- the class's district; null: no class
    told.class_id, -- the class; null: none
    told.subject, -- what it is about, the person masked
    told.evidence, -- the events it rests on: topic/partition@offset
    told.origins, -- these events' files and rows
    told.detail -- what was found, in words
FROM told
LEFT JOIN filed_classes ON filed_classes.class_id = told.class_id
CROSS JOIN lead_rules
WHERE lead_rules.lead = 'not_listed'
