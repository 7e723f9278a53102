-- What was claimed, paid and recovered on each day: feeds subsidies_by_fund and table 5.
-- grain: one day, district (null: none can be told), fund, kind of subsidy
WITH

told AS (
    SELECT
        year,
        effective_on,
        district_code,
        fund,
        subsidy_kind,
        count(*) AS claims,
        CAST(0 AS BIGINT) AS paid_fen,
        CAST(0 AS BIGINT) AS recovered_fen
    FROM first_days_of_claims
    GROUP BY year, effective_on, district_code, fund, subsidy_kind
    UNION ALL
    SELECT
        year,
        effective_on,
        district_code,
        fund,
        subsidy_kind,
        CAST(0 AS BIGINT) AS claims,
        CAST(sum(CASE WHEN subsidy_status = 'paid' THEN amount_fen ELSE 0 END) AS BIGINT) AS paid_fen,
        CAST(sum(CASE WHEN subsidy_status = 'recovered' THEN amount_fen ELSE 0 END) AS BIGINT) AS recovered_fen
    FROM placed_subsidies
    GROUP BY year, effective_on, district_code, fund, subsidy_kind
),

days AS (
    SELECT
        year,
        effective_on,
        district_code,
        fund,
        subsidy_kind,
        CAST(sum(claims) AS BIGINT) AS claims,
        CAST(sum(paid_fen) AS BIGINT) AS paid_fen,
        CAST(sum(recovered_fen) AS BIGINT) AS recovered_fen
    FROM told
    GROUP BY year, effective_on, district_code, fund, subsidy_kind
),

-- Misplaced: no rule gives the fund for this kind on this day.
checked AS (
    SELECT
        days.year,
        days.effective_on,
        days.district_code,
        days.fund,
        days.subsidy_kind,
        days.claims,
        days.paid_fen,
        days.recovered_fen,
        max(CASE WHEN fund_rules.fund IS NULL THEN days.paid_fen ELSE 0 END) AS misplaced_fen
    FROM days
    LEFT JOIN fund_rules
        ON fund_rules.fund = days.fund
       AND fund_rules.subsidy_kind = days.subsidy_kind
       AND fund_rules.valid_from <= days.effective_on
       AND (fund_rules.valid_to IS NULL OR fund_rules.valid_to >= days.effective_on)
    GROUP BY
        days.year,
        days.effective_on,
        days.district_code,
        days.fund,
        days.subsidy_kind,
        days.claims,
        days.paid_fen,
        days.recovered_fen
)

SELECT
    checked.year,          -- the year of the day
    checked.effective_on,  -- the day
    checked.district_code, -- the district of the class, else of the institution; null: neither tells one
    districts.district,    -- its name
    checked.fund,          -- the fund
    checked.subsidy_kind,  -- the kind of subsidy
    checked.claims,        -- claims told for the first time in the year, whatever their status
    checked.paid_fen,      -- paid that day, in fen
    checked.recovered_fen, -- recovered that day, in fen
    checked.misplaced_fen  -- of the paid, from a fund that the rules don't give for it
FROM checked
LEFT JOIN districts ON districts.district_code = checked.district_code
ORDER BY
    checked.effective_on,
    checked.district_code NULLS LAST,
    checked.fund,
    checked.subsidy_kind
