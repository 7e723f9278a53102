-- The closings of each period: which report an office signed, and whether the period was opened again.
-- grain: one closing (period, revision)
--
-- A log: only a repeated id takes an entry out. A period's entries are in one partition, so their offsets are their order.
WITH

closed AS (
    SELECT
        period_closed.kafka_topic,
        period_closed.kafka_partition,
        period_closed.kafka_offset,
        period_closed.recorded_at,
        period_closed.period,
        period_closed.pin,
        period_closed.digest,
        period_closed.signer,
        row_number() OVER (
            PARTITION BY period_closed.period
            ORDER BY period_closed.kafka_topic, period_closed.kafka_partition, period_closed.kafka_offset
        ) AS revision,
        lead(period_closed.kafka_offset) OVER (
            PARTITION BY period_closed.period
            ORDER BY period_closed.kafka_topic, period_closed.kafka_partition, period_closed.kafka_offset
        ) AS next_offset
    FROM period_closed
    WHERE NOT EXISTS (
        SELECT 1
        FROM not_in_force
        WHERE not_in_force.type = 'kangyang.period_closed.v1'
          AND not_in_force.kafka_topic = period_closed.kafka_topic
          AND not_in_force.kafka_partition = period_closed.kafka_partition
          AND not_in_force.kafka_offset = period_closed.kafka_offset
    )
),

opened AS (
    SELECT
        period_reopened.kafka_offset,
        period_reopened.period,
        period_reopened.reason
    FROM period_reopened
    WHERE NOT EXISTS (
        SELECT 1
        FROM not_in_force
        WHERE not_in_force.type = 'kangyang.period_reopened.v1'
          AND not_in_force.kafka_topic = period_reopened.kafka_topic
          AND not_in_force.kafka_partition = period_reopened.kafka_partition
          AND not_in_force.kafka_offset = period_reopened.kafka_offset
    )
),

-- The first that opened a closing again; later ones found it open.
reopenings AS (
    SELECT
        closed.period,
        closed.revision,
        opened.reason,
        row_number() OVER (PARTITION BY closed.period, closed.revision ORDER BY opened.kafka_offset) AS turn
    FROM closed
    INNER JOIN opened
        ON opened.period = closed.period
       AND opened.kafka_offset > closed.kafka_offset
       AND (closed.next_offset IS NULL OR opened.kafka_offset < closed.next_offset)
)

SELECT
    closed.period,                         -- 2021-06, or 2021
    CAST(closed.revision AS BIGINT) AS revision, -- 1, 2, …: how often the period has been closed
    closed.pin,                            -- the pin of the report that was signed
    closed.digest,                         -- SHA-256 of its manifest
    closed.signer,                         -- the office that signed
    closed.recorded_at AS signed_at,       -- when the log took it in
    closed.next_offset IS NULL AND reopenings.period IS NULL AS closed, -- the period's last word: true until it is opened again
    reopenings.reason                      -- why it was opened again; null: it was not
FROM closed
LEFT JOIN reopenings
    ON reopenings.period = closed.period
   AND reopenings.revision = closed.revision
   AND reopenings.turn = 1
