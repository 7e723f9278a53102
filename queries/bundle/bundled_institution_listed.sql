-- The carriers behind the report, for who audits it, by their code alone: the name of some is a person's.
-- grain: one institution_listed event in force
SELECT
    institution_listed.kafka_topic, -- where the event stands: topic
    institution_listed.kafka_partition, -- where the event stands: partition
    institution_listed.kafka_offset, -- where the event stands: offset
    institution_listed.recorded_at, -- when the log took it in
    institution_listed.source, -- who stated it
    regexp_replace(institution_listed.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    institution_listed.origin, -- the source's file and row; null: none stated
    institution_listed.institution_id, -- the carrier's credit code
    institution_listed.institution_type, -- what kind of carrier
    institution_listed.district_code, -- the district it is listed in
    institution_listed.valid_from, -- first day of the listing
    institution_listed.valid_to -- last day of the listing; null: open
FROM institution_listed
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.institution_listed.v1'
      AND not_in_force.kafka_topic = institution_listed.kafka_topic
      AND not_in_force.kafka_partition = institution_listed.kafka_partition
      AND not_in_force.kafka_offset = institution_listed.kafka_offset
)
ORDER BY
    institution_listed.kafka_topic,
    institution_listed.kafka_partition,
    institution_listed.kafka_offset
