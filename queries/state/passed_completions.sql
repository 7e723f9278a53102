-- The completions in force and passed, each with what its class says and whether the plan counts it.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
WITH

passed AS (
    SELECT
        kafka_topic,
        kafka_partition,
        kafka_offset,
        class_id,
        person_key,
        completed_on,
        CAST(extract(YEAR FROM completed_on) AS BIGINT) AS year
    FROM trainee_completed_in_force
    WHERE result = 'passed'
),

targets AS (
    SELECT
        plan,
        year,
        district_code
    FROM target_set_in_force
    WHERE metric = 'trainees'
      AND district_code IS NOT NULL
      AND year IS NOT NULL
)

SELECT
    passed.kafka_topic,        -- where the completion stands: topic
    passed.kafka_partition,    -- where the completion stands: partition
    passed.kafka_offset,       -- where the completion stands: offset
    passed.class_id,           -- the class
    passed.person_key,         -- the person
    passed.completed_on,       -- the day of completion
    passed.year,               -- its year
    class_filed_in_force.plan, -- the class's plan; null: class without a filing in force
    class_filed_in_force.district_code, -- the class's district
    class_filed_in_force.occupation,    -- the class's occupation
    class_filed_in_force.level,         -- the class's level
    class_filed_in_force.subsidised,    -- the class is subsidised
    CASE
        WHEN class_filed_in_force.class_id IS NULL THEN 'unattributed'
        WHEN class_filed_in_force.schooling THEN 'schooling'
        WHEN targets.plan IS NULL THEN 'no_target'
        ELSE 'would_count'
    END AS standing            -- would_count, schooling, no_target or unattributed
FROM passed
LEFT JOIN class_filed_in_force ON class_filed_in_force.class_id = passed.class_id
LEFT JOIN targets
    ON targets.plan = class_filed_in_force.plan
   AND targets.district_code = class_filed_in_force.district_code
   AND targets.year = passed.year
