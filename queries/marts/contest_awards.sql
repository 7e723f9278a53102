-- Who won in each contest, and who was promoted for it (竞赛获奖选手晋升相应职业技能等级).
-- grain: one contest_id, year of the award, occupation
-- counts awards: contest_winners
-- counts promotions: contest_winners where promoted_level IS NOT NULL
-- counts promoted: contest_winners where promoted
WITH

-- A level held by training, or before the contest, is no promotion.
certified AS (
    SELECT DISTINCT
        contest_awarded_in_force.contest_id,
        contest_awarded_in_force.person_key
    FROM contest_awarded_in_force
    INNER JOIN certificate_spans
        ON certificate_spans.person_key = contest_awarded_in_force.person_key
       AND certificate_spans.occupation = contest_awarded_in_force.occupation
       AND certificate_spans.level = contest_awarded_in_force.promoted_level
    WHERE certificate_spans.basis = 'contest'
      AND certificate_spans.issued_on >= contest_awarded_in_force.awarded_on
      AND certificate_spans.valid_until IS NULL
)

SELECT
    contest_awarded_in_force.contest_id, -- the contest
    CAST(extract(YEAR FROM contest_awarded_in_force.awarded_on) AS BIGINT) AS year, -- the year of the award
    contest_awarded_in_force.occupation, -- what the contest was in
    count(*) AS awards,                  -- persons with an award
    count(contest_awarded_in_force.promoted_level) AS promotions, -- of these, who may be promoted to a level
    count(certified.person_key) AS promoted -- of these, who hold a valid certificate of that level on the ground of a contest
FROM contest_awarded_in_force
LEFT JOIN certified
    ON certified.contest_id = contest_awarded_in_force.contest_id
   AND certified.person_key = contest_awarded_in_force.person_key
GROUP BY
    contest_awarded_in_force.contest_id,
    extract(YEAR FROM contest_awarded_in_force.awarded_on),
    contest_awarded_in_force.occupation
ORDER BY
    contest_awarded_in_force.contest_id,
    year,
    contest_awarded_in_force.occupation
