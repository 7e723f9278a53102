-- Guards that the districts' targets add up to the city's: with a row lost or mistyped every completion rate of the city is wrong.
-- grain: one plan, metric, year (null: the whole plan) whose sum differs from the city's own target
WITH

districts_summed AS (
    SELECT
        plan,
        metric,
        coalesce(year, 0) AS year,
        CAST(sum(target) AS BIGINT) AS districts_target
    FROM target_set_in_force
    WHERE district_code IS NOT NULL
    GROUP BY plan, metric, coalesce(year, 0)
)

SELECT
    target_set_in_force.plan,           -- the plan
    target_set_in_force.metric,         -- what is counted
    target_set_in_force.year,           -- the year; null: the whole plan
    target_set_in_force.target AS city_target, -- the city's own target: the control row
    districts_summed.districts_target   -- the districts' sum
FROM target_set_in_force
INNER JOIN districts_summed
    ON districts_summed.plan = target_set_in_force.plan
   AND districts_summed.metric = target_set_in_force.metric
   AND districts_summed.year = coalesce(target_set_in_force.year, 0)
WHERE target_set_in_force.district_code IS NULL
  AND target_set_in_force.target <> districts_summed.districts_target
ORDER BY
    target_set_in_force.plan,
    target_set_in_force.metric,
    target_set_in_force.year NULLS LAST
