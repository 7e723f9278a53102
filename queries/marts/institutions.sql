-- The carriers as they are listed, by name where the rules allow one: who trains, for reports and dashboards.
-- grain: one institution_listed event in force (institution_id)
WITH

-- Those shown by their code alone.
by_code AS (
    SELECT institution_listed_in_force.institution_id
    FROM institution_listed_in_force
    CROSS JOIN institution_naming
    WHERE NOT institution_naming.named
      AND starts_with(institution_listed_in_force.institution_id, institution_naming.code_prefix)
    GROUP BY institution_listed_in_force.institution_id
)

SELECT
    institution_listed_in_force.institution_id, -- the carrier's credit code
    CASE WHEN by_code.institution_id IS NULL THEN institution_listed_in_force.institution_name END
        AS institution_name, -- its name; null: of a kind that is shown by its code alone, as its name may be a person's
    institution_listed_in_force.institution_type, -- what kind of carrier
    institution_listed_in_force.district_code, -- the district it is listed in
    institution_listed_in_force.valid_from, -- first day of the listing
    institution_listed_in_force.valid_to -- last day of the listing; null: open
FROM institution_listed_in_force
LEFT JOIN by_code ON by_code.institution_id = institution_listed_in_force.institution_id
ORDER BY
    institution_listed_in_force.institution_id
