-- Guards that every passed completion in force shows in one mart or was rejected by review: else a trainee vanishes in silence.
-- grain: one row, only if the sums differ
WITH

passed AS (
    SELECT count(*) AS passed
    FROM trainee_completed
    LEFT JOIN not_in_force
        ON not_in_force.type = trainee_completed.type
       AND not_in_force.kafka_topic = trainee_completed.kafka_topic
       AND not_in_force.kafka_partition = trainee_completed.kafka_partition
       AND not_in_force.kafka_offset = trainee_completed.kafka_offset
    WHERE trainee_completed.result = 'passed'
      AND not_in_force.kafka_offset IS NULL
),

shown AS (
    SELECT count(*) AS shown_rows
    FROM completions
    UNION ALL
    SELECT count(*) AS shown_rows
    FROM unattributed
    UNION ALL
    SELECT CAST(coalesce(sum(completions), 0) AS BIGINT) AS shown_rows
    FROM not_in_plan
    UNION ALL
    SELECT count(*) AS shown_rows
    FROM left_out_completions
    WHERE outcome = 'rejected'
),

summed AS (
    SELECT CAST(sum(shown_rows) AS BIGINT) AS shown_rows
    FROM shown
)

SELECT
    passed.passed,    -- completions in force that were passed
    summed.shown_rows -- completions the marts show, with those rejected by review
FROM passed
CROSS JOIN summed
WHERE passed.passed <> summed.shown_rows
ORDER BY
    passed.passed
