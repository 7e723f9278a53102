-- The completions that count in the report's plan and year up to its last day, with the person.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
-- events: trainee_completed
SELECT
    trained.kafka_topic,     -- where the completion stands: topic
    trained.kafka_partition, -- where the completion stands: partition
    trained.kafka_offset,    -- where the completion stands: offset
    districts.position,      -- the district's place in the annex
    trained.class_id,        -- the class
    trained.person_key,      -- the person
    trained.completed_on,    -- the day of completion
    trained.occupation,      -- what the class trains for
    coalesce(trained.sex, 'unknown') AS sex -- M or F; unknown: none is stated
FROM trained
INNER JOIN report_span
    ON report_span.plan = trained.plan
   AND report_span.year = trained.year
   AND report_span.last_day >= trained.completed_on
INNER JOIN districts ON districts.district_code = trained.district_code
