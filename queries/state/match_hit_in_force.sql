-- The hits of lists as they stand.
-- grain: one match_hit event in force (its subject)
SELECT
    match_hit.kafka_topic, -- where the event stands: topic
    match_hit.kafka_partition, -- where the event stands: partition
    match_hit.kafka_offset, -- where the event stands: offset
    match_hit.list_id, -- the list
    match_hit.class_id, -- the class
    match_hit.person_key -- the person
FROM match_hit
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.match_hit.v1'
      AND not_in_force.kafka_topic = match_hit.kafka_topic
      AND not_in_force.kafka_partition = match_hit.kafka_partition
      AND not_in_force.kafka_offset = match_hit.kafka_offset
)
