-- The classes as they stand, with their last day and year: what a lead says of a class.
-- grain: one class_filed event in force (its subject)
SELECT
    class_filed_in_force.kafka_topic,       -- where the filing stands: topic
    class_filed_in_force.kafka_partition,   -- where the filing stands: partition
    class_filed_in_force.kafka_offset,      -- where the filing stands: offset
    class_filed.origin,                     -- the source's file and row; null: none stated
    class_filed_in_force.class_id,          -- the class
    class_filed_in_force.plan,              -- the plan it was filed in
    class_filed_in_force.district_code,     -- the district it was filed with
    class_filed_in_force.institution_id,    -- the carrier's credit code
    class_filed_in_force.occupation,        -- what it trains for
    class_filed_in_force.occupation_title,  -- the occupation in words, for other
    class_filed_in_force.level,             -- its level; null: none given
    class_filed_in_force.subsidised,        -- paid for by subsidy
    class_filed_in_force.schooling,         -- schooling, not training
    class_filed_in_force.planned_total_minutes, -- planned minutes
    class_filed_in_force.starts_on,         -- first day
    coalesce(class_closed_in_force.ended_on, class_filed_in_force.ends_on) AS ended_on, -- last day: as closed, else as filed
    CAST(extract(YEAR FROM coalesce(class_closed_in_force.ended_on, class_filed_in_force.ends_on)) AS BIGINT) AS year, -- its year
    class_filed_in_force.capacity           -- planned number of trainees
FROM class_filed_in_force
INNER JOIN class_filed
    ON class_filed.kafka_topic = class_filed_in_force.kafka_topic
   AND class_filed.kafka_partition = class_filed_in_force.kafka_partition
   AND class_filed.kafka_offset = class_filed_in_force.kafka_offset
LEFT JOIN class_closed_in_force ON class_closed_in_force.class_id = class_filed_in_force.class_id
