-- What was paid: the paid entries of all claims, with what they were paid for.
-- grain: one subsidy_status_changed event (kafka_topic, kafka_partition, kafka_offset)
SELECT
    subsidy_entries.kafka_topic,      -- where the entry stands: topic
    subsidy_entries.kafka_partition,  -- where the entry stands: partition
    subsidy_entries.kafka_offset,     -- where the entry stands: offset
    subsidy_status_changed.origin,    -- the source's file and row; null: none stated
    subsidy_entries.claim_id,         -- the claim
    subsidy_status_changed.person_key, -- whom it is for; null: a claim for a class
    subsidy_entries.class_id,         -- the class it is about; null: none
    coalesce(subsidy_status_changed.occupation, class_filed_in_force.occupation) AS occupation, -- as the entry states it, else the class's
    coalesce(
        subsidy_status_changed.level,
        CASE
            WHEN coalesce(subsidy_status_changed.occupation, class_filed_in_force.occupation) = class_filed_in_force.occupation
                THEN class_filed_in_force.level
        END
    ) AS level,                       -- as the entry states it, else the class's
    subsidy_status_changed.level AS stated_level, -- as the entry states it
    subsidy_entries.subsidy_kind,     -- training, assessment, living or travel
    subsidy_entries.fund,             -- the fund that paid
    subsidy_entries.effective_on,     -- the day of payment
    CAST(extract(YEAR FROM subsidy_entries.effective_on) AS BIGINT) AS year -- its year
FROM subsidy_entries
INNER JOIN subsidy_status_changed
    ON subsidy_status_changed.kafka_topic = subsidy_entries.kafka_topic
   AND subsidy_status_changed.kafka_partition = subsidy_entries.kafka_partition
   AND subsidy_status_changed.kafka_offset = subsidy_entries.kafka_offset
LEFT JOIN class_filed_in_force ON class_filed_in_force.class_id = subsidy_entries.class_id
WHERE subsidy_entries.subsidy_status = 'paid'
