-- 附表7 疑点汇总: how many leads there are of each rule about the period's year, as far as known; the whole is last. A lead is no finding.
-- grain: one district of the plan, leads that concern no district, and the whole
-- counts leads: in_report_leads
-- counts repeat_training: in_report_leads where lead = 'repeat_training'
-- counts session_overlap: in_report_leads where lead = 'session_overlap'
-- counts trainer_is_trainee: in_report_leads where lead = 'trainer_is_trainee'
-- counts trainer_overlap: in_report_leads where lead = 'trainer_overlap'
-- counts identity_mismatch: in_report_leads where lead = 'identity_mismatch'
-- counts shared_contact: in_report_leads where lead = 'shared_contact'
-- counts bulk_sign_in: in_report_leads where lead = 'bulk_sign_in'
-- counts roster_reuse: in_report_leads where lead = 'roster_reuse'
-- counts over_capacity: in_report_leads where lead = 'over_capacity'
-- counts hours_compressed: in_report_leads where lead = 'hours_compressed'
-- counts hours_mismatch: in_report_leads where lead = 'hours_mismatch'
-- counts bulk_issuing: in_report_leads where lead = 'bulk_issuing'
-- counts certified_before_class: in_report_leads where lead = 'certified_before_class'
-- counts certificate_odd: in_report_leads where lead = 'certificate_odd'
-- counts not_listed: in_report_leads where lead = 'not_listed'
-- counts other_district: in_report_leads where lead = 'other_district'
-- counts identical_figures: in_report_leads where lead = 'identical_figures'
-- counts december_rush: in_report_leads where lead = 'december_rush'
-- counts paid_twice: in_report_leads where lead = 'paid_twice'
-- counts wrong_fund: in_report_leads where lead = 'wrong_fund'
-- counts paid_without_completion: in_report_leads where lead = 'paid_without_completion'
-- counts list_hit: in_report_leads where lead = 'list_hit'
WITH

places AS (
    SELECT DISTINCT
        completion_by_district_year.position,
        completion_by_district_year.district_code,
        completion_by_district_year.district
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
),

-- Leads about a person or an evaluator may be of no plan: they stand in each plan's report.
found AS (
    SELECT
        coalesce(places.district_code, 'NONE') AS place,
        leads.lead,
        count(*) AS leads
    FROM leads
    CROSS JOIN report_span
    LEFT JOIN places ON places.district_code = leads.district_code
    WHERE coalesce(leads.plan, report_span.plan) = report_span.plan
      AND coalesce(leads.year, report_span.year) = report_span.year
    GROUP BY coalesce(places.district_code, 'NONE'), leads.lead
),

rows_of_table AS (
    SELECT position, district_code AS place, district
    FROM places
    UNION ALL
    SELECT max(position) + 1 AS position, 'NONE' AS place, '不分单位' AS district
    FROM places
    HAVING count(*) > 0
    UNION ALL
    SELECT CAST(NULL AS BIGINT) AS position, 'ALL' AS place, whole AS district
    FROM city
)

SELECT
    rows_of_table.position, -- 序号 in the annex, one more for those of no district; null: the whole
    rows_of_table.district, -- the district's name
    CAST(coalesce(sum(found.leads), 0) AS BIGINT) AS leads, -- 合计, rules not named below included
    CAST(sum(CASE WHEN found.lead = 'repeat_training' THEN found.leads ELSE 0 END) AS BIGINT) AS repeat_training, -- 重复培训
    CAST(sum(CASE WHEN found.lead = 'session_overlap' THEN found.leads ELSE 0 END) AS BIGINT) AS session_overlap, -- 时间冲突
    CAST(sum(CASE WHEN found.lead = 'trainer_is_trainee' THEN found.leads ELSE 0 END) AS BIGINT) AS trainer_is_trainee, -- 师生同人
    CAST(sum(CASE WHEN found.lead = 'trainer_overlap' THEN found.leads ELSE 0 END) AS BIGINT) AS trainer_overlap, -- 教师分身
    CAST(sum(CASE WHEN found.lead = 'identity_mismatch' THEN found.leads ELSE 0 END) AS BIGINT) AS identity_mismatch, -- 人证不符
    CAST(sum(CASE WHEN found.lead = 'shared_contact' THEN found.leads ELSE 0 END) AS BIGINT) AS shared_contact, -- 联系方式聚集
    CAST(sum(CASE WHEN found.lead = 'bulk_sign_in' THEN found.leads ELSE 0 END) AS BIGINT) AS bulk_sign_in, -- 代签到
    CAST(sum(CASE WHEN found.lead = 'roster_reuse' THEN found.leads ELSE 0 END) AS BIGINT) AS roster_reuse, -- 名册复用
    CAST(sum(CASE WHEN found.lead = 'over_capacity' THEN found.leads ELSE 0 END) AS BIGINT) AS over_capacity, -- 超容量
    CAST(sum(CASE WHEN found.lead = 'hours_compressed' THEN found.leads ELSE 0 END) AS BIGINT) AS hours_compressed, -- 课时压缩
    CAST(sum(CASE WHEN found.lead = 'hours_mismatch' THEN found.leads ELSE 0 END) AS BIGINT) AS hours_mismatch, -- 课时不符
    CAST(sum(CASE WHEN found.lead = 'bulk_issuing' THEN found.leads ELSE 0 END) AS BIGINT) AS bulk_issuing, -- 批量发证
    CAST(sum(CASE WHEN found.lead = 'certified_before_class' THEN found.leads ELSE 0 END) AS BIGINT) AS certified_before_class, -- 先证后训
    CAST(sum(CASE WHEN found.lead = 'certificate_odd' THEN found.leads ELSE 0 END) AS BIGINT) AS certificate_odd, -- 证书异常
    CAST(sum(CASE WHEN found.lead = 'not_listed' THEN found.leads ELSE 0 END) AS BIGINT) AS not_listed, -- 超范围
    CAST(sum(CASE WHEN found.lead = 'other_district' THEN found.leads ELSE 0 END) AS BIGINT) AS other_district, -- 越权申报
    CAST(sum(CASE WHEN found.lead = 'identical_figures' THEN found.leads ELSE 0 END) AS BIGINT) AS identical_figures, -- 数字雷同
    CAST(sum(CASE WHEN found.lead = 'december_rush' THEN found.leads ELSE 0 END) AS BIGINT) AS december_rush, -- 年末突击
    CAST(sum(CASE WHEN found.lead = 'paid_twice' THEN found.leads ELSE 0 END) AS BIGINT) AS paid_twice, -- 重复领补
    CAST(sum(CASE WHEN found.lead = 'wrong_fund' THEN found.leads ELSE 0 END) AS BIGINT) AS wrong_fund, -- 资金错列
    CAST(sum(CASE WHEN found.lead = 'paid_without_completion' THEN found.leads ELSE 0 END) AS BIGINT) AS paid_without_completion, -- 补贴无培训
    CAST(sum(CASE WHEN found.lead = 'list_hit' THEN found.leads ELSE 0 END) AS BIGINT) AS list_hit, -- 名单比对
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM rows_of_table
LEFT JOIN found
    ON found.place = rows_of_table.place
    OR rows_of_table.place = 'ALL'
GROUP BY rows_of_table.position, rows_of_table.district
ORDER BY
    rows_of_table.position NULLS LAST
