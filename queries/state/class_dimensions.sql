-- What each class in force is told apart by: occupation, level, kind of training, type of institution.
-- grain: one class in force
SELECT
    class_filed_in_force.class_id,      -- the class
    class_filed_in_force.occupation,    -- what it trains for
    class_filed_in_force.level,         -- its level; null: none given
    class_filed_in_force.training_kind, -- pre_employment, upskilling, transfer or entrepreneurship
    institution_listed_in_force.institution_type -- the carrier's type; null: the carrier is not listed
FROM class_filed_in_force
LEFT JOIN institution_listed_in_force ON institution_listed_in_force.institution_id = class_filed_in_force.institution_id
