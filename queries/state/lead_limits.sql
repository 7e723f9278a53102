-- The thresholds of the leads as one row: reference data, a column for each.
-- grain: the one row
SELECT
    max(CASE WHEN threshold = 'subsidised_a_year' THEN value END)
        AS subsidised_a_year, -- most subsidised trainings of a person in a year
    max(CASE WHEN threshold = 'overlap_minutes' THEN value END)
        AS overlap_minutes, -- most minutes that two sessions of a trainee may overlap
    max(CASE WHEN threshold = 'trainer_overlap_minutes' THEN value END)
        AS trainer_overlap_minutes, -- most minutes that two sessions of a trainer may overlap
    max(CASE WHEN threshold = 'phone_persons' THEN value END)
        AS phone_persons, -- persons with one phone from which it is a lead
    max(CASE WHEN threshold = 'account_persons' THEN value END)
        AS account_persons, -- persons with one account from which it is a lead
    max(CASE WHEN threshold = 'sign_in_trainees' THEN value END)
        AS sign_in_trainees, -- least sign-ins of a session that is looked at
    max(CASE WHEN threshold = 'sign_in_percent' THEN value END)
        AS sign_in_percent, -- share of the sign-ins at once from which it is a lead, in percent
    max(CASE WHEN threshold = 'sign_in_seconds' THEN value END)
        AS sign_in_seconds, -- how long at once lasts, in seconds
    max(CASE WHEN threshold = 'roster_trainees' THEN value END)
        AS roster_trainees, -- least trainees of a class that is looked at
    max(CASE WHEN threshold = 'roster_percent' THEN value END)
        AS roster_percent, -- share of common trainees among those of both classes from which it is a lead, in percent
    max(CASE WHEN threshold = 'day_minutes' THEN value END)
        AS day_minutes, -- most minutes taught in a class on a day
    max(CASE WHEN threshold = 'mismatch_minutes' THEN value END)
        AS mismatch_minutes, -- most minutes that closing and sessions may differ
    max(CASE WHEN threshold = 'issued_a_day' THEN value END)
        AS issued_a_day, -- most certificates of an evaluator on a day
    max(CASE WHEN threshold = 'listing_days' THEN value END)
        AS listing_days, -- days after an evaluator's listing that are looked at
    max(CASE WHEN threshold = 'issued_after_listing' THEN value END)
        AS issued_after_listing, -- most certificates of an evaluator in these days
    max(CASE WHEN threshold = 'identical_classes' THEN value END)
        AS identical_classes, -- classes of an institution and year from which an identical figure is a lead
    max(CASE WHEN threshold = 'identical_trainees' THEN value END)
        AS identical_trainees, -- least completions, whatever their result, of a class that is looked at
    max(CASE WHEN threshold = 'december_percent' THEN value END)
        AS december_percent, -- most of a year's completions in December, in percent
    max(CASE WHEN threshold = 'december_completions' THEN value END)
        AS december_completions -- least completions of a year that is looked at
FROM lead_thresholds
