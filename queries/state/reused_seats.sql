-- The enrolments of persons with several, in classes that consist of such persons nearly alone: only these classes can be alike.
-- grain: one trainee_enrolled event in force (its subject)
-- held: few of all seats, and a join must know that they are few
--
-- Two classes whose common trainees are so large a share of all trainees of both have at least that share of their own in common. So
-- a class with fewer persons who are anywhere else is alike to none, and needs no comparison; none that is alike is missed.
WITH

rosters AS (
    SELECT
        trainee_enrolled_in_force.class_id,
        count(*) AS trainees
    FROM lead_limits
    CROSS JOIN trainee_enrolled_in_force
    GROUP BY trainee_enrolled_in_force.class_id, lead_limits.roster_trainees
    HAVING count(*) >= lead_limits.roster_trainees
),

several AS (
    SELECT person_key
    FROM trainee_enrolled_in_force
    GROUP BY person_key
    HAVING count(*) > 1
),

candidates AS (
    SELECT
        rosters.class_id,
        rosters.trainees
    FROM lead_limits
    CROSS JOIN several
    INNER JOIN trainee_enrolled_in_force ON trainee_enrolled_in_force.person_key = several.person_key
    INNER JOIN rosters ON rosters.class_id = trainee_enrolled_in_force.class_id
    GROUP BY rosters.class_id, rosters.trainees, lead_limits.roster_percent
    HAVING count(*) * 100 >= lead_limits.roster_percent * rosters.trainees
)

SELECT
    trainee_enrolled_in_force.kafka_topic,     -- where the enrolment stands: topic
    trainee_enrolled_in_force.kafka_partition, -- where the enrolment stands: partition
    trainee_enrolled_in_force.kafka_offset,    -- where the enrolment stands: offset
    trainee_enrolled_in_force.class_id,        -- the class
    trainee_enrolled_in_force.person_key,      -- the person
    candidates.trainees                        -- trainees of the class
FROM candidates
INNER JOIN trainee_enrolled_in_force ON trainee_enrolled_in_force.class_id = candidates.class_id
