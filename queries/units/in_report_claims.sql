-- The entries of claims in the report's year up to its last day, with fund and kind as the report prints them.
-- grain: one entry of a claim's log (kafka_topic, kafka_partition, kafka_offset)
-- events: subsidy_status_changed
SELECT
    claims_told.kafka_topic,     -- where the entry stands: topic
    claims_told.kafka_partition, -- where the entry stands: partition
    claims_told.kafka_offset,    -- where the entry stands: offset
    claims_told.district_code,   -- the district of the class, else of the institution; null: neither tells one
    funds.label AS fund,         -- the fund
    kinds.label AS subsidy_kind, -- the kind of subsidy
    claims_told.claim_id,        -- the claim
    claims_told.subsidy_status,  -- applied, approved, paid, refused or recovered
    claims_told.effective_on     -- the day
FROM claims_told
INNER JOIN report_span
    ON report_span.year = claims_told.year
   AND report_span.last_day >= claims_told.effective_on
LEFT JOIN codes AS funds
    ON funds.field = 'fund'
   AND funds.code = claims_told.fund
LEFT JOIN codes AS kinds
    ON kinds.field = 'subsidy_kind'
   AND kinds.code = claims_told.subsidy_kind
