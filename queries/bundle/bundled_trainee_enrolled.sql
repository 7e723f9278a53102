-- The sex of the persons behind the report, for who audits it; what else an enrolment says of one is left out.
-- grain: one trainee_enrolled event in force, of a person with a number
SELECT
    trainee_enrolled.kafka_topic, -- where the event stands: topic
    trainee_enrolled.kafka_partition, -- where the event stands: partition
    trainee_enrolled.kafka_offset, -- where the event stands: offset
    trainee_enrolled.recorded_at, -- when the log took it in
    trainee_enrolled.source, -- who stated it
    regexp_replace(trainee_enrolled.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    trainee_enrolled.origin, -- the source's file and row; null: none stated
    trainee_enrolled.class_id, -- the class
    person_numbers.person, -- the person's number in this bundle
    trainee_enrolled.sex -- M or F; null: not stated
FROM trainee_enrolled
INNER JOIN person_numbers ON person_numbers.person_key = trainee_enrolled.person_key
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.trainee_enrolled.v1'
      AND not_in_force.kafka_topic = trainee_enrolled.kafka_topic
      AND not_in_force.kafka_partition = trainee_enrolled.kafka_partition
      AND not_in_force.kafka_offset = trainee_enrolled.kafka_offset
)
ORDER BY
    trainee_enrolled.kafka_topic,
    trainee_enrolled.kafka_partition,
    trainee_enrolled.kafka_offset
