-- The completions behind the report, for who audits it: a person is a number.
-- grain: one trainee_completed event in force
SELECT
    trainee_completed.kafka_topic, -- where the event stands: topic
    trainee_completed.kafka_partition, -- where the event stands: partition
    trainee_completed.kafka_offset, -- where the event stands: offset
    trainee_completed.recorded_at, -- when the log took it in
    trainee_completed.source, -- who stated it
    regexp_replace(trainee_completed.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    trainee_completed.origin, -- the source's file and row; null: none stated
    trainee_completed.class_id, -- the class
    person_numbers.person, -- the person's number in this bundle
    trainee_completed.result, -- passed, failed or absent
    trainee_completed.completed_on -- the day of completion
FROM trainee_completed
INNER JOIN person_numbers ON person_numbers.person_key = trainee_completed.person_key
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.trainee_completed.v1'
      AND not_in_force.kafka_topic = trainee_completed.kafka_topic
      AND not_in_force.kafka_partition = trainee_completed.kafka_partition
      AND not_in_force.kafka_offset = trainee_completed.kafka_offset
)
ORDER BY
    trainee_completed.kafka_topic,
    trainee_completed.kafka_partition,
    trainee_completed.kafka_offset
