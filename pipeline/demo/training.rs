//! One class with all that happens in it: filing, sessions, closing, and each trainee's way through it; and classes as they are planned.
use super::generate::Generator;
use super::mishaps::{CLASS_ROUND, CLASS_STORIES, COMPLETION_ROUND, COMPLETION_STORIES, Story, story};
use super::tell::Told;
use super::time::{DAY, HOUR, MINUTE, SHANGHAI, date, instant, year_of};
use super::world::World;
use crate::error::Result;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Somebody who is trained.
#[derive(Clone)]
pub struct Person {
    pub key: String,
    /// The same in every class; a person's other keys needn't be more than unlike.
    pub name: String,
    pub phone: String,
    pub sex: &'static str,
    pub age_band: String,
    pub groups: BTreeSet<String>,
    /// The first and last days of the classes he or she is in.
    pub busy: Vec<(i64, i64)>,
    /// Occupations and levels of certificates.
    pub held: BTreeSet<(usize, Option<String>)>,
    /// Occupations and levels that a subsidy was paid for.
    pub paid: BTreeSet<(usize, Option<String>)>,
}

/// Somebody who trains in a district.
pub struct Trainer {
    pub district: usize,
    pub key: String,
    /// The first and last days of his or her classes.
    pub busy: Vec<(i64, i64)>,
}

/// A lesson, whose end is its start and its minutes.
#[derive(Clone)]
pub struct Session {
    pub id: String,
    /// Milliseconds since 1970.
    pub start: i64,
    pub minutes: i64,
    pub practical: bool,
}

/// A class as it stands in the end.
#[derive(Clone)]
pub struct Class {
    pub id: String,
    pub plan: String,
    pub institution: String,
    pub district: usize,
    pub occupation: usize,
    pub level: Option<String>,
    pub kind: String,
    pub subsidised: bool,
    pub schooling: bool,
    /// Whether a filing is in force.
    pub filed: bool,
    pub starts: i64,
    pub ends: i64,
    /// What is planned, in all and practical.
    pub minutes: (i64, i64),
    pub sessions: Vec<Session>,
    /// What the closing says was delivered; none if there is no closing.
    pub closed: Option<(i64, i64)>,
    /// Whether the trainees sign in with a device that tells of it.
    pub signed: bool,
    pub trainer: String,
    pub size: i64,
    pub capacity: i64,
    /// The path of the district that runs it, also when the filing moves to another one.
    pub source: String,
}

impl Class {
    /// What was delivered, in all and practical: what the closing says, else the sum of the sessions.
    pub fn delivered(&self) -> Option<(i64, i64)> {
        let sum = |practical: bool| self.sessions.iter().filter(|s| s.practical || !practical).map(|s| s.minutes).sum();
        self.closed.or_else(|| (!self.sessions.is_empty()).then(|| (sum(false), sum(true))))
    }

    pub fn closing(&self) -> Json {
        let ((total, practical), ended) = (self.delivered().unwrap_or(self.minutes), date(self.ends));
        json!({ "class_id": self.id, "delivered_total_minutes": total, "delivered_practical_minutes": practical, "ended_on": ended })
    }
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
            "training_kind": class.kind, "subsidised": class.subsidised, "schooling": class.schooling,
            "planned_total_minutes": class.minutes.0, "planned_practical_minutes": class.minutes.1, "starts_on": date(class.starts),
            "ends_on": date(class.ends), "capacity": class.capacity,
        })
    }
}

impl Generator<'_> {
    /// A class as it is first planned, with its sessions, for so many trainees.
    pub fn draw(&mut self, d: usize, occupation: usize, ends: i64, size: i64) -> Class {
        let (world, n) = (self.world, self.classes.len());
        // Most train for a ladder's lower steps, some for none; `other` has no ladder, but a level may be stated all the same.
        let drawn = world.occupations.get(occupation).filter(|o| o.code != "other" || n % 2 == 1);
        let ladder = drawn.or(world.occupations.first()).map(|o| o.levels.as_slice()).unwrap_or_default();
        let step = self.index(4).min(self.index(4));
        let level = ladder.get(step).or(ladder.first()).filter(|_| n % 19 != 8).cloned();
        let open = world.institutions.iter().filter(|i| i.district == d && i.occupations.contains(&occupation));
        let open: Vec<_> = open.filter(|i| i.until.is_none_or(|until| ends + 30 < until)).collect();
        let institution = open.get(self.index(open.len())).map(|i| i.id.clone()).unwrap_or_default();
        // A half-day's lesson on each of some days. Two thirds and more are practical, in a few classes too little.
        let (days, minutes) = (8 + self.below(5), 240 + 30 * self.below(3));
        let practical = (2 * days + 2) / 3 - if self.chance(8) { 2 } else { 0 };
        let starts = ends - days - days / 6 - self.below(4);
        let source = format!("/districts/{}/rosters", world.district(d));
        let mut class = Class {
            id: format!("{}-{}-{:03}", world.district(d), year_of(ends), n + 1),
            plan: world.plan.clone(),
            institution,
            district: d,
            occupation,
            level,
            kind: String::new(),
            subsidised: self.chance(85),
            schooling: self.chance(2),
            filed: true,
            starts,
            ends,
            minutes: (days * minutes, practical * minutes),
            sessions: vec![],
            closed: None,
            signed: n % 5 == 2,
            trainer: String::new(),
            size,
            capacity: size + self.below(4),
            source,
        };
        let kind = self.weighted(&[40, 35, 18, 7]);
        class.kind = world.code("training_kind", kind).to_owned();
        class.sessions = sessions(&class, days, minutes, practical);
        class.closed = class.delivered();
        class.trainer = self.trainer(d, starts, ends);
        class
    }

    /// A trainer of the district who has no other class in these days.
    fn trainer(&mut self, d: usize, starts: i64, ends: i64) -> String {
        let free = |t: &&mut Trainer| t.district == d && t.busy.iter().all(|busy| ends < busy.0 || starts > busy.1);
        if let Some(trainer) = self.trainers.iter_mut().find(free) {
            trainer.busy.push((starts, ends));
            return trainer.key.clone();
        }
        let key = self.key();
        self.trainers.push(Trainer { district: d, key: key.clone(), busy: vec![(starts, ends)] });
        key
    }

    /// A class like others, with whatever befalls it; some of the persons are in the class before it too.
    pub fn training(&mut self, mut drawn: Class, both: Vec<usize>) -> Result<()> {
        let n = self.turns.0;
        self.turns.0 += 1;
        // Without a closing, the hours are those of the sessions; without either, nobody knows.
        match n % 31 {
            4 | 13 => drawn.closed = None,
            22 => (drawn.closed, drawn.sessions, drawn.signed) = (None, vec![], false),
            // What was planned was practice, what was given was not.
            9 | 27 => {
                drawn.sessions.iter_mut().filter(|s| s.practical).take(3).for_each(|s| s.practical = false);
                drawn.closed = None;
                drawn.closed = drawn.delivered();
            }
            _ => {}
        }
        drawn.signed = drawn.signed && both.is_empty();
        let told = story(&CLASS_STORIES, n, CLASS_ROUND);
        let index = self.file(&drawn, told)?;
        let roster = self.roster(&drawn, both);
        let file = self.key();
        for (row, person) in roster.into_iter().enumerate() {
            let enrolment = self.enrol(&drawn, person, &format!("{file}#{}", row + 2), json!({}))?;
            self.lessons(&drawn, person, row as i64)?;
            let told = story(&COMPLETION_STORIES, self.turns.1, COMPLETION_ROUND);
            self.turns.1 += 1;
            // Nowhere do all pass.
            let result = match self.below(100) {
                _ if !told.0.is_empty() => "passed",
                _ if row == 4 => "failed",
                0..4 => "failed",
                4..6 => "absent",
                _ => "passed",
            };
            self.complete(index, &drawn, person, &enrolment, told, result)?;
        }
        self.certify(index, &drawn)?;
        self.claim(index, &drawn)
    }

    /// Tells of a class, its sessions and its closing. Returns its place.
    pub fn file(&mut self, drawn: &Class, (words, steps, outcome): Story) -> Result<usize> {
        let (world, index) = (self.world, self.classes.len());
        self.plant(words);
        let form = |letter| {
            let class = world.form(drawn, letter);
            let source = if class.district == drawn.district { &drawn.source } else { "/city/hrss" }.to_owned();
            if letter == 'k' { ("class_closed", source, drawn.closing()) } else { ("class_filed", source, world.filing(&class)) }
        };
        // What befalls a class befalls it after its completions are told.
        let when = (self.office(drawn.starts - 6), drawn.ends - drawn.starts + 20);
        self.play(steps, when, None, &form)?;
        let filed = !outcome.is_empty() && !outcome.starts_with('-');
        self.classes.push(Class { filed, ..world.form(drawn, outcome.chars().last().unwrap_or('a')) });
        for s in &drawn.sessions {
            let (started, ended) = (instant(s.start), instant(s.start + s.minutes * MINUTE));
            let data = json!({
                "class_id": drawn.id, "session_id": s.id, "trainer_key": drawn.trainer, "started_at": started, "ended_at": ended,
                "session_minutes": s.minutes, "practical": s.practical,
            });
            self.tell("session_delivered", &drawn.source, (s.start + SHANGHAI) / DAY + 1, data)?;
        }
        if drawn.closed.is_some() {
            self.tell("class_closed", &drawn.source, drawn.ends + 1, drawn.closing())?;
        }
        Ok(index)
    }

    /// Who is in a class: most are new, some were trained before, in the same occupation, level and year, or in anything.
    fn roster(&mut self, class: &Class, both: Vec<usize>) -> Vec<usize> {
        let pool = (class.occupation, class.level.clone(), year_of(class.ends));
        let (mut both, mut taken) = (both.into_iter(), BTreeSet::new());
        let mut roster = vec![];
        for row in 0..class.size {
            let same = self.trained.get(&pool).map_or(0, Vec::len);
            let (same, any) = (self.index(same), self.index(self.people.len()));
            let known = match row {
                0 | 1 => both.next(),
                _ if row % 29 == 3 => self.trained.get(&pool).and_then(|p| p.get(same)).copied().filter(|p| self.free(*p, class)),
                _ => Some(any).filter(|any| row % 23 == 7 && self.free(*any, class)),
            };
            let person = known.filter(|p| !taken.contains(p)).unwrap_or_else(|| self.newcomer());
            self.people.get_mut(person).into_iter().for_each(|p| p.busy.push((class.starts, class.ends)));
            taken.insert(person);
            roster.push(person);
        }
        self.trained.entry(pool).or_default().extend(taken);
        roster
    }

    fn free(&self, person: usize, class: &Class) -> bool {
        self.people.get(person).is_some_and(|p| p.busy.iter().all(|busy| class.ends < busy.0 || class.starts > busy.1))
    }

    /// Somebody nobody has heard of.
    pub fn newcomer(&mut self) -> usize {
        let (world, key) = (self.world, self.key());
        let name = key.chars().rev().collect();
        let phone = key.chars().skip(16).chain(key.chars().take(16)).collect();
        let sex = if self.chance(24) { "M" } else { "F" };
        let age = self.weighted(&[8, 18, 28, 32, 11, 3]);
        let age_band = world.code("age_band", age).to_owned();
        let mut groups = BTreeSet::new();
        for _ in 0..1 + self.below(4) / 3 {
            let n = self.weighted(&[26, 17, 28, 11, 4, 2, 2, 3, 1, 2, 1, 3]);
            groups.insert(world.code("person_groups", n).to_owned());
        }
        self.people.push(Person { key, name, phone, sex, age_band, groups, busy: vec![], held: BTreeSet::new(), paid: BTreeSet::new() });
        self.people.len() - 1
    }

    /// Tells of an enrolment, in which some fields may be set otherwise.
    pub fn enrol(&mut self, class: &Class, person: usize, origin: &str, set: Json) -> Result<Told> {
        let Some(p) = self.people.get(person).cloned() else { return self.prepare("trainee_enrolled", &class.source, set) };
        let enrolled = class.starts - 3 - self.below(9);
        let employed = p.groups.contains("employed");
        let social = self.world.occupation(class).code.ends_with("social_worker");
        let engagement = if person.is_multiple_of(4) { "part_time" } else { "full_time" };
        // Some rosters leave a column empty.
        let known = class.size % 13 != 5;
        let mut data = json!({
            "class_id": class.id, "person_key": p.key, "sex": p.sex, "age_band": known.then_some(p.age_band), "person_groups": p.groups,
            "employer_id": employed.then(|| class.institution.clone()), "engagement": social.then_some(engagement), "name_key": p.name,
            "phone_key": p.phone, "enrolled_on": date(enrolled),
        });
        if let (Json::Object(data), Json::Object(set)) = (&mut data, set) {
            data.extend(set);
        }
        let told = Told { origin: Some(origin.to_owned()), ..self.prepare("trainee_enrolled", &class.source, data)? };
        let when = self.office(enrolled);
        Ok(self.send(told, when))
    }

    /// A person signs in, in the half-hour before most sessions.
    fn lessons(&mut self, class: &Class, person: usize, row: i64) -> Result<()> {
        for session in class.sessions.iter().filter(|_| class.signed) {
            if self.chance(94) {
                let method = ["face", "face", "qr", "card", "manual"].get(row as usize % 5).copied().unwrap_or("face");
                let at = session.start - self.below(1500) * 1000;
                self.sign_in(class, session, person, at, method)?;
            }
        }
        Ok(())
    }

    pub fn sign_in(&mut self, class: &Class, session: &Session, person: usize, at: i64, method: &str) -> Result<()> {
        let key = self.people.get(person).map(|p| p.key.clone());
        let data = json!({
            "class_id": class.id, "session_id": session.id, "person_key": key, "attendance_method": method, "attended_at": instant(at),
        });
        self.tell("attendance_recorded", &class.source, (at + SHANGHAI) / DAY + 1, data)?;
        Ok(())
    }

    /// A person's completion, with what befalls it; it follows an enrolment.
    pub fn complete(
        &mut self,
        index: usize,
        class: &Class,
        person: usize,
        enrolment: &Told,
        (words, steps, outcome): Story,
        result: &'static str,
    ) -> Result<()> {
        self.plant(words);
        let key = self.people.get(person).map(|p| p.key.clone()).unwrap_or_default();
        let on = class.ends + if self.below(10) == 0 { self.below(3) - 1 } else { 0 };
        let (first_year, attended) = (self.world.edges().0, class.delivered().unwrap_or(class.minutes).0 - 45 * self.below(4));
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
        let last = self.play(steps, (when, 4), Some(enrolment), &form)?.unwrap_or_else(|| enrolment.clone());
        let (result, on) = fact(outcome.chars().last().unwrap_or('a'));
        let (passed, withdrawn) = (result == "passed", outcome.starts_with('-'));
        let in_force = !withdrawn && !outcome.is_empty();
        let completion = Completion { class: index, person, passed, on, in_force, withdrawn, review: None, last };
        let planned =
            self.in_plan(&completion).filter(|_| passed && in_force).map(|(class, year)| (year, class.district, class.occupation));
        planned.into_iter().for_each(|place| *self.done.entry(place).or_default() += 1);
        self.completions.push(completion);
        Ok(())
    }
}

/// Lessons of so many minutes, one a day, the last on the class's last day; the practical ones come last.
pub fn sessions(class: &Class, days: i64, minutes: i64, practical: i64) -> Vec<Session> {
    let of = |n: i64| {
        let day = class.starts + (class.ends - class.starts) * n / (days - 1).max(1);
        let start = day * DAY - SHANGHAI + 8 * HOUR + HOUR / 2;
        Session { id: format!("S{:02}", n + 1), start, minutes, practical: n >= days - practical }
    };
    (0..days).map(of).collect()
}
