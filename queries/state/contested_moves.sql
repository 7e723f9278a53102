-- The contested events that move what is in force, and what became of each: its neighbours in the series tell.
-- grain: one move
WITH

neighbours AS (
    SELECT
        contested_steps.*,
        coalesce(lag(series) OVER in_order = series AND NOT lag(withdraws) OVER in_order, FALSE) AS finds_one_in_force,
        lag(id) OVER in_order AS previous_id,
        coalesce(lead(series) OVER in_order = series, FALSE) AS followed,
        lead(withdraws) OVER in_order AS next_withdraws
    FROM contested_steps
    WHERE moves = 1
    WINDOW in_order AS (ORDER BY move)
)

SELECT
    move,            -- number of the move
    kafka_topic,     -- where the event stands: topic
    kafka_partition, -- where the event stands: partition
    kafka_offset,    -- where the event stands: offset
    type,            -- the event's type
    series,          -- number of its series
    data_hash,       -- hash of the typed data
    CASE
        WHEN withdraws AND finds_one_in_force THEN 'withdrawal'
        WHEN withdraws THEN 'conflict'
        WHEN NOT followed THEN 'in_force'
        WHEN next_withdraws THEN 'withdrawn'
        ELSE 'superseded'
    END AS state,    -- in_force, superseded, withdrawn, withdrawal or conflict; a stale correction by its state
    CASE
        WHEN withdraws AND NOT finds_one_in_force THEN 'nothing_to_withdraw'
        WHEN NOT withdraws AND finds_one_in_force AND supersedes <> previous_id THEN 'stale_correction'
    END AS conflict  -- nothing_to_withdraw or stale_correction; null: no conflict
FROM neighbours
