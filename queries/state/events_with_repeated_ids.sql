-- The events alone in their series that share their id with another of their subject: one id on two types.
-- grain: one event (kafka_topic, kafka_partition, kafka_offset)
WITH

seen_ids AS (
    SELECT
        event_hash,
        count(*) AS tellings
    FROM events_in_repeated_series
    GROUP BY event_hash
),

-- Most repeated ids are one message twice, and so in one series: no need to look for those again.
missing_ids AS (
    SELECT repeated_ids.event_hash
    FROM repeated_ids
    LEFT JOIN seen_ids ON seen_ids.event_hash = repeated_ids.event_hash
    WHERE repeated_ids.tellings > coalesce(seen_ids.tellings, 0)
)

SELECT
    events.kafka_topic,     -- where the event stands: topic
    events.kafka_partition, -- where the event stands: partition
    events.kafka_offset,    -- where the event stands: offset
    events.id,              -- the event's id
    events.source,          -- who stated it
    events.type,            -- the event's type
    events.subject,         -- what it is about
    events.supersedes,      -- the id it means to correct
    events.withdrawn_type,  -- the type a record_withdrawn withdraws
    events.series_hash,     -- hash of subject and the type the event is about
    events.event_hash,      -- hash of subject, source and id
    events.data_hash        -- hash of the typed data
FROM events
INNER JOIN missing_ids ON missing_ids.event_hash = events.event_hash
LEFT JOIN repeated_series ON repeated_series.series_hash = events.series_hash
WHERE repeated_series.series_hash IS NULL
