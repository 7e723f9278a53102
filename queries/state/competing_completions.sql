-- The completions of one person in one plan, occupation, level and year where there are several: the first counts, the others are held.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
WITH

several AS (
    SELECT
        person_key,
        plan,
        occupation,
        level,
        year
    FROM repeated_completions
    WHERE level IS NOT NULL
      AND occupation <> 'other'
    GROUP BY person_key, plan, occupation, level, year
    HAVING count(*) > 1
),

-- The earliest day, then the bytewise smallest class, comes first.
in_turn AS (
    SELECT
        repeated_completions.*,
        row_number() OVER (
            PARTITION BY
                repeated_completions.person_key,
                repeated_completions.plan,
                repeated_completions.occupation,
                repeated_completions.level,
                repeated_completions.year
            ORDER BY repeated_completions.completed_on, repeated_completions.class_id
        ) AS turn
    FROM repeated_completions
    INNER JOIN several
        ON several.person_key = repeated_completions.person_key
       AND several.plan = repeated_completions.plan
       AND several.occupation = repeated_completions.occupation
       AND several.level = repeated_completions.level
       AND several.year = repeated_completions.year
)

SELECT
    in_turn.kafka_topic,     -- where the completion stands: topic
    in_turn.kafka_partition, -- where the completion stands: partition
    in_turn.kafka_offset,    -- where the completion stands: offset
    in_turn.completed_on,    -- the day of completion
    in_turn.year,            -- its year
    in_turn.plan,            -- the class's plan
    in_turn.district_code,   -- the class's district
    in_turn.occupation,      -- the class's occupation
    in_turn.subsidised,      -- the class is subsidised
    CASE
        WHEN in_turn.turn = 1 OR reviews.decision = 'confirmed' THEN 'counted'
        WHEN reviews.decision = 'rejected' THEN 'rejected'
        ELSE 'held'
    END AS outcome           -- counted, held, or rejected by review
FROM in_turn
INNER JOIN trainee_completed
    ON trainee_completed.kafka_topic = in_turn.kafka_topic
   AND trainee_completed.kafka_partition = in_turn.kafka_partition
   AND trainee_completed.kafka_offset = in_turn.kafka_offset
LEFT JOIN reviews ON reviews.subject = trainee_completed.subject
