-- The measures as they stand: how much of each a district took in a month.
-- grain: one measure_reported event in force (its subject)
SELECT
    measure_reported.kafka_topic, -- where the event stands: topic
    measure_reported.kafka_partition, -- where the event stands: partition
    measure_reported.kafka_offset, -- where the event stands: offset
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
