-- Guards that the rows one can slice add up to the figures one reads: a join that drops or doubles a class shows here first.
-- grain: one plan, year, district where completions and completion_by_district_year differ
WITH

sliced AS (
    SELECT
        plan,
        year,
        district_code,
        count(CASE WHEN counted THEN 1 END) AS completed,
        count(CASE WHEN NOT counted THEN 1 END) AS held
    FROM completions
    GROUP BY plan, year, district_code
),

figures AS (
    SELECT
        plan,
        year,
        district_code,
        completed,
        held,
        persons
    FROM completion_by_district_year
)

SELECT
    coalesce(figures.plan, sliced.plan) AS plan,                            -- the plan
    coalesce(figures.year, sliced.year) AS year,                            -- the year
    coalesce(figures.district_code, sliced.district_code) AS district_code, -- the district
    figures.completed,                     -- as the mart has it
    sliced.completed AS completed_rows,    -- as the rows add up
    figures.held,                          -- held, as the mart has it
    sliced.held AS held_rows,              -- as the rows add up
    figures.persons                        -- never more than completed
FROM figures
FULL JOIN sliced
    ON sliced.plan = figures.plan
   AND sliced.year = figures.year
   AND sliced.district_code = figures.district_code
WHERE figures.plan IS NULL
   OR figures.completed <> coalesce(sliced.completed, 0)
   OR figures.held <> coalesce(sliced.held, 0)
   OR figures.persons > figures.completed
ORDER BY
    1,
    2,
    3
