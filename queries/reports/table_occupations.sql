-- 分职业完成情况表: what counts of each occupation in the year up to the period's last day, by district; the city's row is last.
-- grain: one district of the plan, and the city
-- counts health_carer: in_report_completions where counted AND in_year AND occupation = 'health_carer'
-- counts elderly_caregiver: in_report_completions where counted AND in_year AND occupation = 'elderly_caregiver'
-- counts domestic_worker: in_report_completions where counted AND in_year AND occupation = 'domestic_worker'
-- counts infant_carer: in_report_completions where counted AND in_year AND occupation = 'infant_carer'
-- counts nursery_carer: in_report_completions where counted AND in_year AND occupation = 'nursery_carer'
-- counts orphan_disabled_child_carer: in_report_completions where counted AND in_year AND occupation = 'orphan_disabled_child_carer'
-- counts elderly_social_worker: in_report_completions where counted AND in_year AND occupation = 'elderly_social_worker'
-- counts care_home_director: in_report_completions where counted AND in_year AND occupation = 'care_home_director'
-- counts other: in_report_completions where counted AND in_year AND occupation = 'other'
-- counts completed: in_report_completions where counted AND in_year
-- counts held: in_report_completions where NOT counted AND in_year
WITH

places AS (
    SELECT DISTINCT
        completion_by_district_year.position,
        completion_by_district_year.district_code,
        completion_by_district_year.district
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
),

rows_of_table AS (
    SELECT position, district_code AS place, district
    FROM places
    UNION ALL
    SELECT DISTINCT CAST(NULL AS BIGINT) AS position, 'CITY' AS place, city.whole AS district
    FROM city
    CROSS JOIN places
),

done AS (
    SELECT
        completion_by_day.district_code,
        completion_by_day.occupation,
        CAST(sum(completion_by_day.completed) AS BIGINT) AS completed,
        CAST(sum(completion_by_day.held) AS BIGINT) AS held
    FROM completion_by_day
    INNER JOIN report_span
        ON report_span.plan = completion_by_day.plan
       AND report_span.year = completion_by_day.year
    WHERE completion_by_day.completed_on <= report_span.last_day
    GROUP BY completion_by_day.district_code, completion_by_day.occupation
)

SELECT
    rows_of_table.position, -- 序号 in the annex; null: the city
    rows_of_table.district, -- the district's name, or the city's row
    CAST(coalesce(sum(CASE WHEN done.occupation = 'health_carer' THEN done.completed END), 0) AS BIGINT)
        AS health_carer, -- 健康照护师, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'elderly_caregiver' THEN done.completed END), 0) AS BIGINT)
        AS elderly_caregiver, -- 养老护理员, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'domestic_worker' THEN done.completed END), 0) AS BIGINT)
        AS domestic_worker, -- 家政服务员, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'infant_carer' THEN done.completed END), 0) AS BIGINT)
        AS infant_carer, -- 育婴员, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'nursery_carer' THEN done.completed END), 0) AS BIGINT)
        AS nursery_carer, -- 保育员, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'orphan_disabled_child_carer' THEN done.completed END), 0) AS BIGINT)
        AS orphan_disabled_child_carer, -- 孤残儿童护理员, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'elderly_social_worker' THEN done.completed END), 0) AS BIGINT)
        AS elderly_social_worker, -- 老年社会工作者, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'care_home_director' THEN done.completed END), 0) AS BIGINT)
        AS care_home_director, -- 养老院院长, 人次
    CAST(coalesce(sum(CASE WHEN done.occupation = 'other' THEN done.completed END), 0) AS BIGINT)
        AS other, -- 其他, 人次
    CAST(coalesce(sum(done.completed), 0) AS BIGINT) AS completed, -- 合计
    CAST(coalesce(sum(done.held), 0) AS BIGINT) AS held, -- 待核, not counted
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM rows_of_table
LEFT JOIN done
    ON done.district_code = rows_of_table.place
    OR rows_of_table.place = 'CITY'
GROUP BY rows_of_table.position, rows_of_table.district
ORDER BY
    rows_of_table.position NULLS LAST
