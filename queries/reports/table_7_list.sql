-- 附表7续 疑点清单: each lead about the period's year, as far as known, with what it rests on and what commonly explains it.
-- grain: one lead
SELECT
    coalesce(districts.district, '不分单位') AS district, -- the class's district; 不分单位: it concerns no class
    lead_rules.label AS rule,         -- the rule's name
    leads.class_id,                   -- the class; null: none
    leads.subject,                    -- what it is about, a person masked
    leads.detail,                     -- what was found
    array_to_string(array_slice(leads.evidence, 1, 3), '、')
        || CASE WHEN array_length(leads.evidence) > 3
            THEN '等' || CAST(array_length(leads.evidence) AS VARCHAR) || '条' ELSE '' END
        AS evidence_shown,            -- the first three events it rests on: topic/partition@offset
    nullif(array_to_string(array_slice(leads.origins, 1, 3), '、')
        || CASE WHEN array_length(leads.origins) > 3
            THEN '等' || CAST(array_length(leads.origins) AS VARCHAR) || '处' ELSE '' END, '')
        AS origins_shown,             -- the first three rows of the source's files
    lead_rules.common_explanation,    -- what commonly explains it
    leads.lead,                       -- the rule's code
    leads.rule_version,               -- the rule's version
    leads.evidence,                   -- all events it rests on
    leads.origins,                    -- all rows of the source's files, as far as stated
    CAST(NULL AS VARCHAR) AS verdict  -- left for who looks into it
FROM leads
CROSS JOIN report_span
LEFT JOIN districts ON districts.district_code = leads.district_code
LEFT JOIN lead_rules
    ON lead_rules.lead = leads.lead
   AND lead_rules.rule_version = leads.rule_version
WHERE coalesce(leads.plan, report_span.plan) = report_span.plan
  AND coalesce(leads.year, report_span.year) = report_span.year
ORDER BY
    districts.position NULLS LAST,
    leads.lead,
    leads.rule_version,
    leads.class_id NULLS LAST,
    leads.subject,
    leads.evidence,
    leads.detail
