-- The results of assessments as they stand.
-- grain: one assessment_resulted event in force (its subject)
-- events: assessment_resulted
SELECT
    assessment_resulted.kafka_topic, -- where the event stands: topic
    assessment_resulted.kafka_partition, -- where the event stands: partition
    assessment_resulted.kafka_offset, -- where the event stands: offset
    assessment_resulted.batch_id, -- the batch of the assessment
    assessment_resulted.person_key, -- the person
    assessment_resulted.occupation, -- what was assessed
    assessment_resulted.level, -- at which level
    assessment_resulted.evaluator_id, -- who assessed
    assessment_resulted.result, -- passed or failed
    assessment_resulted.assessed_on, -- the day of the assessment
    CAST(extract(YEAR FROM assessment_resulted.assessed_on) AS BIGINT) AS year -- its year
FROM assessment_resulted
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.assessment_resulted.v1'
      AND not_in_force.kafka_topic = assessment_resulted.kafka_topic
      AND not_in_force.kafka_partition = assessment_resulted.kafka_partition
      AND not_in_force.kafka_offset = assessment_resulted.kafka_offset
)
