-- The attendances as they stand.
-- grain: one attendance_recorded event in force (its subject)
SELECT
    attendance_recorded.kafka_topic, -- where the event stands: topic
    attendance_recorded.kafka_partition, -- where the event stands: partition
    attendance_recorded.kafka_offset, -- where the event stands: offset
    attendance_recorded.class_id, -- the class
    attendance_recorded.session_id, -- the session
    attendance_recorded.person_key, -- the person
    attendance_recorded.attended_at -- when the person signed in
FROM attendance_recorded
WHERE NOT EXISTS (
    SELECT 1
    FROM not_in_force
    WHERE not_in_force.type = 'kangyang.attendance_recorded.v1'
      AND not_in_force.kafka_topic = attendance_recorded.kafka_topic
      AND not_in_force.kafka_partition = attendance_recorded.kafka_partition
      AND not_in_force.kafka_offset = attendance_recorded.kafka_offset
)
