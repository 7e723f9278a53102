//! As many valid events as one likes, of a city's real mix: classes with their rosters, sessions, completions, certificates, and a few
//! repeats.
use kangyang::error::{Context, Result};
use serde_json::{Value, json};
use std::io::{BufWriter, Write};

/// Trainees of a class.
const TRAINEES: u64 = 25;
/// Sessions of a class at which each trainee signs in.
const SESSIONS: u64 = 3;
const PLAN: &str = "kangyang-2020-2022";
const OCCUPATIONS: [(&str, &str); 4] =
    [("elderly_caregiver", "5"), ("domestic_worker", "4"), ("infant_carer", "5"), ("elderly_social_worker", "assistant_social_worker")];

/// Writes `count` events, one a line: class by class. About one in a hundred completions is sent twice, corrected or withdrawn.
pub fn write(count: u64, out: &mut dyn Write) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut left = count;
    for (district, year) in (1..=12u64).flat_map(|d| (2020..=2022u64).map(move |y| (d, y))) {
        let code = format!("JZ{district:02}");
        let data = json!({"plan": PLAN, "district_code": code, "year": year, "metric": "trainees", "target": 300, "document": "benchmark"});
        let event =
            Event { kind: "target_set", subject: format!("target/{PLAN}/{code}/{year}/trainees"), id: format!("t{code}-{year}"), data };
        event.write(&mut out, &mut left, "/city/benchmark", None)?;
    }
    let mut class = 0;
    while left > 0 {
        self::class(&mut out, &mut left, class)?;
        class += 1;
    }
    out.flush().context(|| "events can't be written".into())
}

/// Noise that is the same everywhere.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn key(n: u64, salt: u64) -> String {
    format!("{:016x}{:016x}", mix(n ^ salt), mix(n.wrapping_mul(31) ^ salt))
}

struct Event {
    kind: &'static str,
    subject: String,
    id: String,
    data: Value,
}

impl Event {
    fn write(self, out: &mut impl Write, left: &mut u64, source: &str, supersedes: Option<&str>) -> Result<()> {
        if *left == 0 {
            return Ok(());
        }
        *left -= 1;
        let mut event = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": format!("kangyang.{}.v1", self.kind),
            "subject": self.subject,
            "time": "2021-06-18T09:12:00+08:00",
            "origin": format!("8d3c50e17f9b4a26a1c47be0d96f2385#{}", *left % 300 + 1),
        });
        if let Some(fields) = event.as_object_mut() {
            if let Some(id) = supersedes {
                fields.insert("supersedes".into(), id.into());
            }
            fields.insert("data".into(), self.data);
        }
        serde_json::to_writer(&mut *out, &event).context(|| "events can't be written".into())?;
        out.write_all(b"\n").context(|| "events can't be written".into())
    }
}

fn class(out: &mut impl Write, left: &mut u64, number: u64) -> Result<()> {
    let x = mix(number);
    let (district, year, month) = (1 + x % 12, 2020 + x / 16 % 3, 1 + x / 64 % 12);
    let code = format!("JZ{district:02}");
    let id = format!("{code}-{year}-{number:07}");
    let source = format!("/districts/{code}/rosters");
    let day = |d: u64| format!("{year}-{month:02}-{d:02}");
    let (occupation, level) = OCCUPATIONS.get((x / 1024 % 4) as usize).copied().unwrap_or(("health_carer", "5"));
    let subject = format!("class/{id}");
    let data = json!({
        "class_id": id, "plan": PLAN, "institution_id": "91410800TE5T00008T", "district_code": code,
        "occupation": occupation, "level": level, "training_kind": "pre_employment",
        "subsidised": !x.is_multiple_of(7), "schooling": x.is_multiple_of(50),
        "planned_total_minutes": 3600, "planned_practical_minutes": 2400, "starts_on": day(1), "ends_on": day(20), "capacity": 30,
    });
    Event { kind: "class_filed", subject: subject.clone(), id: format!("f{number}"), data }.write(out, left, &source, None)?;
    for s in 0..SESSIONS {
        let (started, ended) = (format!("{}T09:00:00+08:00", day(2 + s)), format!("{}T12:00:00+08:00", day(2 + s)));
        let data = json!({
            "class_id": id, "session_id": format!("S{s}"), "trainer_key": key(number % 5000, 7), "started_at": started, "ended_at": ended,
            "session_minutes": 180, "practical": true,
        });
        let session = format!("{subject}/session/S{s}");
        Event { kind: "session_delivered", subject: session, id: format!("s{number}-{s}"), data }.write(out, left, &source, None)?;
    }
    for t in 0..TRAINEES {
        let n = number * TRAINEES + t;
        // One in eight has been in another class before.
        let person = key(if mix(n).is_multiple_of(8) { mix(n) % (n + 1) } else { n }, 3);
        let trainee = format!("{subject}/person/{person}");
        let data = json!({
            "class_id": id, "person_key": person, "sex": "F", "age_band": "45_54", "person_groups": ["rural_migrant"],
            "name_key": key(n, 11), "phone_key": key(n, 13), "enrolled_on": day(1),
        });
        let enrolled = Event { kind: "trainee_enrolled", subject: trainee.clone(), id: format!("01J{n:020}E"), data };
        enrolled.write(out, left, &source, None)?;
        for s in 0..SESSIONS {
            let data = json!({
                "class_id": id, "session_id": format!("S{s}"), "person_key": person, "attendance_method": "face",
                "attended_at": format!("{}T08:{:02}:12+08:00", day(2 + s), n % 60),
            });
            let seat = format!("{subject}/session/S{s}/person/{person}");
            Event { kind: "attendance_recorded", subject: seat, id: format!("01J{n:020}A{s}"), data }.write(out, left, &source, None)?;
        }
        let first = format!("01J{n:020}C");
        let completed = |id: &str, on: u64| Event {
            kind: "trainee_completed",
            subject: trainee.clone(),
            id: id.to_owned(),
            data: json!({
                "class_id": format!("{code}-{year}-{number:07}"), "person_key": person, "result": "passed", "completed_on": day(on),
                "attended_minutes": n % 3600,
            }),
        };
        completed(&first, 20).write(out, left, &source, None)?;
        match mix(n ^ 5) % 300 {
            0 => completed(&first, 20).write(out, left, &source, None)?,
            1 => completed(&format!("{first}2"), 21).write(out, left, &source, Some(&first))?,
            2 => {
                let data = json!({"withdrawn_type": "kangyang.trainee_completed.v1", "reason": "benchmark"});
                let withdrawn = Event { kind: "record_withdrawn", subject: trainee.clone(), id: format!("{first}W"), data };
                withdrawn.write(out, left, &source, None)?;
            }
            _ => {}
        }
        if !mix(n ^ 9).is_multiple_of(3) {
            let no = format!("S000041080021215{:06}-{n}", n % 1_000_000);
            let subject = format!("certificate/{no}");
            let data = json!({
                "certificate_no": no, "certificate_kind": "skill_level", "person_key": person, "holder_key": key(n, 17),
                "occupation": occupation, "level": "5", "evaluator_id": "S000041080021", "issued_on": day(25),
                "basis": "training", "class_id": id,
            });
            Event { kind: "certificate_issued", subject, id: format!("01J{n:020}Z"), data }.write(out, left, &source, None)?;
        }
    }
    let data = json!({
        "class_id": id, "delivered_total_minutes": 3600, "delivered_practical_minutes": 2430, "ended_on": day(20),
    });
    Event { kind: "class_closed", subject, id: format!("c{number}"), data }.write(out, left, &source, None)
}
