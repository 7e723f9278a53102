-- The closings of the classes behind the report, for who audits it.
-- grain: one class_closed event in force
SELECT
    class_closed.kafka_topic, -- where the event stands: topic
    class_closed.kafka_partition, -- where the event stands: partition
    class_closed.kafka_offset, -- where the event stands: offset
    class_closed.recorded_at, -- when the log took it in
    class_closed.source, -- who stated it
    regexp_replace(class_closed.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    class_closed.origin, -- the source's file and row; null: none stated
    class_closed.class_id, -- the class
    class_closed.delivered_total_minutes, -- minutes delivered
    class_closed.delivered_practical_minutes, -- of these, practical
    class_closed.ended_on -- the last day
FROM class_closed
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.class_closed.v1'
      AND not_in_force.kafka_topic = class_closed.kafka_topic
      AND not_in_force.kafka_partition = class_closed.kafka_partition
      AND not_in_force.kafka_offset = class_closed.kafka_offset
)
ORDER BY
    class_closed.kafka_topic,
    class_closed.kafka_partition,
    class_closed.kafka_offset
