-- The completions that count or are held, with the person, and where each was first stated: what is kept of every pin that was signed.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
SELECT
    passed_completions.kafka_topic,     -- where the completion stands: topic
    passed_completions.kafka_partition, -- where the completion stands: partition
    coalesce(first_statements.first_offset, passed_completions.kafka_offset) AS first_offset, -- where its series began: offset
    passed_completions.plan,            -- the class's plan
    passed_completions.year,            -- the year of completed_on
    passed_completions.district_code,   -- the class's district
    passed_completions.class_id,        -- the class
    passed_completions.person_key,      -- the person
    passed_completions.completed_on,    -- the day of completion
    left_out_completions.outcome IS NULL AS counted -- true: counts; false: held for review
FROM passed_completions
LEFT JOIN left_out_completions
    ON left_out_completions.kafka_topic = passed_completions.kafka_topic
   AND left_out_completions.kafka_partition = passed_completions.kafka_partition
   AND left_out_completions.kafka_offset = passed_completions.kafka_offset
LEFT JOIN first_statements
    ON first_statements.kafka_topic = passed_completions.kafka_topic
   AND first_statements.kafka_partition = passed_completions.kafka_partition
   AND first_statements.kafka_offset = passed_completions.kafka_offset
WHERE passed_completions.standing = 'would_count'
  AND (left_out_completions.outcome IS NULL OR left_out_completions.outcome <> 'rejected')
