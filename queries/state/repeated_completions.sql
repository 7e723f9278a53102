-- The completions that would count of persons who have more than one: everyone else's single completion needs no thought.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
WITH

repeated_persons AS (
    SELECT person_key
    FROM passed_completions
    WHERE standing = 'would_count'
    GROUP BY person_key
    HAVING count(*) > 1
)

SELECT
    passed_completions.kafka_topic,     -- where the completion stands: topic
    passed_completions.kafka_partition, -- where the completion stands: partition
    passed_completions.kafka_offset,    -- where the completion stands: offset
    passed_completions.class_id,        -- the class
    passed_completions.person_key,      -- the person
    passed_completions.completed_on,    -- the day of completion
    passed_completions.year,            -- its year
    passed_completions.plan,            -- the class's plan
    passed_completions.district_code,   -- the class's district
    passed_completions.occupation,      -- the class's occupation
    passed_completions.level,           -- the class's level; null: none given
    passed_completions.subsidised       -- the class is subsidised
FROM passed_completions
INNER JOIN repeated_persons ON repeated_persons.person_key = passed_completions.person_key
WHERE passed_completions.standing = 'would_count'
