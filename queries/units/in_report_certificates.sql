-- The certificates issued in the report's year that were valid on its last day, in the report's plan or without a class.
-- grain: one certificate in force (kafka_topic, kafka_partition, kafka_offset)
-- events: certificate_issued
SELECT
    certificates_held.kafka_topic,     -- where the certificate stands: topic
    certificates_held.kafka_partition, -- where the certificate stands: partition
    certificates_held.kafka_offset,    -- where the certificate stands: offset
    districts.position,                -- the place in the annex of its class's district; null: without a class
    certificates_held.certificate_kind, -- its kind
    certificates_held.person_key,      -- the person
    certificates_held.occupation,      -- what it certifies
    certificates_held.level,           -- its level; null: none given
    certificates_held.high_skilled,    -- level 3, 2 or 1
    certificates_held.certifiable,     -- the occupation stands in the denominator of the certified share
    certificates_held.issued_on        -- the day of issue
FROM certificates_held
INNER JOIN report_span
    ON report_span.year = certificates_held.year
   AND report_span.plan = coalesce(certificates_held.plan, report_span.plan)
LEFT JOIN districts ON districts.district_code = certificates_held.district_code
WHERE certificates_held.valid_from <= report_span.last_day
  AND coalesce(certificates_held.valid_until > report_span.last_day, TRUE)
