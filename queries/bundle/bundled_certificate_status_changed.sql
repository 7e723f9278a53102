-- What was said of the validity of the certificates behind the report, for who audits it.
-- grain: one certificate_status_changed event that does not repeat an id, of a certificate in force
SELECT
    certificate_status_changed.kafka_topic, -- where the event stands: topic
    certificate_status_changed.kafka_partition, -- where the event stands: partition
    certificate_status_changed.kafka_offset, -- where the event stands: offset
    certificate_status_changed.recorded_at, -- when the log took it in
    certificate_status_changed.source, -- who stated it
    certificate_status_changed.origin, -- the source's file and row; null: none stated
    certificate_issued_in_force.kafka_offset AS certificate_offset, -- the certificate's own offset, in the same partition
    certificate_status_changed.certificate_status, -- revoked, suspended, reinstated or reissued
    certificate_status_changed.effective_on -- the day from which it is so
FROM certificate_status_changed
INNER JOIN certificate_issued_in_force ON certificate_issued_in_force.certificate_no = certificate_status_changed.certificate_no
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.certificate_status_changed.v1'
      AND not_in_force.kafka_topic = certificate_status_changed.kafka_topic
      AND not_in_force.kafka_partition = certificate_status_changed.kafka_partition
      AND not_in_force.kafka_offset = certificate_status_changed.kafka_offset
)
ORDER BY
    certificate_status_changed.kafka_topic,
    certificate_status_changed.kafka_partition,
    certificate_status_changed.kafka_offset
