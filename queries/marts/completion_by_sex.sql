-- What counts on each day by sex and occupation: for the aggregates of those who see only some occupations.
-- grain: one plan, day of completion, district, occupation, sex that occurs
-- counts completed: trained where coalesce(sex, 'unknown') = cell.sex
SELECT
    counted_completions.plan,          -- the plan
    counted_completions.year,          -- the year of the day
    counted_completions.completed_on,  -- the day
    counted_completions.district_code, -- the district with which the class was filed
    counted_completions.occupation,    -- the class's occupation
    coalesce(trainee_enrolled_in_force.sex, 'unknown') AS sex, -- M or F; unknown: none is stated
    count(*) AS completed              -- completions that count (人次)
FROM counted_completions
LEFT JOIN trainee_enrolled_in_force
    ON trainee_enrolled_in_force.person_key = counted_completions.person_key
   AND trainee_enrolled_in_force.class_id = counted_completions.class_id
GROUP BY
    counted_completions.plan,
    counted_completions.year,
    counted_completions.completed_on,
    counted_completions.district_code,
    counted_completions.occupation,
    coalesce(trainee_enrolled_in_force.sex, 'unknown')
ORDER BY
    counted_completions.plan,
    counted_completions.completed_on,
    counted_completions.district_code,
    counted_completions.occupation,
    coalesce(trainee_enrolled_in_force.sex, 'unknown')
