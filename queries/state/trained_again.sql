-- The passed completions of persons who have more than one, in filed classes that are no schooling, in the plan or not.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
-- held: few of all completions, and a join must know that they are few
WITH

repeated_persons AS (
    SELECT person_key
    FROM passed_completions
    WHERE standing IN ('would_count', 'no_target')
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
    passed_completions.occupation,      -- the class's occupation
    CASE WHEN passed_completions.occupation = 'other' THEN coalesce(class_filed_in_force.occupation_title, '') ELSE '' END
        AS title,                       -- the occupation in words, for other; else empty
    coalesce(passed_completions.level, '') AS level, -- the class's level; empty: none given
    passed_completions.subsidised       -- the class is subsidised
FROM repeated_persons
INNER JOIN passed_completions ON passed_completions.person_key = repeated_persons.person_key
INNER JOIN class_filed_in_force ON class_filed_in_force.class_id = passed_completions.class_id
WHERE passed_completions.standing IN ('would_count', 'no_target')
