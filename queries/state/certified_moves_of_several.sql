-- How many persons with several completions or certificates come under a figure on each day, and how many leave it: each person once.
-- grain: one figure, plan, year, day, district (null: the city)
WITH

-- Only where a span ends do overlaps matter: the day on which the last of those open ends, the person leaves.
edges AS (
    SELECT
        ending_spans_of_several.figure,
        ending_spans_of_several.plan,
        ending_spans_of_several.year,
        ending_spans_of_several.place,
        ending_spans_of_several.person_key,
        CASE WHEN ends.sign > 0 THEN ending_spans_of_several.valid_from ELSE ending_spans_of_several.valid_until END AS day,
        ends.sign AS opened
    FROM (VALUES (1), (-1)) AS ends (sign)
    CROSS JOIN ending_spans_of_several
    WHERE ends.sign > 0
       OR ending_spans_of_several.valid_until IS NOT NULL
),

steps AS (
    SELECT
        figure,
        plan,
        year,
        place,
        person_key,
        day,
        sum(opened) AS opened
    FROM edges
    GROUP BY figure, plan, year, place, person_key, day
),

running AS (
    SELECT
        figure,
        plan,
        year,
        place,
        day,
        opened,
        sum(opened) OVER (
            PARTITION BY figure, plan, year, place, person_key
            ORDER BY day
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS open_now
    FROM steps
),

moves AS (
    SELECT figure, plan, year, place, valid_from AS day, count(*) AS persons
    FROM first_days_of_several
    WHERE ends = 0
    GROUP BY figure, plan, year, place, valid_from
    UNION ALL
    SELECT
        figure,
        plan,
        year,
        place,
        day,
        sum(CASE
            WHEN open_now > 0 AND open_now = opened THEN 1
            WHEN open_now = 0 AND opened < 0 THEN -1
            ELSE 0
        END) AS persons
    FROM running
    GROUP BY figure, plan, year, place, day
)

SELECT
    figure, -- certifiable, certified, certified_in_time, holders, high_skilled, special_ability or professional
    plan,   -- the plan
    year,   -- the year of completion; of a holder's, of issue
    day,    -- the day
    nullif(place, 'CITY') AS district_code, -- the district; null: the city
    CAST(sum(persons) AS BIGINT) AS persons -- persons who come less persons who leave
FROM moves
GROUP BY figure, plan, year, day, place
