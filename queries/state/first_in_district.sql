-- The day on which a person of several completions was first counted in a year, in each district.
-- grain: one plan, year, district, person
SELECT
    repeated_completions.plan,          -- the plan
    repeated_completions.year,          -- the year
    repeated_completions.district_code, -- the district
    repeated_completions.person_key,    -- the person
    min(repeated_completions.completed_on) AS completed_on -- the first day
FROM repeated_completions
LEFT JOIN left_out_completions
    ON left_out_completions.kafka_topic = repeated_completions.kafka_topic
   AND left_out_completions.kafka_partition = repeated_completions.kafka_partition
   AND left_out_completions.kafka_offset = repeated_completions.kafka_offset
WHERE left_out_completions.kafka_offset IS NULL
GROUP BY
    repeated_completions.plan,
    repeated_completions.year,
    repeated_completions.district_code,
    repeated_completions.person_key
