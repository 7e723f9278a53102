-- The certificates behind the report, for who audits it: a person is a number, the certificate's own is left out.
-- grain: one certificate_issued event in force
SELECT
    certificate_issued.kafka_topic, -- where the event stands: topic
    certificate_issued.kafka_partition, -- where the event stands: partition
    certificate_issued.kafka_offset, -- where the event stands: offset
    certificate_issued.recorded_at, -- when the log took it in
    certificate_issued.source, -- who stated it
    certificate_issued.origin, -- the source's file and row; null: none stated
    certificate_issued.certificate_kind, -- what kind of certificate
    person_numbers.person, -- the person's number in this bundle
    certificate_issued.occupation, -- what it certifies
    certificate_issued.level, -- its level; null: none given
    certificate_issued.evaluator_id, -- who issued it
    certificate_issued.issued_on, -- the day of issue
    certificate_issued.basis, -- training, contest or exam
    certificate_issued.class_id -- the class it followed; null: none
FROM certificate_issued
INNER JOIN person_numbers ON person_numbers.person_key = certificate_issued.person_key
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.certificate_issued.v1'
      AND not_in_force.kafka_topic = certificate_issued.kafka_topic
      AND not_in_force.kafka_partition = certificate_issued.kafka_partition
      AND not_in_force.kafka_offset = certificate_issued.kafka_offset
)
ORDER BY
    certificate_issued.kafka_topic,
    certificate_issued.kafka_partition,
    certificate_issued.kafka_offset
