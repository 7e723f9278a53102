-- The sessions behind the report's hours, for who audits it; who taught them is left out.
-- grain: one session_delivered event in force
SELECT
    session_delivered.kafka_topic, -- where the event stands: topic
    session_delivered.kafka_partition, -- where the event stands: partition
    session_delivered.kafka_offset, -- where the event stands: offset
    session_delivered.recorded_at, -- when the log took it in
    session_delivered.source, -- who stated it
    regexp_replace(session_delivered.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    session_delivered.origin, -- the source's file and row; null: none stated
    session_delivered.class_id, -- the class
    session_delivered.session_id, -- the session
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
ORDER BY
    session_delivered.kafka_topic,
    session_delivered.kafka_partition,
    session_delivered.kafka_offset
