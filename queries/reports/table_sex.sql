-- 分性别完成情况表: what counts of each occupation by sex in the year up to the period's last day; the whole is last.
-- grain: one occupation, and the whole
-- counts women: in_report_trained where sex = 'F'
-- counts men: in_report_trained where sex = 'M'
-- counts not_stated: in_report_trained where sex NOT IN ('F', 'M')
-- counts completed: in_report_trained
WITH

listed AS (
    SELECT occupation, label
    FROM occupations
    UNION ALL
    SELECT CAST(NULL AS VARCHAR) AS occupation, '合计' AS label
    FROM city
),

done AS (
    SELECT
        completion_by_sex.occupation,
        completion_by_sex.sex,
        CAST(sum(completion_by_sex.completed) AS BIGINT) AS completed
    FROM completion_by_sex
    INNER JOIN report_span
        ON report_span.plan = completion_by_sex.plan
       AND report_span.year = completion_by_sex.year
    WHERE completion_by_sex.completed_on <= report_span.last_day
    GROUP BY completion_by_sex.occupation, completion_by_sex.sex
)

SELECT
    listed.occupation, -- the occupation's code; null: the whole
    listed.label,      -- 职业（工种）
    CAST(coalesce(sum(CASE WHEN done.sex = 'F' THEN done.completed END), 0) AS BIGINT) AS women, -- 女, 人次
    CAST(coalesce(sum(CASE WHEN done.sex = 'M' THEN done.completed END), 0) AS BIGINT) AS men, -- 男
    CAST(coalesce(sum(CASE WHEN done.sex NOT IN ('F', 'M') THEN done.completed END), 0) AS BIGINT) AS not_stated, -- 未填报
    CAST(coalesce(sum(done.completed), 0) AS BIGINT) AS completed, -- 合计
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM listed
LEFT JOIN done
    ON done.occupation = listed.occupation
    OR listed.occupation IS NULL
GROUP BY listed.occupation, listed.label
ORDER BY
    listed.occupation NULLS LAST
