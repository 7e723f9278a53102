-- Guards that no position of the log is in the lake twice: a doubled file would double its completions.
-- grain: one position held more than once
--
-- Rows at one position share series and id, so all of them are contested.
SELECT
    kafka_topic,     -- the topic
    kafka_partition, -- the partition
    kafka_offset,    -- the offset
    count(*) AS held_rows -- rows of the lake there
FROM contested_verdicts
GROUP BY kafka_topic, kafka_partition, kafka_offset
HAVING count(*) > 1
ORDER BY
    kafka_topic,
    kafka_partition,
    kafka_offset
