-- What the fold makes of each event that shares its series or its id with another.
-- grain: one contested event (kafka_topic, kafka_partition, kafka_offset)
WITH

moves AS (
    SELECT
        kafka_topic,
        kafka_partition,
        kafka_offset,
        type,
        state,
        conflict
    FROM contested_moves
),

-- The others say what is in force already, or contradict it.
echoes AS (
    SELECT
        contested_steps.kafka_topic,
        contested_steps.kafka_partition,
        contested_steps.kafka_offset,
        contested_steps.type,
        CASE WHEN contested_steps.data_hash = contested_moves.data_hash THEN 'duplicate' ELSE 'conflict' END AS state,
        CASE WHEN contested_steps.data_hash <> contested_moves.data_hash THEN 'payload_differs' END AS conflict
    FROM contested_steps
    INNER JOIN contested_moves ON contested_moves.move = contested_steps.move
    WHERE contested_steps.moves = 0
),

tellings AS (
    SELECT
        kafka_topic,
        kafka_partition,
        kafka_offset,
        type,
        CASE WHEN same THEN 'duplicate' ELSE 'conflict' END AS state,
        CASE WHEN NOT same THEN 'id_reused' END AS conflict
    FROM repeated_tellings
),

logs AS (
    SELECT
        contested_events.kafka_topic,
        contested_events.kafka_partition,
        contested_events.kafka_offset,
        contested_events.type,
        'log' AS state,
        CAST(NULL AS VARCHAR) AS conflict
    FROM contested_events
    INNER JOIN event_types ON event_types.type = contested_events.type
    LEFT JOIN repeated_tellings
        ON repeated_tellings.kafka_topic = contested_events.kafka_topic
       AND repeated_tellings.kafka_partition = contested_events.kafka_partition
       AND repeated_tellings.kafka_offset = contested_events.kafka_offset
    WHERE repeated_tellings.kafka_offset IS NULL
      AND event_types.log
),

together AS (
    SELECT kafka_topic, kafka_partition, kafka_offset, type, state, conflict FROM moves
    UNION ALL
    SELECT kafka_topic, kafka_partition, kafka_offset, type, state, conflict FROM echoes
    UNION ALL
    SELECT kafka_topic, kafka_partition, kafka_offset, type, state, conflict FROM tellings
    UNION ALL
    SELECT kafka_topic, kafka_partition, kafka_offset, type, state, conflict FROM logs
)

SELECT
    kafka_topic,     -- where the event stands: topic
    kafka_partition, -- where the event stands: partition
    kafka_offset,    -- where the event stands: offset
    type,            -- the event's type
    state,           -- in_force, superseded, withdrawn, withdrawal, duplicate, conflict or log; a stale correction by its state
    conflict         -- id_reused, nothing_to_withdraw, payload_differs or stale_correction; null: no conflict
FROM together
