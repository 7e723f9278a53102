-- The days on which each certificate is valid: from its issue until revoked or suspended, and again once reinstated or reissued.
-- grain: one certificate in force, first day of a span
WITH

-- A training certificate (培训合格证) certifies no skill.
certificates AS (
    SELECT
        certificate_no,
        certificate_kind,
        person_key,
        occupation,
        level,
        issued_on,
        basis,
        class_id
    FROM certificate_issued_in_force
    WHERE certificate_kind <> 'training_completion'
),

first_changes AS (
    SELECT
        certificate_no,
        min(effective_on) AS effective_on
    FROM certificate_statuses
    GROUP BY certificate_no
),

until_first_change AS (
    SELECT
        certificates.*,
        certificates.issued_on AS valid_from,
        first_changes.effective_on AS valid_until
    FROM certificates
    LEFT JOIN first_changes ON first_changes.certificate_no = certificates.certificate_no
    WHERE first_changes.effective_on IS NULL
       OR first_changes.effective_on > certificates.issued_on
),

after_a_change AS (
    SELECT
        certificates.*,
        greatest(certificates.issued_on, certificate_statuses.effective_on) AS valid_from,
        certificate_statuses.effective_until AS valid_until
    FROM certificates
    INNER JOIN certificate_statuses ON certificate_statuses.certificate_no = certificates.certificate_no
    WHERE certificate_statuses.certificate_status IN ('reinstated', 'reissued')
      AND (certificate_statuses.effective_until IS NULL OR certificate_statuses.effective_until > certificates.issued_on)
),

together AS (
    SELECT certificate_kind, person_key, occupation, level, issued_on, basis, class_id, valid_from, valid_until
    FROM until_first_change
    UNION ALL
    SELECT certificate_kind, person_key, occupation, level, issued_on, basis, class_id, valid_from, valid_until
    FROM after_a_change
)

SELECT
    certificate_kind, -- skill_level, professional_qualification, social_work or special_ability
    person_key,       -- the person
    occupation,       -- what it certifies
    level,            -- its level; null: none given
    issued_on,        -- the day of issue
    basis,            -- training, contest or exam
    class_id,         -- the class it followed; null: none
    valid_from,       -- first day of the span
    valid_until       -- the day after its last; null: valid as of the pin
FROM together
