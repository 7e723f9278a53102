-- The subsidised classes with what the rule of the practical share makes of them, each by its filing.
-- grain: one subsidised class in force (kafka_topic, kafka_partition, kafka_offset of its filing)
-- events: class_filed
SELECT
    class_filed_in_force.kafka_topic,     -- where the filing stands: topic
    class_filed_in_force.kafka_partition, -- where the filing stands: partition
    class_filed_in_force.kafka_offset,    -- where the filing stands: offset
    subsidised_classes.class_id,          -- the class
    subsidised_classes.plan,              -- the plan it was filed in
    subsidised_classes.district_code,     -- the district it was filed with
    subsidised_classes.ended_on,          -- the last day: as closed, else as filed
    CAST(extract(YEAR FROM subsidised_classes.ended_on) AS BIGINT) AS year, -- its year
    subsidised_classes.planned_verdict,   -- compliant, not_compliant or undecided, as filed
    subsidised_classes.delivered_verdict  -- the same, as delivered
FROM subsidised_classes
INNER JOIN class_filed_in_force ON class_filed_in_force.class_id = subsidised_classes.class_id
