-- The targets behind the report, for who audits it.
-- grain: one target_set event in force
SELECT
    target_set.kafka_topic, -- where the event stands: topic
    target_set.kafka_partition, -- where the event stands: partition
    target_set.kafka_offset, -- where the event stands: offset
    target_set.recorded_at, -- when the log took it in
    target_set.source, -- who stated it
    regexp_replace(target_set.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    target_set.origin, -- the source's file and row; null: none stated
    target_set.plan, -- the plan
    target_set.district_code, -- the district; null: the city
    target_set.year, -- the year; null: the whole plan
    target_set.metric, -- what is counted
    target_set.target, -- how many
    target_set.document -- the document that sets it
FROM target_set
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.target_set.v1'
      AND not_in_force.kafka_topic = target_set.kafka_topic
      AND not_in_force.kafka_partition = target_set.kafka_partition
      AND not_in_force.kafka_offset = target_set.kafka_offset
)
ORDER BY
    target_set.kafka_topic,
    target_set.kafka_partition,
    target_set.kafka_offset
