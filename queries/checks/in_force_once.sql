-- Guards that no series has two events in force: one person in one class would count as two.
-- grain: one series with more than one event in force
SELECT
    contested_events.kafka_topic, -- the topic
    min(contested_events.kafka_partition) AS kafka_partition, -- a partition it is in
    max(contested_events.kafka_offset) AS kafka_offset,       -- the highest offset of those in force
    regexp_replace(contested_events.subject, '/person/[0-9a-f]{32}', '/person/*') AS subject, -- what it is about, the person masked
    contested_events.type,        -- the type of the series
    count(*) AS in_force          -- events in force
FROM contested_events
INNER JOIN contested_verdicts
    ON contested_verdicts.kafka_topic = contested_events.kafka_topic
   AND contested_verdicts.kafka_partition = contested_events.kafka_partition
   AND contested_verdicts.kafka_offset = contested_events.kafka_offset
WHERE contested_verdicts.state = 'in_force'
GROUP BY contested_events.kafka_topic, contested_events.subject, contested_events.type
HAVING count(*) > 1
ORDER BY
    kafka_topic,
    kafka_partition,
    kafka_offset,
    type
