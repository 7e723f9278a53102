//! The demo's events: a seeded history of a whole plan with everything in it that the contract has a rule for, and its true figures.
//!
//! What becomes of a planted class or completion stands in a table beside its story, written by hand, and the figures are counted from
//! that in straight loops (contract §4, §6). Nothing here knows SQL, the lake or the fold, so that it can contradict them. Years,
//! districts, occupations, levels and codes are reference data; persons are random keys.
use crate::contract::{Code, Contract, Segment, Topic, date_days};
use crate::error::{Context, Error, Result};
use crate::log::topics::PARTITIONS;
use arrow::util::display::array_value_to_string;
use chrono::{Datelike, NaiveDate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A message for the log.
pub struct Event {
    /// Where it goes, which for one kind of refusal is not where it belongs.
    pub topic: Topic,
    /// The Kafka key.
    pub key: String,
    /// The Kafka value.
    pub payload: Vec<u8>,
    /// When the log gets it: milliseconds since 1970 in UTC, non-decreasing over the list.
    pub recorded_at: i64,
}

/// The counts of a row of `completion_by_district_year` or `completion_by_year`, as contract §6 defines them.
#[derive(Default, PartialEq, Eq, Debug, Clone)]
pub struct Cell {
    /// Completions that count (人次).
    pub completed: i64,
    /// Distinct persons among them.
    pub persons: i64,
    /// Held for review.
    pub held: i64,
    /// Withdrawn and not stated again.
    pub withdrawn: i64,
    /// Of the completed, in subsidised classes.
    pub subsidised: i64,
}

/// What the figures must be.
#[derive(Default)]
pub struct Truth {
    /// The plan.
    pub plan: String,
    /// By year and district_code: every one with a target, zeros included.
    pub districts: BTreeMap<(i64, String), Cell>,
    /// The whole city, by year.
    pub city: BTreeMap<i64, Cell>,
    /// Events the contract accepts.
    pub accepted: u64,
    /// Messages it refuses.
    pub rejected: u64,
    /// How many of what was planted, in words; a refusal by its code.
    pub planted: BTreeMap<&'static str, u64>,
}

/// A generated history.
pub struct Demo {
    /// In the order of the log; between subjects any order would do.
    pub events: Vec<Event>,
    /// What comes out of them.
    pub truth: Truth,
}

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Asia/Shanghai is eight hours ahead of UTC all year.
const SHANGHAI: i64 = 8 * HOUR;
/// Less than this passes between a statement and its record; what follows on the same subject follows later.
const LAG: i64 = 60 * HOUR;
/// What lies before the plan was issued is told within this time after it.
const BACK_FILL: i64 = 30 * DAY;
/// Stands in a period's closing until the order of the log, and so the pin, is known.
const NO_PIN: &str = "unknown/0=0";
/// The topics' prefix in pins: the setting's default.
const PREFIX: &str = "kangyang";

/// What befalls a class or a completion: in words, what is told, what must come of it (a form in force; `-` and the form it had when
/// withdrawn; nothing). Of what is told, a letter is a form of the data (`World::form`, `Generator::trainee`) in a new event; before it
/// `+` corrects what was told last, `?` supersedes the first (nobody's id if there is none), `!` has the first's id, `@` that id, but
/// from the city, superseding it, `&` the id of the person's enrolment. `-` withdraws; `=2` is the second event once more; `%` the
/// first with its keys in another order; `>` lets months pass.
type Story = (&'static str, &'static str, &'static str);

const CLASS_STORIES: [Story; 18] = [
    ("classes told twice under one id", "a =1", "a"),
    ("classes told again under a new id", "a a", "a"),
    ("classes told otherwise without superseding", "a s", "a"),
    ("classes told otherwise under a used id", "a !s", "a"),
    ("classes moved to another district", "a +d", "d"),
    ("classes first filed with the wrong schooling", "s +a", "a"),
    ("classes whose schooling is corrected", "a +s", "s"),
    ("classes never filed", "", ""),
    ("classes filed months late", "> a", "a"),
    ("classes withdrawn", "a -", "-a"),
    ("classes withdrawn and filed by another district", "a - d", "d"),
    ("classes corrected by a stale correction", "a +s ?g", "g"),
    ("classes whose subsidy is corrected", "a +g", "g"),
    ("classes moved to a plan without targets", "a +p", "p"),
    ("classes whose occupation is corrected", "a +o", "o"),
    ("class closings under the filing's id", "a !k", "a"),
    ("classes withdrawn before they are filed", "- a", "a"),
    ("classes corrected, then sent again as first filed", "a +g =1", "g"),
];

const COMPLETION_STORIES: [Story; 26] = [
    ("completions told twice under one id", "a =1", "a"),
    ("completions told again under a new id", "a a", "a"),
    ("completions told again with keys in another order", "a %", "a"),
    ("completions told otherwise under a used id", "a !f", "a"),
    ("completions told otherwise without superseding", "a y", "a"),
    ("completions under the enrolment's id", "&a", ""),
    ("completions under the enrolment's id, then their own", "&a a", "a"),
    ("completions moved within weeks", "a +b", "b"),
    ("completions moved into another year", "a +y", "y"),
    ("completions moved out of the plan's years", "a +z", "z"),
    ("completions corrected from failed to passed", "f +a", "a"),
    ("completions corrected from passed to failed", "a +f", "f"),
    ("completions corrected by a stale correction", "a +f ?y", "y"),
    ("completions corrected by the city under the same id", "a @b", "b"),
    ("completions that supersede what nobody told", "?a", "a"),
    ("completions corrected three times", "a +f +b +y", "y"),
    ("completions corrected, then sent again as first told", "a +y =1", "y"),
    ("completions withdrawn", "a -", "-a"),
    ("completions withdrawn twice", "a - -", "-a"),
    ("completions withdrawn, then sent again as first told", "a - =1", "-a"),
    ("completions withdrawn and restated", "a - a", "a"),
    ("completions restated, then the withdrawal sent again", "a - a =2", "a"),
    ("completions withdrawn before they are told", "- a", "a"),
    ("completions moved into another year, then withdrawn", "a +y -", "-y"),
    ("failed completions withdrawn", "f -", "-f"),
    ("completions told months late", "> a", "a"),
];

/// The stories stand spread over each round, so that no class has them all.
fn story(stories: &[Story], n: usize, round: usize) -> Story {
    let (turn, spacing) = (n % round, (round / stories.len().max(1)).max(1));
    stories.get(turn / spacing).filter(|_| turn.is_multiple_of(spacing)).copied().unwrap_or(("", "a", "a"))
}

/// Days since 1970.
fn day(year: i64, month: i64, of_month: i64) -> Result<i64> {
    let text = format!("{year:04}-{month:02}-{of_month:02}");
    date_days(&text).map(i64::from).ok_or_else(|| Error::new(format!("the demo can't use the year {year}")))
}

fn calendar(day: i64) -> NaiveDate {
    i32::try_from(day + 719_163).ok().and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default()
}

fn date(day: i64) -> String {
    calendar(day).to_string()
}

fn year_of(day: i64) -> i64 {
    calendar(day).year().into()
}

/// RFC 3339 in Asia/Shanghai, to the second.
fn instant(millis: i64) -> String {
    let (day, seconds) = (calendar((millis + SHANGHAI).div_euclid(DAY)), (millis + SHANGHAI).rem_euclid(DAY) / 1000);
    format!("{day}T{:02}:{:02}:{:02}+08:00", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[derive(Clone, Default)]
struct Occupation {
    code: String,
    /// How often it is trained.
    weight: i64,
    shortage: bool,
    certifiable: bool,
    levels: Vec<String>,
    evaluator: String,
}

/// District (none: the city), year (none: the whole plan), metric.
type Task = (Option<String>, Option<i64>, String);

/// What the reference data say.
struct World {
    plan: String,
    city: String,
    region: String,
    years: Vec<i64>,
    /// The target of a task, and the document that sets it.
    targets: BTreeMap<Task, (i64, String)>,
    /// Code and name.
    districts: Vec<(String, String)>,
    occupations: Vec<Occupation>,
    codes: BTreeMap<String, Vec<String>>,
}

/// A column of a reference table as text, empty where there is nothing.
fn column(contract: &Contract, table: &str, name: &str) -> Result<Vec<String>> {
    let array = contract.reference().get(table).and_then(|b| b.column_by_name(name));
    let array = array.ok_or_else(|| Error::new(format!("reference table {table} lacks the column {name}, which the demo needs")))?;
    (0..array.len()).map(|row| array_value_to_string(array, row).context(|| format!("reference table {table} can't be read"))).collect()
}

impl World {
    fn read(contract: &Contract) -> Result<World> {
        let of = |table, name| column(contract, table, name);
        let (plans, documents, units) = (of("allocation", "plan")?, of("allocation", "document")?, of("allocation", "district_code")?);
        let plan = plans.first().cloned().ok_or_else(|| Error::new("reference table allocation has no rows"))?;
        let (codes, region) = (of("districts", "district_code")?, of("city", "region_code")?.concat());
        let metrics: BTreeMap<String, String> = of("metrics", "metric")?.into_iter().zip(of("metrics", "occupation")?).collect();
        let mut targets: BTreeMap<Task, (i64, String)> = BTreeMap::new();
        for field in contract.reference().get("allocation").iter().flat_map(|b| b.schema_ref().fields()) {
            let year: Option<i64> = field.name().parse().ok();
            let metric = if year.is_some() { "trainees" } else { field.name() };
            let cells = if metrics.contains_key(metric) { of("allocation", field.name())? } else { Vec::new() };
            for (((target, unit), document), _) in cells.iter().zip(&units).zip(&documents).zip(&plans).filter(|(_, p)| **p == plan) {
                // The control row's word is no district's code: it states the city's own targets.
                let task = (codes.contains(unit).then(|| unit.clone()), year, metric.to_owned());
                target.parse().ok().and_then(|t| targets.insert(task, (t, document.clone())));
            }
        }
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (field, code) in of("codes", "field")?.into_iter().zip(of("codes", "code")?) {
            all.entry(field).or_default().push(code);
        }
        // An occupation with a target of its own is trained as often as that asks, the others share the rest.
        let sum = |m: &str| targets.iter().filter(|((d, ..), _)| d.is_none()).filter(|(t, _)| t.2 == m).map(|t| t.1.0).sum::<i64>();
        let own: BTreeMap<&String, i64> = metrics.iter().filter(|(_, o)| !o.is_empty()).map(|(m, o)| (o, sum(m))).collect();
        let (names, levels, ladders) = (of("occupations", "occupation")?, of("levels", "level")?, of("levels", "ladder")?);
        let rest = (sum("trainees") - own.values().sum::<i64>()) / (names.len() as i64).max(1);
        let flags = of("occupations", "certifiable")?.into_iter().zip(of("occupations", "shortage")?);
        let occupations = names.into_iter().zip(flags).zip(0..).map(|((code, (certifiable, shortage)), n)| {
            // A certifiable occupation climbs the skill ladder; another one has the ladder with a step named as it is, or none.
            let ladder = levels.iter().zip(&ladders).find(|(level, _)| code.ends_with(level.as_str())).map(|(_, ladder)| ladder.as_str());
            let ladder = if certifiable == "true" { Some("skill") } else { ladder };
            let levels =
                levels.iter().zip(&ladders).filter(|(_, of)| Some(of.as_str()) == ladder).map(|(level, _)| level.clone()).collect();
            let evaluator = format!("S0000{}{:04}", region.get(..4).unwrap_or("0000"), n % 3 + 1);
            let weight = own.get(&code).copied().unwrap_or(rest).max(1);
            Occupation { code, weight, shortage: shortage == "true", certifiable: certifiable == "true", levels, evaluator }
        });
        let (occupations, years) = (occupations.collect(), targets.keys().filter_map(|t| t.1).collect::<BTreeSet<i64>>());
        let districts = codes.into_iter().zip(of("districts", "district")?).collect();
        let city = of("city", "city")?.concat();
        Ok(World { plan, city, years: years.into_iter().collect(), districts, occupations, codes: all, targets, region })
    }

    /// The n-th of a field's codes, round and round; the contract has seen to it that there are some.
    fn code(&self, field: &str, n: usize) -> &str {
        self.codes.get(field).and_then(|c| c.iter().cycle().nth(n % c.len().max(1))).map_or("", String::as_str)
    }

    fn district(&self, d: usize) -> &str {
        self.districts.get(d).map_or("", |d| &d.0)
    }

    fn occupation(&self, class: &Class) -> Occupation {
        self.occupations.get(class.occupation).cloned().unwrap_or_default()
    }

    /// A district's target of the metric trainees.
    fn target(&self, district: &str, year: i64) -> Option<i64> {
        self.targets.get(&(Some(district.to_owned()), Some(year), "trainees".to_owned())).map(|t| t.0)
    }

    fn edges(&self) -> (i64, i64) {
        (self.years.first().copied().unwrap_or(1970), self.years.last().copied().unwrap_or(1970))
    }

    /// A made-up organisation's code (GB 32100-2015, the body by GB 11714), known as such by "TE5T".
    fn credit_code(&self, serial: usize) -> String {
        const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
        let mut code = format!("{}{}TE5T{serial:04}", if serial.is_multiple_of(3) { "52" } else { "91" }, self.region);
        let body = code.chars().skip(8).filter_map(|c| c.to_digit(36));
        let sum: u32 = body.zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(v, w)| v * w).sum();
        code.extend("0123456789X0".chars().nth(11 - sum as usize % 11));
        let (sum, _) = code.chars().filter_map(|c| ALPHABET.find(c)).fold((0, 1), |(sum, weight), v| (sum + v * weight, weight * 3 % 31));
        code.extend(ALPHABET.chars().nth((31 - sum % 31) % 31));
        code
    }

    /// A made-up ID number with a right check digit (GB 11643-1999), of the city's 99th county, which nobody was born in.
    fn id_number(&self) -> String {
        let mut number = format!("{}9919850312001", self.region.get(..4).unwrap_or("0000"));
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = number.chars().filter_map(|c| c.to_digit(10)).zip(weights).map(|(d, w)| d * w).sum();
        number.extend("10X98765432".chars().nth(sum as usize % 11));
        number
    }

    /// A class in the form of a story's letter.
    fn form(&self, class: &Class, letter: char) -> Class {
        let mut class = class.clone();
        match letter {
            's' => class.schooling = !class.schooling,
            'g' => class.subsidised = !class.subsidised,
            'd' => class.district = (class.district + 1) % self.districts.len().max(1),
            'p' => class.plan.push_str("-extra"),
            'o' => {
                class.occupation = (class.occupation + 1) % self.occupations.len().max(1);
                class.level = self.occupation(&class).levels.first().cloned();
            }
            _ => {}
        }
        class
    }

    fn filing(&self, class: &Class) -> Json {
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

/// A statement, for what follows it.
#[derive(Clone)]
struct Told {
    type_name: String,
    topic: Topic,
    subject: String,
    source: String,
    id: String,
    time: i64,
    supersedes: Option<String>,
    origin: Option<String>,
    data: Json,
    /// When it reaches the log, before the back-fill is pressed into its weeks.
    seen: i64,
}

impl Told {
    fn json(&self) -> String {
        let envelope = json!({
            "specversion": "1.0", "id": self.id, "source": self.source, "type": self.type_name, "subject": self.subject,
            "time": instant(self.time), "supersedes": self.supersedes, "origin": self.origin,
        });
        format!("{},\"data\":{}}}", over(None, envelope).to_string().trim_end_matches('}'), self.data)
    }
}

/// Data with some fields set; what is null is left out, as the contract wants it.
fn over(data: Option<&Json>, set: Json) -> Json {
    let mut map = data.and_then(Json::as_object).cloned().unwrap_or_default();
    if let Json::Object(set) = set {
        map.extend(set);
    }
    map.retain(|_, value| !value.is_null());
    Json::Object(map)
}

/// What a story's letter stands for: event type, source, data.
type Form<'f> = &'f dyn Fn(char) -> (&'static str, String, Json);

/// A class as it stands in the end.
#[derive(Clone)]
struct Class {
    id: String,
    plan: String,
    institution: String,
    district: usize,
    occupation: usize,
    level: Option<String>,
    subsidised: bool,
    schooling: bool,
    /// Whether a filing is in force.
    filed: bool,
    starts: i64,
    ends: i64,
    minutes: i64,
    practical: i64,
    size: i64,
    /// The path of the district that runs it, also when the filing moves to another one.
    source: String,
}

/// A completion as it stands in the end; one that was withdrawn, as it last stood.
struct Completion {
    class: usize,
    person: usize,
    passed: bool,
    on: i64,
    in_force: bool,
    withdrawn: bool,
    /// The latest review: whether it confirms.
    review: Option<bool>,
    last: Told,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Counts,
    Held,
    Out,
}

struct Generator<'w> {
    contract: &'w Contract,
    world: &'w World,
    rng: ChaCha8Rng,
    /// The moments of the earliest statement, and of the earliest record.
    earliest: i64,
    start: i64,
    /// Persons' keys.
    people: Vec<String>,
    classes: Vec<Class>,
    completions: Vec<Completion>,
    /// Who was trained in an occupation and level in classes that end in a year.
    trained: BTreeMap<(usize, Option<String>, i64), Vec<usize>>,
    ids: usize,
    events: Vec<Event>,
    truth: Truth,
}

/// Generates the history of about so many trainees: for the same seed and reference data the same on any machine. Errors: reference
/// data or event types lack what it needs.
pub fn generate(contract: &Contract, seed: u64, trainees: usize) -> Result<Demo> {
    let world = &World::read(contract)?;
    // The plan was issued early in its second year, and nothing was told before: all of the first is back-filled.
    let issued = world.years.get(1).copied().unwrap_or(world.edges().0);
    let (earliest, start) = (day(world.edges().0 - 1, 11, 20)? * DAY, day(issued, 2, 8)? * DAY + HOUR);
    let (rng, truth) = (ChaCha8Rng::seed_from_u64(seed), Truth { plan: world.plan.clone(), ..Truth::default() });
    let (people, classes, completions, trained, events) = Default::default();
    let mut g = Generator { contract, world, rng, earliest, start, people, classes, completions, trained, ids: 0, events, truth };
    let trainees = i64::try_from(trainees).context(|| "number of trainees is too large".to_owned())?;
    let total: i64 = world.targets.iter().filter(|(t, _)| t.0.is_none() && t.1.is_some()).map(|(_, t)| t.0).sum();
    g.catalogues()?;
    for year in &world.years {
        for (d, (district, _)) in world.districts.iter().enumerate() {
            let wanted = world.target(district, *year).unwrap_or_default() * trainees * (700 + g.below(601));
            let (mut left, mut serial) = (wanted / (1000 * total.max(1)), 0);
            while left > 0 {
                let size = if left <= 35 { left } else { (20 + g.below(16)).min(left - 10) };
                (left, serial) = (left - size, serial + 1);
                g.training(d, *year, serial, size)?;
            }
        }
    }
    g.reviews()?;
    g.supervision()?;
    g.refusals(trainees)?;
    g.count();
    g.events.sort_by_key(|e| e.recorded_at);
    pins(&mut g.events);
    Ok(Demo { events: g.events, truth: g.truth })
}

impl Generator<'_> {
    fn below(&mut self, n: i64) -> i64 {
        self.rng.random_range(0..n.max(1))
    }

    fn index(&mut self, n: usize) -> usize {
        self.below(n as i64) as usize
    }

    fn key(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    fn plant(&mut self, what: &'static str) {
        if !what.is_empty() {
            *self.truth.planted.entry(what).or_default() += 1;
        }
    }

    /// A moment in a day's office hours.
    fn office(&mut self, day: i64) -> i64 {
        day * DAY - SHANGHAI + 8 * HOUR + self.below(36_000) * 1000
    }

    /// A statement that isn't sent yet: topic and subject by the contract's own table; the type's example with these data.
    fn prepare(&mut self, name: &str, source: &str, data: Json) -> Result<Told> {
        let found = self.contract.types().iter().find(|t| t.name == name);
        let t = found.ok_or_else(|| Error::new(format!("there is no event type {name}, which the demo needs")))?;
        let data = over(t.examples.first().and_then(|e| e.get("data")), data);
        let part = |s: &Segment| match s {
            Segment::Literal(word) => word.clone(),
            Segment::Field(i, or) => match t.members().get(*i).and_then(|m| data.get(&m.name)) {
                Some(Json::String(text)) => text.clone(),
                Some(number) => number.to_string(),
                None => or.clone().unwrap_or_default(),
            },
        };
        let (type_name, topic) = (t.type_name.clone(), t.topic.unwrap_or(Topic::Training));
        let subject = t.subject.iter().map(part).collect::<Vec<_>>().join("/");
        self.ids += 1;
        let (id, source) = (format!("demo-{:06}", self.ids), source.to_owned());
        Ok(Told { type_name, topic, subject, source, id, time: 0, supersedes: None, origin: None, data, seen: 0 })
    }

    /// Sends a statement of that moment.
    fn send(&mut self, told: Told, when: i64) -> Told {
        let told = Told { time: when, seen: when + self.below(LAG / 1000) * 1000, ..told };
        self.append(told)
    }

    fn append(&mut self, told: Told) -> Told {
        self.push(told.topic, &told.subject, told.json().into_bytes(), told.seen);
        self.truth.accepted += 1;
        told
    }

    /// What was seen before the back-fill ends is pressed into its weeks, which leaves the order as it is.
    fn push(&mut self, topic: Topic, key: &str, payload: Vec<u8>, seen: i64) {
        let end = self.start + BACK_FILL;
        let part = (seen - self.earliest).max(0) / 1000 * (BACK_FILL / 1000) / ((end - self.earliest) / 1000);
        let recorded_at = if seen < end { self.start + part * 1000 } else { seen };
        self.events.push(Event { topic, key: key.to_owned(), payload, recorded_at });
    }

    /// Tells something in the office hours of a day.
    fn tell(&mut self, name: &str, source: &str, day: i64, data: Json) -> Result<Told> {
        let (when, told) = (self.office(day), self.prepare(name, source, data)?);
        Ok(self.send(told, when))
    }

    /// An event about another one, with its topic and subject.
    fn about(&mut self, told: &Told, name: &str, source: &str, when: i64, data: Json) -> Result<Told> {
        let about = self.prepare(name, source, data)?;
        Ok(self.send(Told { topic: told.topic, subject: told.subject.clone(), ..about }, when))
    }

    /// Plays what a story tells (see `Story`): the first event at `when`, each other one days after the one before, so that a subject's
    /// events keep their order. Returns the last one.
    fn play(&mut self, steps: &str, (when, gap): (i64, i64), enrolment: Option<&Told>, form: Form<'_>) -> Result<Option<Told>> {
        let mut sent: Vec<Told> = Vec::new();
        // The last that wasn't a withdrawal, which a correction names; the moment of the next.
        let (mut stated, mut next) = (None::<Told>, when);
        for step in steps.split_whitespace() {
            let (mark, letter) = (step.chars().next().unwrap_or_default(), step.chars().last().unwrap_or_default());
            let first = sent.first().map_or("demo-nobody", |f| &f.id).to_owned();
            let (name, source, data) = form(letter);
            let mut told = self.prepare(name, &source, data)?;
            told.origin = enrolment.and_then(|e| e.origin.clone());
            match (mark, enrolment) {
                ('+', _) => told.supersedes = stated.as_ref().map(|s| s.id.clone()),
                ('?', _) => told.supersedes = Some(first),
                ('!', _) => told.id = first,
                ('@', _) => (told.source, told.supersedes, told.id) = ("/city/hrss".to_owned(), Some(first.clone()), first),
                ('&', Some(enrolment)) => told.id.clone_from(&enrolment.id),
                _ => {}
            }
            let event = match (mark, letter.to_digit(10).and_then(|n| sent.get((n as usize).checked_sub(1)?)).or(sent.first())) {
                ('>', _) => {
                    next += (90 + self.below(60)) * DAY;
                    continue;
                }
                ('-', _) => {
                    let data = json!({ "withdrawn_type": told.type_name });
                    self.about(&told, "record_withdrawn", &source, next, data)?
                }
                ('=', Some(nth)) => self.append(Told { seen: next, ..nth.clone() }),
                ('%', Some(nth)) => {
                    let data = nth.data.as_object().into_iter().flatten().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
                    self.append(Told { seen: next, data: Json::Object(data), ..nth.clone() })
                }
                _ => stated.insert(self.send(told, next)).clone(),
            };
            next = event.seen + (gap + self.below(20)) * DAY;
            sent.push(event);
        }
        Ok(sent.pop())
    }

    /// Targets, occupations, institutions, evaluators: what stands before the first class.
    fn catalogues(&mut self) -> Result<()> {
        let (world, office) = (self.world, "/city/hrss");
        let (first, last) = (day(world.edges().0, 1, 1)?, day(world.edges().1, 11, 1)?);
        for ((district, year, metric), (target, document)) in &world.targets {
            let data = json!({
                "plan": world.plan, "district_code": district, "year": year, "metric": metric, "target": target, "document": document,
            });
            let told = self.prepare("target_set", office, data)?;
            // The log's first events; with ids made of the content, so that loading the same table again adds nothing.
            let (id, time) = (format!("{}/{target}", told.subject), self.start);
            let told = self.append(Told { id, time, seen: self.earliest, ..told });
            if year.is_none() {
                self.plant("targets loaded twice");
                self.append(Told { seen: self.start + 50 * DAY, ..told });
            }
        }
        let of = |name| column(self.contract, "occupation_codes", name);
        for ((occupation, edition), code) in of("occupation")?.iter().zip(of("edition")?).zip(of("occupation_code")?) {
            let o = world.occupations.iter().find(|o| o.code == *occupation).cloned().unwrap_or_default();
            let from = format!("{}-01-01", edition.get(..4).unwrap_or("2000"));
            let data = json!({
                "occupation": occupation, "edition": edition, "occupation_code": code, "levels": o.levels, "shortage": o.shortage,
                "valid_from": from,
            });
            self.tell("occupation_catalogued", "/province/hrss", first + 5, data)?;
        }
        let all: Vec<&str> = world.occupations.iter().map(|o| o.code.as_str()).collect();
        for (n, (district, name)) in world.districts.iter().enumerate().flat_map(|(d, named)| (0..3).map(move |i| (3 * d + i, named))) {
            let (id, name) = (world.credit_code(n), format!("{name}某康养职业培训机构{}", n % 3 + 1));
            let data = json!({
                "institution_id": id, "institution_name": name, "institution_type": world.code("institution_type", n),
                "district_code": district, "occupations": all, "valid_from": date(first),
            });
            self.tell("institution_listed", office, first + 6, data)?;
            if n % 12 == 2 {
                let data = json!({ "institution_id": id, "effective_on": date(last) });
                self.tell("institution_delisted", office, last + 2, data)?;
            }
        }
        for id in world.occupations.iter().map(|o| &o.evaluator).collect::<BTreeSet<_>>() {
            let own: Vec<&Occupation> = world.occupations.iter().filter(|o| o.evaluator == *id).collect();
            let levels: BTreeSet<&String> = own.iter().flat_map(|o| &o.levels).collect();
            let (own, name) = (own.iter().map(|o| &o.code).collect::<Vec<_>>(), format!("{}某职业技能评价中心", world.city));
            let since = date(first);
            let data = json!({ "evaluator_id": id, "institution_name": name, "occupations": own, "levels": levels, "valid_from": since });
            self.tell("evaluator_listed", office, first + 7, data)?;
        }
        Ok(())
    }

    /// One class with all that happens in it.
    fn training(&mut self, d: usize, year: i64, serial: i64, size: i64) -> Result<()> {
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
    fn draw(&mut self, d: usize, year: i64, serial: i64, size: i64, twin: Option<&Class>) -> Result<Class> {
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
    fn sessions(&mut self, class: &Class, index: usize) -> Result<Vec<(String, i64)>> {
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
    fn trainee(&mut self, class: &Class, index: usize, person: usize, origin: &str, sessions: &[(String, i64)]) -> Result<()> {
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

    fn certificate(&mut self, class: &Class, key: &str, on: i64) -> Result<()> {
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

    /// The class of a completion that is in the plan, and its year: filed, no schooling, a target for district and year.
    fn in_plan(&self, c: &Completion) -> Option<(&Class, i64)> {
        let (class, year) = (self.classes.get(c.class)?, year_of(c.on));
        let planned = class.filed && !class.schooling && class.plan == self.world.plan;
        (planned && self.world.target(self.world.district(class.district), year).is_some()).then_some((class, year))
    }

    /// Contract §4, "a completion counts": the verdict on each, in their order.
    fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Out; self.completions.len()];
        let mut rivals: BTreeMap<_, Vec<(i64, &str, usize)>> = BTreeMap::new();
        for (i, c) in self.completions.iter().enumerate() {
            let Some((class, year)) = self.in_plan(c).filter(|_| c.in_force && c.passed) else { continue };
            // Without a level, or in `other`, nobody is anybody's rival.
            let alone = class.level.is_none() || self.world.occupation(class).code == "other";
            let rival = (class.occupation, &class.level, year, c.person, alone.then_some(i));
            rivals.entry(rival).or_default().push((c.on, &class.id, i));
        }
        for mut group in rivals.into_values() {
            group.sort_unstable();
            for (place, (_, _, i)) in group.into_iter().enumerate() {
                let verdict = match self.completions.get(i).and_then(|c| c.review) {
                    Some(false) if place > 0 => Verdict::Out,
                    None if place > 0 => Verdict::Held,
                    _ => Verdict::Counts,
                };
                verdicts.get_mut(i).into_iter().for_each(|v| *v = verdict);
            }
        }
        verdicts
    }

    /// Decides some of the held, and rejects some that count without a review.
    fn reviews(&mut self) -> Result<()> {
        let (mut held, mut others) = (0, 0);
        for (i, verdict) in self.verdicts().into_iter().enumerate() {
            let n = if verdict == Verdict::Held { &mut held } else { &mut others };
            *n += 1;
            let (words, decisions): (_, &[bool]) = match (verdict, *n % 6) {
                (Verdict::Held, 0) => ("held completions confirmed", &[true]),
                (Verdict::Held, 1) => ("held completions rejected", &[false]),
                (Verdict::Held, 2) => ("held completions rejected, then confirmed", &[false, true]),
                (Verdict::Held, 3) => ("held completions confirmed, then rejected, then the first sent again", &[true, false]),
                (Verdict::Counts, _) if *n % 301 == 0 => ("completions rejected that count all the same", &[false]),
                _ => continue,
            };
            self.plant(words);
            let Some(mut last) = self.completions.get(i).map(|c| c.last.clone()) else { continue };
            let mut told = Vec::new();
            for confirmed in decisions {
                let data = json!({ "decision": if *confirmed { "confirmed" } else { "rejected" } });
                let when = last.seen + (30 + self.below(30)) * DAY;
                last = self.about(&last, "review_decided", "/city/hrss", when, data)?;
                told.push(last.clone());
            }
            if let ([true, false], Some(first)) = (decisions, told.into_iter().next()) {
                self.append(Told { seen: last.seen + DAY, ..first });
            }
            self.completions.get_mut(i).into_iter().for_each(|c| c.review = decisions.last().copied());
        }
        Ok(())
    }

    /// What the offices do beside the classes: measures, contests, credit records, and twice a year lists, extracts, closings.
    fn supervision(&mut self) -> Result<()> {
        let (world, office) = (self.world, "/city/hrss");
        for year in &world.years {
            for month in 1..=12_usize {
                let next = day(year + (month / 12) as i64, (month % 12 + 1) as i64, 1)?;
                for (d, (district, _)) in world.districts.iter().enumerate() {
                    let (measure, month) = (world.code("measure", 5 * d + month), format!("{year}-{month:02}"));
                    let data = json!({ "district_code": district, "measure": measure, "month": month, "measure_count": self.below(6) });
                    self.tell("measure_reported", &format!("/districts/{district}"), next + 2, data)?;
                }
                if month % 6 == 0 {
                    self.half_year(*year, month, next)?;
                }
            }
            let awarded = day(*year, 10, 18)?;
            for (o, rank) in world.occupations.iter().filter(|o| o.certifiable).take(3).flat_map(|o| (1..=3).map(move |rank| (o, rank))) {
                let (key, contest, level) = (self.someone()?.0, format!("{year}-{}", o.code), o.levels.get(2));
                let data = json!({
                    "contest_id": contest, "person_key": key, "contest_rank": rank, "occupation": o.code, "promoted_level": level,
                    "awarded_on": date(awarded),
                });
                self.tell("contest_awarded", office, awarded + 2, data)?;
                // It needs no class.
                let data = json!({
                    "certificate_no": format!("J{contest}-{rank}"), "person_key": key, "holder_key": null, "occupation": o.code,
                    "level": level, "evaluator_id": o.evaluator, "issued_on": date(awarded + 30), "basis": "contest", "class_id": null,
                });
                self.tell("certificate_issued", "/city/evaluation", awarded + 33, data)?;
            }
        }
        let domestic = |c: &&Completion| self.classes.get(c.class).is_some_and(|class| world.occupation(class).code == "domestic_worker");
        let own = self.completions.iter().filter(domestic).filter(|c| c.passed && c.in_force && c.person % 5 > 1);
        for (person, on) in own.map(|c| (c.person, c.on)).collect::<BTreeMap<_, _>>() {
            let data = json!({ "person_key": self.people.get(person), "established_on": date(on + 11) });
            self.tell("credit_recorded", "/city/commerce", on + 12, data)?;
        }
        Ok(())
    }

    /// A person's key, and a class the person was in.
    fn someone(&mut self) -> Result<(String, Class)> {
        let n = self.index(self.completions.len());
        let found = self.completions.get(n).and_then(|c| Some((self.people.get(c.person)?.clone(), self.classes.get(c.class)?.clone())));
        found.ok_or_else(|| Error::usage("the demo has no trainees").hint("ask for more, such as --trainees 9000"))
    }

    fn half_year(&mut self, year: i64, month: usize, next: i64) -> Result<()> {
        let (world, office, half) = (self.world, "/city/hrss", format!("{year}-{month:02}"));
        for n in month..month + 3 {
            let ((key, class), list) = (self.someone()?, format!("L{half}-{n}"));
            let data =
                json!({ "list_id": list, "list_kind": world.code("list_kind", n), "list_date": date(class.ends - 2), "hit_count": 1 });
            self.tell("list_matched", office, class.ends + 40, data)?;
            self.tell("match_hit", office, class.ends + 40, json!({ "list_id": list, "class_id": class.id, "person_key": key }))?;
            let data =
                json!({ "extract_id": format!("E{half}-{n}"), "recipient": world.code("recipient", n), "row_count": self.below(2000) });
            self.tell("extract_delivered", office, next + 10, data)?;
        }
        // What ended before the plan was issued is signed when the back-fill is done.
        let next = (next + 12).max(self.start / DAY + 32);
        let period = if month == 12 { year.to_string() } else { half };
        self.tell("period_closed", office, next, json!({ "period": period, "pin": NO_PIN }))?;
        if (year, month) == (world.edges().1, 6) {
            self.tell("period_reopened", office, next + 18, json!({ "period": period, "reason": "补报两个班次" }))?;
            self.tell("period_closed", office, next + 28, json!({ "period": period, "pin": NO_PIN }))?;
        }
        Ok(())
    }

    /// Messages that the contract refuses: completions that would count, and a target that a district sets itself.
    fn refusals(&mut self, trainees: i64) -> Result<()> {
        for n in 0..(trainees / 40).max(SPOILT.len() as i64) as usize {
            let Some((code, from, to)) = SPOILT.get(n % SPOILT.len()) else { continue };
            let (key, class) = self.someone()?;
            let on = format!("{}-02-28", year_of(class.ends) / 4 * 4 + 1);
            let data =
                json!({ "class_id": class.id, "person_key": self.key(), "result": "passed", "completed_on": on, "attended_minutes": 900 });
            let mut told = self.prepare("trainee_completed", &class.source, data)?;
            match code {
                Code::WrongTopic => told.topic = Topic::Certification,
                Code::NotAuthorised => told = self.prepare("target_set", &class.source, json!({ "plan": class.plan }))?,
                _ => {}
            }
            told.time = self.office(class.ends + 5);
            let to = to.replace("{long}", &"9".repeat(129)).replace("{id}", &self.world.id_number());
            let mut bytes = told.json().replacen(from, &to, 1).into_bytes();
            match code {
                // GBK, as a spreadsheet saves it.
                Code::NotUtf8 => bytes.extend([0xba, 0xcf, 0xb8, 0xf1]),
                Code::NotJson if n % 2 == 0 => bytes.truncate(bytes.len() / 2),
                Code::TooLarge => bytes.resize(64 * 1024 + 1, b' '),
                _ => {}
            }
            let key = match code {
                Code::KeyNotSubject => key,
                Code::SubjectMismatch => told.subject.replacen(from.trim_start_matches('"'), to.trim_start_matches('"'), 1),
                _ => told.subject,
            };
            self.push(told.topic, &key, bytes, told.time + DAY);
            self.truth.rejected += 1;
            self.plant(code.name());
        }
        Ok(())
    }

    /// Counts the figures (contract §6).
    fn count(&mut self) {
        let (mut districts, mut city) = (BTreeMap::new(), BTreeMap::new());
        for (district, year, metric) in self.world.targets.keys() {
            if let (Some(district), Some(year), "trainees") = (district, year, metric.as_str()) {
                districts.insert((*year, district.clone()), Cell::default());
                city.insert(*year, Cell::default());
            }
        }
        let mut seen = BTreeSet::new();
        for (c, verdict) in self.completions.iter().zip(self.verdicts()) {
            let Some((class, year)) = self.in_plan(c) else { continue };
            let counts = verdict == Verdict::Counts;
            let place = (year, self.world.district(class.district).to_owned());
            let new = counts && seen.insert((year, Some(class.district), c.person));
            let new_in_city = counts && seen.insert((year, None, c.person));
            for (cell, new) in districts.get_mut(&place).map(|d| (d, new)).into_iter().chain(city.get_mut(&year).map(|c| (c, new_in_city)))
            {
                cell.completed += i64::from(counts);
                cell.persons += i64::from(new);
                cell.subsidised += i64::from(counts && class.subsidised);
                cell.held += i64::from(verdict == Verdict::Held);
                cell.withdrawn += i64::from(c.withdrawn && c.passed);
            }
        }
        (self.truth.districts, self.truth.city) = (districts, city);
    }
}

fn closing(class: &Class) -> Json {
    let (total, practical, ended) = (class.minutes, class.practical, date(class.ends));
    json!({ "class_id": class.id, "delivered_total_minutes": total, "delivered_practical_minutes": practical, "ended_on": ended })
}

/// Why messages are refused, in turn, and what is replaced by what in one that is right. A message without a value can't be planted.
const SPOILT: [(Code, &str, &str); 22] = [
    (Code::TooLarge, "", ""),
    (Code::NotUtf8, "", ""),
    (Code::NotJson, ":", "="),
    (Code::DuplicateKey, "{\"", "{\"specversion\":\"1.0\",\""),
    (Code::MissingAttribute, "\"specversion\":\"1.0\",", ""),
    (Code::UnknownAttribute, "{\"", "{\"priority\":1,\""),
    (Code::UnknownType, "completed.v1", "graduated.v1"),
    (Code::WrongTopic, "", ""),
    (Code::KeyNotSubject, "", ""),
    (Code::MissingField, "\"result\":\"passed\",", ""),
    (Code::UnknownField, "\"result\"", "\"remark\":\"补录\",\"result\""),
    (Code::NullField, ":900", ":null"),
    (Code::WrongType, ":900", ":900.0"),
    (Code::BadDate, "-02-28", "-02-29"),
    (Code::BadInstant, "+08:00", ""),
    (Code::OutOfRange, ":900", ":-1"),
    (Code::UnknownCode, "passed", "excellent"),
    (Code::BadFormat, "\"person_key\":\"", "\"person_key\":\"ID"),
    (Code::TooLong, "\"demo", "\"{long}"),
    (Code::SubjectMismatch, "\"class/", "\"class/X"),
    (Code::PersonalData, "\"demo-", "\"{id}-"),
    (Code::NotAuthorised, "", ""),
];

/// Writes into each closing the pin of the log before it.
fn pins(events: &mut [Event]) {
    let partitions = PARTITIONS.unsigned_abs().max(1);
    let mut offsets: BTreeMap<(&str, u32), i64> = Topic::ALL.iter().flat_map(|t| (0..partitions).map(|p| ((t.name(), p), 0))).collect();
    for e in events {
        if e.key.starts_with("period/") {
            let pin = offsets.iter().map(|((topic, p), offset)| format!("{PREFIX}.{topic}/{p}={offset}")).collect::<Vec<_>>().join(",");
            e.payload = String::from_utf8_lossy(&e.payload).replace(NO_PIN, &pin).into_bytes();
        }
        *offsets.entry((e.topic.name(), (murmur2(e.key.as_bytes()) & 0x7fff_ffff) % partitions)).or_default() += 1;
    }
}

/// Kafka's murmur2, which chooses the partition of a key (contract §1).
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let (words, rest) = key.as_chunks::<4>();
    let mut h = 0x9747_b28c ^ key.len() as u32;
    for word in words {
        let k = u32::from_le_bytes(*word).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        h = (rest.iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b)) ^ h).wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}
