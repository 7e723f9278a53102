-- The lists matched, as they stand.
-- grain: one list_matched event in force (its subject)
SELECT
    list_matched.kafka_topic, -- where the event stands: topic
    list_matched.kafka_partition, -- where the event stands: partition
    list_matched.kafka_offset, -- where the event stands: offset
    list_matched.list_id, -- the list
    list_matched.list_kind, -- what it lists
    list_matched.list_date -- the day it is of
FROM list_matched
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.list_matched.v1'
      AND not_in_force.kafka_topic = list_matched.kafka_topic
      AND not_in_force.kafka_partition = list_matched.kafka_partition
      AND not_in_force.kafka_offset = list_matched.kafka_offset
)
