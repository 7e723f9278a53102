-- The latest review of each completion that was ever reviewed.
-- grain: one subject (class/…/person/…)
WITH

-- A review is a log: only a repeated id takes it out.
said AS (
    SELECT
        review_decided.kafka_topic,
        review_decided.kafka_partition,
        review_decided.kafka_offset,
        review_decided.subject,
        review_decided.decision,
        row_number() OVER (
            PARTITION BY review_decided.subject
            ORDER BY review_decided.kafka_topic DESC, review_decided.kafka_partition DESC, review_decided.kafka_offset DESC
        ) AS age
    FROM review_decided
    WHERE review_decided.reviewed_type = 'kangyang.trainee_completed.v1'
      AND NOT EXISTS (
          SELECT 1
          FROM not_in_force
          WHERE not_in_force.type = 'kangyang.review_decided.v1'
            AND not_in_force.kafka_topic = review_decided.kafka_topic
            AND not_in_force.kafka_partition = review_decided.kafka_partition
            AND not_in_force.kafka_offset = review_decided.kafka_offset
      )
)

SELECT
    kafka_topic,     -- where the review stands: topic
    kafka_partition, -- where the review stands: partition
    kafka_offset,    -- where the review stands: offset
    subject, -- the completion's subject
    decision -- confirmed or rejected
FROM said
WHERE age = 1
