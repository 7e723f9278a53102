//! The fold told a second time, in plain loops over plain maps, and random logs to try it on.
//!
//! The figures are SQL's. This is what they are held against: it follows contract §4 and §6 word by word, knows no SQL, no Arrow and
//! nothing of the program, and reads only reference data. A seed makes a log; `expect` says what must come of it.
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Types that are logs, not states: only a repeated id takes an entry out.
const LOGS: [&str; 6] =
    ["certificate_status_changed", "extract_delivered", "period_closed", "period_reopened", "review_decided", "subsidy_status_changed"];

// ---- events

/// A value of a data field, typed: two are equal when they mean the same, however each was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Int(i64),
    Flag(bool),
    /// Seconds since 1970, UTC: one instant has many spellings.
    Instant(i64),
    /// Order counts.
    List(Vec<String>),
}

/// One event as stated; where it stands in the log is its message's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The type's short name, as `trainee_completed`.
    pub name: &'static str,
    pub source: String,
    pub id: String,
    pub subject: String,
    pub supersedes: Option<String>,
    pub data: BTreeMap<&'static str, Value>,
}

impl Event {
    /// The type's full name.
    pub fn full_type(&self) -> String {
        full(self.name)
    }

    fn text(&self, field: &str) -> &str {
        match self.data.get(field) {
            Some(Value::Text(t)) => t,
            _ => "",
        }
    }

    fn maybe(&self, field: &str) -> Option<&str> {
        self.data.contains_key(field).then(|| self.text(field))
    }

    fn int(&self, field: &str) -> Option<i64> {
        match self.data.get(field) {
            Some(Value::Int(n)) => Some(*n),
            _ => None,
        }
    }

    fn flag(&self, field: &str) -> bool {
        self.data.get(field) == Some(&Value::Flag(true))
    }

    /// The year of a date field.
    fn year(&self, field: &str) -> i64 {
        self.text(field).get(..4).and_then(|y| y.parse().ok()).unwrap_or(0)
    }

    /// A CloudEvent; `spelling` chooses the order of keys and how instants are written, which must not matter.
    pub fn json(&self, spelling: u64) -> Json {
        let mut r = Random::new(spelling);
        let mut data: Vec<(String, Json)> = self.data.iter().map(|(k, v)| ((*k).to_owned(), written(v, &mut r))).collect();
        r.shuffle(&mut data);
        let mut all: Vec<(String, Json)> = vec![
            ("specversion".to_owned(), "1.0".into()),
            ("id".to_owned(), self.id.clone().into()),
            ("source".to_owned(), self.source.clone().into()),
            ("type".to_owned(), self.full_type().into()),
            ("subject".to_owned(), self.subject.clone().into()),
            ("time".to_owned(), spelt(1_640_000_000 + i64::from(r.below(1_000_000)), &mut r).into()),
            ("data".to_owned(), Json::Object(data.into_iter().collect::<Map<String, Json>>())),
        ];
        if r.chance(20) {
            all.push(("datacontenttype".to_owned(), "application/json".into()));
        }
        if let Some(s) = &self.supersedes {
            all.push(("supersedes".to_owned(), s.clone().into()));
        }
        r.shuffle(&mut all);
        Json::Object(all.into_iter().collect())
    }
}

fn full(name: &str) -> String {
    format!("kangyang.{name}.v1")
}

fn written(v: &Value, r: &mut Random) -> Json {
    match v {
        Value::Text(t) => t.clone().into(),
        Value::Int(n) => (*n).into(),
        Value::Flag(b) => (*b).into(),
        Value::Instant(s) => spelt(*s, r).into(),
        Value::List(l) => l.clone().into(),
    }
}

/// RFC 3339 in one of several spellings.
fn spelt(seconds: i64, r: &mut Random) -> String {
    let (shift, zone) = [(0, "Z"), (0, "+00:00"), (8 * 3600, "+08:00"), (-19_800, "-05:30")][r.below(4) as usize];
    let local = seconds + shift;
    let (day, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let fraction = ["", ".0", ".000", ".000000"][r.below(4) as usize];
    format!("{}T{:02}:{:02}:{:02}{fraction}{zone}", date(day), rest / 3600, rest / 60 % 60, rest % 60)
}

/// A day since 1970 as `YYYY-MM-DD`, in the proleptic Gregorian calendar.
fn date(day: i64) -> String {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (d, m) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let y = yoe + era * 400 + i64::from(m <= 2);
    format!("{y:04}-{m:02}-{d:02}")
}

// ---- logs

/// One message of the log, an event or what is no event, and where it stands.
#[derive(Clone, Debug)]
pub struct Message {
    /// The topic without its prefix: `training`, `certification`, `administration`.
    pub topic: &'static str,
    /// The key: the event's subject.
    pub key: String,
    /// What is sent.
    pub value: Vec<u8>,
    /// What it says; none: it must be rejected.
    pub event: Option<Event>,
    pub partition: i32,
    pub offset: i64,
}

/// Messages in the order in which they are sent.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub messages: Vec<Message>,
}

impl Log {
    /// A random log of so many events, the same for the same seed; logs of different seeds share no subject and no plan, so
    /// several fit into one lake. `with_bad` mixes in messages that must be rejected.
    pub fn random(seed: u64, events: usize, with_bad: bool) -> Log {
        let mut maker = Maker::new(seed);
        let mut log = Log::default();
        for _ in 0..events {
            let (topic, event) = maker.next_event();
            if with_bad && maker.r.chance(4) {
                let value = [&b"{"[..], b"", b"null", b"[1]", b"{\"specversion\":\"1.0\"}"][maker.r.below(5) as usize].to_vec();
                log.messages.push(Message { topic, key: event.subject.clone(), value, event: None, partition: 0, offset: 0 });
            }
            let value = event.json(maker.r.next()).to_string().into_bytes();
            log.messages.push(Message { topic, key: event.subject.clone(), value, event: Some(event), partition: 0, offset: 0 });
        }
        log
    }

    /// Gives each message the place that it has when all are sent in this order to empty topics, keyed by subject with Java's
    /// partitioner. Whoever sends them otherwise sets the places himself; only the order within a subject matters.
    pub fn place(&mut self, partitions: i32) {
        let mut next: BTreeMap<(&str, i32), i64> = BTreeMap::new();
        for m in &mut self.messages {
            m.partition = (murmur2(m.key.as_bytes()) & 0x7fff_ffff) as i32 % partitions;
            let offset = next.entry((m.topic, m.partition)).or_default();
            m.offset = *offset;
            *offset += 1;
        }
    }
}

/// Java's murmur2, as Kafka's default partitioner has it.
pub fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c ^ key.len() as u32;
    let mut chunks = key.chunks_exact(4);
    for c in &mut chunks {
        let mut k = u32::from_le_bytes([c[0], c[1], c[2], c[3]]).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (i, b) in rest.iter().enumerate() {
            h ^= u32::from(*b) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

/// xorshift64*: small, seeded, the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 ≤ n < `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        (((self.next() >> 32) * u64::from(end)) >> 32) as u32
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u32) as usize]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

// ---- the maker of random logs

/// A small world (few classes, persons, days), so that events meet; and habits that differ from log to log.
struct Maker {
    r: Random,
    seed: u64,
    count: u32,
    plans: [String; 2],
    classes: Vec<String>,
    persons: Vec<String>,
    years: Vec<i64>,
    occupations: Vec<&'static str>,
    /// Type and weight.
    habits: Vec<(&'static str, u32)>,
    supersede: u32,
    reuse: u32,
    repeat: u32,
    /// Targets and classes that most logs begin with, so that something counts.
    script: Vec<(&'static str, BTreeMap<&'static str, Value>)>,
    said: Vec<Event>,
}

const DISTRICTS: [&str; 4] = ["JZ01", "JZ02", "JZ03", "JZ10"];

fn text(t: impl Into<String>) -> Value {
    Value::Text(t.into())
}

impl Maker {
    fn new(seed: u64) -> Maker {
        let mut r = Random::new(seed);
        let classes = (0..*r.pick(&[3, 4, 6])).map(|i| format!("s{seed}-c{i}")).collect();
        let persons = (0..*r.pick(&[2, 3, 4])).map(|_| format!("{:016x}{:016x}", r.next(), r.next())).collect();
        let mut occupations = vec!["health_carer", "elderly_caregiver", "elderly_social_worker", "other", "domestic_worker"];
        r.shuffle(&mut occupations);
        occupations.truncate(*r.pick(&[2, 3, 5]));
        let years = r.pick(&[vec![2021], vec![2020, 2021], vec![2019, 2020, 2021, 2022]]).clone();
        let habits = vec![
            ("trainee_completed", *r.pick(&[6, 10, 16])),
            ("trainee_enrolled", 1),
            ("class_filed", *r.pick(&[0, 1, 3])),
            ("class_closed", 1),
            ("session_delivered", 1),
            ("target_set", *r.pick(&[0, 1, 3])),
            ("institution_listed", 1),
            ("certificate_issued", 1),
            ("certificate_status_changed", 1),
            ("review_decided", *r.pick(&[0, 1, 3])),
            ("record_withdrawn", *r.pick(&[0, 2, 5])),
        ];
        let (supersede, reuse, repeat) = (*r.pick(&[0, 10, 40]), *r.pick(&[0, 10, 30]), *r.pick(&[0, 20, 50]));
        let plans = [format!("plan-{seed}-a"), format!("plan-{seed}-b")];
        let mut maker = Maker {
            r,
            seed,
            count: 0,
            plans,
            classes,
            persons,
            years,
            occupations,
            habits,
            supersede,
            reuse,
            repeat,
            script: vec![],
            said: vec![],
        };
        maker.write_script();
        maker
    }

    fn write_script(&mut self) {
        if self.r.chance(85) {
            for year in [2020, 2021, 2022] {
                for district in DISTRICTS {
                    if self.r.chance(85) {
                        let target = i64::from(*self.r.pick(&[0, 1, 2, 3, 3, 4, 7]));
                        self.script.push(("target_set", self.target(Some(district), Some(year), "trainees", target)));
                    }
                }
            }
            for district in &DISTRICTS[..2] {
                self.script.push(("target_set", self.target(Some(district), None, "elderly_social_workers", 2)));
            }
            if self.r.chance(50) {
                self.script.push(("target_set", self.target(None, None, "elderly_caregivers", 5)));
            }
        }
        if self.r.chance(80) {
            // Classes of one occupation and level are where completions are held.
            let common = *self.r.pick(&self.occupations);
            for class in self.classes.clone() {
                if self.r.chance(90) {
                    let mut filed = self.data("class_filed");
                    filed.insert("class_id", text(class));
                    if common != "other" && self.r.chance(60) {
                        filed.extend([("occupation", text(common)), ("level", text("5"))]);
                        filed.remove("occupation_title");
                    }
                    self.script.push(("class_filed", filed));
                }
            }
        }
        if self.r.chance(50) {
            self.r.shuffle(&mut self.script);
        }
        self.script.reverse();
    }

    fn target(&self, district: Option<&str>, year: Option<i64>, metric: &str, target: i64) -> BTreeMap<&'static str, Value> {
        let mut data = BTreeMap::from([
            ("plan", text(self.plans[0].clone())),
            ("metric", text(metric)),
            ("target", Value::Int(target)),
            ("document", text("文号一")),
        ]);
        if let Some(d) = district {
            data.insert("district_code", text(d));
        }
        if let Some(y) = year {
            data.insert("year", Value::Int(y));
        }
        data
    }

    fn day(&mut self) -> Value {
        let (year, month, day) = (*self.r.pick(&self.years.clone()), *self.r.pick(&[1, 2, 6, 6, 12]), *self.r.pick(&[1, 15, 25, 28]));
        text(format!("{year}-{month:02}-{day:02}"))
    }

    fn data(&mut self, name: &str) -> BTreeMap<&'static str, Value> {
        let class = text(self.r.pick(&self.classes).clone());
        let person = text(self.r.pick(&self.persons).clone());
        let day = self.day();
        let mut data = BTreeMap::new();
        match name {
            "target_set" => {
                let metric = *self.r.pick(&["trainees", "trainees", "trainees", "elderly_caregivers", "elderly_social_workers"]);
                let district = self.r.chance(88).then(|| *self.r.pick(&DISTRICTS));
                let yearly = if metric == "trainees" { 88 } else { 40 };
                let year = self.r.chance(yearly).then(|| *self.r.pick(&[2020, 2021, 2022]));
                let target = i64::from(*self.r.pick(&[0, 1, 2, 3, 4, 7, 300]));
                data = self.target(district, year, metric, target);
                data.insert("plan", text(self.r.pick(&self.plans).clone()));
                data.insert("document", text(*self.r.pick(&["文号一", "文号二"])));
            }
            "class_filed" => {
                let occupation = *self.r.pick(&self.occupations);
                let plan = usize::from(self.r.chance(15));
                data.extend([
                    ("class_id", class),
                    ("plan", text(self.plans[plan].clone())),
                    ("institution_id", text(*self.r.pick(&["I1", "I2"]))),
                    ("district_code", text(*self.r.pick(&DISTRICTS))),
                    ("occupation", text(occupation)),
                    ("training_kind", text(*self.r.pick(&["pre_employment", "upskilling", "transfer", "entrepreneurship"]))),
                    ("subsidised", Value::Flag(self.r.chance(50))),
                    ("schooling", Value::Flag(self.r.chance(12))),
                    ("planned_total_minutes", Value::Int(i64::from(*self.r.pick(&[100, 200])))),
                    ("planned_practical_minutes", Value::Int(65)),
                    ("starts_on", text("2021-01-04")),
                    ("ends_on", text("2021-02-05")),
                    ("capacity", Value::Int(30)),
                ]);
                if occupation == "other" {
                    data.insert("occupation_title", text("陪诊师"));
                }
                if self.r.chance(85) {
                    data.insert("level", text(*self.r.pick(&["5", "5", "4"])));
                }
            }
            "trainee_completed" => {
                let result = *self.r.pick(&["passed", "passed", "passed", "passed", "passed", "passed", "failed", "absent"]);
                data.extend([("class_id", class), ("person_key", person), ("result", text(result)), ("completed_on", day)]);
                if self.r.chance(20) {
                    data.insert("attended_minutes", Value::Int(i64::from(*self.r.pick(&[10, 20]))));
                }
            }
            "trainee_enrolled" => {
                data.extend([("class_id", class), ("person_key", person), ("enrolled_on", day)]);
                if self.r.chance(50) {
                    let groups = *self.r.pick(&[&["veteran", "disabled"][..], &["disabled", "veteran"], &["graduate"]]);
                    data.insert("person_groups", Value::List(groups.iter().map(|g| (*g).to_owned()).collect()));
                }
            }
            "class_closed" => data.extend([
                ("class_id", class),
                ("delivered_total_minutes", Value::Int(i64::from(*self.r.pick(&[100, 200])))),
                ("delivered_practical_minutes", Value::Int(65)),
                ("ended_on", day),
            ]),
            "session_delivered" => {
                let start = 1_620_000_000 + 3600 * i64::from(self.r.below(2));
                data.extend([
                    ("class_id", class),
                    ("session_id", text(*self.r.pick(&["s1", "s2"]))),
                    ("started_at", Value::Instant(start)),
                    ("ended_at", Value::Instant(start + 2700)),
                    ("session_minutes", Value::Int(45)),
                    ("practical", Value::Flag(self.r.chance(50))),
                ]);
            }
            "institution_listed" => data.extend([
                ("institution_id", text(format!("i{}-{}", self.seed, self.r.below(2)))),
                ("institution_name", text(*self.r.pick(&["某培训学校", "某学院"]))),
                ("institution_type", text("college")),
                ("district_code", text(*self.r.pick(&DISTRICTS))),
                ("occupations", Value::List(vec!["elderly_caregiver".to_owned()])),
                ("valid_from", text("2020-01-01")),
            ]),
            "certificate_issued" => data.extend([
                ("certificate_no", text(format!("n{}-{}", self.seed, self.r.below(2)))),
                ("certificate_kind", text("skill_level")),
                ("person_key", person),
                ("occupation", text("elderly_caregiver")),
                ("evaluator_id", text("E1")),
                ("issued_on", day),
                ("basis", text("training")),
            ]),
            "certificate_status_changed" => data.extend([
                ("certificate_no", text(format!("n{}-{}", self.seed, self.r.below(2)))),
                ("certificate_status", text(*self.r.pick(&["revoked", "suspended"]))),
                ("reason", text(*self.r.pick(&["甲", "乙"]))),
                ("effective_on", day),
            ]),
            "review_decided" => data.extend([
                ("reviewed_type", text(full("trainee_completed"))),
                ("decision", text(*self.r.pick(&["confirmed", "confirmed", "rejected"]))),
                ("reason", text(*self.r.pick(&["甲", "乙"]))),
            ]),
            _ => {}
        }
        data
    }

    /// The next event and its topic. Half of the habits are there to make events meet: an id used before, the same data, a
    /// correction of this or that.
    fn next_event(&mut self) -> (&'static str, Event) {
        let mut name = self.weighted();
        let mut scripted = None;
        if self.r.chance(70)
            && let Some((n, data)) = self.script.pop()
        {
            (name, scripted) = (n, Some(data));
        }
        let (of, mut data) = match name {
            "review_decided" => ("trainee_completed", self.data(name)),
            "record_withdrawn" => {
                let of = *self.r.pick(&["trainee_completed", "trainee_completed", "trainee_completed", "class_filed", "target_set"]);
                let reason = text(*self.r.pick(&["误报", "重报"]));
                (of, BTreeMap::from([("withdrawn_type", text(full(of))), ("reason", reason)]))
            }
            _ => (name, self.data(name)),
        };
        let given = scripted.is_some();
        if let Some(s) = scripted {
            data = s;
        }
        let mut about = if of == name { data.clone() } else { self.data(of) };
        if of != name && self.r.chance(70) {
            let stated: Vec<_> = self.said.iter().filter(|e| e.name == of).map(|e| e.data.clone()).collect();
            if !stated.is_empty() {
                about = self.r.pick(&stated).clone();
            }
        }
        let subject = subject(of, &about);
        let before: Vec<Event> = self.said.iter().filter(|e| e.subject == subject).cloned().collect();
        let same: Vec<&Event> = before.iter().filter(|e| e.name == name).collect();
        if !same.is_empty() && !given && self.r.chance(self.repeat) {
            data = self.r.pick(&same).data.clone();
        }
        self.count += 1;
        let mut id = format!("e{}", self.count);
        let mut source = self.source(of, &about);
        if !before.is_empty() && self.r.chance(self.reuse) {
            let earlier = self.r.pick(&before).clone();
            id = earlier.id;
            if earlier.name == name && self.r.chance(50) {
                data = earlier.data;
            }
            if self.r.chance(80) && allowed(of, &data, &about, &earlier.source) {
                source = earlier.source;
            }
        } else if self.r.chance(10) {
            id = format!("e{}", 1 + self.r.below(8));
        }
        if !allowed(of, &data, &about, &source) {
            source = "/city".to_owned();
        }
        let supersedes = self.r.chance(self.supersede).then(|| {
            let latest = same.last().filter(|_| self.r.chance(60)).map(|e| e.id.clone());
            let any = (!before.is_empty() && self.r.chance(80)).then(|| self.r.pick(&before).id.clone());
            latest.or(any).unwrap_or_else(|| "nothing".to_owned())
        });
        let event = Event { name, source, id, subject, supersedes, data };
        self.said.push(event.clone());
        (topic(of), event)
    }

    fn weighted(&mut self) -> &'static str {
        let total = self.habits.iter().map(|(_, w)| w).sum();
        let mut n = self.r.below(total);
        for (name, weight) in &self.habits {
            match n.checked_sub(*weight) {
                None => return name,
                Some(left) => n = left,
            }
        }
        "trainee_completed"
    }

    fn source(&mut self, of: &str, about: &BTreeMap<&'static str, Value>) -> String {
        let district = match about.get("district_code") {
            Some(Value::Text(d)) => d.clone(),
            _ => (*self.r.pick(&DISTRICTS)).to_owned(),
        };
        match of {
            "target_set" | "institution_listed" => (*self.r.pick(&["/city", "/city/hrss", "/province"])).to_owned(),
            _ if self.r.chance(60) => format!("/districts/{district}"),
            _ => (*self.r.pick(&["/city", "/city/hrss"])).to_owned(),
        }
    }
}

/// Whether a source may say this (contract §2): city types from above, a class by its own district.
fn allowed(of: &str, data: &BTreeMap<&'static str, Value>, about: &BTreeMap<&'static str, Value>, source: &str) -> bool {
    if !source.starts_with("/districts/") {
        return true;
    }
    match of {
        "target_set" | "institution_listed" => false,
        // A review is the city's; a withdrawal of a class names no district, so the city says it here.
        _ if data.contains_key("reviewed_type") => false,
        "class_filed" => {
            !data.contains_key("withdrawn_type")
                && matches!(data.get("district_code").or(about.get("district_code")),
                    Some(Value::Text(d)) if *source == format!("/districts/{d}"))
        }
        _ => true,
    }
}

fn topic(name: &str) -> &'static str {
    match name {
        "target_set" | "institution_listed" => "administration",
        "certificate_issued" | "certificate_status_changed" => "certification",
        _ => "training",
    }
}

fn subject(of: &str, data: &BTreeMap<&'static str, Value>) -> String {
    let get = |field: &str, none: &str| match data.get(field) {
        Some(Value::Text(t)) => t.clone(),
        Some(Value::Int(n)) => n.to_string(),
        _ => none.to_owned(),
    };
    match of {
        "target_set" => {
            format!("target/{}/{}/{}/{}", get("plan", ""), get("district_code", "CITY"), get("year", "ALL"), get("metric", ""))
        }
        "class_filed" | "class_closed" => format!("class/{}", get("class_id", "")),
        "session_delivered" => format!("class/{}/session/{}", get("class_id", ""), get("session_id", "")),
        "institution_listed" => format!("institution/{}", get("institution_id", "")),
        "certificate_issued" | "certificate_status_changed" => format!("certificate/{}", get("certificate_no", "")),
        _ => format!("class/{}/person/{}", get("class_id", ""), get("person_key", "")),
    }
}

// ---- what must come of a log

/// A figure of a row. `Null` sorts last, as the models say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Int(i64),
    /// DECIMAL(12,2), as an integer of hundredths.
    Hundredths(i64),
    Text(String),
    Flag(bool),
    Null,
}

impl Cell {
    /// As Arrow prints it; a null is none.
    pub fn printed(&self) -> Option<String> {
        match self {
            Cell::Null => None,
            Cell::Int(n) => Some(n.to_string()),
            Cell::Text(t) => Some(t.clone()),
            Cell::Flag(b) => Some(b.to_string()),
            Cell::Hundredths(h) => {
                let sign = if *h < 0 { "-" } else { "" };
                Some(format!("{sign}{}.{:02}", h.abs() / 100, h.abs() % 100))
            }
        }
    }
}

impl From<i64> for Cell {
    fn from(n: i64) -> Cell {
        Cell::Int(n)
    }
}
impl From<i32> for Cell {
    fn from(n: i32) -> Cell {
        Cell::Int(n.into())
    }
}
impl From<usize> for Cell {
    fn from(n: usize) -> Cell {
        Cell::Int(n as i64)
    }
}
impl From<&str> for Cell {
    fn from(t: &str) -> Cell {
        Cell::Text(t.to_owned())
    }
}
impl From<String> for Cell {
    fn from(t: String) -> Cell {
        Cell::Text(t)
    }
}
impl From<bool> for Cell {
    fn from(b: bool) -> Cell {
        Cell::Flag(b)
    }
}
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(o: Option<T>) -> Cell {
        o.map_or(Cell::Null, Into::into)
    }
}

macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$(Cell::from($cell)),*] };
}

/// A mart's columns and rows, in the order of its full key.
#[derive(Clone, Debug)]
pub struct Table {
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    fn new(columns: &str, key: &[&str], mut rows: Vec<Vec<Cell>>) -> Table {
        let columns: Vec<&'static str> = columns.split_whitespace().map(|c| Box::leak(c.to_owned().into_boxed_str()) as &str).collect();
        let key: Vec<usize> = key.iter().filter_map(|k| columns.iter().position(|c| c == k)).collect();
        rows.sort_by_key(|row| key.iter().map(|i| row[*i].clone()).collect::<Vec<_>>());
        Table { columns, rows }
    }
}

/// What became of an event: state (`in_force`, `superseded`, `withdrawn`, `withdrawal`, `duplicate`, `conflict`, `log`) and the
/// conflict it is listed with, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub state: &'static str,
    pub conflict: Option<&'static str>,
}

/// What must come of a log.
#[derive(Clone, Debug)]
pub struct Expected {
    /// One per message; none where it is rejected.
    pub verdicts: Vec<Option<Verdict>>,
    /// Mart → table.
    pub marts: BTreeMap<&'static str, Table>,
}

/// The reference data that figures name.
#[derive(Clone, Debug)]
pub struct Reference {
    /// District code → name and position.
    pub districts: BTreeMap<String, (String, i64)>,
    /// Metric → occupation, of those that are an occupation's.
    pub metrics: Vec<(String, String)>,
    /// The name of the whole city.
    pub whole: String,
}

impl Reference {
    /// Reads `schemas/reference/` below the repository's root; the files have plain commas and no quotes.
    pub fn read(root: &Path) -> Reference {
        let rows = |name: &str| -> Vec<BTreeMap<String, String>> {
            let path = root.join("schemas/reference").join(name);
            let file = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{} can't be read: {e}", path.display()));
            let mut lines = file.lines();
            let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
            lines.map(|l| head.iter().map(|h| (*h).to_owned()).zip(l.split(',').map(str::to_owned)).collect()).collect()
        };
        let districts = rows("districts.csv")
            .iter()
            .map(|r| (r["district_code"].clone(), (r["district"].clone(), r["position"].parse().unwrap_or(0))))
            .collect();
        let metrics = rows("metrics.csv")
            .iter()
            .filter(|r| !r["occupation"].is_empty())
            .map(|r| (r["metric"].clone(), r["occupation"].clone()))
            .collect();
        Reference { districts, metrics, whole: rows("city.csv")[0]["whole"].clone() }
    }
}

/// A completion with what its class says.
#[derive(Clone, Copy)]
struct Completion<'a> {
    message: &'a Message,
    event: &'a Event,
    class: &'a Event,
    year: i64,
}

impl Completion<'_> {
    fn of(&self, plan: &str, year: Option<i64>, district: Option<&str>) -> bool {
        self.class.text("plan") == plan
            && year.is_none_or(|y| self.year == y)
            && district.is_none_or(|d| self.class.text("district_code") == d)
    }
}

/// `n` × 100 / `of` in hundredths, half-up; none over 0.
fn rate(n: i64, of: i64) -> Option<i64> {
    (of > 0).then(|| {
        let (whole, rest) = (n * 10_000 / of, n * 10_000 % of);
        if rest * 2 >= of { whole + 1 } else { whole }
    })
}

/// Folds the log and makes the marts; topics are named `{prefix}.{topic}`, each with so many partitions.
pub fn expect(log: &Log, reference: &Reference, prefix: &str, partitions: i32) -> Expected {
    let fold = Fold::of(log);
    let at = |m: &Message| -> [Cell; 3] { [format!("{prefix}.{}", m.topic).into(), m.partition.into(), m.offset.into()] };
    let mut marts = BTreeMap::new();

    // What is in force.
    let classes: BTreeMap<&str, &Event> = fold.in_force("class_filed").map(|(_, e)| (e.text("class_id"), e)).collect();
    let mut targets: BTreeMap<(String, Option<String>, Option<i64>, String), i64> = BTreeMap::new();
    for (_, e) in fold.in_force("target_set") {
        let district = e.maybe("district_code").map(str::to_owned);
        targets.insert((e.text("plan").to_owned(), district, e.int("year"), e.text("metric").to_owned()), e.int("target").unwrap_or(0));
    }
    let tasks: BTreeMap<(String, i64, String), i64> = targets
        .iter()
        .filter(|((_, _, _, metric), _)| metric == "trainees")
        .filter_map(|((plan, district, year, _), t)| Some(((plan.clone(), (*year)?, district.clone()?), *t)))
        .collect();
    let mut reviews: BTreeMap<&str, &str> = BTreeMap::new();
    for (i, m) in log.messages.iter().enumerate() {
        if let Some(e) = m.event.as_ref().filter(|e| e.name == "review_decided" && fold.state(i) == "log") {
            reviews.insert(&e.subject, e.text("decision"));
        }
    }

    // Which completions count.
    let (mut counted, mut held, mut unattributed) = (vec![], vec![], vec![]);
    let mut not_in_plan: BTreeMap<(String, &str, i64, String), i64> = BTreeMap::new();
    let mut groups: BTreeMap<[String; 5], Vec<Completion>> = BTreeMap::new();
    for (message, event) in fold.in_force("trainee_completed").filter(|(_, e)| e.text("result") == "passed") {
        let year = event.year("completed_on");
        let Some(class) = classes.get(event.text("class_id")).copied() else {
            let mut row = row![event.text("class_id"), event.text("completed_on")];
            row.extend(at(message));
            unattributed.push(row);
            continue;
        };
        let (plan, district) = (class.text("plan").to_owned(), class.text("district_code").to_owned());
        if class.flag("schooling") || !tasks.contains_key(&(plan.clone(), year, district.clone())) {
            let reason = if class.flag("schooling") { "schooling" } else { "no_target" };
            *not_in_plan.entry((plan, reason, year, district)).or_default() += 1;
            continue;
        }
        let completion = Completion { message, event, class, year };
        match class.maybe("level").filter(|_| class.text("occupation") != "other") {
            None => counted.push(completion),
            Some(level) => groups
                .entry([event.text("person_key"), &plan, class.text("occupation"), level, &year.to_string()].map(str::to_owned))
                .or_default()
                .push(completion),
        }
    }
    for mut group in groups.into_values() {
        group.sort_by_key(|c| (c.event.text("completed_on"), c.event.text("class_id").as_bytes()));
        for (turn, c) in group.into_iter().enumerate() {
            match (turn, reviews.get(c.event.subject.as_str()).copied()) {
                (0, _) | (_, Some("confirmed")) => counted.push(c),
                (_, Some("rejected")) => {}
                _ => held.push(c),
            }
        }
    }
    let withdrawn: Vec<Completion> = fold
        .ended
        .iter()
        .filter_map(|i| {
            let message = &log.messages[*i];
            let event = message.event.as_ref().filter(|e| e.name == "trainee_completed" && e.text("result") == "passed")?;
            let class = classes.get(event.text("class_id")).copied().filter(|c| !c.flag("schooling"))?;
            Some(Completion { message, event, class, year: event.year("completed_on") })
        })
        .collect();

    let count = |list: &[Completion], plan: &str, year: Option<i64>, district: Option<&str>| -> i64 {
        list.iter().filter(|c| c.of(plan, year, district)).count() as i64
    };
    let persons = |plan: &str, year: i64, district: Option<&str>| -> usize {
        let all = counted.iter().filter(|c| c.of(plan, Some(year), district));
        all.map(|c| c.event.text("person_key")).collect::<BTreeSet<_>>().len()
    };
    let subsidised = |plan: &str, year: i64, district: Option<&str>| -> usize {
        counted.iter().filter(|c| c.of(plan, Some(year), district) && c.class.flag("subsidised")).count()
    };

    // completion_by_district_year
    let mut rows = vec![];
    for ((plan, year, district), target) in &tasks {
        let (name, position) = reference.districts.get(district).cloned().unwrap_or_default();
        let d = Some(district.as_str());
        let completed = count(&counted, plan, Some(*year), d);
        let to_date: Vec<_> = tasks.iter().filter(|((p, y, q), _)| p == plan && q == district && y <= year).collect();
        let completed_to_date: i64 = to_date.iter().map(|((_, y, _), _)| count(&counted, plan, Some(*y), d)).sum();
        let target_to_date: i64 = to_date.iter().map(|(_, t)| **t).sum();
        let rank = (*target > 0).then(|| {
            let ahead = tasks.iter().filter(|((p, y, q), t)| {
                let other = count(&counted, plan, Some(*year), Some(q));
                p == plan && y == year && **t > 0 && i128::from(other) * i128::from(*target) > i128::from(completed) * i128::from(**t)
            });
            1 + ahead.count()
        });
        let mut row = row![plan.as_str(), *year, district.as_str(), name, position, *target, completed];
        row.extend(row![persons(plan, *year, d), count(&held, plan, Some(*year), d), count(&withdrawn, plan, Some(*year), d)]);
        row.extend(row![subsidised(plan, *year, d)]);
        row.push(rate(completed, *target).map_or(Cell::Null, Cell::Hundredths));
        row.extend(row![completed_to_date, target_to_date]);
        row.push(rate(completed_to_date, target_to_date).map_or(Cell::Null, Cell::Hundredths));
        row.push(rank.into());
        rows.push(row);
    }
    marts.insert(
        "completion_by_district_year",
        Table::new(
            "plan year district_code district position target completed persons held withdrawn subsidised completion_rate \
             completed_to_date target_to_date rate_to_date rank",
            &["plan", "year", "district_code"],
            rows,
        ),
    );

    // completion_by_year
    let mut rows = vec![];
    for (plan, year) in tasks.keys().map(|(p, y, _)| (p, *y)).collect::<BTreeSet<_>>() {
        let of_year: Vec<_> = tasks.iter().filter(|((p, y, _), _)| p == plan && *y == year).collect();
        let target: i64 = of_year.iter().map(|(_, t)| **t).sum();
        let completed = count(&counted, plan, Some(year), None);
        let gone: i64 = of_year.iter().map(|((_, _, d), _)| count(&withdrawn, plan, Some(year), Some(d))).sum();
        let completed_to_date = counted.iter().filter(|c| c.of(plan, None, None) && c.year <= year).count() as i64;
        let target_to_date: i64 = tasks.iter().filter(|((p, y, _), _)| p == plan && *y <= year).map(|(_, t)| *t).sum();
        let mut row = row![plan.as_str(), year, target, completed, persons(plan, year, None), count(&held, plan, Some(year), None)];
        row.extend(row![gone, subsidised(plan, year, None)]);
        row.push(rate(completed, target).map_or(Cell::Null, Cell::Hundredths));
        row.extend(row![completed_to_date, target_to_date]);
        row.push(rate(completed_to_date, target_to_date).map_or(Cell::Null, Cell::Hundredths));
        rows.push(row);
    }
    marts.insert(
        "completion_by_year",
        Table::new(
            "plan year target completed persons held withdrawn subsidised completion_rate completed_to_date target_to_date rate_to_date",
            &["plan", "year"],
            rows,
        ),
    );

    // of_which_by_district_year
    let mut rows = vec![];
    for plan in tasks.keys().map(|(p, _, _)| p).collect::<BTreeSet<_>>() {
        let years: BTreeSet<i64> = tasks.keys().filter(|(p, _, _)| p == plan).map(|(_, y, _)| *y).collect();
        let districts: BTreeSet<&String> = tasks.keys().filter(|(p, _, _)| p == plan).map(|(_, _, d)| d).collect();
        for (metric, occupation) in &reference.metrics {
            let done = |year: Option<i64>, district: Option<&str>| -> usize {
                counted.iter().filter(|c| c.of(plan, year, district) && c.class.text("occupation") == occupation).count()
            };
            for year in years.iter().map(|y| Some(*y)).chain([None]) {
                let own = |district: Option<String>| targets.get(&(plan.clone(), district, year, metric.clone())).copied();
                for d in &districts {
                    let name = reference.districts.get(*d).map(|(n, _)| n.clone());
                    let target = own(Some((*d).clone()));
                    rows.push(row![plan.as_str(), metric.as_str(), year, d.as_str(), name, target, done(year, Some(d))]);
                }
                let given: Vec<i64> = districts.iter().filter_map(|d| own(Some((*d).clone()))).collect();
                let target = own(None).or((!given.is_empty()).then(|| given.iter().sum()));
                let city: Option<&str> = None;
                rows.push(row![plan.as_str(), metric.as_str(), year, city, reference.whole.as_str(), target, done(year, None)]);
            }
        }
    }
    marts.insert(
        "of_which_by_district_year",
        Table::new("plan metric year district_code district target completed", &["plan", "metric", "year", "district_code"], rows),
    );

    // completions
    let mut rows = vec![];
    for (c, flag) in counted.iter().map(|c| (c, true)).chain(held.iter().map(|c| (c, false))) {
        let class = c.class;
        let name = reference.districts.get(class.text("district_code")).map(|(n, _)| n.clone());
        let mut row = row![class.text("plan"), c.year, class.text("district_code"), name, flag, class.text("class_id")];
        row.extend(row![class.text("institution_id"), class.text("occupation"), class.maybe("occupation_title"), class.maybe("level")]);
        row.extend(row![class.text("training_kind"), class.flag("subsidised"), class.flag("schooling")]);
        row.extend(row![class.int("planned_total_minutes"), class.int("planned_practical_minutes")]);
        row.extend(row![class.text("starts_on"), class.text("ends_on"), class.int("capacity"), c.event.text("completed_on")]);
        row.extend(at(c.message));
        rows.push(row);
    }
    let position = ["kafka_topic", "kafka_partition", "kafka_offset"];
    marts.insert(
        "completions",
        Table::new(
            "plan year district_code district counted class_id institution_id occupation occupation_title level training_kind subsidised \
             schooling planned_total_minutes planned_practical_minutes starts_on ends_on capacity completed_on kafka_topic \
             kafka_partition kafka_offset",
            &position,
            rows,
        ),
    );

    // unattributed, not_in_plan, conflicts
    marts.insert("unattributed", Table::new("class_id completed_on kafka_topic kafka_partition kafka_offset", &position, unattributed));
    let rows = not_in_plan.into_iter().map(|((plan, reason, year, d), n)| row![plan, reason, year, d, n]).collect();
    marts.insert(
        "not_in_plan",
        Table::new("plan reason year district_code completions", &["plan", "reason", "year", "district_code"], rows),
    );
    let mut rows = vec![];
    for (i, m) in log.messages.iter().enumerate() {
        let Some((event, kind)) = m.event.as_ref().zip(fold.verdicts[i].as_ref().and_then(|v| v.conflict)) else { continue };
        let parts: Vec<&str> = event.subject.split('/').collect();
        let masked = (0..parts.len()).map(|k| if k > 0 && parts[k - 1] == "person" && parts[k].len() == 32 { "*" } else { parts[k] });
        let mut row = row![kind];
        row.extend(at(m));
        row.extend(row![masked.collect::<Vec<_>>().join("/"), event.full_type()]);
        rows.push(row);
    }
    marts.insert("conflicts", Table::new("kind kafka_topic kafka_partition kafka_offset subject type", &position, rows));

    // ledger
    let mut rows = vec![];
    for topic in ["administration", "certification", "training"] {
        for partition in 0..partitions {
            let here: Vec<usize> =
                (0..log.messages.len()).filter(|i| (log.messages[*i].topic, log.messages[*i].partition) == (topic, partition)).collect();
            let with = |state: &str| here.iter().filter(|i| fold.state(**i) == state).count();
            let accepted = here.iter().filter(|i| log.messages[**i].event.is_some()).count();
            let mut row = row![format!("{prefix}.{topic}"), partition, here.len(), accepted, here.len() - accepted];
            row.extend(["in_force", "superseded", "withdrawn", "withdrawal", "duplicate", "conflict", "log"].map(|s| Cell::from(with(s))));
            rows.push(row);
        }
    }
    marts.insert(
        "ledger",
        Table::new(
            "kafka_topic kafka_partition received accepted rejected in_force superseded withdrawn withdrawals duplicates conflicts logs",
            &position[..2],
            rows,
        ),
    );
    Expected { verdicts: fold.verdicts.clone(), marts }
}

/// Contract §4, rule by rule.
struct Fold<'a> {
    log: &'a Log,
    verdicts: Vec<Option<Verdict>>,
    /// The last in force of each series in which none is.
    ended: Vec<usize>,
}

impl<'a> Fold<'a> {
    fn of(log: &'a Log) -> Fold<'a> {
        let events: Vec<Option<&Event>> = log.messages.iter().map(|m| m.event.as_ref()).collect();
        let mut verdicts: Vec<Option<Verdict>> = vec![None; events.len()];
        let mut set = |i: usize, state: &'static str, conflict: Option<&'static str>| verdicts[i] = Some(Verdict { state, conflict });
        let mut first: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
        let mut force: BTreeMap<(&str, String), (usize, Option<&'static str>)> = BTreeMap::new();
        let mut last: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for (i, event) in events.iter().enumerate() {
            let Some(e) = event else { continue };
            // 1. Source and id of an earlier event of this subject.
            let telling = (e.subject.as_str(), e.source.as_str(), e.id.as_str());
            if let Some(earlier) = first.get(&telling).and_then(|f| events[*f]) {
                if earlier.name == e.name && earlier.data == e.data {
                    set(i, "duplicate", None);
                } else {
                    set(i, "conflict", Some("id_reused"));
                }
                continue;
            }
            first.insert(telling, i);
            if LOGS.contains(&e.name) {
                set(i, "log", None);
                continue;
            }
            // 2. A withdrawal ends the one in force.
            if e.name == "record_withdrawn" {
                match force.remove(&(e.subject.as_str(), e.text("withdrawn_type").to_owned())) {
                    Some((ended, conflict)) => {
                        set(ended, "withdrawn", conflict);
                        set(i, "withdrawal", None);
                    }
                    None => set(i, "conflict", Some("nothing_to_withdraw")),
                }
                continue;
            }
            let series = (e.subject.as_str(), e.full_type());
            let stale = match force.get(&series) {
                // 3. None in force: this one is.
                None => None,
                Some((in_force, conflict)) => {
                    let held = events[*in_force];
                    match &e.supersedes {
                        // 4. A correction replaces it, stale or not.
                        Some(named) => {
                            set(*in_force, "superseded", *conflict);
                            held.is_some_and(|h| h.id != *named).then_some("stale_correction")
                        }
                        // 5. Said again, or contradicted.
                        None if held.is_some_and(|h| h.data == e.data) => {
                            set(i, "duplicate", None);
                            continue;
                        }
                        None => {
                            set(i, "conflict", Some("payload_differs"));
                            continue;
                        }
                    }
                }
            };
            set(i, "in_force", stale);
            last.insert(series.clone(), i);
            force.insert(series, (i, stale));
        }
        let ended = last.into_iter().filter(|(series, _)| !force.contains_key(series)).map(|(_, i)| i).collect();
        Fold { log, verdicts, ended }
    }

    fn state(&self, i: usize) -> &'static str {
        self.verdicts[i].as_ref().map_or("rejected", |v| v.state)
    }

    fn in_force(&self, name: &'static str) -> impl Iterator<Item = (&'a Message, &'a Event)> + '_ {
        let all = self.log.messages.iter().enumerate();
        all.filter_map(move |(i, m)| Some((m, m.event.as_ref().filter(|e| e.name == name && self.state(i) == "in_force")?)))
    }
}

#[test]
fn murmur2_is_the_one_kafka_has() {
    // From Apache Kafka's own UtilsTest.
    for (key, hash) in [("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536)] {
        assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
    }
}

#[test]
fn a_rate_is_half_up_as_bulletins_print_it() {
    for (done, target, hundredths) in
        [(3132, 1450, 21_600), (2892, 1450, 19_945), (358, 290, 12_345), (1, 8, 1250), (1, 16, 625), (1, 32, 313)]
    {
        assert_eq!(rate(done, target), Some(hundredths), "{done} of {target}");
    }
    assert_eq!(rate(1, 0), None);
}
