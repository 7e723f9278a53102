-- A number for each person of a bundle, so that an auditor can tell persons apart and nothing leads back to one.
-- grain: one person with a completion or a certificate in force
--
-- In the order in which the log first tells of them: those with completions, then those with certificates alone; the key plays no part.
WITH

-- A place in the log as one integer: an offset has at most 40 bits.
told AS (
    SELECT
        person_key,
        CAST(kafka_partition AS BIGINT) * 1099511627776 + kafka_offset AS place
    FROM trainee_completed_in_force
    UNION ALL
    SELECT
        person_key,
        1152921504606846976 + CAST(kafka_partition AS BIGINT) * 1099511627776 + kafka_offset AS place
    FROM certificate_issued_in_force
),

first_told AS (
    SELECT
        person_key,
        min(place) AS place
    FROM told
    GROUP BY person_key
)

SELECT
    person_key, -- the person
    CAST(row_number() OVER (ORDER BY place) AS BIGINT) AS person -- the number, from 1
FROM first_told
