//! How many events a thread decodes, checks and hashes in a second: the floor under what one ingest process can take in.
use kangyang::contract::{Contract, Message, Rows, Topic};
use kangyang::error::{Context, Result};
use kangyang::tree::Tree;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Different events, as many as a consumer has in its queue.
const EVENTS: usize = 20_000;
/// How often they come in one segment.
const TIMES: usize = 20;

/// Prints events/s for five segments.
pub fn run() -> Result<()> {
    let contract = Arc::new(Contract::compile(&Tree::schemas(None)?)?);
    let events: Vec<(Topic, String, String)> = (0..EVENTS).map(event).collect();
    let bytes: usize = events.iter().map(|(_, _, e)| e.len()).sum();
    let total = EVENTS * TIMES;
    println!("{total} events, mean {} B", bytes / EVENTS);
    for round in 1..=5 {
        let mut rows = Rows::new(contract.clone(), "kangyang.training", 0);
        let start = now();
        for (offset, (topic, key, payload)) in (0..).zip(std::iter::repeat_n(&events, TIMES).flatten()) {
            let (key, payload) = (Some(key.as_bytes()), Some(payload.as_bytes()));
            let message = Message { topic: *topic, key, payload, partition: 0, offset, recorded_at: 1_624_000_000_000 + offset };
            rows.append(&message).context(|| format!("event {offset} is refused"))?;
        }
        let decoded = now() - start;
        let batches = rows.finish()?;
        let rate = |t: Duration| total as f64 / t.as_secs_f64() / 1e6;
        let whole = now() - start;
        let rows: usize = batches.iter().map(|(_, b)| b.num_rows()).sum();
        println!("round {round}: {rows} rows, {:.2} M/s decoded, {:.2} M/s with the batches finished", rate(decoded), rate(whole));
    }
    Ok(())
}

/// The thread's own processor time where the system tells it, so that what else runs doesn't count; else the clock.
fn now() -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok().and_then(|s| s.split(' ').next()?.parse().ok());
    spent.map_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), Duration::from_nanos)
}

/// One event as a bureau's rosters send them: mostly attendance, enrolments, completions.
fn event(i: usize) -> (Topic, String, String) {
    // Weyl and a multiply: enough noise that nothing is predicted by accident.
    let x = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = |salt: u64| format!("{:016x}{:016x}", x.wrapping_mul(salt), x.rotate_left(17) ^ salt);
    let (class, person) = (format!("JZ07-2021-{:06}", i / 50 % 50_000), key(0x51));
    let day = format!("2021-{:02}-{:02}", 1 + x % 12, 1 + x / 16 % 28);
    let (t, topic, subject, data) = match i % 20 {
        0..9 => {
            let session = format!("S{:02}", x % 40);
            let mut data = format!(r#""class_id": "{class}", "session_id": "{session}", "person_key": "{person}", "#);
            let _ = write!(data, r#""attendance_method": "face", "attended_at": "{day}T13:56:{:02}+08:00""#, x % 60);
            ("attendance_recorded", Topic::Training, format!("class/{class}/session/{session}/person/{person}"), data)
        }
        9..13 => {
            let mut data = format!(r#""class_id": "{class}", "person_key": "{person}", "result": "passed", "#);
            let _ = write!(data, r#""completed_on": "{day}", "attended_minutes": {}"#, x % 5000);
            ("trainee_completed", Topic::Training, format!("class/{class}/person/{person}"), data)
        }
        13..17 => {
            let mut data = format!(r#""class_id": "{class}", "person_key": "{person}", "sex": "F", "age_band": "45_54", "#);
            let _ = write!(data, r#""person_groups": ["rural_migrant", "poor_labourer"], "name_key": "{}", "#, key(0x77));
            let _ = write!(data, r#""phone_key": "{}", "enrolled_on": "{day}""#, key(0x99));
            ("trainee_enrolled", Topic::Training, format!("class/{class}/person/{person}"), data)
        }
        17..19 => {
            let number = format!("S0000410800212150{:05}", x % 100_000);
            let mut data = format!(r#""certificate_no": "{number}", "certificate_kind": "skill_level", "person_key": "{person}", "#);
            let _ = write!(data, r#""holder_key": "{}", "occupation": "elderly_caregiver", "level": "5", "#, key(0x33));
            let _ = write!(data, r#""evaluator_id": "S000041080021", "issued_on": "{day}", "basis": "training", "class_id": "{class}""#);
            ("certificate_issued", Topic::Certification, format!("certificate/{number}"), data)
        }
        _ => {
            let mut data = format!(r#""class_id": "{class}", "plan": "kangyang-2020-2022", "institution_id": "91410800TE5T00008T", "#);
            data.push_str(r#""district_code": "JZ07", "occupation": "other", "occupation_title": "失智老人照护员", "level": "5", "#);
            data.push_str(r#""training_kind": "pre_employment", "subsidised": true, "schooling": false, "planned_total_minutes": 3600, "#);
            let _ = write!(data, r#""planned_practical_minutes": 2400, "starts_on": "{day}", "ends_on": "{day}", "capacity": 45"#);
            ("class_filed", Topic::Training, format!("class/{class}"), data)
        }
    };
    let mut payload =
        format!(r#"{{"specversion": "1.0", "id": "01J{i:023}", "source": "/districts/JZ07/rosters", "type": "kangyang.{t}.v1", "#);
    let _ = write!(payload, r#""subject": "{subject}", "time": "2021-06-18T09:12:00+08:00", "#);
    let _ = write!(payload, r#""origin": "8d3c50e17f9b4a26a1c47be0d96f2385#{}", "data": {{{data}}}}}"#, 1 + i % 300);
    (topic, subject, payload)
}
