-- What was said of each certificate's validity, day by day: the last word on a day holds until the next day that has one.
-- grain: one certificate and day (effective_on) with a certificate_status_changed
WITH

-- A status is a log: only a repeated id takes it out.
said AS (
    SELECT
        certificate_status_changed.certificate_no,
        certificate_status_changed.certificate_status,
        certificate_status_changed.effective_on,
        row_number() OVER (
            PARTITION BY certificate_status_changed.certificate_no, certificate_status_changed.effective_on
            ORDER BY
                certificate_status_changed.kafka_topic DESC,
                certificate_status_changed.kafka_partition DESC,
                certificate_status_changed.kafka_offset DESC
        ) AS age
    FROM certificate_status_changed
    WHERE NOT EXISTS (
        SELECT 1
        FROM not_in_force
        WHERE not_in_force.type = 'kangyang.certificate_status_changed.v1'
          AND not_in_force.kafka_topic = certificate_status_changed.kafka_topic
          AND not_in_force.kafka_partition = certificate_status_changed.kafka_partition
          AND not_in_force.kafka_offset = certificate_status_changed.kafka_offset
    )
)

SELECT
    certificate_no,     -- the certificate
    certificate_status, -- revoked, suspended, reinstated or reissued
    effective_on,       -- the day from which it is so
    lead(effective_on) OVER (PARTITION BY certificate_no ORDER BY effective_on)
        AS effective_until -- the day another took its place; null: current
FROM said
WHERE age = 1
