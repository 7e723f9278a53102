-- Completion of the plan in each district and year: what counts against the target, and how the districts rank.
-- grain: one plan, year, district with a trainees target; zeros included
-- counts completed: completions where counted
-- counts persons: trained one per person_key
-- counts held: completions where NOT counted
-- counts withdrawn: withdrawn_completions
-- counts subsidised: completions where counted AND subsidised
-- counts completed_to_date: completions where counted AND year <= cell.year
WITH

targets AS (
    SELECT
        plan,
        year,
        district_code,
        target
    FROM target_set_in_force
    WHERE metric = 'trainees'
      AND district_code IS NOT NULL
      AND year IS NOT NULL
),

done AS (
    SELECT
        plan,
        year,
        district_code,
        CAST(sum(completed) AS BIGINT) AS completed,
        CAST(sum(held) AS BIGINT) AS held,
        CAST(sum(subsidised) AS BIGINT) AS subsidised
    FROM completion_by_day
    GROUP BY plan, year, district_code
),

persons AS (
    SELECT
        plan,
        year,
        district_code,
        CAST(sum(persons) AS BIGINT) AS persons
    FROM persons_by_day
    WHERE district_code IS NOT NULL
    GROUP BY plan, year, district_code
),

withdrawn AS (
    SELECT
        plan,
        year,
        district_code,
        count(*) AS withdrawn
    FROM withdrawn_completions
    GROUP BY plan, year, district_code
),

counts AS (
    SELECT
        targets.plan,
        targets.year,
        targets.district_code,
        districts.district,
        districts.position,
        targets.target,
        coalesce(done.completed, 0) AS completed,
        coalesce(persons.persons, 0) AS persons,
        coalesce(done.held, 0) AS held,
        coalesce(withdrawn.withdrawn, 0) AS withdrawn,
        coalesce(done.subsidised, 0) AS subsidised
    FROM targets
    LEFT JOIN districts ON districts.district_code = targets.district_code
    LEFT JOIN done
        ON done.plan = targets.plan
       AND done.year = targets.year
       AND done.district_code = targets.district_code
    LEFT JOIN persons
        ON persons.plan = targets.plan
       AND persons.year = targets.year
       AND persons.district_code = targets.district_code
    LEFT JOIN withdrawn
        ON withdrawn.plan = targets.plan
       AND withdrawn.year = targets.year
       AND withdrawn.district_code = targets.district_code
),

sums AS (
    SELECT
        counts.*,
        CAST(sum(completed) OVER to_date AS BIGINT) AS completed_to_date,
        CAST(sum(target) OVER to_date AS BIGINT) AS target_to_date
    FROM counts
    WINDOW to_date AS (
        PARTITION BY plan, district_code
        ORDER BY year
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Exact fractions: a is before b when a.completed / a.target > b.completed / b.target.
ranks AS (
    SELECT
        behind.plan,
        behind.year,
        behind.district_code,
        1 + count(ahead.district_code) AS rank
    FROM counts AS behind
    LEFT JOIN counts AS ahead
        ON ahead.plan = behind.plan
       AND ahead.year = behind.year
       AND ahead.target > 0
       AND CAST(ahead.completed AS DECIMAL(19, 0)) * CAST(behind.target AS DECIMAL(19, 0))
           > CAST(behind.completed AS DECIMAL(19, 0)) * CAST(ahead.target AS DECIMAL(19, 0))
    WHERE behind.target > 0
    GROUP BY behind.plan, behind.year, behind.district_code
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
    rates.plan,              -- the plan
    rates.year,              -- the year of completed_on
    rates.district_code,     -- the district with which the class was filed
    rates.district,          -- its name
    rates.position,          -- its place in the annex, 1–12
    rates.target,            -- the year's target
    rates.completed,         -- completions that count (人次)
    rates.persons,           -- distinct persons among them
    rates.held,              -- held for review, not counted
    rates.withdrawn,         -- withdrawn and not stated again (核减)
    rates.subsidised,        -- of the completed, in subsidised classes
    CAST(CAST(rates.completion_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS completion_rate,  -- completed × 100 / target, half-up; null: target 0
    rates.completed_to_date, -- completed since the plan's first year
    rates.target_to_date,    -- targets since the plan's first year
    CAST(CAST(rates.to_date_hundredths AS DECIMAL(18, 0)) * CAST('0.01' AS DECIMAL(3, 2)) AS DECIMAL(12, 2))
        AS rate_to_date,     -- completed_to_date × 100 / target_to_date, half-up; null: target_to_date 0
    ranks.rank               -- place by exact rate within plan and year, 1, 2, 2, 4; null: no rate
FROM rates
LEFT JOIN ranks
    ON ranks.plan = rates.plan
   AND ranks.year = rates.year
   AND ranks.district_code = rates.district_code
ORDER BY
    rates.plan,
    rates.year,
    rates.district_code
