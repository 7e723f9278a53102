-- The first day on which persons with several completions or certificates come under a figure, and how many of their spans end.
-- grain: one figure, plan, year, place, person
SELECT
    figure,     -- as in spans_of_several
    plan,       -- the plan
    year,       -- the year
    coalesce(district_code, 'CITY') AS place, -- the district, or CITY
    person_key, -- the person
    min(valid_from) AS valid_from, -- the first day
    count(valid_until) AS ends     -- spans that end; 0: the person stays
FROM spans_of_several
GROUP BY figure, plan, year, coalesce(district_code, 'CITY'), person_key
