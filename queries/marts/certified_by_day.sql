-- How many persons become certified, or cease to be, on each day: sums up to a day are the persons of that day. Feeds table 3.
-- grain: one plan, year, day, district (null: the city)
WITH

completed AS (
    SELECT plan, year, district_code, completed_on AS day, count(*) AS completions
    FROM certifiable_completions
    GROUP BY plan, year, district_code, completed_on
),

-- The city has the districts' persons, for these are in one district each, and in each plan of the year those without a class.
moves AS (
    SELECT figure, plan, year, district_code, day, persons
    FROM certified_moves_of_one
    WHERE plan IS NOT NULL
    UNION ALL
    SELECT figure, plan, year, NULL AS district_code, day, persons
    FROM certified_moves_of_one
    WHERE plan IS NOT NULL
    UNION ALL
    SELECT
        certified_moves_of_one.figure,
        plan_years.plan,
        certified_moves_of_one.year,
        NULL AS district_code,
        certified_moves_of_one.day,
        certified_moves_of_one.persons
    FROM certified_moves_of_one
    INNER JOIN plan_years ON plan_years.year = certified_moves_of_one.year
    WHERE certified_moves_of_one.plan IS NULL
    UNION ALL
    SELECT figure, plan, year, district_code, day, persons
    FROM certified_moves_of_several
),

figures AS (
    SELECT figure, plan, year, district_code, day, persons
    FROM moves
    UNION ALL
    SELECT
        'due' AS figure,
        moves.plan,
        moves.year,
        moves.district_code,
        moves.day + CAST(certified_share.within_days AS INT) AS day,
        moves.persons
    FROM moves
    CROSS JOIN certified_share
    WHERE moves.figure = 'certifiable'
    UNION ALL
    SELECT 'completions' AS figure, plan, year, district_code, day, completions AS persons
    FROM completed
    UNION ALL
    SELECT 'completions' AS figure, plan, year, NULL AS district_code, day, completions AS persons
    FROM completed
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
