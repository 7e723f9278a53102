-- 家政服务员信用建档情况表: how many domestic workers trained in the period's year have a credit record, as far as known; the city last.
-- grain: one district of the plan, and the city
-- counts domestic_workers: trained one per person_key where plan = (SELECT plan FROM report_span) AND year = (SELECT year FROM report_span)
--     AND (cell.position IS NULL OR district_code = (SELECT district_code FROM districts WHERE position = cell.position))
--     AND occupation IN (SELECT occupation FROM credit_rule)
-- counts with_record: trained one per person_key where plan = (SELECT plan FROM report_span) AND year = (SELECT year FROM report_span)
--     AND (cell.position IS NULL OR district_code = (SELECT district_code FROM districts WHERE position = cell.position))
--     AND occupation IN (SELECT occupation FROM credit_rule) AND person_key IN (SELECT person_key FROM credit_recorded_in_force)
SELECT
    districts.position, -- 序号 in the annex; null: the city
    credit_records_by_district_year.district, -- the district's name, or the city's row
    credit_records_by_district_year.domestic_workers, -- 家政服务员培训人数: distinct persons
    credit_records_by_district_year.with_record, -- 其中：有信用记录
    credit_records_by_district_year.rate, -- 建档率: with_record × 100 / domestic_workers; null: nobody
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM credit_records_by_district_year
INNER JOIN report_span
    ON report_span.plan = credit_records_by_district_year.plan
   AND report_span.year = credit_records_by_district_year.year
LEFT JOIN districts ON districts.district_code = credit_records_by_district_year.district_code
ORDER BY
    districts.position NULLS LAST
