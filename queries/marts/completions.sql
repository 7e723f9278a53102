-- The completions that count or are held, with what their class says and nobody's key: for dashboards that slice.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
-- events: trainee_completed
SELECT
    passed_completions.plan,                            -- the class's plan
    passed_completions.year,                            -- the year of completed_on
    passed_completions.district_code,                   -- the district with which the class was filed
    districts.district,                                 -- its name
    left_out_completions.outcome IS NULL AS counted,    -- true: counts; false: held for review
    passed_completions.class_id,                        -- the class
    class_filed_in_force.institution_id,                -- the carrier's credit code
    class_filed_in_force.occupation,                    -- what the class trains for
    class_filed_in_force.occupation_title,              -- the occupation in words, for other
    class_filed_in_force.level,                         -- its level; null: none given
    class_filed_in_force.training_kind,                 -- pre_employment, upskilling, transfer or entrepreneurship
    class_filed_in_force.subsidised,                    -- paid for by subsidy
    class_filed_in_force.schooling,                     -- always false: schooling is not counted
    class_filed_in_force.planned_total_minutes,         -- planned minutes
    class_filed_in_force.planned_practical_minutes,     -- of these, practical
    class_filed_in_force.starts_on,                     -- first day
    class_filed_in_force.ends_on,                       -- planned last day
    class_filed_in_force.capacity,                      -- planned number of trainees
    passed_completions.completed_on,                    -- the day of completion
    passed_completions.kafka_topic,                     -- where the completion stands: topic
    passed_completions.kafka_partition,                 -- where the completion stands: partition
    passed_completions.kafka_offset                     -- where the completion stands: offset
FROM passed_completions
INNER JOIN class_filed_in_force ON class_filed_in_force.class_id = passed_completions.class_id
LEFT JOIN districts ON districts.district_code = passed_completions.district_code
LEFT JOIN left_out_completions
    ON left_out_completions.kafka_topic = passed_completions.kafka_topic
   AND left_out_completions.kafka_partition = passed_completions.kafka_partition
   AND left_out_completions.kafka_offset = passed_completions.kafka_offset
WHERE passed_completions.standing = 'would_count'
  AND (left_out_completions.outcome IS NULL OR left_out_completions.outcome <> 'rejected')
ORDER BY
    passed_completions.kafka_topic,
    passed_completions.kafka_partition,
    passed_completions.kafka_offset
