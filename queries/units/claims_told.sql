-- The entries of claims with the district each stands in.
-- grain: one entry of a claim's log (kafka_topic, kafka_partition, kafka_offset)
-- events: subsidy_status_changed
SELECT
    subsidy_entries.kafka_topic,     -- where the entry stands: topic
    subsidy_entries.kafka_partition, -- where the entry stands: partition
    subsidy_entries.kafka_offset,    -- where the entry stands: offset
    CAST(extract(YEAR FROM subsidy_entries.effective_on) AS BIGINT) AS year, -- the year of effective_on
    coalesce(class_filed_in_force.district_code, institution_listed_in_force.district_code)
        AS district_code,            -- the district of the class, else of the institution; null: neither tells one
    subsidy_entries.fund,            -- the fund
    subsidy_entries.subsidy_kind,    -- the kind of subsidy
    subsidy_entries.claim_id,        -- the claim
    subsidy_entries.subsidy_status,  -- applied, approved, paid, refused or recovered
    subsidy_entries.effective_on     -- the day
FROM subsidy_entries
LEFT JOIN class_filed_in_force ON class_filed_in_force.class_id = subsidy_entries.class_id
LEFT JOIN institution_listed_in_force ON institution_listed_in_force.institution_id = subsidy_entries.institution_id
