-- The reviews behind the report, for who audits it: the last decision on each completion in force.
-- grain: one completion in force that was reviewed
SELECT
    review_decided.kafka_topic, -- where the event stands: topic
    review_decided.kafka_partition, -- where the event stands: partition
    review_decided.kafka_offset, -- where the event stands: offset
    review_decided.recorded_at, -- when the log took it in
    review_decided.source, -- who stated it
    regexp_replace(review_decided.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    review_decided.origin, -- the source's file and row; null: none stated
    trainee_completed.class_id, -- the completion's class
    person_numbers.person, -- the completion's person, by number in this bundle
    review_decided.decision -- confirmed or rejected
FROM review_decided
INNER JOIN reviews
    ON reviews.kafka_topic = review_decided.kafka_topic
   AND reviews.kafka_partition = review_decided.kafka_partition
   AND reviews.kafka_offset = review_decided.kafka_offset
INNER JOIN trainee_completed ON trainee_completed.subject = review_decided.subject
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
    review_decided.kafka_topic,
    review_decided.kafka_partition,
    review_decided.kafka_offset
