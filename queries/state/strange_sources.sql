-- The districts' offices that stated, corrected or withdrew what concerns another district's class, its trainees or sessions.
-- grain: one class and source
-- held: few of all statements, and a join must know that they are few
WITH

first_filings AS (
    SELECT
        class_id,
        min(kafka_offset) AS kafka_offset -- of one partition: a class is one subject
    FROM class_filed
    GROUP BY class_id
),

-- Who may speak of a class: the district that filed it first, and any to which city or province moved it.
entitled AS (
    SELECT
        class_filed.class_id,
        class_filed.district_code
    FROM first_filings
    INNER JOIN class_filed
        ON class_filed.class_id = first_filings.class_id
       AND class_filed.kafka_offset = first_filings.kafka_offset
    UNION
    SELECT
        class_id,
        district_code
    FROM class_filed
    WHERE source NOT LIKE '/districts/%'
),

stated AS (
    SELECT
        class_id,
        source
    FROM events
    WHERE source LIKE '/districts/%'
      AND type IN (
        'kangyang.class_filed.v1', 'kangyang.trainee_enrolled.v1', 'kangyang.session_delivered.v1', 'kangyang.attendance_recorded.v1',
        'kangyang.class_closed.v1', 'kangyang.trainee_completed.v1'
      )
    GROUP BY class_id, source
    UNION
    SELECT
        split_part(subject, '/', 2) AS class_id,
        source
    FROM record_withdrawn
    WHERE source LIKE '/districts/%'
      AND subject LIKE 'class/%'
)

SELECT
    stated.class_id, -- the class
    stated.source,   -- who spoke of it
    split_part(stated.source, '/', 3) AS district_code -- the district it speaks for
FROM stated
INNER JOIN first_filings ON first_filings.class_id = stated.class_id
LEFT JOIN entitled
    ON entitled.class_id = stated.class_id
   AND entitled.district_code = split_part(stated.source, '/', 3)
WHERE entitled.class_id IS NULL
