-- The certificates as they stand, whatever became of their validity.
-- grain: one certificate_issued event in force (its subject)
SELECT
    certificate_issued.kafka_topic, -- where the event stands: topic
    certificate_issued.kafka_partition, -- where the event stands: partition
    certificate_issued.kafka_offset, -- where the event stands: offset
    certificate_issued.certificate_no, -- the certificate
    certificate_issued.certificate_kind, -- what kind of certificate
    certificate_issued.person_key, -- the person
    certificate_issued.occupation, -- what it certifies
    certificate_issued.level, -- its level; null: none given
    certificate_issued.evaluator_id, -- who issued it
    certificate_issued.issued_on, -- the day of issue
    certificate_issued.basis, -- training, contest or exam
    certificate_issued.class_id -- the class it followed; null: none
FROM certificate_issued
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.certificate_issued.v1'
      AND not_in_force.kafka_topic = certificate_issued.kafka_topic
      AND not_in_force.kafka_partition = certificate_issued.kafka_partition
      AND not_in_force.kafka_offset = certificate_issued.kafka_offset
)
