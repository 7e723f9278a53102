-- The completions of the report's plan, counted or held, and which of the report's spans each is in.
-- grain: one completion (kafka_topic, kafka_partition, kafka_offset)
-- events: trainee_completed
SELECT
    completions.kafka_topic,     -- where the completion stands: topic
    completions.kafka_partition, -- where the completion stands: partition
    completions.kafka_offset,    -- where the completion stands: offset
    districts.position,          -- the district's place in the annex
    completions.counted,         -- true: counts; false: held for review
    completions.subsidised,      -- the class is subsidised
    completions.class_id,        -- the class
    coalesce(institutions.institution_name, completions.institution_id) AS institution, -- the carrier's name, else its credit code
    completions.occupation,      -- what the class trains for
    completions.completed_on,    -- the day of completion
    completions.completed_on <= report_span.last_day AS to_date, -- up to the report's last day
    completions.completed_on <= report_span.last_day AND completions.year = report_span.year AS in_year, -- of these, in its year
    completions.completed_on <= report_span.last_day AND completions.completed_on >= report_span.month_first_day
        AS in_month,             -- of these, in its month
    completions.year = report_span.year - 1
        AND completions.completed_on <= CAST(report_span.last_day + INTERVAL '1' DAY AS DATE) - INTERVAL '1' YEAR - INTERVAL '1' DAY
        AS in_previous_year      -- in the same span of the year before
FROM completions
INNER JOIN report_span ON report_span.plan = completions.plan
INNER JOIN districts ON districts.district_code = completions.district_code
LEFT JOIN institutions ON institutions.institution_id = completions.institution_id
