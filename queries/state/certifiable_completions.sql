-- The completions that count and stand in the denominator of the certified share (取证率).
-- grain: one completion
WITH

-- Persons certified before the class began are left out only where the setting says so; else nothing is left of these.
certified_before AS (
    SELECT
        certificate_spans.person_key,
        certificate_spans.occupation,
        certificate_spans.valid_from,
        certificate_spans.valid_until
    FROM certified_share
    CROSS JOIN certificate_spans
    WHERE NOT certified_share.already_certified_counted
      AND certificate_spans.certificate_kind IN ('skill_level', 'professional_qualification')
),

scope AS (
    SELECT
        counted_completions.plan,
        counted_completions.year,
        counted_completions.district_code,
        counted_completions.class_id,
        counted_completions.person_key,
        counted_completions.completed_on,
        counted_completions.occupation,
        class_filed_in_force.starts_on
    FROM counted_completions
    INNER JOIN class_filed_in_force ON class_filed_in_force.class_id = counted_completions.class_id
    INNER JOIN occupations ON occupations.occupation = class_filed_in_force.occupation
    WHERE occupations.certifiable
      AND class_filed_in_force.training_kind <> 'entrepreneurship'
),

left_out AS (
    SELECT DISTINCT scope.class_id, scope.person_key
    FROM certified_before
    INNER JOIN scope
        ON scope.person_key = certified_before.person_key
       AND scope.occupation = certified_before.occupation
    WHERE certified_before.valid_from < scope.starts_on
      AND (certified_before.valid_until IS NULL OR certified_before.valid_until > scope.starts_on)
)

SELECT
    scope.plan,          -- the class's plan
    scope.year,          -- the year of completed_on
    scope.district_code, -- the class's district
    scope.person_key,    -- the person
    scope.completed_on,  -- the day of completion
    scope.occupation,    -- the class's occupation
    scope.starts_on      -- the class's first day
FROM scope
LEFT JOIN left_out
    ON left_out.class_id = scope.class_id
   AND left_out.person_key = scope.person_key
WHERE left_out.person_key IS NULL
