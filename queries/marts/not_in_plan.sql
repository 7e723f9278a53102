-- The passed completions of filed classes that the plan does not count, by reason.
-- grain: one plan, reason, year, district
-- counts completions: left_uncounted
SELECT
    plan,          -- the class's plan
    standing AS reason, -- schooling: school enrolment; no_target: the plan gives the district no target for the year
    year,          -- the year of completed_on
    district_code, -- the district with which the class was filed
    count(*) AS completions -- completions (人次)
FROM passed_completions
WHERE standing IN ('schooling', 'no_target')
GROUP BY plan, standing, year, district_code
ORDER BY
    plan,
    reason,
    year,
    district_code
