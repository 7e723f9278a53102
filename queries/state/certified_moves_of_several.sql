-- How many persons with several completions or certificates come under a figure on each day, and how many leave it: each person once.
-- grain: one figure, plan, year, day, district (null: the city)
WITH

firsts AS (
    SELECT
        figure,
        plan,
        year,
        coalesce(district_code, 'CITY') AS place,
        person_key,
        min(valid_from) AS valid_from,
        count(valid_until) AS ends
    FROM spans_of_several
    GROUP BY figure, plan, year, coalesce(district_code, 'CITY'), person_key
),

-- Only where a span ends do overlaps matter: the day on which the last of those open ends, the person leaves.
ending AS (
    SELECT figure, plan, year, place, person_key
    FROM firsts
    WHERE ends > 0
),

open_spans AS (
    SELECT
        spans_of_several.figure,
        spans_of_several.plan,
        spans_of_several.year,
        ending.place,
        spans_of_several.person_key,
        spans_of_several.valid_from,
        spans_of_several.valid_until
    FROM spans_of_several
    INNER JOIN ending
        ON ending.figure = spans_of_several.figure
       AND ending.plan = spans_of_several.plan
       AND ending.year = spans_of_several.year
       AND ending.place = coalesce(spans_of_several.district_code, 'CITY')
       AND ending.person_key = spans_of_several.person_key
),

edges AS (
    SELECT figure, plan, year, place, person_key, valid_from AS day, 1 AS opened
    FROM open_spans
    UNION ALL
    SELECT figure, plan, year, place, person_key, valid_until AS day, -1 AS opened
    FROM open_spans
    WHERE valid_until IS NOT NULL
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
    FROM firsts
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
