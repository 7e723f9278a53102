-- The ids that seem to be used by more than one event of a subject and source.
-- grain: one event_hash
SELECT
    event_hash,         -- hash of subject, source and id
    count(*) AS tellings -- events with it
FROM events
GROUP BY event_hash
HAVING count(*) > 1
