-- The completions withdrawn and not stated again, which would be in the plan if they were in force (核减).
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset), the last in force of its series
-- events: trainee_completed
SELECT
    ended_completions.kafka_topic,      -- where the completion stands: topic
    ended_completions.kafka_partition,  -- where the completion stands: partition
    ended_completions.kafka_offset,     -- where the completion stands: offset
    ended_completions.class_id,         -- the class
    ended_completions.completed_on,     -- the day of completion
    CAST(extract(YEAR FROM ended_completions.completed_on) AS BIGINT) AS year, -- its year
    class_filed_in_force.plan,          -- the class's plan, as it stands
    class_filed_in_force.district_code, -- the class's district, as it stands
    class_filed_in_force.occupation     -- the class's occupation, as it stands
FROM ended_completions
INNER JOIN class_filed_in_force ON class_filed_in_force.class_id = ended_completions.class_id
WHERE ended_completions.result = 'passed'
  AND NOT class_filed_in_force.schooling
ORDER BY
    ended_completions.kafka_topic,
    ended_completions.kafka_partition,
    ended_completions.kafka_offset
