-- The contested events that take part in the fold, series by series in log order, and which of them move what is in force.
-- grain: one event (kafka_topic, kafka_partition, kafka_offset)
--
-- Windows over the whole order that look at the neighbour, not one window for each series: tiny partitions are what is slow.
WITH

-- Without repeated tellings and without logs, which are no states.
folding AS (
    SELECT
        contested_events.kafka_topic,
        contested_events.kafka_partition,
        contested_events.kafka_offset,
        contested_events.id,
        contested_events.type,
        contested_events.subject,
        contested_events.supersedes,
        contested_events.series_hash,
        contested_events.data_hash,
        coalesce(contested_events.withdrawn_type, contested_events.type) AS of_type,
        contested_events.type = 'kangyang.record_withdrawn.v1' AS withdraws
    FROM contested_events
    INNER JOIN event_types ON event_types.type = contested_events.type
    LEFT JOIN repeated_tellings
        ON repeated_tellings.kafka_topic = contested_events.kafka_topic
       AND repeated_tellings.kafka_partition = contested_events.kafka_partition
       AND repeated_tellings.kafka_offset = contested_events.kafka_offset
    WHERE repeated_tellings.kafka_offset IS NULL
      AND NOT event_types.log
),

neighbours AS (
    SELECT
        folding.*,
        row_number() OVER in_order AS step,
        coalesce(lag(subject) OVER in_order = subject AND lag(of_type) OVER in_order = of_type, FALSE) AS follows,
        coalesce(lag(withdraws) OVER in_order, FALSE) AS after_withdrawal
    FROM folding
    WINDOW in_order AS (ORDER BY series_hash, subject, of_type, kafka_topic, kafka_partition, kafka_offset)
),

-- A withdrawal, a correction, and whatever finds none in force. The others repeat or contradict.
moving AS (
    SELECT
        kafka_topic,
        kafka_partition,
        kafka_offset,
        id,
        type,
        supersedes,
        data_hash,
        withdraws,
        step,
        CASE WHEN follows THEN 0 ELSE 1 END AS begins,
        CASE WHEN withdraws OR supersedes IS NOT NULL OR NOT follows OR after_withdrawal THEN 1 ELSE 0 END AS moves
    FROM neighbours
)

SELECT
    kafka_topic,     -- where the event stands: topic
    kafka_partition, -- where the event stands: partition
    kafka_offset,    -- where the event stands: offset
    id,              -- the event's id
    type,            -- the event's type
    supersedes,      -- the id it means to correct
    data_hash,       -- hash of the typed data
    withdraws,       -- true: a record_withdrawn
    moves,           -- 1: may change what is in force; 0: leaves it as it is
    CAST(sum(begins) OVER in_order AS BIGINT) AS series, -- number of its series in this order
    CAST(sum(moves) OVER in_order AS BIGINT) AS move     -- number of the latest move in this order, its own included
FROM moving
WINDOW in_order AS (ORDER BY step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
