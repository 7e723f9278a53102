-- The measures behind the report, for who audits it.
-- grain: one measure_reported event in force
SELECT
    measure_reported.kafka_topic, -- where the event stands: topic
    measure_reported.kafka_partition, -- where the event stands: partition
    measure_reported.kafka_offset, -- where the event stands: offset
    measure_reported.recorded_at, -- when the log took it in
    measure_reported.source, -- who stated it
    regexp_replace(measure_reported.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    measure_reported.origin, -- the source's file and row; null: none stated
    measure_reported.district_code, -- the district
    measure_reported.measure, -- what is counted
    measure_reported.month, -- the month, YYYY-MM
    measure_reported.measure_count, -- how many
    measure_reported.document -- the document that tells it; null: none
FROM measure_reported
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.measure_reported.v1'
      AND not_in_force.kafka_topic = measure_reported.kafka_topic
      AND not_in_force.kafka_partition = measure_reported.kafka_partition
      AND not_in_force.kafka_offset = measure_reported.kafka_offset
)
ORDER BY
    measure_reported.kafka_topic,
    measure_reported.kafka_partition,
    measure_reported.kafka_offset
