-- The credit records behind the report, for who audits it: a person is a number.
-- grain: one credit_recorded event in force, of a person with a number
SELECT
    credit_recorded.kafka_topic, -- where the event stands: topic
    credit_recorded.kafka_partition, -- where the event stands: partition
    credit_recorded.kafka_offset, -- where the event stands: offset
    credit_recorded.recorded_at, -- when the log took it in
    credit_recorded.source, -- who stated it
    regexp_replace(credit_recorded.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    credit_recorded.origin, -- the source's file and row; null: none stated
    credit_recorded.platform, -- the credit platform
    person_numbers.person, -- the person's number in this bundle
    credit_recorded.established_on -- the day the record was established
FROM credit_recorded
INNER JOIN person_numbers ON person_numbers.person_key = credit_recorded.person_key
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.credit_recorded.v1'
      AND not_in_force.kafka_topic = credit_recorded.kafka_topic
      AND not_in_force.kafka_partition = credit_recorded.kafka_partition
      AND not_in_force.kafka_offset = credit_recorded.kafka_offset
)
ORDER BY
    credit_recorded.kafka_topic,
    credit_recorded.kafka_partition,
    credit_recorded.kafka_offset
