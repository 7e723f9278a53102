-- The completions that count, with the person and all that a figure tells them apart by.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
-- events: trainee_completed
-- kept: whoever asks for persons would wait for the whole fold
SELECT
    passed_completions.kafka_topic,          -- where the completion stands: topic
    passed_completions.kafka_partition,      -- where the completion stands: partition
    passed_completions.kafka_offset,         -- where the completion stands: offset
    passed_completions.plan,                 -- the class's plan
    passed_completions.year,                 -- the year of completed_on
    passed_completions.district_code,        -- the district with which the class was filed
    passed_completions.class_id,             -- the class
    passed_completions.person_key,           -- the person
    passed_completions.completed_on,         -- the day of completion
    passed_completions.subsidised,           -- the class is subsidised
    class_dimensions.occupation,             -- what the class trains for
    class_dimensions.level,                  -- its level; null: none given
    class_dimensions.training_kind,          -- its kind of training
    class_dimensions.institution_type,       -- the carrier's type; null: the carrier is not listed
    trainee_enrolled_in_force.sex,           -- M or F; null: not stated
    trainee_enrolled_in_force.age_band,      -- age band; null: not stated
    array_to_string(trainee_enrolled_in_force.person_groups, ',') AS group_list -- the groups, between commas; null or empty: not stated
FROM passed_completions
INNER JOIN class_dimensions ON class_dimensions.class_id = passed_completions.class_id
LEFT JOIN trainee_enrolled_in_force
    ON trainee_enrolled_in_force.person_key = passed_completions.person_key
   AND trainee_enrolled_in_force.class_id = passed_completions.class_id
LEFT JOIN left_out_completions
    ON left_out_completions.kafka_topic = passed_completions.kafka_topic
   AND left_out_completions.kafka_partition = passed_completions.kafka_partition
   AND left_out_completions.kafka_offset = passed_completions.kafka_offset
WHERE passed_completions.standing = 'would_count'
  AND left_out_completions.kafka_offset IS NULL
