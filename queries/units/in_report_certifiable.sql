-- The completions of the report's year in the denominator of the certified share, as they stood on its last day.
-- grain: one completion, span of a certificate (null: none)
-- events: trainee_completed
SELECT
    certifiable_trained.kafka_topic,     -- where the completion stands: topic
    certifiable_trained.kafka_partition, -- where the completion stands: partition
    certifiable_trained.kafka_offset,    -- where the completion stands: offset
    districts.position,                  -- the district's place in the annex
    certifiable_trained.class_id,        -- the class
    certifiable_trained.person_key,      -- the person
    certifiable_trained.completed_on,    -- the day of completion
    certifiable_trained.completed_on <= report_span.last_day AS completed, -- by the report's last day
    certifiable_trained.completed_on + CAST(certified_share.within_days AS INT) <= report_span.last_day
        AS due,                          -- 90 days, as the setting has it, were over by then
    certifiable_trained.valid_from <= report_span.last_day
        AND coalesce(certifiable_trained.valid_until > report_span.last_day, TRUE) AS certified, -- a certificate was valid on that day
    certifiable_trained.in_time_from <= report_span.last_day
        AND coalesce(certifiable_trained.valid_until > report_span.last_day, TRUE) AS certified_in_time -- of these, one issued in time
FROM certified_share
CROSS JOIN certifiable_trained
INNER JOIN report_span
    ON report_span.plan = certifiable_trained.plan
   AND report_span.year = certifiable_trained.year
INNER JOIN districts ON districts.district_code = certifiable_trained.district_code
