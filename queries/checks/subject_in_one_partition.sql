-- Guards that a subject is in one partition: split by a producer with another partitioner, its order is lost and the fold arbitrary.
-- grain: one subject in more than one partition
WITH

-- The upper bits of series_hash are a hash of the subject: it finds candidates, the subject itself decides.
candidates AS (
    SELECT series_hash >> 16 AS subject_hash
    FROM events
    GROUP BY series_hash >> 16
    HAVING min(kafka_partition) <> max(kafka_partition)
),

suspects AS (
    SELECT
        events.subject,
        events.kafka_topic,
        events.kafka_partition,
        events.kafka_offset
    FROM events
    INNER JOIN candidates ON candidates.subject_hash = events.series_hash >> 16
)

SELECT
    kafka_topic, -- the topic
    min(kafka_partition) AS kafka_partition, -- the lowest partition
    max(kafka_partition) AS other_partition, -- the highest
    min(kafka_offset) AS kafka_offset,       -- the lowest offset in any of them
    regexp_replace(subject, '/person/[0-9a-f]{32}', '/person/*') AS subject -- what it is about, the person masked
FROM suspects
GROUP BY kafka_topic, subject
HAVING min(kafka_partition) <> max(kafka_partition)
ORDER BY
    kafka_topic,
    kafka_partition,
    other_partition,
    kafka_offset
