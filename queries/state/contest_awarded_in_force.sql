-- The contest awards as they stand.
-- grain: one contest_awarded event in force (its subject)
SELECT
    contest_awarded.kafka_topic, -- where the event stands: topic
    contest_awarded.kafka_partition, -- where the event stands: partition
    contest_awarded.kafka_offset, -- where the event stands: offset
    contest_awarded.contest_id, -- the contest
    contest_awarded.person_key, -- the person
    contest_awarded.contest_rank, -- the person's rank in it
    contest_awarded.occupation, -- what the contest was in
    contest_awarded.promoted_level, -- the level to which the person may be promoted; null: none
    contest_awarded.awarded_on -- the day of the award
FROM contest_awarded
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.contest_awarded.v1'
      AND not_in_force.kafka_topic = contest_awarded.kafka_topic
      AND not_in_force.kafka_partition = contest_awarded.kafka_partition
      AND not_in_force.kafka_offset = contest_awarded.kafka_offset
)
