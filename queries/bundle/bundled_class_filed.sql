-- The classes behind the report, for who audits it.
-- grain: one class_filed event in force
SELECT
    class_filed.kafka_topic, -- where the event stands: topic
    class_filed.kafka_partition, -- where the event stands: partition
    class_filed.kafka_offset, -- where the event stands: offset
    class_filed.recorded_at, -- when the log took it in
    class_filed.source, -- who stated it
    regexp_replace(class_filed.id, '[0-9A-Fa-f]{32}', '*', 'g') AS id, -- its id at the source; what could be a key is masked
    class_filed.origin, -- the source's file and row; null: none stated
    class_filed.class_id, -- the class
    class_filed.plan, -- the plan it was filed in
    class_filed.institution_id, -- the carrier's credit code
    class_filed.district_code, -- the district it was filed with
    class_filed.occupation, -- what it trains for
    class_filed.occupation_title, -- the occupation in words, for other
    class_filed.level, -- the level it trains for; null: none given
    class_filed.training_kind, -- pre_employment, upskilling, transfer or entrepreneurship
    class_filed.subsidised, -- paid for by subsidy
    class_filed.schooling, -- schooling, not training: never counted
    class_filed.planned_total_minutes, -- planned minutes
    class_filed.planned_practical_minutes, -- of these, practical
    class_filed.starts_on, -- first day
    class_filed.ends_on, -- planned last day
    class_filed.capacity -- planned number of trainees
FROM class_filed
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.class_filed.v1'
      AND not_in_force.kafka_topic = class_filed.kafka_topic
      AND not_in_force.kafka_partition = class_filed.kafka_partition
      AND not_in_force.kafka_offset = class_filed.kafka_offset
)
ORDER BY
    class_filed.kafka_topic,
    class_filed.kafka_partition,
    class_filed.kafka_offset
