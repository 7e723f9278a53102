-- The certificates' valid spans by year of issue and by plan and district of their class: what counts as a holder (取证人数), and as which.
-- grain: one certificate in force, first day of a span
SELECT
    CAST(extract(YEAR FROM certificate_spans.issued_on) AS BIGINT) AS year, -- the year of issue
    class_filed_in_force.plan,          -- the class's plan; null: no class in force
    class_filed_in_force.district_code, -- the class's district; null: no class in force
    certificate_spans.person_key,       -- the person
    certificate_spans.certificate_kind IN ('skill_level', 'professional_qualification') AS holds_skill, -- counts as a holder
    certificate_spans.certificate_kind IN ('skill_level', 'professional_qualification')
        AND coalesce(levels.high_skilled, FALSE) AS holds_high_skill,       -- of these, level 3, 2 or 1
    certificate_spans.certificate_kind = 'special_ability' AS holds_special, -- counts under special ability (专项职业能力)
    certificate_spans.certificate_kind = 'social_work'
        OR certificate_spans.certificate_kind = 'professional_qualification' AND NOT coalesce(occupations.certifiable, FALSE)
        AS holds_profession,            -- counts under the professions: social workers, directors
    certificate_spans.valid_from,       -- first day of the span
    certificate_spans.valid_until       -- the day after its last; null: valid as of the pin
FROM certificate_spans
LEFT JOIN class_filed_in_force ON class_filed_in_force.class_id = certificate_spans.class_id
LEFT JOIN levels ON levels.level = certificate_spans.level
LEFT JOIN occupations ON occupations.occupation = certificate_spans.occupation
