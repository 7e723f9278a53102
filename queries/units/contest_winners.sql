-- The awards of contests, and whether each led to the certificate that it is good for.
-- grain: one contest award in force (kafka_topic, kafka_partition, kafka_offset)
-- events: contest_awarded
WITH

on_contest AS (
    SELECT
        person_key,
        occupation,
        level,
        max(issued_on) AS issued_on
    FROM certificate_spans
    WHERE basis = 'contest'
      AND valid_until IS NULL
    GROUP BY person_key, occupation, level
)

SELECT
    contest_awarded_in_force.kafka_topic,     -- where the award stands: topic
    contest_awarded_in_force.kafka_partition, -- where the award stands: partition
    contest_awarded_in_force.kafka_offset,    -- where the award stands: offset
    contest_awarded_in_force.contest_id,      -- the contest
    CAST(extract(YEAR FROM contest_awarded_in_force.awarded_on) AS BIGINT) AS year, -- the year of the award
    contest_awarded_in_force.occupation,      -- what the contest was in
    contest_awarded_in_force.contest_rank,    -- the person's rank in it
    contest_awarded_in_force.promoted_level,  -- the level to which the person may be promoted; null: none
    contest_awarded_in_force.awarded_on,      -- the day of the award
    coalesce(on_contest.issued_on >= contest_awarded_in_force.awarded_on, FALSE)
        AS promoted                           -- who holds a valid certificate of that level on the ground of a contest
FROM contest_awarded_in_force
LEFT JOIN on_contest
    ON on_contest.person_key = contest_awarded_in_force.person_key
   AND on_contest.occupation = contest_awarded_in_force.occupation
   AND on_contest.level = contest_awarded_in_force.promoted_level
