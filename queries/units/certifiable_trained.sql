-- The completions in the denominator of the certified share, and whether and when a certificate makes the trainee a certified one.
-- grain: one completion, span of a certificate (null: none)
-- events: trainee_completed
-- kept: whoever asks for certified persons would wait for the whole fold
SELECT
    trained.kafka_topic,               -- where the completion stands: topic
    trained.kafka_partition,           -- where the completion stands: partition
    trained.kafka_offset,              -- where the completion stands: offset
    trained.plan,                      -- the class's plan
    trained.year,                      -- the year of completed_on
    trained.district_code,             -- the class's district
    trained.class_id,                  -- the class
    trained.person_key,                -- the person
    trained.completed_on,              -- the day of completion
    trained.occupation,                -- the class's occupation
    certified_completions.valid_from,  -- first day on which the trainee is certified; null: never
    certified_completions.valid_until, -- the day after the last; null: as of the pin, or never
    certified_completions.in_time_from -- the same for a certificate issued in time, once that time is over; null: not issued in time
FROM trained
INNER JOIN certifiable_completions
    ON certifiable_completions.plan = trained.plan
   AND certifiable_completions.year = trained.year
   AND certifiable_completions.district_code = trained.district_code
   AND certifiable_completions.person_key = trained.person_key
   AND certifiable_completions.completed_on = trained.completed_on
   AND certifiable_completions.occupation = trained.occupation
LEFT JOIN certified_completions
    ON certified_completions.plan = trained.plan
   AND certified_completions.year = trained.year
   AND certified_completions.district_code = trained.district_code
   AND certified_completions.person_key = trained.person_key
