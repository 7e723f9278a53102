-- The events that share their series with another.
-- grain: one event (kafka_topic, kafka_partition, kafka_offset)
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
INNER JOIN repeated_series ON repeated_series.series_hash = events.series_hash
