-- A threshold that reference data do not state: its lead would never fire, and nobody would know.
-- grain: one threshold (threshold)
WITH

stated AS (
    SELECT 'subsidised_a_year' AS threshold, subsidised_a_year AS value FROM lead_limits
    UNION ALL SELECT 'overlap_minutes' AS threshold, overlap_minutes AS value FROM lead_limits
    UNION ALL SELECT 'trainer_overlap_minutes' AS threshold, trainer_overlap_minutes AS value FROM lead_limits
    UNION ALL SELECT 'phone_persons' AS threshold, phone_persons AS value FROM lead_limits
    UNION ALL SELECT 'account_persons' AS threshold, account_persons AS value FROM lead_limits
    UNION ALL SELECT 'sign_in_trainees' AS threshold, sign_in_trainees AS value FROM lead_limits
    UNION ALL SELECT 'sign_in_percent' AS threshold, sign_in_percent AS value FROM lead_limits
    UNION ALL SELECT 'sign_in_seconds' AS threshold, sign_in_seconds AS value FROM lead_limits
    UNION ALL SELECT 'roster_trainees' AS threshold, roster_trainees AS value FROM lead_limits
    UNION ALL SELECT 'roster_percent' AS threshold, roster_percent AS value FROM lead_limits
    UNION ALL SELECT 'day_minutes' AS threshold, day_minutes AS value FROM lead_limits
    UNION ALL SELECT 'mismatch_minutes' AS threshold, mismatch_minutes AS value FROM lead_limits
    UNION ALL SELECT 'issued_a_day' AS threshold, issued_a_day AS value FROM lead_limits
    UNION ALL SELECT 'listing_days' AS threshold, listing_days AS value FROM lead_limits
    UNION ALL SELECT 'issued_after_listing' AS threshold, issued_after_listing AS value FROM lead_limits
    UNION ALL SELECT 'identical_classes' AS threshold, identical_classes AS value FROM lead_limits
    UNION ALL SELECT 'identical_trainees' AS threshold, identical_trainees AS value FROM lead_limits
    UNION ALL SELECT 'december_percent' AS threshold, december_percent AS value FROM lead_limits
    UNION ALL SELECT 'december_completions' AS threshold, december_completions AS value FROM lead_limits
)

SELECT
    threshold -- its name in lead_thresholds
FROM stated
WHERE value IS NULL
ORDER BY
    threshold
