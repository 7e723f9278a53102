-- The enrolments as they stand.
-- grain: one trainee_enrolled event in force (its subject)
SELECT
    trainee_enrolled.kafka_topic, -- where the event stands: topic
    trainee_enrolled.kafka_partition, -- where the event stands: partition
    trainee_enrolled.kafka_offset, -- where the event stands: offset
    trainee_enrolled.class_id, -- the class
    trainee_enrolled.person_key, -- the person
    trainee_enrolled.sex, -- M or F; null: not stated
    trainee_enrolled.age_band, -- age band; null: not stated
    trainee_enrolled.person_groups, -- groups the person belongs to; null: not stated
    trainee_enrolled.enrolled_on -- the day of enrolment
FROM trainee_enrolled
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.trainee_enrolled.v1'
      AND not_in_force.kafka_topic = trainee_enrolled.kafka_topic
      AND not_in_force.kafka_partition = trainee_enrolled.kafka_partition
      AND not_in_force.kafka_offset = trainee_enrolled.kafka_offset
)
