-- The entries of claims with the district each stands in: of the class as it stands, else of the institution's listing.
-- grain: one entry of a claim's log
SELECT
    subsidy_entries.claim_id,     -- the claim
    subsidy_entries.effective_on, -- the day
    CAST(extract(YEAR FROM subsidy_entries.effective_on) AS BIGINT) AS year, -- its year
    coalesce(class_filed_in_force.district_code, institution_listed_in_force.district_code)
        AS district_code,         -- the district; null: neither tells one
    subsidy_entries.fund,         -- the fund
    subsidy_entries.subsidy_kind, -- the kind of subsidy
    subsidy_entries.subsidy_status, -- applied, approved, paid, refused or recovered
    subsidy_entries.amount_fen    -- the amount of this entry, in fen
FROM subsidy_entries
LEFT JOIN class_filed_in_force ON class_filed_in_force.class_id = subsidy_entries.class_id
LEFT JOIN institution_listed_in_force ON institution_listed_in_force.institution_id = subsidy_entries.institution_id
