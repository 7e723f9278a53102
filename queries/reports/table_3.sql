-- 附表3 取证情况表: who of the year's trainees is certified on the period's last day, and who holds which certificates; the city's row is last.
-- grain: one district of the plan, and the city
-- counts completions: in_report_certifiable one per class_id, person_key where completed
-- counts certifiable: in_report_certifiable one per person_key where completed
-- counts certified: in_report_certifiable one per person_key where certified
-- counts due_90_days: in_report_certifiable one per person_key where due
-- counts certified_90_days: in_report_certifiable one per person_key where certified_in_time
-- counts holders: in_report_certificates one per person_key where certificate_kind IN ('skill_level', 'professional_qualification')
-- counts high_skilled: in_report_certificates one per person_key where certificate_kind IN ('skill_level', 'professional_qualification')
--     AND high_skilled
-- counts special_ability: in_report_certificates one per person_key where certificate_kind = 'special_ability'
-- counts professional: in_report_certificates one per person_key where certificate_kind = 'social_work' OR certificate_kind =
--     'professional_qualification' AND NOT certifiable
WITH

places AS (
    SELECT DISTINCT
        completion_by_district_year.position,
        completion_by_district_year.district_code,
        completion_by_district_year.district
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
),

places_and_city AS (
    SELECT position, district_code, district
    FROM places
    UNION ALL
    SELECT DISTINCT CAST(NULL AS BIGINT) AS position, CAST(NULL AS VARCHAR) AS district_code, city.whole AS district
    FROM city
    CROSS JOIN places
),

sums AS (
    SELECT
        certified_by_day.district_code,
        CAST(sum(certified_by_day.completions) AS BIGINT) AS completions,
        CAST(sum(certified_by_day.certifiable) AS BIGINT) AS certifiable,
        CAST(sum(certified_by_day.certified) AS BIGINT) AS certified,
        CAST(sum(certified_by_day.due_90_days) AS BIGINT) AS due_90_days,
        CAST(sum(certified_by_day.certified_90_days) AS BIGINT) AS certified_90_days,
        CAST(sum(certified_by_day.holders) AS BIGINT) AS holders,
        CAST(sum(certified_by_day.high_skilled) AS BIGINT) AS high_skilled,
        CAST(sum(certified_by_day.special_ability) AS BIGINT) AS special_ability,
        CAST(sum(certified_by_day.professional) AS BIGINT) AS professional
    FROM certified_by_day
    INNER JOIN report_span
        ON report_span.plan = certified_by_day.plan
       AND report_span.year = certified_by_day.year
    WHERE certified_by_day.day <= report_span.last_day
    GROUP BY certified_by_day.district_code
),

counts AS (
    SELECT
        places_and_city.position,
        places_and_city.district,
        coalesce(sums.completions, 0) AS completions,
        coalesce(sums.certifiable, 0) AS certifiable,
        coalesce(sums.certified, 0) AS certified,
        coalesce(sums.due_90_days, 0) AS due_90_days,
        coalesce(sums.certified_90_days, 0) AS certified_90_days,
        coalesce(sums.holders, 0) AS holders,
        coalesce(sums.high_skilled, 0) AS high_skilled,
        coalesce(sums.special_ability, 0) AS special_ability,
        coalesce(sums.professional, 0) AS professional
    FROM places_and_city
    LEFT JOIN sums ON coalesce(sums.district_code, 'CITY') = coalesce(places_and_city.district_code, 'CITY')
),

-- Half-up to hundredths of a percent, in integers.
rates AS (
    SELECT
        counts.*,
        CAST((20000 * certified + certifiable - (20000 * certified + certifiable) % nullif(2 * certifiable, 0))
            / nullif(2 * certifiable, 0) AS BIGINT) AS certified_hundredths,
        CAST((20000 * certified_90_days + due_90_days - (20000 * certified_90_days + due_90_days) % nullif(2 * due_90_days, 0))
            / nullif(2 * due_90_days, 0) AS BIGINT) AS in_time_hundredths,
        CAST((20000 * high_skilled + holders - (20000 * high_skilled + holders) % nullif(2 * holders, 0))
            / nullif(2 * holders, 0) AS BIGINT) AS high_skilled_hundredths
    FROM counts
)

SELECT
    position,          -- 序号 in the annex; null: the city
    district,          -- the district's name, or the city's row
    completions,       -- 人次: completions that count in certifiable occupations since the first of January
    certifiable,       -- 人数: distinct persons among these
    certified,         -- of these persons, certified on the period's last day by a certificate issued since their class began
    CAST(CAST(certified_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS certified_rate, -- 取证率: certified × 100 / certifiable; null: nobody certifiable
    due_90_days,       -- of the persons, those for whom 90 days have gone by since completion
    certified_90_days, -- of these, certified by a certificate issued within the 90 days
    CAST(CAST(in_time_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS certified_90_days_rate, -- 结业满90日取证率: certified_90_days × 100 / due_90_days; null: nobody due
    holders,           -- 取证人数: persons with a certificate of skill issued in the year and valid on the last day, whatever its basis
    high_skilled,      -- 高技能: of the holders, level 3, 2 or 1
    CAST(CAST(high_skilled_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS high_skilled_rate, -- 占比: high_skilled × 100 / holders; null: no holder
    special_ability,   -- 专项职业能力: persons with such a certificate issued in the year and valid on the last day
    professional,      -- 社会工作者、院长: persons with a professional certificate, shown apart
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM rates
ORDER BY
    position NULLS LAST
