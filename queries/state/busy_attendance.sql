-- What busy trainees attended, and when: the few attendances among which two sessions of one person can overlap.
-- grain: one attendance_recorded event in force (its subject)
-- held: few of all sign-ins, and a join must know that they are few
SELECT
    attendance_recorded_in_force.kafka_topic,     -- where the attendance stands: topic
    attendance_recorded_in_force.kafka_partition, -- where the attendance stands: partition
    attendance_recorded_in_force.kafka_offset,    -- where the attendance stands: offset
    attendance_recorded_in_force.class_id,        -- the class
    attendance_recorded_in_force.session_id,      -- the session
    attendance_recorded_in_force.person_key,      -- the person
    session_delivered_in_force.started_at,        -- when the session began
    session_delivered_in_force.ended_at,          -- when it ended
    CAST(session_delivered_in_force.started_at + INTERVAL '8 hours' AS DATE) AS first_day, -- the day it began, in Asia/Shanghai
    CAST(session_delivered_in_force.ended_at + INTERVAL '8 hours' AS DATE) AS last_day     -- the day it ended, in Asia/Shanghai
FROM attendance_recorded_in_force
INNER JOIN busy_trainees ON busy_trainees.person_key = attendance_recorded_in_force.person_key
INNER JOIN session_delivered_in_force
    ON session_delivered_in_force.class_id = attendance_recorded_in_force.class_id
   AND session_delivered_in_force.session_id = attendance_recorded_in_force.session_id
