-- Completion of the plan by occupation, level, kind of training, type of institution, sex, age band and group of persons.
-- grain: one plan, year, district (null: the city), dimension, value that occurs
WITH

groups AS (
    SELECT code
    FROM codes
    WHERE field = 'person_groups'
),

-- Few rows: classes, and kinds of trainees.
sliced AS (
    SELECT counted_by_class.plan, counted_by_class.year, counted_by_class.district_code, 'occupation' AS dimension,
        class_dimensions.occupation AS value, counted_by_class.completions
    FROM counted_by_class
    INNER JOIN class_dimensions ON class_dimensions.class_id = counted_by_class.class_id
    UNION ALL
    SELECT counted_by_class.plan, counted_by_class.year, counted_by_class.district_code, 'level' AS dimension,
        class_dimensions.level AS value, counted_by_class.completions
    FROM counted_by_class
    INNER JOIN class_dimensions ON class_dimensions.class_id = counted_by_class.class_id
    UNION ALL
    SELECT counted_by_class.plan, counted_by_class.year, counted_by_class.district_code, 'training_kind' AS dimension,
        class_dimensions.training_kind AS value, counted_by_class.completions
    FROM counted_by_class
    INNER JOIN class_dimensions ON class_dimensions.class_id = counted_by_class.class_id
    UNION ALL
    SELECT counted_by_class.plan, counted_by_class.year, counted_by_class.district_code, 'institution_type' AS dimension,
        class_dimensions.institution_type AS value, counted_by_class.completions
    FROM counted_by_class
    INNER JOIN class_dimensions ON class_dimensions.class_id = counted_by_class.class_id
    UNION ALL
    SELECT plan, year, district_code, 'sex' AS dimension, sex AS value, completions
    FROM counted_by_trainee
    UNION ALL
    SELECT plan, year, district_code, 'age_band' AS dimension, age_band AS value, completions
    FROM counted_by_trainee
    UNION ALL
    SELECT counted_by_trainee.plan, counted_by_trainee.year, counted_by_trainee.district_code, 'person_group' AS dimension,
        groups.code AS value, counted_by_trainee.completions
    FROM counted_by_trainee
    LEFT JOIN groups ON strpos(',' || counted_by_trainee.group_list || ',', ',' || groups.code || ',') > 0
),

by_district AS (
    SELECT
        plan,
        year,
        district_code,
        dimension,
        coalesce(value, 'unknown') AS value,
        CAST(sum(completions) AS BIGINT) AS completed
    FROM sliced
    GROUP BY plan, year, district_code, dimension, coalesce(value, 'unknown')
),

-- Of persons who have several: only these can be one person for several completions.
repeated AS (
    SELECT plan, year, district_code, 'occupation' AS dimension, occupation AS value, person_key
    FROM repeated_counted_trainees
    UNION ALL
    SELECT plan, year, district_code, 'level' AS dimension, level AS value, person_key
    FROM repeated_counted_trainees
    UNION ALL
    SELECT plan, year, district_code, 'training_kind' AS dimension, training_kind AS value, person_key
    FROM repeated_counted_trainees
    UNION ALL
    SELECT plan, year, district_code, 'institution_type' AS dimension, institution_type AS value, person_key
    FROM repeated_counted_trainees
    UNION ALL
    SELECT plan, year, district_code, 'sex' AS dimension, sex AS value, person_key
    FROM repeated_counted_trainees
    UNION ALL
    SELECT plan, year, district_code, 'age_band' AS dimension, age_band AS value, person_key
    FROM repeated_counted_trainees
    UNION ALL
    SELECT repeated_counted_trainees.plan, repeated_counted_trainees.year, repeated_counted_trainees.district_code,
        'person_group' AS dimension, groups.code AS value, repeated_counted_trainees.person_key
    FROM repeated_counted_trainees
    LEFT JOIN groups ON strpos(',' || repeated_counted_trainees.group_list || ',', ',' || groups.code || ',') > 0
),

in_district AS (
    SELECT
        plan,
        year,
        district_code,
        dimension,
        coalesce(value, 'unknown') AS value,
        person_key,
        count(*) AS completions
    FROM repeated
    GROUP BY plan, year, district_code, dimension, coalesce(value, 'unknown'), person_key
),

in_city AS (
    SELECT
        plan,
        year,
        dimension,
        value,
        person_key,
        CAST(sum(completions) AS BIGINT) AS completions
    FROM in_district
    GROUP BY plan, year, dimension, value, person_key
),

-- How many completions more than persons there are.
surplus AS (
    SELECT
        plan,
        year,
        district_code,
        dimension,
        value,
        CAST(sum(completions - 1) AS BIGINT) AS surplus
    FROM in_district
    GROUP BY plan, year, district_code, dimension, value
    UNION ALL
    SELECT
        plan,
        year,
        NULL AS district_code,
        dimension,
        value,
        CAST(sum(completions - 1) AS BIGINT) AS surplus
    FROM in_city
    GROUP BY plan, year, dimension, value
),

together AS (
    SELECT
        by_district.plan,
        by_district.year,
        by_district.district_code,
        districts.district,
        by_district.dimension,
        by_district.value,
        by_district.completed
    FROM by_district
    LEFT JOIN districts ON districts.district_code = by_district.district_code
    UNION ALL
    SELECT
        by_district.plan,
        by_district.year,
        NULL AS district_code,
        city.whole AS district,
        by_district.dimension,
        by_district.value,
        CAST(sum(by_district.completed) AS BIGINT) AS completed
    FROM by_district
    CROSS JOIN city
    GROUP BY by_district.plan, by_district.year, city.whole, by_district.dimension, by_district.value
)

SELECT
    together.plan,          -- the plan
    together.year,          -- the year of completed_on
    together.district_code, -- the district with which the class was filed; null: the city
    together.district,      -- its name
    together.dimension,     -- occupation, level, training_kind, institution_type, sex, age_band or person_group
    together.value,         -- the code; unknown: none is stated. A trainee of several groups is in each
    together.completed,     -- completions that count (人次)
    together.completed - coalesce(surplus.surplus, 0) AS persons -- distinct persons among them
FROM together
LEFT JOIN surplus
    ON surplus.plan = together.plan
   AND surplus.year = together.year
   AND coalesce(surplus.district_code, 'CITY') = coalesce(together.district_code, 'CITY')
   AND surplus.dimension = together.dimension
   AND surplus.value = together.value
ORDER BY
    together.plan,
    together.year,
    together.district_code NULLS LAST,
    together.dimension,
    together.value
