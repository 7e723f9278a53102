-- The persons with more than one completion that would count, or more than one span of a certificate: all others need no telling apart.
-- grain: one person
SELECT person_key -- the person
FROM repeated_completions
UNION
SELECT person_key
FROM certificate_spans
GROUP BY person_key
HAVING count(*) > 1
