-- The evaluators as they stand: each one's listing in force.
-- grain: one evaluator_listed event in force (its subject)
SELECT
    evaluator_listed.kafka_topic, -- where the event stands: topic
    evaluator_listed.kafka_partition, -- where the event stands: partition
    evaluator_listed.kafka_offset, -- where the event stands: offset
    evaluator_listed.evaluator_id, -- the evaluator
    evaluator_listed.occupations, -- what it may certify
    evaluator_listed.levels, -- at which levels
    evaluator_listed.valid_from, -- first day of the listing
    evaluator_listed.valid_to -- last day of the listing; null: open
FROM evaluator_listed
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.evaluator_listed.v1'
      AND not_in_force.kafka_topic = evaluator_listed.kafka_topic
      AND not_in_force.kafka_partition = evaluator_listed.kafka_partition
      AND not_in_force.kafka_offset = evaluator_listed.kafka_offset
)
