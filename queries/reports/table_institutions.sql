-- 分机构完成情况表: what each carrier's classes completed in the year up to the period's last day.
-- grain: one district and institution with a completion that counts or is held
-- counts classes: in_report_completions one per class_id where in_year AND institution = cell.institution
--     AND position = (SELECT position FROM districts WHERE district = cell.district)
-- counts completed: in_report_completions where counted AND in_year AND institution = cell.institution
--     AND position = (SELECT position FROM districts WHERE district = cell.district)
-- counts subsidised: in_report_completions where counted AND subsidised AND in_year AND institution = cell.institution
--     AND position = (SELECT position FROM districts WHERE district = cell.district)
-- counts held: in_report_completions where NOT counted AND in_year AND institution = cell.institution
--     AND position = (SELECT position FROM districts WHERE district = cell.district)
WITH

done AS (
    SELECT
        completions.district_code,
        completions.institution_id,
        count(DISTINCT completions.class_id) AS classes,
        count(CASE WHEN completions.counted THEN 1 END) AS completed,
        count(CASE WHEN completions.counted AND completions.subsidised THEN 1 END) AS subsidised,
        count(CASE WHEN NOT completions.counted THEN 1 END) AS held
    FROM completions
    INNER JOIN report_span
        ON report_span.plan = completions.plan
       AND report_span.year = completions.year
    WHERE completions.completed_on <= report_span.last_day
    GROUP BY completions.district_code, completions.institution_id
)

SELECT
    districts.district, -- the district's name
    coalesce(institutions.institution_name, done.institution_id) AS institution, -- its name, else its credit code
    codes.label AS institution_type, -- 机构类型; null: not listed
    done.classes,    -- classes with a completion that counts or is held
    done.completed,  -- 人次
    done.subsidised, -- of these, in subsidised classes
    done.held,       -- held for review, not counted
    CAST(NULL AS VARCHAR) AS remark -- left for the office
FROM done
LEFT JOIN districts ON districts.district_code = done.district_code
LEFT JOIN institutions ON institutions.institution_id = done.institution_id
LEFT JOIN codes
    ON codes.field = 'institution_type'
   AND codes.code = institutions.institution_type
ORDER BY
    districts.position,
    done.institution_id
