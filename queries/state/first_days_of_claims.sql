-- The day on which something of a claim is told for the first time in a year.
-- grain: one year, district (null: none can be told), fund, kind of subsidy, claim
SELECT
    year,          -- the year
    district_code, -- the district; null: none can be told
    fund,          -- the fund
    subsidy_kind,  -- the kind of subsidy
    claim_id,      -- the claim
    min(effective_on) AS effective_on -- the first day
FROM placed_subsidies
GROUP BY year, district_code, fund, subsidy_kind, claim_id
