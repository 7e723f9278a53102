-- Where the series of each completion in force began, for those that were stated more than once.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
WITH

began AS (
    SELECT
        series,
        min(kafka_offset) AS first_offset
    FROM contested_steps
    WHERE type = 'kangyang.trainee_completed.v1'
    GROUP BY series
)

SELECT
    contested_moves.kafka_topic,     -- where the completion stands: topic
    contested_moves.kafka_partition, -- where the completion stands: partition
    contested_moves.kafka_offset,    -- where the completion stands: offset
    began.first_offset               -- the first offset at which its series was stated, in the same partition
FROM contested_moves
INNER JOIN began ON began.series = contested_moves.series
WHERE contested_moves.type = 'kangyang.trainee_completed.v1'
  AND contested_moves.state = 'in_force'
