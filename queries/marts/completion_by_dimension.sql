-- Completion of the plan by occupation, level, kind of training, type of institution, sex, age band and group of persons.
-- grain: one plan, year, district (null: the city), dimension, value that occurs
-- counts completed: trained where coalesce(CASE cell.dimension WHEN 'occupation' THEN occupation WHEN 'level' THEN level WHEN
--     'training_kind' THEN training_kind WHEN 'institution_type' THEN institution_type WHEN 'sex' THEN sex WHEN 'age_band' THEN age_band
--     WHEN 'person_group' THEN CASE WHEN group_list IS NULL OR group_list = '' THEN NULL WHEN strpos(',' || group_list || ',', ',' ||
--     cell.value || ',') > 0 THEN cell.value ELSE 'another' END END, 'unknown') = cell.value
-- counts persons: trained one per person_key where coalesce(CASE cell.dimension WHEN 'occupation' THEN occupation WHEN 'level' THEN
--     level WHEN 'training_kind' THEN training_kind WHEN 'institution_type' THEN institution_type WHEN 'sex' THEN sex WHEN 'age_band'
--     THEN age_band WHEN 'person_group' THEN CASE WHEN group_list IS NULL OR group_list = '' THEN NULL WHEN strpos(',' || group_list ||
--     ',', ',' || cell.value || ',') > 0 THEN cell.value ELSE 'another' END END, 'unknown') = cell.value
WITH

groups AS (
    SELECT code
    FROM codes
    WHERE field = 'person_groups'
),

-- Few rows: classes, and kinds of trainees.
sliced AS (
    SELECT
        counted_by_class.plan,
        counted_by_class.year,
        counted_by_class.district_code,
        dimensions.dimension,
        CASE dimensions.dimension
            WHEN 'occupation' THEN class_dimensions.occupation
            WHEN 'level' THEN class_dimensions.level
            WHEN 'training_kind' THEN class_dimensions.training_kind
            WHEN 'institution_type' THEN class_dimensions.institution_type
        END AS value,
        counted_by_class.completions
    FROM (VALUES ('occupation'), ('level'), ('training_kind'), ('institution_type')) AS dimensions (dimension)
    CROSS JOIN counted_by_class
    INNER JOIN class_dimensions ON class_dimensions.class_id = counted_by_class.class_id
    UNION ALL
    SELECT
        counted_by_trainee.plan,
        counted_by_trainee.year,
        counted_by_trainee.district_code,
        dimensions.dimension,
        CASE dimensions.dimension
            WHEN 'sex' THEN counted_by_trainee.sex
            WHEN 'age_band' THEN counted_by_trainee.age_band
            ELSE groups.code
        END AS value,
        counted_by_trainee.completions
    FROM (VALUES ('sex'), ('age_band'), ('person_group')) AS dimensions (dimension)
    CROSS JOIN counted_by_trainee
    LEFT JOIN groups
        ON dimensions.dimension = 'person_group'
       AND strpos(',' || counted_by_trainee.group_list || ',', ',' || groups.code || ',') > 0
),

by_district AS (
    SELECT
        plan,
        year,
        district_code,
        dimension,
        coalesce(value, 'unknown') AS value,
        CAST(sum(completions) AS BIGINT) AS completions
    FROM sliced
    GROUP BY plan, year, district_code, dimension, coalesce(value, 'unknown')
),

done AS (
    SELECT
        by_district.plan,
        by_district.year,
        CASE WHEN places.in_district THEN by_district.district_code ELSE 'CITY' END AS place,
        by_district.dimension,
        by_district.value,
        CAST(sum(by_district.completions) AS BIGINT) AS completed
    FROM (VALUES (TRUE), (FALSE)) AS places (in_district)
    CROSS JOIN by_district
    GROUP BY
        by_district.plan,
        by_district.year,
        CASE WHEN places.in_district THEN by_district.district_code ELSE 'CITY' END,
        by_district.dimension,
        by_district.value
),

-- Of persons who have several: only these can be one person for several completions.
repeated AS (
    SELECT
        repeated_counted_trainees.plan,
        repeated_counted_trainees.year,
        repeated_counted_trainees.district_code,
        dimensions.dimension,
        coalesce(CASE dimensions.dimension
            WHEN 'occupation' THEN repeated_counted_trainees.occupation
            WHEN 'level' THEN repeated_counted_trainees.level
            WHEN 'training_kind' THEN repeated_counted_trainees.training_kind
            WHEN 'institution_type' THEN repeated_counted_trainees.institution_type
            WHEN 'sex' THEN repeated_counted_trainees.sex
            WHEN 'age_band' THEN repeated_counted_trainees.age_band
            ELSE groups.code
        END, 'unknown') AS value,
        repeated_counted_trainees.person_key
    FROM (
        VALUES ('occupation'), ('level'), ('training_kind'), ('institution_type'), ('sex'), ('age_band'), ('person_group')
    ) AS dimensions (dimension)
    CROSS JOIN repeated_counted_trainees
    LEFT JOIN groups
        ON dimensions.dimension = 'person_group'
       AND strpos(',' || repeated_counted_trainees.group_list || ',', ',' || groups.code || ',') > 0
),

in_places AS (
    SELECT
        repeated.plan,
        repeated.year,
        CASE WHEN places.in_district THEN repeated.district_code ELSE 'CITY' END AS place,
        repeated.dimension,
        repeated.value,
        repeated.person_key,
        count(*) AS completions
    FROM (VALUES (TRUE), (FALSE)) AS places (in_district)
    CROSS JOIN repeated
    GROUP BY
        repeated.plan,
        repeated.year,
        CASE WHEN places.in_district THEN repeated.district_code ELSE 'CITY' END,
        repeated.dimension,
        repeated.value,
        repeated.person_key
),

-- How many completions more than persons there are.
surplus AS (
    SELECT
        plan,
        year,
        place,
        dimension,
        value,
        CAST(sum(completions - 1) AS BIGINT) AS surplus
    FROM in_places
    GROUP BY plan, year, place, dimension, value
)

SELECT
    done.plan,      -- the plan
    done.year,      -- the year of completed_on
    districts.district_code, -- the district with which the class was filed; null: the city
    coalesce(districts.district, city.whole) AS district, -- its name
    done.dimension, -- occupation, level, training_kind, institution_type, sex, age_band or person_group
    done.value,     -- the code; unknown: none is stated. A trainee of several groups is in each
    done.completed, -- completions that count (人次)
    done.completed - coalesce(surplus.surplus, 0) AS persons -- distinct persons among them
FROM city
CROSS JOIN done
LEFT JOIN districts ON districts.district_code = done.place
LEFT JOIN surplus
    ON surplus.plan = done.plan
   AND surplus.year = done.year
   AND surplus.place = done.place
   AND surplus.dimension = done.dimension
   AND surplus.value = done.value
ORDER BY
    done.plan,
    done.year,
    districts.district_code NULLS LAST,
    done.dimension,
    done.value
