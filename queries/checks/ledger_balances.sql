-- Guards that every accepted event has one fate: an event the fold forgets or counts twice makes every figure of its partition wrong.
-- grain: one topic and partition that does not balance
SELECT
    kafka_topic,     -- the topic
    kafka_partition, -- the partition
    received,        -- messages below the pin
    accepted,        -- rows of the lake
    rejected,        -- messages refused
    in_force + superseded + withdrawn + withdrawals + duplicates + conflicts + logs AS accounted -- fates told
FROM ledger
WHERE received <> accepted + rejected
   OR accepted <> in_force + superseded + withdrawn + withdrawals + duplicates + conflicts + logs
ORDER BY
    kafka_topic,
    kafka_partition
