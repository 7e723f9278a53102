-- The credit records as they stand.
-- grain: one credit_recorded event in force (its subject)
SELECT
    credit_recorded.kafka_topic, -- where the event stands: topic
    credit_recorded.kafka_partition, -- where the event stands: partition
    credit_recorded.kafka_offset, -- where the event stands: offset
    credit_recorded.platform, -- the credit platform
    credit_recorded.person_key, -- the person
    credit_recorded.established_on -- the day the record was established
FROM credit_recorded
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.credit_recorded.v1'
      AND not_in_force.kafka_topic = credit_recorded.kafka_topic
      AND not_in_force.kafka_partition = credit_recorded.kafka_partition
      AND not_in_force.kafka_offset = credit_recorded.kafka_offset
)
