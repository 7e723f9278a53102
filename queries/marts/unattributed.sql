-- The passed completions whose class has no filing in force: not counted until the class is filed.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
SELECT
    class_id,        -- the class nobody has filed
    completed_on,    -- the day of completion
    kafka_topic,     -- where the completion stands: topic
    kafka_partition, -- where the completion stands: partition
    kafka_offset     -- where the completion stands: offset
FROM passed_completions
WHERE standing = 'unattributed'
ORDER BY
    kafka_topic,
    kafka_partition,
    kafka_offset
