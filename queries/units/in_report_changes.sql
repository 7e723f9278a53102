-- What counts now in the days of each signed report of the plan, what of it came late, and what counted then and was withdrawn since.
-- grain: one change, period, revision, completion (kafka_topic, kafka_partition, kafka_offset)
-- events: trainee_completed
WITH

spans AS (
    SELECT closing_spans.*
    FROM closing_spans
    INNER JOIN report_span ON report_span.plan = closing_spans.plan
),

now AS (
    SELECT
        trained.kafka_topic,
        trained.kafka_partition,
        trained.kafka_offset,
        spans.period,
        spans.revision,
        spans.pin_id,
        trained.district_code,
        trained.class_id,
        trained.completed_on
    FROM trained
    INNER JOIN spans
        ON spans.plan = trained.plan
       AND spans.year = trained.year
    WHERE trained.completed_on <= spans.last_day
),

late AS (
    SELECT now.*
    FROM now
    INNER JOIN signed_pins
        ON signed_pins.pin_id = now.pin_id
       AND signed_pins.kafka_topic = now.kafka_topic
       AND signed_pins.kafka_partition = now.kafka_partition
    LEFT JOIN first_statements
        ON first_statements.kafka_topic = now.kafka_topic
       AND first_statements.kafka_partition = now.kafka_partition
       AND first_statements.kafka_offset = now.kafka_offset
    WHERE coalesce(first_statements.first_offset, now.kafka_offset) >= signed_pins.kafka_offset
),

withdrawn AS (
    SELECT
        ended_completions.kafka_topic,
        ended_completions.kafka_partition,
        ended_completions.kafka_offset,
        closing_completions.period,
        closing_completions.revision,
        closing_completions.district_code,
        closing_completions.class_id,
        ended_completions.completed_on
    FROM closing_completions
    INNER JOIN report_span ON report_span.plan = closing_completions.plan
    INNER JOIN ended_completions
        ON ended_completions.class_id = closing_completions.class_id
       AND ended_completions.person_key = closing_completions.person_key
    WHERE closing_completions.counted
),

together AS (
    SELECT 'now' AS change, kafka_topic, kafka_partition, kafka_offset, period, revision, district_code, class_id, completed_on
    FROM now
    UNION ALL
    SELECT 'late' AS change, kafka_topic, kafka_partition, kafka_offset, period, revision, district_code, class_id, completed_on
    FROM late
    UNION ALL
    SELECT 'withdrawn' AS change, kafka_topic, kafka_partition, kafka_offset, period, revision, district_code, class_id, completed_on
    FROM withdrawn
)

SELECT
    together.kafka_topic,     -- where the completion stands: topic
    together.kafka_partition, -- where the completion stands: partition
    together.kafka_offset,    -- where the completion stands: offset
    together.change,          -- now, late or withdrawn
    together.period,          -- the closing's period
    together.revision,        -- the closing's revision
    districts.position,       -- the district's place in the annex
    together.class_id,        -- the class
    together.completed_on     -- the day of completion
FROM together
LEFT JOIN districts ON districts.district_code = together.district_code
