-- The persons who attend two sessions that begin on one day, or one that goes on past midnight: nobody else's sessions can overlap.
-- grain: one person
-- held: few of all trainees, and a join must know that they are few
WITH

-- Days in Asia/Shanghai, which is eight hours ahead of UTC all year.
busy_days AS (
    SELECT
        attendance_recorded_in_force.person_key,
        CAST(session_delivered_in_force.started_at + INTERVAL '8 hours' AS DATE) AS first_day
    FROM attendance_recorded_in_force
    INNER JOIN session_delivered_in_force
        ON session_delivered_in_force.class_id = attendance_recorded_in_force.class_id
       AND session_delivered_in_force.session_id = attendance_recorded_in_force.session_id
    GROUP BY
        attendance_recorded_in_force.person_key,
        CAST(session_delivered_in_force.started_at + INTERVAL '8 hours' AS DATE)
    HAVING count(*) > 1
        OR max(CAST(session_delivered_in_force.ended_at + INTERVAL '8 hours' AS DATE))
            > min(CAST(session_delivered_in_force.started_at + INTERVAL '8 hours' AS DATE))
)

SELECT DISTINCT
    person_key -- the person
FROM busy_days
