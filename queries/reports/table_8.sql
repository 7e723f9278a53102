-- 附表8 工作举措台账: what was done of each measure of the notice in the month, the year and the plan, up to the period's last month.
-- grain: one measure
WITH

first_years AS (
    SELECT min(completion_by_district_year.year) AS first_year
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
),

sums AS (
    SELECT
        measures_by_district_month.measure,
        measures_by_district_month.district_code,
        measures_by_district_month.district,
        CAST(sum(CASE
            WHEN measures_by_district_month.year = report_span.year AND measures_by_district_month.month = report_span.month
            THEN measures_by_district_month.total ELSE 0 END) AS BIGINT) AS month_total,
        CAST(sum(CASE
            WHEN measures_by_district_month.year = report_span.year
            THEN measures_by_district_month.total ELSE 0 END) AS BIGINT) AS year_total,
        CAST(sum(measures_by_district_month.total) AS BIGINT) AS plan_total
    FROM measures_by_district_month
    CROSS JOIN report_span
    CROSS JOIN first_years
    WHERE measures_by_district_month.year >= first_years.first_year
      AND (measures_by_district_month.year < report_span.year
          OR measures_by_district_month.year = report_span.year AND measures_by_district_month.month <= report_span.month)
    GROUP BY
        measures_by_district_month.measure,
        measures_by_district_month.district_code,
        measures_by_district_month.district
),

taking AS (
    SELECT
        sums.measure,
        count(*) AS districts_taking,
        string_agg(sums.district || CAST(sums.year_total AS VARCHAR), '、' ORDER BY districts.position) AS by_district
    FROM sums
    INNER JOIN districts ON districts.district_code = sums.district_code
    WHERE sums.year_total > 0
    GROUP BY sums.measure
),

in_city AS (
    SELECT measure, month_total, year_total, plan_total
    FROM sums
    WHERE district_code IS NULL
)

SELECT
    measures.position,                            -- 序号, in the order of the notice
    measures.clause,                              -- the clause of the notice
    codes.label AS measure,                       -- 工作举措
    measures.unit,                                -- 计量单位
    coalesce(in_city.month_total, 0) AS month_total, -- 本月: in the period's last month
    coalesce(in_city.year_total, 0) AS year_total,   -- 本年累计: since January
    coalesce(in_city.plan_total, 0) AS plan_total,   -- 计划期累计: since the plan began
    coalesce(taking.districts_taking, 0) AS districts_taking, -- 涉及单位数: districts with any in the year
    taking.by_district,                           -- 各单位本年累计, in annex order; null: none
    CAST(NULL AS VARCHAR) AS remark               -- left for the office
FROM measures
CROSS JOIN report_span
LEFT JOIN codes
    ON codes.field = 'measure'
   AND codes.code = measures.measure
LEFT JOIN in_city ON in_city.measure = measures.measure
LEFT JOIN taking ON taking.measure = measures.measure
ORDER BY
    measures.position
