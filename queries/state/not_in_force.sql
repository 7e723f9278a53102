-- The statements that another event of their series or their id has put out of force.
-- grain: one event (type, kafka_topic, kafka_partition, kafka_offset)
SELECT
    type,            -- the event's type
    kafka_topic,     -- where the event stands: topic
    kafka_partition, -- where the event stands: partition
    kafka_offset     -- where the event stands: offset
FROM contested_verdicts
WHERE state NOT IN ('in_force', 'withdrawal', 'log')
