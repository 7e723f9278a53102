-- The completions of the certified share's denominator with each certificate that makes the trainee a certified one, and when it does.
-- grain: one completion, span of a certificate of the same occupation issued since the class began
WITH

skill_spans AS (
    SELECT
        certificate_spans.person_key,
        certificate_spans.occupation,
        certificate_spans.issued_on,
        certificate_spans.valid_from,
        certificate_spans.valid_until,
        certified_share.within_days
    FROM certified_share
    CROSS JOIN certificate_spans
    WHERE certificate_spans.certificate_kind IN ('skill_level', 'professional_qualification')
      AND (certificate_spans.basis = 'training' OR NOT certified_share.training_basis_only)
)

SELECT
    certifiable_completions.plan,          -- the class's plan
    certifiable_completions.year,          -- the year of completed_on
    certifiable_completions.district_code, -- the class's district
    certifiable_completions.person_key,    -- the person
    greatest(certifiable_completions.completed_on, skill_spans.valid_from)
        AS valid_from,                     -- first day on which the trainee is certified by this span
    CASE
        WHEN skill_spans.issued_on <= certifiable_completions.completed_on + CAST(skill_spans.within_days AS INT)
            THEN greatest(certifiable_completions.completed_on + CAST(skill_spans.within_days AS INT), skill_spans.valid_from)
    END AS in_time_from,                   -- the same for one issued in time, once that time is over; null: not issued in time
    skill_spans.valid_until                -- the day after its last; null: valid as of the pin
FROM certifiable_completions
INNER JOIN skill_spans
    ON skill_spans.person_key = certifiable_completions.person_key
   AND skill_spans.occupation = certifiable_completions.occupation
WHERE skill_spans.issued_on >= certifiable_completions.starts_on
