-- Every event as an auditor may see it: where it stands, who stated it, where it came from; the person masked.
-- grain: one event (kafka_topic, kafka_partition, kafka_offset)
SELECT
    kafka_topic,     -- where the event stands: topic
    kafka_partition, -- where the event stands: partition
    kafka_offset,    -- where the event stands: offset
    recorded_at,     -- when the log took it
    type,            -- the event's type
    id,              -- its id within source and subject
    source,          -- who states it
    regexp_replace(subject, '/person/[0-9a-f]{32}', '/person/*') AS subject, -- what it is about, the person masked
    supersedes,      -- the id of the event that it corrects; null: none
    origin           -- the source's file and row; null: not stated
FROM events
