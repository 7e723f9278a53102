-- The series that seem to have more than one event: what has one needs no fold.
-- grain: one series_hash
SELECT
    series_hash -- hash of subject and the type an event is about
FROM events
GROUP BY series_hash
HAVING count(*) > 1
