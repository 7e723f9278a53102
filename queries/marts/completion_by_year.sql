-- Completion of the plan in the whole city, year by year.
-- grain: one plan, year
-- counts completed: completions where counted
-- counts persons: trained one per person_key
-- counts held: completions where NOT counted
-- counts withdrawn: withdrawn_completions where year = cell.year AND district_code IN (SELECT district_code FROM
--     completion_by_district_year WHERE plan = cell.plan AND year = cell.year)
-- counts subsidised: completions where counted AND subsidised
-- counts completed_to_date: completions where counted AND year <= cell.year
WITH

districts_summed AS (
    SELECT
        plan,
        year,
        CAST(sum(target) AS BIGINT) AS target,
        CAST(sum(completed) AS BIGINT) AS completed,
        CAST(sum(held) AS BIGINT) AS held,
        CAST(sum(withdrawn) AS BIGINT) AS withdrawn,
        CAST(sum(subsidised) AS BIGINT) AS subsidised
    FROM completion_by_district_year
    GROUP BY plan, year
),

persons AS (
    SELECT
        plan,
        year,
        CAST(sum(persons) AS BIGINT) AS persons
    FROM persons_by_day
    WHERE district_code IS NULL
    GROUP BY plan, year
),

sums AS (
    SELECT
        districts_summed.*,
        coalesce(persons.persons, 0) AS persons,
        CAST(sum(districts_summed.completed) OVER to_date AS BIGINT) AS completed_to_date,
        CAST(sum(districts_summed.target) OVER to_date AS BIGINT) AS target_to_date
    FROM districts_summed
    LEFT JOIN persons
        ON persons.plan = districts_summed.plan
       AND persons.year = districts_summed.year
    WINDOW to_date AS (
        PARTITION BY districts_summed.plan
        ORDER BY districts_summed.year
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Half-up to hundredths of a percent, in integers.
rates AS (
    SELECT
        sums.*,
        CAST((20000 * completed + target - (20000 * completed + target) % nullif(2 * target, 0))
            / nullif(2 * target, 0) AS BIGINT) AS completion_hundredths,
        CAST((20000 * completed_to_date + target_to_date - (20000 * completed_to_date + target_to_date) % nullif(2 * target_to_date, 0))
            / nullif(2 * target_to_date, 0) AS BIGINT) AS to_date_hundredths
    FROM sums
)

SELECT
    plan,              -- the plan
    year,              -- the year of completed_on
    target,            -- the year's target: the districts' sum
    completed,         -- completions that count (人次)
    persons,           -- distinct persons among them, in the city
    held,              -- held for review, not counted
    withdrawn,         -- withdrawn and not stated again (核减)
    subsidised,        -- of the completed, in subsidised classes
    CAST(CAST(completion_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS completion_rate, -- completed × 100 / target, half-up; null: target 0
    completed_to_date, -- completed since the plan's first year
    target_to_date,    -- targets since the plan's first year
    CAST(CAST(to_date_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS rate_to_date -- completed_to_date × 100 / target_to_date, half-up; null: target_to_date 0
FROM rates
ORDER BY
    plan,
    year
