//! One class with all that happens in it: filing, sessions, closing, subsidy, and each trainee's way through it to a certificate.
use super::generate::Generator;
use super::mishaps::{CLASS_STORIES, COMPLETION_STORIES, story};
use super::tell::Told;
use super::time::{DAY, HOUR, SHANGHAI, date, day, instant, year_of};
use super::world::World;
use crate::error::Result;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A class as it stands in the end.
#[derive(Clone)]
pub struct Class {
    pub id: String,
    pub plan: String,
    pub institution: String,
    pub district: usize,
    pub occupation: usize,
    pub level: Option<String>,
    pub subsidised: bool,
    pub schooling: bool,
    /// Whether a filing is in force.
    pub filed: bool,
    pub starts: i64,
    pub ends: i64,
    pub minutes: i64,
    pub practical: i64,
    pub size: i64,
    /// The path of the district that runs it, also when the filing moves to another one.
    pub source: String,
}

/// A completion as it stands in the end; one that was withdrawn, as it last stood.
pub struct Completion {
    pub class: usize,
    pub person: usize,
    pub passed: bool,
    pub on: i64,
    pub in_force: bool,
    pub withdrawn: bool,
    /// The latest review: whether it confirms.
    pub review: Option<bool>,
    pub last: Told,
}

impl World {
    pub fn filing(&self, class: &Class) -> Json {
        let occupation = self.occupation(class).code;
        json!({
            "class_id": class.id, "plan": class.plan, "institution_id": class.institution, "district_code": self.district(class.district),
            "occupation": occupation, "occupation_title": (occupation == "other").then_some("康养相关工种"), "level": class.level,
            "training_kind": self.code("training_kind", class.ends as usize), "subsidised": class.subsidised, "schooling": class.schooling,
            "planned_total_minutes": class.minutes, "planned_practical_minutes": class.practical, "starts_on": date(class.starts),
            "ends_on": date(class.ends), "capacity": class.size,
        })
    }
}

pub fn closing(class: &Class) -> Json {
    let (total, practical, ended) = (class.minutes, class.practical, date(class.ends));
    json!({ "class_id": class.id, "delivered_total_minutes": total, "delivered_practical_minutes": practical, "ended_on": ended })
}

impl Generator<'_> {
    /// One class with all that happens in it.
    pub fn training(&mut self, d: usize, year: i64, serial: i64, size: i64) -> Result<()> {
        let (world, index) = (self.world, self.classes.len());
        // Now and then a class is like the one before it, and two persons are in both: same day, occupation and level, so that the
        // class's id decides which counts.
        let twin = self.classes.last().filter(|b| year_of(b.ends) == year && (serial % 4 == 2 || (serial == 1 && d % 3 == 1))).cloned();
        let drawn = self.draw(d, year, serial, size, twin.as_ref())?;
        let before = twin.iter().flat_map(|_| self.completions.iter().rev().take_while(|c| c.class + 1 == index));
        let mut both = before.map(|c| c.person).take(2).collect::<Vec<_>>().into_iter();
        let (words, steps, outcome) = story(&CLASS_STORIES, index, 55);
        self.plant(words);
        let form = |letter| {
            let class = world.form(&drawn, letter);
            let source = if class.district == drawn.district { &drawn.source } else { "/city/hrss" }.to_owned();
            if letter == 'k' { ("class_closed", source, closing(&class)) } else { ("class_filed", source, world.filing(&class)) }
        };
        // What befalls a class befalls it after its completions are told.
        let when = (self.office(drawn.starts - 6), drawn.ends - drawn.starts + 20);
        self.play(steps, when, None, &form)?;
        let filed = !outcome.is_empty() && !outcome.starts_with('-');
        self.classes.push(Class { filed, ..world.form(&drawn, outcome.chars().last().unwrap_or('a')) });
        let sessions = self.sessions(&drawn, index)?;
        let roster = self.key();
        let pool = (drawn.occupation, drawn.level.clone(), year_of(drawn.ends));
        let mut taken = BTreeSet::new();
        for row in 0..size {
            // Some were trained before: in the same occupation, level and year, or in anything.
            let same = self.trained.get(&pool).map_or(0, Vec::len);
            let (same, any) = (self.index(same), self.index(self.people.len()));
            let known = match row {
                0 | 1 => both.next(),
                _ if row % 29 == 3 => self.trained.get(&pool).and_then(|p| p.get(same)).copied(),
                _ => Some(any).filter(|any| row % 19 == 7 && *any < self.people.len()),
            };
            let person = known.filter(|p| !taken.contains(p)).unwrap_or(self.people.len());
            if person == self.people.len() {
                let key = self.key();
                self.people.push(key);
            }
            taken.insert(person);
            self.trainee(&drawn, index, person, &format!("{roster}#{}", row + 2), &sessions)?;
        }
        self.trained.entry(pool).or_default().extend(taken);
        Ok(())
    }

    /// A class as it is first planned.
    pub fn draw(&mut self, d: usize, year: i64, serial: i64, size: i64, twin: Option<&Class>) -> Result<Class> {
        let (world, n) = (self.world, self.classes.len());
        let mut at = self.below(world.occupations.iter().map(|o| o.weight).sum());
        let occupation = world.occupations.iter().position(|o| (at < o.weight, at -= o.weight).0).unwrap_or_default();
        // Most train for a ladder's lower steps, some for none; `other` has no ladder, but a level may be stated all the same.
        let drawn = world.occupations.get(occupation).filter(|o| o.code != "other" || n % 2 == 1);
        let ladder = drawn.or(world.occupations.first()).map(|o| o.levels.as_slice()).unwrap_or_default();
        let step = self.index(4).min(self.index(4));
        let level = ladder.get(step).or(ladder.first()).filter(|_| n % 19 != 8).cloned();
        let ends = match serial {
            // Across New Year: it counts in the year in which it ends, and after the plan's last year not at all.
            1 => day(year, 1, 2)? + self.below(9),
            3 if year == world.edges().1 => day(year, 12, 31)? + 3 + self.below(9),
            _ => day(year, 1, 12)? + self.below(354),
        };
        let (occupation, level, ends) = twin.map_or((occupation, level, ends), |t| (t.occupation, t.level.clone(), t.ends));
        let minutes = 780 + 60 * self.below(9);
        Ok(Class {
            id: format!("{}-{year}-{serial}", world.district(d)),
            plan: world.plan.clone(),
            institution: world.credit_code(3 * d + self.index(3)),
            district: d,
            occupation,
            level,
            subsidised: self.below(100) < 85,
            schooling: self.below(100) < 3,
            filed: true,
            starts: ends - 8 - self.below(18),
            ends,
            minutes,
            practical: minutes * (64 + self.below(11)) / 100,
            size,
            source: format!("/districts/{}/rosters", world.district(d)),
        })
    }

    /// A class's sessions, closing and subsidy; tells the sessions' ids and starts.
    pub fn sessions(&mut self, class: &Class, index: usize) -> Result<Vec<(String, i64)>> {
        let half = class.practical / 2;
        let parts = [(class.minutes - class.practical, false), (half, true), (class.practical - half, true)];
        let (trainer, mut sessions) = (self.key(), Vec::new());
        for (n, (minutes, practical)) in (0..).zip(parts) {
            let day = class.starts + (class.ends - class.starts) * n / 3;
            let (id, start) = (format!("S{:02}", n + 1), day * DAY - SHANGHAI + 8 * HOUR + HOUR / 2);
            let data = json!({
                "class_id": class.id, "session_id": id, "trainer_key": trainer, "started_at": instant(start), "session_minutes": minutes,
                "ended_at": instant(start + minutes * 60_000), "practical": practical,
            });
            self.tell("session_delivered", &class.source, day + 1, data)?;
            sessions.push((id, start));
        }
        // Without a closing, the hours are those of the sessions.
        if index % 13 != 5 {
            self.tell("class_closed", &class.source, class.ends, closing(class))?;
        }
        let steps = match index % 9 {
            3 => "applied refused",
            6 => "applied approved paid recovered",
            _ => "applied approved paid",
        };
        for (step, status) in (1..).zip(steps.split(' ').filter(|_| class.subsidised)) {
            let (on, amount) = (class.ends + 20 * step, 150_000 * class.size / if status == "recovered" { 10 } else { 1 });
            let data = json!({
                "claim_id": format!("BT-{}", class.id), "class_id": class.id, "institution_id": class.institution, "account_key": trainer,
                "occupation": null, "level": null, "amount_fen": amount, "subsidy_status": status, "effective_on": date(on),
            });
            self.tell("subsidy_status_changed", &class.source, on + 1, data)?;
        }
        Ok(sessions)
    }

    /// A person's way through a class: enrolment, attendance, completion, and what comes of it.
    pub fn trainee(&mut self, class: &Class, index: usize, person: usize, origin: &str, sessions: &[(String, i64)]) -> Result<()> {
        let (world, key) = (self.world, self.people.get(person).cloned().unwrap_or_default());
        let (enrolled, n) = (class.starts - 3 - self.below(9), self.completions.len());
        // The same in every class; a person's other keys needn't be more than unlike.
        let (name, phone): (String, String) = (key.chars().rev().collect(), key.chars().skip(16).chain(key.chars().take(16)).collect());
        let groups: BTreeSet<&str> = [person, person / 7].map(|n| world.code("person_groups", n)).into();
        let enrolment = json!({
            "class_id": class.id, "person_key": key, "sex": world.code("sex", person), "age_band": world.code("age_band", person / 2),
            "person_groups": groups, "name_key": name, "phone_key": phone, "enrolled_on": date(enrolled),
        });
        let enrolment = Told { origin: Some(origin.to_owned()), ..self.prepare("trainee_enrolled", &class.source, enrolment)? };
        let when = self.office(enrolled);
        let enrolment = self.send(enrolment, when);
        for (session, start) in sessions.iter().skip(n % 2).take(2) {
            let (at, method) = (instant(start - self.below(1500) * 1000), world.code("attendance_method", n / 3));
            let data =
                json!({ "class_id": class.id, "session_id": session, "person_key": key, "attendance_method": method, "attended_at": at });
            self.tell("attendance_recorded", &class.source, start / DAY + 1, data)?;
        }

        let (words, steps, outcome) = story(&COMPLETION_STORIES, n, 211);
        self.plant(words);
        let result = match self.below(100) {
            0..7 if words.is_empty() => "failed",
            7..10 if words.is_empty() => "absent",
            _ => "passed",
        };
        let on = class.ends + if self.below(10) == 0 { self.below(3) - 1 } else { 0 };
        let (first_year, attended) = (world.edges().0, class.minutes - 45 * self.below(4));
        let fact = |letter| match letter {
            'b' => ("passed", on + 12),
            'y' => ("passed", if year_of(on) > first_year { on - 365 } else { on + 365 }),
            'z' => ("passed", on - 366 * (year_of(on) - first_year + 1)),
            'f' => ("failed", on),
            _ => (result, on),
        };
        let form = |letter| {
            let (result, on) = fact(letter);
            let data = json!({
                "class_id": class.id, "person_key": key, "result": result, "completed_on": date(on), "attended_minutes": attended,
            });
            ("trainee_completed", class.source.clone(), data)
        };
        let when = self.office(class.ends + 1);
        let last = self.play(steps, (when, 4), Some(&enrolment), &form)?.unwrap_or(enrolment);
        let (result, on) = fact(outcome.chars().last().unwrap_or('a'));
        let (passed, withdrawn) = (result == "passed", outcome.starts_with('-'));
        let in_force = !withdrawn && !outcome.is_empty();
        self.completions.push(Completion { class: index, person, passed, on, in_force, withdrawn, review: None, last });
        if passed && in_force && self.below(100) < 60 { self.certificate(class, &key, on) } else { Ok(()) }
    }

    pub fn certificate(&mut self, class: &Class, key: &str, on: i64) -> Result<()> {
        let (o, source) = (self.world.occupation(class), "/city/evaluation");
        let (assessed, issued) = (on + 3 + self.below(20), on + 30 + self.below(80));
        if let Some(level) = &class.level {
            let data = json!({
                "batch_id": format!("B-{}", class.id), "person_key": key, "occupation": o.code, "level": level, "evaluator_id": o.evaluator,
                "theory_score": 6000 + self.below(4000), "assessed_on": date(assessed),
            });
            self.tell("assessment_resulted", source, assessed + 1, data)?;
        }
        let (n, year) = (self.ids, year_of(issued));
        let (kind, number) = match class.level.as_deref().filter(|_| o.certifiable) {
            Some(level) => ("skill_level", format!("{}{:02}{level}{:06}", o.evaluator, year % 100, n % 1_000_000)),
            None => (if class.level.is_some() { "social_work" } else { "special_ability" }, format!("C{year}-{n}")),
        };
        let data = json!({
            "certificate_no": number, "certificate_kind": kind, "person_key": key, "holder_key": self.key(), "occupation": o.code,
            "level": class.level, "evaluator_id": o.evaluator, "issued_on": date(issued), "class_id": class.id,
        });
        let told = self.tell("certificate_issued", source, issued, data)?;
        let changes: &[&str] =
            [&["revoked"][..], &["suspended", "reinstated"], &["suspended"], &[]].get(n % 31).copied().unwrap_or_default();
        for (step, status) in (1..).zip(changes) {
            let on = issued + 40 * step;
            let data = json!({ "certificate_no": number, "certificate_status": status, "effective_on": date(on) });
            self.tell("certificate_status_changed", "/city/hrss", on, data)?;
        }
        if n % 97 == 7 {
            self.plant("certificates withdrawn");
            self.about(&told, "record_withdrawn", source, told.seen + 9 * DAY, json!({ "withdrawn_type": told.type_name }))?;
        }
        Ok(())
    }
}
