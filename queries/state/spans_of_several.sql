-- The spans of days in which persons with several completions or certificates come under a figure, in a district and in the city.
-- grain: one figure, plan, year, district (null: the city), person, span; spans of a person may overlap
WITH

completed AS (
    SELECT
        certifiable_completions.plan,
        certifiable_completions.year,
        certifiable_completions.district_code,
        certifiable_completions.person_key,
        certifiable_completions.completed_on
    FROM certifiable_completions
    INNER JOIN persons_with_several ON persons_with_several.person_key = certifiable_completions.person_key
),

certified AS (
    SELECT
        certified_completions.plan,
        certified_completions.year,
        certified_completions.district_code,
        certified_completions.person_key,
        certified_completions.valid_from,
        certified_completions.in_time_from,
        certified_completions.valid_until
    FROM certified_completions
    INNER JOIN persons_with_several ON persons_with_several.person_key = certified_completions.person_key
),

holding AS (
    SELECT
        attributed_certificate_spans.plan,
        attributed_certificate_spans.year,
        attributed_certificate_spans.district_code,
        attributed_certificate_spans.person_key,
        attributed_certificate_spans.holds_skill,
        attributed_certificate_spans.holds_high_skill,
        attributed_certificate_spans.holds_special,
        attributed_certificate_spans.holds_profession,
        attributed_certificate_spans.valid_from,
        attributed_certificate_spans.valid_until
    FROM attributed_certificate_spans
    INNER JOIN persons_with_several ON persons_with_several.person_key = attributed_certificate_spans.person_key
),

spans AS (
    SELECT 'certifiable' AS figure, plan, year, district_code, person_key, completed_on AS valid_from, CAST(NULL AS DATE) AS valid_until
    FROM completed
    UNION ALL
    SELECT 'certified' AS figure, plan, year, district_code, person_key, valid_from, valid_until
    FROM certified
    UNION ALL
    SELECT 'certified_in_time' AS figure, plan, year, district_code, person_key, in_time_from AS valid_from, valid_until
    FROM certified
    WHERE in_time_from IS NOT NULL
    UNION ALL
    SELECT figures.figure, plan, year, district_code, person_key, valid_from, valid_until
    FROM (VALUES ('holders'), ('high_skilled'), ('special_ability'), ('professional')) AS figures (figure)
    CROSS JOIN holding
    WHERE figures.figure = 'holders' AND holds_skill
       OR figures.figure = 'high_skilled' AND holds_high_skill
       OR figures.figure = 'special_ability' AND holds_special
       OR figures.figure = 'professional' AND holds_profession
),

-- Each in its district and in the city; a certificate without a class in the city alone, in each plan of its year.
placed AS (
    SELECT
        spans.figure,
        coalesce(spans.plan, plan_years.plan) AS plan,
        spans.year,
        CASE WHEN places.in_district THEN spans.district_code END AS district_code,
        spans.person_key,
        spans.valid_from,
        spans.valid_until
    FROM (VALUES (TRUE), (FALSE)) AS places (in_district)
    CROSS JOIN spans
    LEFT JOIN plan_years
        ON plan_years.year = spans.year
       AND spans.plan IS NULL
    WHERE spans.plan IS NOT NULL
       OR NOT places.in_district AND plan_years.plan IS NOT NULL
)

SELECT
    figure,        -- certifiable, certified, certified_in_time, holders, high_skilled, special_ability or professional
    plan,          -- the plan
    year,          -- the year of completion; of a holder's, of issue
    district_code, -- the district; null: the city
    person_key,    -- the person
    valid_from,    -- first day of the span
    valid_until    -- the day after its last; null: open
FROM placed
WHERE valid_until IS NULL
   OR valid_until > valid_from
