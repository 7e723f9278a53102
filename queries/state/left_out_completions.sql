-- The completions that would count and do not: held for review, or rejected by it.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
SELECT
    kafka_topic,     -- where the completion stands: topic
    kafka_partition, -- where the completion stands: partition
    kafka_offset,    -- where the completion stands: offset
    completed_on,    -- the day of completion
    year,            -- its year
    plan,            -- the class's plan
    district_code,   -- the class's district
    occupation,      -- the class's occupation
    subsidised,      -- the class is subsidised
    outcome          -- held or rejected
FROM competing_completions
WHERE outcome <> 'counted'
