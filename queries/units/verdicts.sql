-- What became of every message below the pin: refused, or accepted and then what the fold made of it.
-- grain: one message (kafka_topic, kafka_partition, kafka_offset)
SELECT
    events.kafka_topic,     -- where the message stands: topic
    events.kafka_partition, -- where the message stands: partition
    events.kafka_offset,    -- where the message stands: offset
    CASE
        WHEN contested_verdicts.state IS NOT NULL THEN contested_verdicts.state
        WHEN event_types.log THEN 'log'
        WHEN events.type = 'kangyang.record_withdrawn.v1' THEN 'conflict'
        ELSE 'in_force'
    END AS verdict          -- in_force, superseded, withdrawn, withdrawal, duplicate, conflict, log or rejected
FROM events
INNER JOIN event_types ON event_types.type = events.type
LEFT JOIN contested_verdicts
    ON contested_verdicts.kafka_topic = events.kafka_topic
   AND contested_verdicts.kafka_partition = events.kafka_partition
   AND contested_verdicts.kafka_offset = events.kafka_offset
UNION ALL
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    'rejected' AS verdict
FROM rejects
WHERE reason NOT IN ('offsets_absent', 'offsets_lost')
