-- The periods that were opened again before the report, for who audits it.
-- grain: one period_reopened event that does not repeat an id
SELECT
    period_reopened.kafka_topic, -- where the event stands: topic
    period_reopened.kafka_partition, -- where the event stands: partition
    period_reopened.kafka_offset, -- where the event stands: offset
    period_reopened.recorded_at, -- when the log took it in
    period_reopened.source, -- who stated it
    regexp_replace(period_reopened.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    period_reopened.origin, -- the source's file and row; null: none stated
    period_reopened.period, -- the period opened
    period_reopened.reason, -- why
    period_reopened.signer -- the office that opened it
FROM period_reopened
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.period_reopened.v1'
      AND not_in_force.kafka_topic = period_reopened.kafka_topic
      AND not_in_force.kafka_partition = period_reopened.kafka_partition
      AND not_in_force.kafka_offset = period_reopened.kafka_offset
)
ORDER BY
    period_reopened.kafka_topic,
    period_reopened.kafka_partition,
    period_reopened.kafka_offset
