//! As many valid events as one likes, of a city's real mix: classes with their rosters, sessions, completions, certificates, and a few repeats.
use kangyang::error::{Context, Result};
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
    for (district, year) in (1..=12u64).flat_map(|d| (2020..=2022).map(move |y| (d, y))) {
        let data = format!(
            r#""plan": "{PLAN}", "district_code": "JZ{district:02}", "year": {year}, "metric": "trainees", "target": 300, "document": "benchmark""#
        );
        let subject = format!("target/{PLAN}/JZ{district:02}/{year}/trainees");
        line(&mut out, &mut left, "target_set", &subject, &format!("t{district}-{year}"), "/city/benchmark", "", &data)?;
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

fn class(out: &mut impl Write, left: &mut u64, number: u64) -> Result<()> {
    let x = mix(number);
    let (district, year, month) = (1 + x % 12, 2020 + x / 16 % 3, 1 + x / 64 % 12);
    let id = format!("JZ{district:02}-{year}-{number:07}");
    let source = format!("/districts/JZ{district:02}/rosters");
    let day = |d: u64| format!("{year}-{month:02}-{d:02}");
    let (occupation, level) = OCCUPATIONS.get((x / 1024 % 4) as usize).copied().unwrap_or(("other", "5"));
    let filed = format!(
        r#""class_id": "{id}", "plan": "{PLAN}", "institution_id": "91410800TE5T00008T", "district_code": "JZ{district:02}", "occupation": "{occupation}", "level": "{level}", "training_kind": "pre_employment", "subsidised": {}, "schooling": {}, "planned_total_minutes": 3600, "planned_practical_minutes": 2400, "starts_on": "{}", "ends_on": "{}", "capacity": 30"#,
        !x.is_multiple_of(7),
        x.is_multiple_of(50),
        day(1),
        day(20)
    );
    line(out, left, "class_filed", &format!("class/{id}"), &format!("f{number}"), &source, "", &filed)?;
    for s in 0..SESSIONS {
        let data = format!(
            r#""class_id": "{id}", "session_id": "S{s}", "trainer_key": "{}", "started_at": "{d}T09:00:00+08:00", "ended_at": "{d}T12:00:00+08:00", "session_minutes": 180, "practical": true"#,
            key(number % 5000, 7),
            d = day(2 + s)
        );
        line(out, left, "session_delivered", &format!("class/{id}/session/S{s}"), &format!("s{number}-{s}"), &source, "", &data)?;
    }
    for t in 0..TRAINEES {
        let n = number * TRAINEES + t;
        // One in eight has been in another class before.
        let person = key(if mix(n).is_multiple_of(8) { mix(n) % (n + 1) } else { n }, 3);
        let subject = format!("class/{id}/person/{person}");
        let data = format!(
            r#""class_id": "{id}", "person_key": "{person}", "sex": "F", "age_band": "45_54", "person_groups": ["rural_migrant"], "name_key": "{}", "phone_key": "{}", "enrolled_on": "{}""#,
            key(n, 11),
            key(n, 13),
            day(1)
        );
        line(out, left, "trainee_enrolled", &subject, &format!("01J{n:020}E"), &source, "", &data)?;
        for s in 0..SESSIONS {
            let data = format!(
                r#""class_id": "{id}", "session_id": "S{s}", "person_key": "{person}", "attendance_method": "face", "attended_at": "{}T08:{:02}:12+08:00""#,
                day(2 + s),
                n % 60
            );
            let subject = format!("class/{id}/session/S{s}/person/{person}");
            line(out, left, "attendance_recorded", &subject, &format!("01J{n:020}A{s}"), &source, "", &data)?;
        }
        let completed = |on: u64| {
            format!(
                r#""class_id": "{id}", "person_key": "{person}", "result": "passed", "completed_on": "{}", "attended_minutes": {}"#,
                day(on),
                n % 3600
            )
        };
        let event = format!("01J{n:020}C");
        line(out, left, "trainee_completed", &subject, &event, &source, "", &completed(20))?;
        match mix(n ^ 5) % 300 {
            0 => line(out, left, "trainee_completed", &subject, &event, &source, "", &completed(20))?,
            1 => line(
                out,
                left,
                "trainee_completed",
                &subject,
                &format!("{event}2"),
                &source,
                &format!(r#""supersedes": "{event}", "#),
                &completed(21),
            )?,
            2 => {
                let data = r#""withdrawn_type": "kangyang.trainee_completed.v1", "reason": "benchmark""#;
                line(out, left, "record_withdrawn", &subject, &format!("{event}W"), &source, "", data)?;
            }
            _ => {}
        }
        if !mix(n ^ 9).is_multiple_of(3) {
            let number = format!("S000041080021215{:06}", n % 1_000_000);
            let data = format!(
                r#""certificate_no": "{number}-{n}", "certificate_kind": "skill_level", "person_key": "{person}", "holder_key": "{}", "occupation": "{occupation}", "level": "5", "evaluator_id": "S000041080021", "issued_on": "{}", "basis": "training", "class_id": "{id}""#,
                key(n, 17),
                day(25)
            );
            line(out, left, "certificate_issued", &format!("certificate/{number}-{n}"), &format!("01J{n:020}Z"), &source, "", &data)?;
        }
    }
    let data =
        format!(r#""class_id": "{id}", "delivered_total_minutes": 3600, "delivered_practical_minutes": 2430, "ended_on": "{}""#, day(20));
    line(out, left, "class_closed", &format!("class/{id}"), &format!("c{number}"), &source, "", &data)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one line, in its order")]
fn line(out: &mut impl Write, left: &mut u64, kind: &str, subject: &str, id: &str, source: &str, more: &str, data: &str) -> Result<()> {
    if *left == 0 {
        return Ok(());
    }
    *left -= 1;
    writeln!(
        out,
        r#"{{"specversion": "1.0", "id": "{id}", "source": "{source}", "type": "kangyang.{kind}.v1", "subject": "{subject}", "time": "2021-06-18T09:12:00+08:00", "origin": "8d3c50e17f9b4a26a1c47be0d96f2385#{}", {more}"data": {{{data}}}}}"#,
        *left % 300 + 1
    )
    .context(|| "events can't be written".into())
}
