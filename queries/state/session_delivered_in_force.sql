-- The sessions as they stand.
-- grain: one session_delivered event in force (its subject)
SELECT
    session_delivered.kafka_topic, -- where the event stands: topic
    session_delivered.kafka_partition, -- where the event stands: partition
    session_delivered.kafka_offset, -- where the event stands: offset
    session_delivered.class_id, -- the class
    session_delivered.session_id, -- the session
    session_delivered.trainer_key, -- who taught it; null: not stated
    session_delivered.started_at, -- when it began
    session_delivered.ended_at, -- when it ended
    session_delivered.session_minutes, -- minutes taught
    session_delivered.practical -- true: practical training
FROM session_delivered
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.session_delivered.v1'
      AND not_in_force.kafka_topic = session_delivered.kafka_topic
      AND not_in_force.kafka_partition = session_delivered.kafka_partition
      AND not_in_force.kafka_offset = session_delivered.kafka_offset
)
