-- The subsidised classes of the report's plan and year that had ended by its last day, each by its filing.
-- grain: one subsidised class in force (kafka_topic, kafka_partition, kafka_offset of its filing)
-- events: class_filed
SELECT
    subsidised_filings.kafka_topic,     -- where the filing stands: topic
    subsidised_filings.kafka_partition, -- where the filing stands: partition
    subsidised_filings.kafka_offset,    -- where the filing stands: offset
    districts.position,                 -- the district's place in the annex
    subsidised_filings.class_id,        -- the class
    subsidised_filings.ended_on,        -- its last day
    subsidised_filings.planned_verdict, -- compliant, not_compliant or undecided, as filed
    subsidised_filings.delivered_verdict -- the same, as delivered
FROM subsidised_filings
INNER JOIN report_span
    ON report_span.plan = subsidised_filings.plan
   AND report_span.year = subsidised_filings.year
   AND report_span.last_day >= subsidised_filings.ended_on
INNER JOIN districts ON districts.district_code = subsidised_filings.district_code
