-- The signatures under the periods that the report compares with, for who audits it.
-- grain: one period_closed event that does not repeat an id
SELECT
    period_closed.kafka_topic, -- where the event stands: topic
    period_closed.kafka_partition, -- where the event stands: partition
    period_closed.kafka_offset, -- where the event stands: offset
    period_closed.recorded_at, -- when the log took it in
    period_closed.source, -- who stated it
    regexp_replace(period_closed.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    period_closed.origin, -- the source's file and row; null: none stated
    period_closed.period, -- the period signed
    period_closed.pin, -- the log position of what was signed
    period_closed.digest, -- SHA-256 of the signed report's manifest
    period_closed.signer -- the office that signed
FROM period_closed
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.period_closed.v1'
      AND not_in_force.kafka_topic = period_closed.kafka_topic
      AND not_in_force.kafka_partition = period_closed.kafka_partition
      AND not_in_force.kafka_offset = period_closed.kafka_offset
)
ORDER BY
    period_closed.kafka_topic,
    period_closed.kafka_partition,
    period_closed.kafka_offset
