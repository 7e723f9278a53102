-- The sessions with a minute so full that nearly everybody may have signed in at once: only their sign-ins are looked at one by one.
-- grain: one session
-- held: few of all sessions, and a join must know that they are few
--
-- What lies within so many seconds touches at most that many sixtieths, and two more, of the clock's minutes; so of those who signed in
-- at once a minute holds at least one such part.
WITH

minutes AS (
    SELECT
        class_id,
        session_id,
        date_trunc('minute', attended_at) AS minute,
        count(*) AS signed
    FROM attendance_recorded_in_force
    GROUP BY class_id, session_id, date_trunc('minute', attended_at)
),

sessions AS (
    SELECT
        class_id,
        session_id,
        CAST(sum(signed) AS BIGINT) AS signed,
        max(signed) AS in_a_minute
    FROM minutes
    GROUP BY class_id, session_id
)

SELECT
    sessions.class_id,   -- the class
    sessions.session_id, -- the session
    sessions.signed      -- who signed in at it
FROM lead_limits
CROSS JOIN sessions
WHERE sessions.signed >= lead_limits.sign_in_trainees
  AND sessions.in_a_minute * (lead_limits.sign_in_seconds + 120) * 100 >= sessions.signed * lead_limits.sign_in_percent * 60
