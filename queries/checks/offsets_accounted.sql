-- Guards that each offset below the pin is a row, a reject, or in a named range: a lost message is a wrong figure nobody sees.
-- grain: one topic and partition whose offsets do not add up
WITH

ranges AS (
    SELECT
        rejects.kafka_topic,
        rejects.kafka_partition,
        CAST(sum(least(rejects.end_offset, pin.kafka_offset) - rejects.kafka_offset) AS BIGINT) AS without_message
    FROM rejects
    INNER JOIN pin
        ON pin.kafka_topic = rejects.kafka_topic
       AND pin.kafka_partition = rejects.kafka_partition
    WHERE rejects.reason IN ('offsets_absent', 'offsets_lost')
    GROUP BY rejects.kafka_topic, rejects.kafka_partition
)

SELECT
    pin.kafka_topic,               -- the topic
    pin.kafka_partition,           -- the partition
    pin.kafka_offset AS offsets,   -- offsets below the pin
    ledger.accepted,               -- rows of the lake
    ledger.rejected,               -- messages refused
    coalesce(ranges.without_message, 0) AS without_message -- offsets in ranges that held no message or are gone
FROM pin
LEFT JOIN ledger
    ON ledger.kafka_topic = pin.kafka_topic
   AND ledger.kafka_partition = pin.kafka_partition
LEFT JOIN ranges
    ON ranges.kafka_topic = pin.kafka_topic
   AND ranges.kafka_partition = pin.kafka_partition
WHERE coalesce(ledger.received, 0) + coalesce(ranges.without_message, 0) <> pin.kafka_offset
ORDER BY
    pin.kafka_topic,
    pin.kafka_partition
