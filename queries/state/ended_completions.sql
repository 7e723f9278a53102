-- The completions withdrawn and not stated again, whatever they said.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset), the last in force of its series
WITH

stated AS (
    SELECT
        move,
        kafka_topic,
        kafka_partition,
        kafka_offset,
        series,
        state
    FROM contested_moves
    WHERE type = 'kangyang.trainee_completed.v1'
),

last_moves AS (
    SELECT
        series,
        max(move) AS move
    FROM stated
    GROUP BY series
),

ended AS (
    SELECT
        stated.kafka_topic,
        stated.kafka_partition,
        stated.kafka_offset
    FROM stated
    INNER JOIN last_moves ON last_moves.move = stated.move
    WHERE stated.state = 'withdrawn'
)

SELECT
    trainee_completed.kafka_topic,     -- where the completion stands: topic
    trainee_completed.kafka_partition, -- where the completion stands: partition
    trainee_completed.kafka_offset,    -- where the completion stands: offset
    trainee_completed.class_id,        -- the class
    trainee_completed.person_key,      -- the person
    trainee_completed.result,          -- passed, failed or absent
    trainee_completed.completed_on     -- the day of completion
FROM trainee_completed
INNER JOIN ended
    ON ended.kafka_topic = trainee_completed.kafka_topic
   AND ended.kafka_partition = trainee_completed.kafka_partition
   AND ended.kafka_offset = trainee_completed.kafka_offset
