-- The passed completions that the plan does not count, and why: not filed, schooling, or no target.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
-- events: trainee_completed
SELECT
    kafka_topic,        -- where the completion stands: topic
    kafka_partition,    -- where the completion stands: partition
    kafka_offset,       -- where the completion stands: offset
    plan,               -- the class's plan; null: the class is not filed
    year,               -- the year of completed_on
    district_code,      -- the class's district; null: the class is not filed
    class_id,           -- the class
    completed_on,       -- the day of completion
    standing AS reason  -- unattributed, schooling or no_target
FROM passed_completions
WHERE standing <> 'would_count'
