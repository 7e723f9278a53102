-- The extracts that were delivered to other departments, each once.
-- grain: one delivery (kafka_topic, kafka_partition, kafka_offset)
-- events: extract_delivered
SELECT
    extract_delivered.kafka_topic, -- where the event stands: topic
    extract_delivered.kafka_partition, -- where the event stands: partition
    extract_delivered.kafka_offset, -- where the event stands: offset
    extract_delivered.extract_id, -- the extract
    extract_delivered.recipient, -- the department
    extract_delivered.row_count, -- how many rows it was given
    CAST(extract(YEAR FROM extract_delivered.time + INTERVAL '8 hours') AS BIGINT) AS year -- the year of the delivery, in Asia/Shanghai
FROM extract_delivered
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.extract_delivered.v1'
      AND not_in_force.kafka_topic = extract_delivered.kafka_topic
      AND not_in_force.kafka_partition = extract_delivered.kafka_partition
      AND not_in_force.kafka_offset = extract_delivered.kafka_offset
)
