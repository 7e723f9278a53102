-- How many were assessed at each level in each year, and how many passed (职业技能评价).
-- grain: one year, occupation, level, evaluator_id with an assessment in force
-- counts assessed: assessment_resulted_in_force
-- counts passed: assessment_resulted_in_force where result = 'passed'
SELECT
    year,             -- the year of the assessment
    occupation,       -- what was assessed
    level,            -- at which level
    evaluator_id,     -- who assessed
    count(*) AS assessed, -- results, passed or failed
    count(CASE WHEN result = 'passed' THEN 1 END) AS passed -- of these, passed
FROM assessment_resulted_in_force
GROUP BY year, occupation, level, evaluator_id
ORDER BY year, occupation, level, evaluator_id
