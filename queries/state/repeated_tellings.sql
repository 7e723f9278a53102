-- The events whose source and id an earlier event of their subject has used: without effect, whatever became of the first (rule 1).
-- grain: one event (kafka_topic, kafka_partition, kafka_offset)
WITH

candidates AS (
    SELECT contested_events.*
    FROM contested_events
    INNER JOIN repeated_ids ON repeated_ids.event_hash = contested_events.event_hash
),

first_offsets AS (
    SELECT
        kafka_topic,
        kafka_partition,
        subject,
        source,
        id,
        min(kafka_offset) AS first_offset
    FROM candidates
    GROUP BY kafka_topic, kafka_partition, subject, source, id
),

firsts AS (
    SELECT
        first_offsets.kafka_topic,
        first_offsets.kafka_partition,
        first_offsets.subject,
        first_offsets.source,
        first_offsets.id,
        first_offsets.first_offset,
        candidates.type,
        candidates.data_hash
    FROM first_offsets
    INNER JOIN candidates
        ON candidates.kafka_topic = first_offsets.kafka_topic
       AND candidates.kafka_partition = first_offsets.kafka_partition
       AND candidates.kafka_offset = first_offsets.first_offset
)

SELECT
    candidates.kafka_topic,     -- where the event stands: topic
    candidates.kafka_partition, -- where the event stands: partition
    candidates.kafka_offset,    -- where the event stands: offset
    candidates.type,            -- the event's type
    candidates.type = firsts.type AND candidates.data_hash = firsts.data_hash
        AS same                 -- true: says again what the first said; false: its id is reused
FROM candidates
INNER JOIN firsts
    ON firsts.kafka_topic = candidates.kafka_topic
   AND firsts.kafka_partition = candidates.kafka_partition
   AND firsts.subject = candidates.subject
   AND firsts.source = candidates.source
   AND firsts.id = candidates.id
WHERE candidates.kafka_offset > firsts.first_offset
