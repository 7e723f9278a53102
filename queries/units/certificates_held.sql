-- The certificates in force with the days on which each is valid, in the plan and district of its class.
-- grain: one certificate in force (kafka_topic, kafka_partition, kafka_offset), first day of a span
-- events: certificate_issued
SELECT
    certificate_issued_in_force.kafka_topic,     -- where the certificate stands: topic
    certificate_issued_in_force.kafka_partition, -- where the certificate stands: partition
    certificate_issued_in_force.kafka_offset,    -- where the certificate stands: offset
    class_filed_in_force.plan,          -- the class's plan; null: no class in force
    class_filed_in_force.district_code, -- the class's district; null: no class in force
    CAST(extract(YEAR FROM certificate_issued_in_force.issued_on) AS BIGINT) AS year, -- the year of issue
    certificate_issued_in_force.certificate_no,   -- the certificate
    certificate_issued_in_force.certificate_kind, -- its kind
    certificate_issued_in_force.person_key,       -- the person
    certificate_issued_in_force.occupation,       -- what it certifies
    certificate_issued_in_force.level,            -- its level; null: none given
    certificate_issued_in_force.issued_on,        -- the day of issue
    coalesce(levels.high_skilled, FALSE) AS high_skilled,     -- level 3, 2 or 1
    coalesce(occupations.certifiable, FALSE) AS certifiable,  -- the occupation stands in the denominator of the certified share
    certificate_spans.valid_from,       -- first day of the span
    certificate_spans.valid_until       -- the day after its last; null: valid as of the pin
FROM certificate_issued_in_force
INNER JOIN certificate_spans
    ON certificate_spans.person_key = certificate_issued_in_force.person_key
   AND certificate_spans.certificate_kind = certificate_issued_in_force.certificate_kind
   AND certificate_spans.occupation = certificate_issued_in_force.occupation
   AND coalesce(certificate_spans.level, '') = coalesce(certificate_issued_in_force.level, '')
   AND coalesce(certificate_spans.class_id, '') = coalesce(certificate_issued_in_force.class_id, '')
   AND certificate_spans.issued_on = certificate_issued_in_force.issued_on
LEFT JOIN class_filed_in_force ON class_filed_in_force.class_id = certificate_issued_in_force.class_id
LEFT JOIN levels ON levels.level = certificate_issued_in_force.level
LEFT JOIN occupations ON occupations.occupation = certificate_issued_in_force.occupation
