-- The leads about the report's plan and year, each by the first event it rests on, and the others beside it.
-- grain: one lead
WITH

places AS (
    SELECT DISTINCT
        completion_by_district_year.position,
        completion_by_district_year.district_code
    FROM completion_by_district_year
    INNER JOIN report_span ON report_span.plan = completion_by_district_year.plan
),

elsewhere AS (
    SELECT max(position) + 1 AS position
    FROM places
)

SELECT
    split_part(leads.evidence[1], '/', 1) AS kafka_topic, -- where the lead's first event stands: topic
    CAST(split_part(split_part(leads.evidence[1], '/', 2), '@', 1) AS INT) AS kafka_partition, -- the same: partition
    CAST(split_part(leads.evidence[1], '@', 2) AS BIGINT) AS kafka_offset, -- the same: offset
    coalesce(places.position, elsewhere.position) AS position, -- the district's place in the annex; one more: it concerns none
    leads.lead,                                            -- the rule's code
    leads.detail,                                          -- what was found
    array_to_string(leads.evidence, ' ') AS evidence       -- all events it rests on
FROM elsewhere
CROSS JOIN leads
INNER JOIN report_span
    ON report_span.plan = coalesce(leads.plan, report_span.plan)
   AND report_span.year = coalesce(leads.year, report_span.year)
LEFT JOIN places ON places.district_code = leads.district_code
