-- The delistings of carriers as they stand.
-- grain: one institution_delisted event in force (its subject)
SELECT
    institution_delisted.kafka_topic, -- where the event stands: topic
    institution_delisted.kafka_partition, -- where the event stands: partition
    institution_delisted.kafka_offset, -- where the event stands: offset
    institution_delisted.institution_id, -- the carrier's credit code
    institution_delisted.effective_on -- the first day it is listed no more
FROM institution_delisted
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.institution_delisted.v1'
      AND not_in_force.kafka_topic = institution_delisted.kafka_topic
      AND not_in_force.kafka_partition = institution_delisted.kafka_partition
      AND not_in_force.kafka_offset = institution_delisted.kafka_offset
)
