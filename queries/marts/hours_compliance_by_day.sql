-- How many subsidised classes ended on each day and what the rule of the practical share makes of them: feeds table 4.
-- grain: one plan, day, district
-- counts classes: subsidised_filings
-- counts planned_compliant: subsidised_filings where planned_verdict = 'compliant'
-- counts delivered_compliant: subsidised_filings where delivered_verdict = 'compliant'
-- counts delivered_not_compliant: subsidised_filings where delivered_verdict = 'not_compliant'
-- counts delivered_undecided: subsidised_filings where delivered_verdict = 'undecided'
SELECT
    plan,          -- the plan
    CAST(extract(YEAR FROM ended_on) AS BIGINT) AS year, -- the year of the day
    ended_on,      -- the last day of the classes: as closed, else as filed
    district_code, -- the district they were filed with
    count(*) AS classes, -- subsidised classes (班)
    count(CASE WHEN planned_verdict = 'compliant' THEN 1 END) AS planned_compliant,         -- of these, compliant as filed
    count(CASE WHEN delivered_verdict = 'compliant' THEN 1 END) AS delivered_compliant,     -- of all, compliant as delivered
    count(CASE WHEN delivered_verdict = 'not_compliant' THEN 1 END) AS delivered_not_compliant, -- of all, not compliant as delivered
    count(CASE WHEN delivered_verdict = 'undecided' THEN 1 END) AS delivered_undecided      -- of all, with nothing to tell by
FROM subsidised_classes
GROUP BY plan, ended_on, district_code
ORDER BY
    plan,
    ended_on,
    district_code
