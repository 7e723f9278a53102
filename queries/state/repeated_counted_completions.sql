-- The completions that count of persons who have more than one that would: only among these does a person show twice.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
SELECT
    repeated_completions.kafka_topic,     -- where the completion stands: topic
    repeated_completions.kafka_partition, -- where the completion stands: partition
    repeated_completions.kafka_offset,    -- where the completion stands: offset
    repeated_completions.class_id,        -- the class
    repeated_completions.person_key,      -- the person
    repeated_completions.completed_on,    -- the day of completion
    repeated_completions.year,            -- its year
    repeated_completions.plan,            -- the class's plan
    repeated_completions.district_code    -- the class's district
FROM repeated_completions
LEFT JOIN left_out_completions
    ON left_out_completions.kafka_topic = repeated_completions.kafka_topic
   AND left_out_completions.kafka_partition = repeated_completions.kafka_partition
   AND left_out_completions.kafka_offset = repeated_completions.kafka_offset
WHERE left_out_completions.kafka_offset IS NULL
