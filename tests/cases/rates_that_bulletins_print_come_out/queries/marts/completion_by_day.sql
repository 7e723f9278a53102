-- Stands in for what counts on each day: so many completions as the bulletins print.
-- grain: one district
SELECT
    'kangyang-2020-2022' AS plan, -- the plan
    CAST(2021 AS BIGINT) AS year, -- the year
    CAST('2021-06-30' AS DATE) AS completed_on, -- the day
    district_code, -- the district
    'elderly_caregiver' AS occupation, -- the occupation
    CAST(completed AS BIGINT) AS completed, -- completions as printed
    CAST(0 AS BIGINT) AS subsidised, -- none
    CAST(0 AS BIGINT) AS held -- none
FROM (VALUES
    ('JZ01', 3132),
    ('JZ02', 2892),
    ('JZ03', 3847),
    ('JZ04', 17568),
    ('JZ05', 3847),
    ('JZ06', 2815),
    ('JZ07', 892),
    ('JZ08', 358),
    ('JZ09', 20151)
) AS printed (district_code, completed)
