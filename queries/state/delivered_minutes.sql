-- What was delivered in each class: as its closing states it, else as its sessions add up.
-- grain: one class with a closing or a session in force
WITH

sessions AS (
    SELECT
        class_id,
        CAST(sum(session_minutes) AS BIGINT) AS total_minutes,
        CAST(sum(CASE WHEN practical THEN session_minutes ELSE 0 END) AS BIGINT) AS practical_minutes
    FROM session_delivered_in_force
    GROUP BY class_id
)

SELECT
    coalesce(class_closed_in_force.class_id, sessions.class_id) AS class_id, -- the class
    class_closed_in_force.ended_on, -- the last day; null: not closed
    CASE WHEN class_closed_in_force.class_id IS NULL THEN 'sessions' ELSE 'class_closed' END
        AS delivered_source,        -- class_closed or sessions
    CASE WHEN class_closed_in_force.class_id IS NULL THEN sessions.total_minutes ELSE class_closed_in_force.delivered_total_minutes END
        AS delivered_total_minutes, -- minutes delivered
    CASE WHEN class_closed_in_force.class_id IS NULL THEN sessions.practical_minutes
        ELSE class_closed_in_force.delivered_practical_minutes END
        AS delivered_practical_minutes -- of these, practical
FROM class_closed_in_force
FULL JOIN sessions ON sessions.class_id = class_closed_in_force.class_id
