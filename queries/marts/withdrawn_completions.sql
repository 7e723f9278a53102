-- The completions withdrawn and not stated again, which would be in the plan if they were in force (核减).
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset), the last in force of its series
SELECT
    kafka_topic,     -- where the completion stands: topic
    kafka_partition, -- where the completion stands: partition
    kafka_offset,    -- where the completion stands: offset
    class_id,        -- the class
    completed_on,    -- the day of completion
    year,            -- its year
    plan,            -- the class's plan, as it stands
    district_code,   -- the class's district, as it stands
    occupation       -- the class's occupation, as it stands
FROM ended_completions
ORDER BY
    kafka_topic,
    kafka_partition,
    kafka_offset
