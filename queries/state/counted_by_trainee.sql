-- The completions that count by what their enrolment says of the person, and how many of them are of persons who have no other.
-- grain: one plan, year, district, sex, age band, list of groups
--
-- Lists of groups are few: told apart as texts here, and taken apart only when counted.
WITH

enrolled AS (
    SELECT
        counted_completions.plan,
        counted_completions.year,
        counted_completions.district_code,
        trainee_enrolled_in_force.sex,
        trainee_enrolled_in_force.age_band,
        array_to_string(trainee_enrolled_in_force.person_groups, ',') AS group_list
    FROM counted_completions
    LEFT JOIN trainee_enrolled_in_force
        ON trainee_enrolled_in_force.person_key = counted_completions.person_key
       AND trainee_enrolled_in_force.class_id = counted_completions.class_id
)

SELECT
    plan,          -- the class's plan
    year,          -- the year of completed_on
    district_code, -- the class's district
    sex,           -- M or F; null: not stated
    age_band,      -- age band; null: not stated
    group_list,    -- the groups, between commas; null or empty: not stated
    count(*) AS completions -- completions that count (人次)
FROM enrolled
GROUP BY plan, year, district_code, sex, age_band, group_list
