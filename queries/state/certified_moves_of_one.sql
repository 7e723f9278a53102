-- How many persons with at most one completion and one certificate come under a figure on each day, and how many leave it.
-- grain: one figure, plan (null: no class), year, day, district (null: no class)
WITH

completed AS (
    SELECT
        certifiable_completions.plan,
        certifiable_completions.year,
        certifiable_completions.district_code,
        certifiable_completions.completed_on,
        count(*) AS persons
    FROM certifiable_completions
    LEFT JOIN persons_with_several ON persons_with_several.person_key = certifiable_completions.person_key
    WHERE persons_with_several.person_key IS NULL
    GROUP BY
        certifiable_completions.plan,
        certifiable_completions.year,
        certifiable_completions.district_code,
        certifiable_completions.completed_on
),

certified AS (
    SELECT
        certified_completions.plan,
        certified_completions.year,
        certified_completions.district_code,
        certified_completions.valid_from,
        certified_completions.in_time_from,
        certified_completions.valid_until
    FROM certified_completions
    LEFT JOIN persons_with_several ON persons_with_several.person_key = certified_completions.person_key
    WHERE persons_with_several.person_key IS NULL
),

holding AS (
    SELECT
        attributed_certificate_spans.plan,
        attributed_certificate_spans.year,
        attributed_certificate_spans.district_code,
        attributed_certificate_spans.holds_skill,
        attributed_certificate_spans.holds_high_skill,
        attributed_certificate_spans.holds_special,
        attributed_certificate_spans.holds_profession,
        attributed_certificate_spans.valid_from,
        attributed_certificate_spans.valid_until,
        count(*) AS persons
    FROM attributed_certificate_spans
    LEFT JOIN persons_with_several ON persons_with_several.person_key = attributed_certificate_spans.person_key
    WHERE persons_with_several.person_key IS NULL
    GROUP BY
        attributed_certificate_spans.plan,
        attributed_certificate_spans.year,
        attributed_certificate_spans.district_code,
        attributed_certificate_spans.holds_skill,
        attributed_certificate_spans.holds_high_skill,
        attributed_certificate_spans.holds_special,
        attributed_certificate_spans.holds_profession,
        attributed_certificate_spans.valid_from,
        attributed_certificate_spans.valid_until
),

spans AS (
    SELECT 'certifiable' AS figure, plan, year, district_code, completed_on AS valid_from, CAST(NULL AS DATE) AS valid_until, persons
    FROM completed
    UNION ALL
    SELECT 'certified' AS figure, plan, year, district_code, valid_from, valid_until, count(*) AS persons
    FROM certified
    WHERE valid_until IS NULL OR valid_until > valid_from
    GROUP BY plan, year, district_code, valid_from, valid_until
    UNION ALL
    SELECT 'certified_in_time' AS figure, plan, year, district_code, in_time_from AS valid_from, valid_until, count(*) AS persons
    FROM certified
    WHERE in_time_from IS NOT NULL
      AND (valid_until IS NULL OR valid_until > in_time_from)
    GROUP BY plan, year, district_code, in_time_from, valid_until
    UNION ALL
    SELECT figures.figure, plan, year, district_code, valid_from, valid_until, persons
    FROM (VALUES ('holders'), ('high_skilled'), ('special_ability'), ('professional')) AS figures (figure)
    CROSS JOIN holding
    WHERE figures.figure = 'holders' AND holds_skill
       OR figures.figure = 'high_skilled' AND holds_high_skill
       OR figures.figure = 'special_ability' AND holds_special
       OR figures.figure = 'professional' AND holds_profession
),

-- A person comes on the first day and leaves on the day after the last.
moves AS (
    SELECT
        spans.figure,
        spans.plan,
        spans.year,
        spans.district_code,
        CASE WHEN ends.sign > 0 THEN spans.valid_from ELSE spans.valid_until END AS day,
        spans.persons * ends.sign AS persons
    FROM (VALUES (1), (-1)) AS ends (sign)
    CROSS JOIN spans
    WHERE ends.sign > 0
       OR spans.valid_until IS NOT NULL
)

SELECT
    figure,        -- certifiable, certified, certified_in_time, holders, high_skilled, special_ability or professional
    plan,          -- the plan; null: a certificate without a class
    year,          -- the year of completion; of a holder's, of issue
    day,           -- the day
    district_code, -- the district; null: a certificate without a class
    CAST(sum(persons) AS BIGINT) AS persons -- persons who come less persons who leave
FROM moves
GROUP BY figure, plan, year, day, district_code
