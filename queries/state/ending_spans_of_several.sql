-- The spans of those persons with several, of whom at least one span ends: the few whose coming and going must be told day by day.
-- grain: one figure, plan, year, place, person, span
SELECT
    first_days_of_several.figure,     -- as in spans_of_several
    first_days_of_several.plan,       -- the plan
    first_days_of_several.year,       -- the year
    first_days_of_several.place,      -- the district, or CITY
    first_days_of_several.person_key, -- the person
    spans_of_several.valid_from,      -- first day of the span
    spans_of_several.valid_until      -- the day after its last; null: open
FROM first_days_of_several
INNER JOIN spans_of_several
    ON spans_of_several.figure = first_days_of_several.figure
   AND spans_of_several.plan = first_days_of_several.plan
   AND spans_of_several.year = first_days_of_several.year
   AND coalesce(spans_of_several.district_code, 'CITY') = first_days_of_several.place
   AND spans_of_several.person_key = first_days_of_several.person_key
WHERE first_days_of_several.ends > 0
