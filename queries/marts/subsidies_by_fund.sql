-- What was claimed, paid and recovered in each year, by fund and kind: paid and recovered apart, for a claim may be both in parts.
-- grain: one year, district (null: none can be told), fund, kind of subsidy
-- counts claims: claims_told one per claim_id where district_code IS NOT DISTINCT FROM cell.district_code
SELECT
    year,          -- the year of effective_on
    district_code, -- the district of the class, else of the institution; null: neither tells one
    district,      -- its name
    fund,          -- the fund
    subsidy_kind,  -- the kind of subsidy
    CAST(sum(claims) AS BIGINT) AS claims,       -- distinct claims, whatever their status
    CAST(sum(paid_fen) AS BIGINT) AS paid_fen,   -- paid, in fen
    CAST(sum(recovered_fen) AS BIGINT) AS recovered_fen -- recovered, in fen
FROM subsidies_by_day
GROUP BY year, district_code, district, fund, subsidy_kind
ORDER BY
    year,
    district_code NULLS LAST,
    fund,
    subsidy_kind
