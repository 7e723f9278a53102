-- The completions that count, with the person: what every count of persons by class or by person starts from.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
SELECT
    passed_completions.plan,          -- the class's plan
    passed_completions.year,          -- the year of completed_on
    passed_completions.district_code, -- the class's district
    passed_completions.class_id,      -- the class
    passed_completions.person_key,    -- the person
    passed_completions.completed_on,  -- the day of completion
    passed_completions.occupation     -- the class's occupation
FROM passed_completions
LEFT JOIN left_out_completions
    ON left_out_completions.kafka_topic = passed_completions.kafka_topic
   AND left_out_completions.kafka_partition = passed_completions.kafka_partition
   AND left_out_completions.kafka_offset = passed_completions.kafka_offset
WHERE passed_completions.standing = 'would_count'
  AND left_out_completions.kafka_offset IS NULL
