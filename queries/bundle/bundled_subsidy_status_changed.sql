-- The entries of the claims behind the report's money, for who audits it; persons and accounts are left out.
-- grain: one subsidy_status_changed event that does not repeat an id
SELECT
    subsidy_status_changed.kafka_topic, -- where the event stands: topic
    subsidy_status_changed.kafka_partition, -- where the event stands: partition
    subsidy_status_changed.kafka_offset, -- where the event stands: offset
    subsidy_status_changed.recorded_at, -- when the log took it in
    subsidy_status_changed.source, -- who stated it
    regexp_replace(subsidy_status_changed.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    subsidy_status_changed.origin, -- the source's file and row; null: none stated
    subsidy_status_changed.claim_id, -- the claim
    subsidy_status_changed.class_id, -- the class it is about; null: none
    subsidy_status_changed.institution_id, -- the carrier it is about; null: none
    subsidy_status_changed.subsidy_kind, -- training, assessment, living or travel
    subsidy_status_changed.fund, -- the fund that pays
    subsidy_status_changed.amount_fen, -- the amount of this entry, in fen
    subsidy_status_changed.subsidy_status, -- applied, approved, paid, refused or recovered
    subsidy_status_changed.effective_on -- the day from which it is so
FROM subsidy_status_changed
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.subsidy_status_changed.v1'
      AND not_in_force.kafka_topic = subsidy_status_changed.kafka_topic
      AND not_in_force.kafka_partition = subsidy_status_changed.kafka_partition
      AND not_in_force.kafka_offset = subsidy_status_changed.kafka_offset
)
ORDER BY
    subsidy_status_changed.kafka_topic,
    subsidy_status_changed.kafka_partition,
    subsidy_status_changed.kafka_offset
