-- The events that contradict what was there before them: somebody has to look.
-- grain: one event (kafka_topic, kafka_partition, kafka_offset)
WITH

contested AS (
    SELECT
        contested_verdicts.conflict AS kind,
        contested_events.kafka_topic,
        contested_events.kafka_partition,
        contested_events.kafka_offset,
        contested_events.subject,
        contested_events.type
    FROM contested_events
    INNER JOIN contested_verdicts
        ON contested_verdicts.kafka_topic = contested_events.kafka_topic
       AND contested_verdicts.kafka_partition = contested_events.kafka_partition
       AND contested_verdicts.kafka_offset = contested_events.kafka_offset
    WHERE contested_verdicts.conflict IS NOT NULL
),

-- A withdrawal alone in its series has nothing to withdraw.
alone AS (
    SELECT
        'nothing_to_withdraw' AS kind,
        record_withdrawn.kafka_topic,
        record_withdrawn.kafka_partition,
        record_withdrawn.kafka_offset,
        record_withdrawn.subject,
        record_withdrawn.type
    FROM record_withdrawn
    WHERE NOT EXISTS (
        SELECT 1
        FROM contested_verdicts
        WHERE contested_verdicts.type = 'kangyang.record_withdrawn.v1'
          AND contested_verdicts.kafka_topic = record_withdrawn.kafka_topic
          AND contested_verdicts.kafka_partition = record_withdrawn.kafka_partition
          AND contested_verdicts.kafka_offset = record_withdrawn.kafka_offset
    )
),

together AS (
    SELECT kind, kafka_topic, kafka_partition, kafka_offset, subject, type FROM contested
    UNION ALL
    SELECT kind, kafka_topic, kafka_partition, kafka_offset, subject, type FROM alone
)

SELECT
    kind,            -- id_reused, nothing_to_withdraw, payload_differs or stale_correction
    kafka_topic,     -- where the event stands: topic
    kafka_partition, -- where the event stands: partition
    kafka_offset,    -- where the event stands: offset
    regexp_replace(subject, '/person/[0-9a-f]{32}', '/person/*') AS subject, -- what it is about, the person masked
    type             -- the event's type
FROM together
ORDER BY
    kafka_topic,
    kafka_partition,
    kafka_offset
