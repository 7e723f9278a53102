-- How many of those trained for certifiable occupations are certified, and who holds which certificates, in each year.
-- grain: one plan, year, district (null: the city) with a trainees target; zeros included
-- counts certifiable: certifiable_trained one per person_key
-- counts certified: certifiable_trained one per person_key where valid_from IS NOT NULL AND valid_until IS NULL
-- counts certified_90_days: certifiable_trained one per person_key where in_time_from IS NOT NULL AND valid_until IS NULL
-- counts holders: certificates_held one per person_key where certificate_kind IN ('skill_level', 'professional_qualification') AND (plan
--     = cell.plan OR plan IS NULL) AND (cell.district_code IS NULL OR district_code = cell.district_code) AND valid_until IS NULL
-- counts high_skilled: certificates_held one per person_key where certificate_kind IN ('skill_level', 'professional_qualification') AND
--     high_skilled AND (plan = cell.plan OR plan IS NULL) AND (cell.district_code IS NULL OR district_code = cell.district_code) AND
--     valid_until IS NULL
-- counts special_ability: certificates_held one per person_key where certificate_kind = 'special_ability' AND (plan = cell.plan OR plan
--     IS NULL) AND (cell.district_code IS NULL OR district_code = cell.district_code) AND valid_until IS NULL
WITH

rows_due AS (
    SELECT plan, year, district_code, district
    FROM completion_by_district_year
    UNION ALL
    SELECT completion_by_year.plan, completion_by_year.year, NULL AS district_code, city.whole AS district
    FROM city
    CROSS JOIN completion_by_year
),

sums AS (
    SELECT
        plan,
        year,
        district_code,
        CAST(sum(certifiable) AS BIGINT) AS certifiable,
        CAST(sum(certified) AS BIGINT) AS certified,
        CAST(sum(certified_90_days) AS BIGINT) AS certified_90_days,
        CAST(sum(holders) AS BIGINT) AS holders,
        CAST(sum(high_skilled) AS BIGINT) AS high_skilled,
        CAST(sum(special_ability) AS BIGINT) AS special_ability
    FROM certified_by_day
    GROUP BY plan, year, district_code
),

-- Half-up to hundredths of a percent, in integers.
rates AS (
    SELECT
        rows_due.plan,
        rows_due.year,
        rows_due.district_code,
        rows_due.district,
        coalesce(sums.certifiable, 0) AS certifiable,
        coalesce(sums.certified, 0) AS certified,
        CAST((20000 * sums.certified + sums.certifiable - (20000 * sums.certified + sums.certifiable) % nullif(2 * sums.certifiable, 0))
            / nullif(2 * sums.certifiable, 0) AS BIGINT) AS certified_hundredths,
        coalesce(sums.certified_90_days, 0) AS certified_90_days,
        coalesce(sums.holders, 0) AS holders,
        coalesce(sums.high_skilled, 0) AS high_skilled,
        coalesce(sums.special_ability, 0) AS special_ability
    FROM rows_due
    LEFT JOIN sums
        ON sums.plan = rows_due.plan
       AND sums.year = rows_due.year
       AND coalesce(sums.district_code, 'CITY') = coalesce(rows_due.district_code, 'CITY')
)

SELECT
    plan,              -- the plan
    year,              -- the year of completed_on; of holders and what follows, the year of issue
    district_code,     -- the district with which the class was filed; null: the city
    district,          -- its name
    certifiable,       -- distinct persons counted in a certifiable occupation, entrepreneurship training left out
    certified,         -- of these, with a valid certificate of the occupation issued since the class began
    CAST(CAST(certified_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS certified_rate, -- certified × 100 / certifiable, half-up; null: certifiable 0
    certified_90_days, -- of the certified, by a certificate issued within 90 days of completion
    holders,           -- distinct persons with a valid certificate of skill issued in the year, whatever its basis and occupation
    high_skilled,      -- of the holders, level 3, 2 or 1
    special_ability    -- distinct persons with a valid certificate of special ability issued in the year
FROM rates
ORDER BY
    plan,
    year,
    district_code NULLS LAST
