-- The events that share their series, or their id within a subject, with another event: all that the fold has to think about.
-- grain: one event (kafka_topic, kafka_partition, kafka_offset)
--
-- The hashes only find candidates; the columns kept here decide. A series or an id is either wholly here or not at all, so
-- that these few rows have all they need, and every other event is judged by its type alone.
WITH

together AS (
    SELECT
        kafka_topic, kafka_partition, kafka_offset, id, source, type, subject, supersedes, withdrawn_type,
        series_hash, event_hash, data_hash
    FROM events_in_repeated_series
    UNION ALL
    SELECT
        kafka_topic, kafka_partition, kafka_offset, id, source, type, subject, supersedes, withdrawn_type,
        series_hash, event_hash, data_hash
    FROM events_with_repeated_ids
)

SELECT
    kafka_topic,     -- where the event stands: topic
    kafka_partition, -- where the event stands: partition
    kafka_offset,    -- where the event stands: offset
    id,              -- the event's id
    source,          -- who stated it
    type,            -- the event's type
    subject,         -- what it is about
    supersedes,      -- the id it means to correct
    withdrawn_type,  -- the type a record_withdrawn withdraws
    series_hash,     -- hash of subject and the type the event is about
    event_hash,      -- hash of subject, source and id
    data_hash        -- hash of the typed data
FROM together
