-- What came after a closing into the days that it counted (补报), and what it counted that was withdrawn since (核减).
-- grain: one period, revision, plan, class, person
--
-- Late is what was first stated at or above the closing's pin. What was stated before and counts otherwise now is a correction: it is
-- not listed, but is what remains.
WITH

late AS (
    SELECT
        closing_spans.period,
        closing_spans.revision,
        closing_spans.plan,
        standing_completions.district_code,
        standing_completions.class_id,
        standing_completions.person_key,
        standing_completions.counted
    FROM standing_completions
    INNER JOIN closing_spans
        ON closing_spans.plan = standing_completions.plan
       AND closing_spans.year = standing_completions.year
    INNER JOIN signed_pins
        ON signed_pins.pin_id = closing_spans.pin_id
       AND signed_pins.kafka_topic = standing_completions.kafka_topic
       AND signed_pins.kafka_partition = standing_completions.kafka_partition
    WHERE standing_completions.completed_on <= closing_spans.last_day
      AND standing_completions.first_offset >= signed_pins.kafka_offset
),

withdrawn AS (
    SELECT
        closing_completions.period,
        closing_completions.revision,
        closing_completions.plan,
        closing_completions.district_code,
        closing_completions.class_id,
        closing_completions.person_key,
        closing_completions.counted
    FROM closing_completions
    INNER JOIN ended_completions
        ON ended_completions.class_id = closing_completions.class_id
       AND ended_completions.person_key = closing_completions.person_key
),

together AS (
    SELECT 'late' AS change, period, revision, plan, district_code, class_id, person_key, counted FROM late
    UNION ALL
    SELECT 'withdrawn' AS change, period, revision, plan, district_code, class_id, person_key, counted FROM withdrawn
)

SELECT
    change,        -- late or withdrawn
    period,        -- the closing's period
    revision,      -- the closing's revision
    plan,          -- its plan
    district_code, -- the class's district: as it stands if late, as it stood if withdrawn
    class_id,      -- the class
    person_key,    -- the person
    counted        -- true: counts, or counted; false: held
FROM together
