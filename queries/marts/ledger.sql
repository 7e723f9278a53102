-- What became of every message received, by partition: nothing is dropped in silence.
-- grain: one topic and partition of the pin
-- counts received: verdicts
-- counts accepted: verdicts where verdict <> 'rejected'
-- counts rejected: verdicts where verdict = 'rejected'
-- counts in_force: verdicts where verdict = 'in_force'
-- counts superseded: verdicts where verdict = 'superseded'
-- counts withdrawn: verdicts where verdict = 'withdrawn'
-- counts withdrawals: verdicts where verdict = 'withdrawal'
-- counts duplicates: verdicts where verdict = 'duplicate'
-- counts conflicts: verdicts where verdict = 'conflict'
-- counts logs: verdicts where verdict = 'log'
WITH

accepted_by_type AS (
    SELECT
        kafka_topic,
        kafka_partition,
        type,
        count(*) AS accepted
    FROM events
    GROUP BY kafka_topic, kafka_partition, type
),

-- Most events share neither series nor id with another: what they are told by their type alone.
contested_by_type AS (
    SELECT
        kafka_topic,
        kafka_partition,
        type,
        count(*) AS contested,
        count(CASE WHEN state = 'in_force' THEN 1 END) AS in_force,
        count(CASE WHEN state = 'superseded' THEN 1 END) AS superseded,
        count(CASE WHEN state = 'withdrawn' THEN 1 END) AS withdrawn,
        count(CASE WHEN state = 'withdrawal' THEN 1 END) AS withdrawals,
        count(CASE WHEN state = 'duplicate' THEN 1 END) AS duplicates,
        count(CASE WHEN state = 'conflict' THEN 1 END) AS conflicts,
        count(CASE WHEN state = 'log' THEN 1 END) AS logs
    FROM contested_verdicts
    GROUP BY kafka_topic, kafka_partition, type
),

by_type AS (
    SELECT
        accepted_by_type.kafka_topic,
        accepted_by_type.kafka_partition,
        accepted_by_type.type,
        event_types.log AS is_log,
        accepted_by_type.accepted,
        accepted_by_type.accepted - coalesce(contested_by_type.contested, 0) AS alone,
        coalesce(contested_by_type.in_force, 0) AS in_force,
        coalesce(contested_by_type.superseded, 0) AS superseded,
        coalesce(contested_by_type.withdrawn, 0) AS withdrawn,
        coalesce(contested_by_type.withdrawals, 0) AS withdrawals,
        coalesce(contested_by_type.duplicates, 0) AS duplicates,
        coalesce(contested_by_type.conflicts, 0) AS conflicts,
        coalesce(contested_by_type.logs, 0) AS logs
    FROM accepted_by_type
    INNER JOIN event_types ON event_types.type = accepted_by_type.type
    LEFT JOIN contested_by_type
        ON contested_by_type.kafka_topic = accepted_by_type.kafka_topic
       AND contested_by_type.kafka_partition = accepted_by_type.kafka_partition
       AND contested_by_type.type = accepted_by_type.type
),

folded AS (
    SELECT
        kafka_topic,
        kafka_partition,
        CAST(sum(accepted) AS BIGINT) AS accepted,
        CAST(sum(in_force + CASE WHEN is_log OR type = 'kangyang.record_withdrawn.v1' THEN 0 ELSE alone END) AS BIGINT) AS in_force,
        CAST(sum(superseded) AS BIGINT) AS superseded,
        CAST(sum(withdrawn) AS BIGINT) AS withdrawn,
        CAST(sum(withdrawals) AS BIGINT) AS withdrawals,
        CAST(sum(duplicates) AS BIGINT) AS duplicates,
        CAST(sum(conflicts + CASE WHEN type = 'kangyang.record_withdrawn.v1' THEN alone ELSE 0 END) AS BIGINT) AS conflicts,
        CAST(sum(logs + CASE WHEN is_log THEN alone ELSE 0 END) AS BIGINT) AS logs
    FROM by_type
    GROUP BY kafka_topic, kafka_partition
),

refused AS (
    SELECT
        kafka_topic,
        kafka_partition,
        count(*) AS rejected
    FROM rejects
    WHERE reason NOT IN ('offsets_absent', 'offsets_lost')
    GROUP BY kafka_topic, kafka_partition
)

SELECT
    pin.kafka_topic,     -- the topic
    pin.kafka_partition, -- the partition
    coalesce(folded.accepted, 0) + coalesce(refused.rejected, 0) AS received, -- messages below the pin
    coalesce(folded.accepted, 0) AS accepted,       -- rows of the lake
    coalesce(refused.rejected, 0) AS rejected,      -- messages refused
    coalesce(folded.in_force, 0) AS in_force,       -- statements in force
    coalesce(folded.superseded, 0) AS superseded,   -- statements corrected by a later one
    coalesce(folded.withdrawn, 0) AS withdrawn,     -- statements withdrawn
    coalesce(folded.withdrawals, 0) AS withdrawals, -- withdrawals that ended a statement
    coalesce(folded.duplicates, 0) AS duplicates,   -- said before, no effect
    coalesce(folded.conflicts, 0) AS conflicts,     -- contradicts what was there, no effect; see conflicts
    coalesce(folded.logs, 0) AS logs                -- entries of logs, which are no states
FROM pin
LEFT JOIN folded
    ON folded.kafka_topic = pin.kafka_topic
   AND folded.kafka_partition = pin.kafka_partition
LEFT JOIN refused
    ON refused.kafka_topic = pin.kafka_topic
   AND refused.kafka_partition = pin.kafka_partition
ORDER BY
    pin.kafka_topic,
    pin.kafka_partition
