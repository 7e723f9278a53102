-- The catalogue of occupations as it stands: each edition's entry in force.
-- grain: one occupation_catalogued event in force (its subject)
SELECT
    occupation_catalogued.kafka_topic, -- where the event stands: topic
    occupation_catalogued.kafka_partition, -- where the event stands: partition
    occupation_catalogued.kafka_offset, -- where the event stands: offset
    occupation_catalogued.occupation, -- the occupation
    occupation_catalogued.edition, -- the edition of the catalogue
    occupation_catalogued.levels, -- its levels
    occupation_catalogued.valid_from, -- first day of the entry
    occupation_catalogued.valid_to -- last day of the entry; null: open
FROM occupation_catalogued
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.occupation_catalogued.v1'
      AND not_in_force.kafka_topic = occupation_catalogued.kafka_topic
      AND not_in_force.kafka_partition = occupation_catalogued.kafka_partition
      AND not_in_force.kafka_offset = occupation_catalogued.kafka_offset
)
