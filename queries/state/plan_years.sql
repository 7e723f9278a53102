-- The years of each plan: those for which it gives a district a trainees target.
-- grain: one plan, year
SELECT DISTINCT
    plan, -- the plan
    year  -- the year
FROM target_set_in_force
WHERE metric = 'trainees'
  AND district_code IS NOT NULL
  AND year IS NOT NULL
