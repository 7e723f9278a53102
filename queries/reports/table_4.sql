-- 附表4 课时合规情况表: how many subsidised classes of the year keep to the practical share (65 %), up to the period's last day; the city last.
-- grain: one district of the plan, and the city
-- counts classes: in_report_filings
-- counts planned_compliant: in_report_filings where planned_verdict = 'compliant'
-- counts delivered_compliant: in_report_filings where delivered_verdict = 'compliant'
-- counts delivered_not_compliant: in_report_filings where delivered_verdict = 'not_compliant'
-- counts delivered_undecided: in_report_filings where delivered_verdict = 'undecided'
WITH

places AS (
    SELECT DISTINCT
        completion_by_district_year.position,
        completion_by_district_year.district_code,
        completion_by_district_year.district
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
),

sums AS (
    SELECT
        hours_compliance_by_day.district_code,
        CAST(sum(hours_compliance_by_day.classes) AS BIGINT) AS classes,
        CAST(sum(hours_compliance_by_day.planned_compliant) AS BIGINT) AS planned_compliant,
        CAST(sum(hours_compliance_by_day.delivered_compliant) AS BIGINT) AS delivered_compliant,
        CAST(sum(hours_compliance_by_day.delivered_not_compliant) AS BIGINT) AS delivered_not_compliant,
        CAST(sum(hours_compliance_by_day.delivered_undecided) AS BIGINT) AS delivered_undecided
    FROM hours_compliance_by_day
    INNER JOIN report_span
        ON report_span.plan = hours_compliance_by_day.plan
       AND report_span.year = hours_compliance_by_day.year
    WHERE hours_compliance_by_day.ended_on <= report_span.last_day
    GROUP BY hours_compliance_by_day.district_code
),

by_district AS (
    SELECT
        places.position,
        places.district,
        coalesce(sums.classes, 0) AS classes,
        coalesce(sums.planned_compliant, 0) AS planned_compliant,
        coalesce(sums.delivered_compliant, 0) AS delivered_compliant,
        coalesce(sums.delivered_not_compliant, 0) AS delivered_not_compliant,
        coalesce(sums.delivered_undecided, 0) AS delivered_undecided
    FROM places
    LEFT JOIN sums ON sums.district_code = places.district_code
),

together AS (
    SELECT position, district, classes, planned_compliant, delivered_compliant, delivered_not_compliant, delivered_undecided
    FROM by_district
    UNION ALL
    SELECT
        CAST(NULL AS BIGINT) AS position,
        city.whole AS district,
        CAST(sum(by_district.classes) AS BIGINT) AS classes,
        CAST(sum(by_district.planned_compliant) AS BIGINT) AS planned_compliant,
        CAST(sum(by_district.delivered_compliant) AS BIGINT) AS delivered_compliant,
        CAST(sum(by_district.delivered_not_compliant) AS BIGINT) AS delivered_not_compliant,
        CAST(sum(by_district.delivered_undecided) AS BIGINT) AS delivered_undecided
    FROM city
    CROSS JOIN by_district
    GROUP BY city.whole
)

SELECT
    position,                -- 序号 in the annex; null: the city
    district,                -- the district's name, or the city's row
    classes,                 -- 补贴班: subsidised classes that ended in the year, up to the last day
    planned_compliant,       -- 备案达标: compliant as filed
    delivered_compliant,     -- 实施达标: compliant as delivered
    delivered_not_compliant, -- 不达标: not compliant as delivered
    delivered_undecided,     -- 无法判定: neither a closing nor a session with minutes
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM together
ORDER BY
    position NULLS LAST
