-- What was claimed, paid and recovered on each day: feeds subsidies_by_fund and table 5.
-- grain: one day, district (null: none can be told), fund, kind of subsidy
WITH

-- Of the class as it stands, else of the institution's listing.
placed AS (
    SELECT
        subsidy_entries.claim_id,
        subsidy_entries.effective_on,
        CAST(extract(YEAR FROM subsidy_entries.effective_on) AS BIGINT) AS year,
        coalesce(class_filed_in_force.district_code, institution_listed_in_force.district_code) AS district_code,
        subsidy_entries.fund,
        subsidy_entries.subsidy_kind,
        subsidy_entries.subsidy_status,
        subsidy_entries.amount_fen
    FROM subsidy_entries
    LEFT JOIN class_filed_in_force ON class_filed_in_force.class_id = subsidy_entries.class_id
    LEFT JOIN institution_listed_in_force ON institution_listed_in_force.institution_id = subsidy_entries.institution_id
),

-- A claim is told on the first of its days in a year.
first_days AS (
    SELECT
        year,
        district_code,
        fund,
        subsidy_kind,
        claim_id,
        min(effective_on) AS effective_on
    FROM placed
    GROUP BY year, district_code, fund, subsidy_kind, claim_id
),

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
    FROM first_days
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
    FROM placed
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

-- The fund may pay this kind on this day.
allowed AS (
    SELECT DISTINCT
        days.effective_on,
        days.fund,
        days.subsidy_kind
    FROM days
    INNER JOIN fund_rules
        ON fund_rules.fund = days.fund
       AND fund_rules.subsidy_kind = days.subsidy_kind
    WHERE days.effective_on >= fund_rules.valid_from
      AND (fund_rules.valid_to IS NULL OR days.effective_on <= fund_rules.valid_to)
)

SELECT
    days.year,          -- the year of the day
    days.effective_on,  -- the day
    days.district_code, -- the district of the class, else of the institution; null: neither tells one
    districts.district, -- its name
    days.fund,          -- the fund
    days.subsidy_kind,  -- the kind of subsidy
    days.claims,        -- claims told for the first time in the year, whatever their status
    days.paid_fen,      -- paid that day, in fen
    days.recovered_fen, -- recovered that day, in fen
    CASE WHEN allowed.fund IS NULL THEN days.paid_fen ELSE 0 END
        AS misplaced_fen -- of the paid, from a fund that the rules don't give for it
FROM days
LEFT JOIN districts ON districts.district_code = days.district_code
LEFT JOIN allowed
    ON allowed.effective_on = days.effective_on
   AND allowed.fund = days.fund
   AND allowed.subsidy_kind = days.subsidy_kind
ORDER BY
    days.effective_on,
    days.district_code NULLS LAST,
    days.fund,
    days.subsidy_kind
