-- The completions as they stand, whatever their result.
-- grain: one trainee_completed event in force (its subject)
SELECT
    trainee_completed.kafka_topic, -- where the event stands: topic
    trainee_completed.kafka_partition, -- where the event stands: partition
    trainee_completed.kafka_offset, -- where the event stands: offset
    trainee_completed.class_id, -- the class
    trainee_completed.person_key, -- the person
    trainee_completed.result, -- passed, failed or absent
    trainee_completed.completed_on, -- the day of completion
    trainee_completed.attended_minutes -- minutes attended; null: not stated
FROM trainee_completed
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.trainee_completed.v1'
      AND not_in_force.kafka_topic = trainee_completed.kafka_topic
      AND not_in_force.kafka_partition = trainee_completed.kafka_partition
      AND not_in_force.kafka_offset = trainee_completed.kafka_offset
)
