-- The completions that count of persons who have more than one that would, with all that they are told apart by.
-- grain: one completion
SELECT
    repeated_counted_completions.plan,          -- the class's plan
    repeated_counted_completions.year,          -- the year of completed_on
    repeated_counted_completions.district_code, -- the class's district
    repeated_counted_completions.person_key,    -- the person
    class_dimensions.occupation,                -- what the class trains for
    class_dimensions.level,                     -- its level; null: none given
    class_dimensions.training_kind,             -- its kind of training
    class_dimensions.institution_type,          -- the carrier's type; null: the carrier is not listed
    trainee_enrolled_in_force.sex,              -- M or F; null: not stated
    trainee_enrolled_in_force.age_band,         -- age band; null: not stated
    array_to_string(trainee_enrolled_in_force.person_groups, ',') AS group_list -- the groups, between commas; null or empty: not stated
FROM repeated_counted_completions
INNER JOIN class_dimensions ON class_dimensions.class_id = repeated_counted_completions.class_id
LEFT JOIN trainee_enrolled_in_force
    ON trainee_enrolled_in_force.person_key = repeated_counted_completions.person_key
   AND trainee_enrolled_in_force.class_id = repeated_counted_completions.class_id
