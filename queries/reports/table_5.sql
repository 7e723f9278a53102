-- 附表5 补贴资金情况表: what was paid and recovered in the year up to the period's last day, by fund and kind, in 万元; the whole is last.
-- grain: one fund and kind of subsidy that the rules name or that was claimed, and the whole
-- counts claims: in_report_claims one per district_code, fund, subsidy_kind, claim_id where cell.position IS NULL OR fund = cell.fund
--     AND subsidy_kind = cell.subsidy_kind
WITH

due AS (
    SELECT
        fund_rules.fund,
        fund_rules.subsidy_kind,
        min(fund_rules.position) AS position
    FROM fund_rules
    CROSS JOIN report_span
    WHERE fund_rules.valid_from <= report_span.last_day
      AND (fund_rules.valid_to IS NULL OR extract(YEAR FROM fund_rules.valid_to) >= report_span.year)
    GROUP BY fund_rules.fund, fund_rules.subsidy_kind
),

sums AS (
    SELECT
        subsidies_by_day.fund,
        subsidies_by_day.subsidy_kind,
        CAST(sum(subsidies_by_day.claims) AS BIGINT) AS claims,
        CAST(sum(subsidies_by_day.paid_fen) AS BIGINT) AS paid_fen,
        CAST(sum(subsidies_by_day.recovered_fen) AS BIGINT) AS recovered_fen,
        CAST(sum(subsidies_by_day.misplaced_fen) AS BIGINT) AS misplaced_fen
    FROM subsidies_by_day
    INNER JOIN report_span ON report_span.year = subsidies_by_day.year
    WHERE subsidies_by_day.effective_on <= report_span.last_day
    GROUP BY subsidies_by_day.fund, subsidies_by_day.subsidy_kind
),

by_kind AS (
    SELECT
        due.position AS rule_position,
        coalesce(due.fund, sums.fund) AS fund,
        coalesce(due.subsidy_kind, sums.subsidy_kind) AS subsidy_kind,
        coalesce(sums.claims, 0) AS claims,
        coalesce(sums.paid_fen, 0) AS paid_fen,
        coalesce(sums.recovered_fen, 0) AS recovered_fen,
        coalesce(sums.misplaced_fen, 0) AS misplaced_fen
    FROM due
    FULL JOIN sums
        ON sums.fund = due.fund
       AND sums.subsidy_kind = due.subsidy_kind
),

whole AS (
    SELECT
        CAST(sum(claims) AS BIGINT) AS claims,
        CAST(sum(paid_fen) AS BIGINT) AS paid_fen,
        CAST(sum(recovered_fen) AS BIGINT) AS recovered_fen,
        CAST(sum(misplaced_fen) AS BIGINT) AS misplaced_fen
    FROM by_kind
    HAVING count(*) > 0
),

together AS (
    SELECT
        CAST(row_number() OVER (ORDER BY rule_position NULLS LAST, fund, subsidy_kind) AS BIGINT) AS position,
        fund,
        subsidy_kind,
        claims,
        paid_fen,
        recovered_fen,
        misplaced_fen
    FROM by_kind
    UNION ALL
    SELECT
        CAST(NULL AS BIGINT) AS position,
        NULL AS fund,
        NULL AS subsidy_kind,
        claims,
        paid_fen,
        recovered_fen,
        misplaced_fen
    FROM whole
),

-- Half-up: fen to hundredths of 万元 (10,000 fen each), shares to hundredths of a percent; in integers.
rounded AS (
    SELECT
        together.position,
        together.fund,
        together.subsidy_kind,
        together.claims,
        CAST((together.paid_fen + 5000 - (together.paid_fen + 5000) % 10000) / 10000 AS BIGINT) AS paid_hundredths,
        CAST((together.recovered_fen + 5000 - (together.recovered_fen + 5000) % 10000) / 10000 AS BIGINT) AS recovered_hundredths,
        CAST((together.misplaced_fen + 5000 - (together.misplaced_fen + 5000) % 10000) / 10000 AS BIGINT) AS misplaced_hundredths,
        -- Sums of fen are too large for the product in 64 bits.
        CAST(
            (CAST(20000 AS DECIMAL(38, 0)) * together.paid_fen + whole.paid_fen
                - (CAST(20000 AS DECIMAL(38, 0)) * together.paid_fen + whole.paid_fen)
                    % nullif(CAST(2 AS DECIMAL(38, 0)) * whole.paid_fen, 0))
            / nullif(CAST(2 AS DECIMAL(38, 0)) * whole.paid_fen, 0) AS BIGINT) AS share_hundredths
    FROM together
    CROSS JOIN whole
)

SELECT
    rounded.position,                     -- 序号; null: the whole
    coalesce(funds.label, city.whole) AS fund, -- 资金来源, or the whole's row
    kinds.label AS subsidy_kind,          -- 补贴项目; null: the whole
    rounded.claims,                       -- claims told in the year, whatever their status
    CAST(CAST(rounded.paid_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2))
        AS paid_wan_yuan,                 -- 已拨付, 万元
    CAST(CAST(rounded.recovered_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2))
        AS recovered_wan_yuan,            -- 已追回, 万元; not taken off what was paid
    CAST(CAST(rounded.share_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS paid_share,                    -- 占比: of all that was paid, in percent; null: nothing was paid
    CAST(CAST(rounded.misplaced_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(18, 2))
        AS misplaced_wan_yuan,            -- of the paid, from a fund that the rules don't give for the kind, 万元
    CAST(NULL AS VARCHAR) AS remark       -- left for the office
FROM city
CROSS JOIN rounded
LEFT JOIN codes AS funds
    ON funds.field = 'fund'
   AND funds.code = rounded.fund
LEFT JOIN codes AS kinds
    ON kinds.field = 'subsidy_kind'
   AND kinds.code = rounded.subsidy_kind
ORDER BY
    rounded.position NULLS LAST
