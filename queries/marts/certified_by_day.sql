-- How many persons become certified, or cease to be, on each day: sums up to a day are the persons of that day. Feeds table 3.
-- grain: one plan, year, day, district (null: the city)
WITH

-- Each in its district, if any, and in the city: who has one completion and certificate is in one district. Without a class: in each plan.
of_one AS (
    SELECT
        certified_moves_of_one.figure,
        coalesce(certified_moves_of_one.plan, plan_years.plan) AS plan,
        certified_moves_of_one.year,
        CASE WHEN places.in_district THEN certified_moves_of_one.district_code END AS district_code,
        certified_moves_of_one.day,
        certified_moves_of_one.persons
    FROM (VALUES (TRUE), (FALSE)) AS places (in_district)
    CROSS JOIN certified_moves_of_one
    LEFT JOIN plan_years
        ON plan_years.year = certified_moves_of_one.year
       AND certified_moves_of_one.plan IS NULL
    WHERE certified_moves_of_one.plan IS NOT NULL
       OR NOT places.in_district AND plan_years.plan IS NOT NULL
),

completed AS (
    SELECT plan, year, district_code, completed_on, count(*) AS completions
    FROM certifiable_completions
    GROUP BY plan, year, district_code, completed_on
),

moves AS (
    SELECT figure, plan, year, district_code, day, persons
    FROM of_one
    UNION ALL
    SELECT figure, plan, year, district_code, day, persons
    FROM certified_moves_of_several
    UNION ALL
    SELECT
        'completions' AS figure,
        completed.plan,
        completed.year,
        CASE WHEN places.in_district THEN completed.district_code END AS district_code,
        completed.completed_on AS day,
        completed.completions AS persons
    FROM (VALUES (TRUE), (FALSE)) AS places (in_district)
    CROSS JOIN completed
),

-- Who is certifiable is due so many days later.
figures AS (
    SELECT
        CASE WHEN later.due THEN 'due' ELSE moves.figure END AS figure,
        moves.plan,
        moves.year,
        moves.district_code,
        CASE WHEN later.due THEN moves.day + CAST(later.within_days AS INT) ELSE moves.day END AS day,
        moves.persons
    FROM (
        SELECT whether.due, certified_share.within_days
        FROM (VALUES (TRUE), (FALSE)) AS whether (due)
        CROSS JOIN certified_share
    ) AS later
    CROSS JOIN moves
    WHERE NOT later.due
       OR moves.figure = 'certifiable'
)

SELECT
    plan,          -- the plan
    year,          -- the year of completed_on; of holders and what follows, the year of issue
    day,           -- the day
    district_code, -- the district; null: the city, where a person of two districts is one
    CAST(sum(CASE WHEN figure = 'completions' THEN persons ELSE 0 END) AS BIGINT)
        AS completions, -- completions that count in the scope of the certified share (人次)
    CAST(sum(CASE WHEN figure = 'certifiable' THEN persons ELSE 0 END) AS BIGINT)
        AS certifiable, -- persons first counted in a certifiable occupation
    CAST(sum(CASE WHEN figure = 'certified' THEN persons ELSE 0 END) AS BIGINT)
        AS certified,   -- of these, persons who became certified, less those who ceased to be
    CAST(sum(CASE WHEN figure = 'due' THEN persons ELSE 0 END) AS BIGINT)
        AS due_90_days, -- persons certifiable for 90 days, as the setting has it
    CAST(sum(CASE WHEN figure = 'certified_in_time' THEN persons ELSE 0 END) AS BIGINT)
        AS certified_90_days, -- of these, certified by a certificate issued within the 90 days; told when they are over
    CAST(sum(CASE WHEN figure = 'holders' THEN persons ELSE 0 END) AS BIGINT)
        AS holders,     -- persons with a certificate of skill issued in the year, whatever its basis and occupation
    CAST(sum(CASE WHEN figure = 'high_skilled' THEN persons ELSE 0 END) AS BIGINT)
        AS high_skilled, -- of the holders, level 3, 2 or 1
    CAST(sum(CASE WHEN figure = 'special_ability' THEN persons ELSE 0 END) AS BIGINT)
        AS special_ability, -- persons with a certificate of special ability issued in the year
    CAST(sum(CASE WHEN figure = 'professional' THEN persons ELSE 0 END) AS BIGINT)
        AS professional -- persons with a social worker's or a director's professional certificate issued in the year
FROM figures
GROUP BY plan, year, day, district_code
HAVING sum(abs(persons)) > 0
ORDER BY
    plan,
    year,
    day,
    district_code NULLS LAST
