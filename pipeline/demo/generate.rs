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
use serde_json::{Map, Value as Json, json};
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
/// withdrawn; nothing). Of what is told, a letter is a form of the data (`class_form`, `completion_form`), in a new event; before it
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

const NO_STORY: Story = ("", "a", "a");

/// Every `spacing`-th of a round has a story, so that even a small demo has each and no class has them all.
fn story(stories: &[Story], n: usize, round: usize, spacing: usize) -> Story {
    let turn = n % round;
    stories.get(turn / spacing).filter(|_| turn.is_multiple_of(spacing)).copied().unwrap_or(NO_STORY)
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
    let seconds = (millis + SHANGHAI).rem_euclid(DAY) / 1000;
    let day = calendar((millis + SHANGHAI).div_euclid(DAY));
    format!("{day}T{:02}:{:02}:{:02}+08:00", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

struct District {
    code: String,
    name: String,
    institutions: Vec<String>,
}

#[derive(Clone, Default)]
struct Occupation {
    code: String,
    /// How often it is trained.
    weight: i64,
    shortage: bool,
    certifiable: bool,
    levels: Vec<String>,
    evaluator: usize,
}

struct Target {
    /// None: the city.
    district: Option<String>,
    /// None: the whole plan.
    year: Option<i64>,
    metric: String,
    target: i64,
    document: String,
}

/// What the reference data say.
struct World {
    plan: String,
    city: String,
    region: String,
    years: Vec<i64>,
    targets: Vec<Target>,
    districts: Vec<District>,
    occupations: Vec<Occupation>,
    evaluators: Vec<String>,
    /// Field → codes.
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
        let mut targets = Vec::new();
        for field in contract.reference().get("allocation").iter().flat_map(|b| b.schema_ref().fields()) {
            let (name, year) = (field.name(), field.name().parse().ok());
            let metric = if year.is_some() { "trainees" } else { name };
            let cells = if metrics.contains_key(metric) { of("allocation", name)? } else { Vec::new() };
            for (((target, unit), document), of_plan) in cells.iter().zip(&units).zip(&documents).zip(&plans) {
                // The control row's word is no district's code: it states the city's own targets.
                let district = codes.contains(unit).then(|| unit.clone());
                if let (Ok(target), true) = (target.parse(), *of_plan == plan) {
                    targets.push(Target { district, year, metric: metric.to_owned(), target, document: document.clone() });
                }
            }
        }
        let years: BTreeSet<i64> = targets.iter().filter_map(|t| t.year).collect();
        let named = codes.into_iter().zip(of("districts", "district")?).zip(0..);
        let districts = named.map(|((code, name), n)| {
            let institutions = (0..3).map(|i| credit_code(&region, 3 * n + i)).collect();
            District { code, name, institutions }
        });
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (field, code) in of("codes", "field")?.into_iter().zip(of("codes", "code")?) {
            all.entry(field).or_default().push(code);
        }
        Ok(World {
            plan,
            city: of("city", "city")?.concat(),
            years: years.into_iter().collect(),
            districts: districts.collect(),
            occupations: occupations(contract, &targets, &metrics)?,
            evaluators: (1..=3).map(|n| format!("S0000{}{n:04}", region.get(..4).unwrap_or("0000"))).collect(),
            codes: all,
            targets,
            region,
        })
    }

    fn codes(&self, field: &str) -> Result<&[String]> {
        self.codes.get(field).map(Vec::as_slice).ok_or_else(|| Error::new(format!("reference table codes lacks the field {field}")))
    }

    fn first_year(&self) -> i64 {
        self.years.first().copied().unwrap_or(1970)
    }

    fn last_year(&self) -> i64 {
        self.years.last().copied().unwrap_or(1970)
    }

    /// The target of the metric trainees; the city's of all years without district and year.
    fn trainees(&self, place: Option<(&str, i64)>) -> i64 {
        let own = |t: &&Target| match place {
            Some((district, year)) => t.district.as_deref() == Some(district) && t.year == Some(year),
            None => t.district.is_none() && t.year.is_some(),
        };
        self.targets.iter().filter(own).map(|t| t.target).sum()
    }

    fn is_target(&self, district: &str, year: i64) -> bool {
        self.targets.iter().any(|t| t.district.as_deref() == Some(district) && t.year == Some(year))
    }
}

/// The occupations; one with a target of its own is trained as often as that asks, the others share the rest.
fn occupations(contract: &Contract, targets: &[Target], metrics: &BTreeMap<String, String>) -> Result<Vec<Occupation>> {
    let of = |name| column(contract, "occupations", name);
    let sum = |metric: &str| targets.iter().filter(|t| t.district.is_none() && t.metric == metric).map(|t| t.target).sum::<i64>();
    let own: BTreeMap<&str, i64> = metrics.iter().filter(|m| !m.1.is_empty()).map(|(m, o)| (o.as_str(), sum(m))).collect();
    let (codes, levels, ladders) = (of("occupation")?, column(contract, "levels", "level")?, column(contract, "levels", "ladder")?);
    let rest = (sum("trainees") - own.values().sum::<i64>()).max(0) / i64::try_from(codes.len()).unwrap_or(1).max(1);
    let flags = of("certifiable")?.into_iter().zip(of("shortage")?);
    let all = codes.into_iter().zip(flags).enumerate().map(|(n, (code, (certifiable, shortage)))| {
        // A certifiable occupation climbs the skill ladder; another one has the ladder with a step named as it is, or none.
        let named = levels.iter().zip(&ladders).find(|(level, _)| code.ends_with(level.as_str())).map(|(_, ladder)| ladder.as_str());
        let ladder = if certifiable == "true" { Some("skill") } else { named };
        let levels = levels.iter().zip(&ladders).filter(|(_, of)| Some(of.as_str()) == ladder).map(|(level, _)| level.clone()).collect();
        let weight = own.get(code.as_str()).copied().unwrap_or(rest).max(1);
        Occupation { code, weight, shortage: shortage == "true", certifiable: certifiable == "true", levels, evaluator: n % 3 }
    });
    Ok(all.collect())
}

/// A made-up organisation's code (GB 32100-2015, the body by GB 11714), known as such by "TE5T".
fn credit_code(region: &str, serial: i64) -> String {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let registrar = if serial % 3 == 0 { "91" } else { "52" };
    let mut code = format!("{registrar}{region}TE5T{serial:04}");
    let body = code.chars().skip(8).filter_map(|c| c.to_digit(36));
    let sum: u32 = body.zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(v, w)| v * w).sum();
    code.extend("0123456789X0".chars().nth(11 - sum as usize % 11));
    let (sum, _) = code.chars().filter_map(|c| ALPHABET.find(c)).fold((0, 1), |(sum, weight), v| (sum + v * weight, weight * 3 % 31));
    code.extend(ALPHABET.chars().nth((31 - sum % 31) % 31));
    code
}

/// A made-up ID number with a right check digit (GB 11643-1999), of the city's 99th county, which nobody was born in.
fn id_number(region: &str) -> String {
    let mut number = format!("{}9919850312001", region.get(..4).unwrap_or("0000"));
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = number.chars().filter_map(|c| c.to_digit(10)).zip(weights).map(|(d, w)| d * w).sum();
    number.extend("10X98765432".chars().nth(sum as usize % 11));
    number
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
        let mut e = Map::new();
        let mut put = |key: &str, value: Json| e.insert(key.to_owned(), value);
        put("specversion", "1.0".into());
        put("id", self.id.as_str().into());
        put("source", self.source.as_str().into());
        put("type", self.type_name.as_str().into());
        put("subject", self.subject.as_str().into());
        put("time", instant(self.time).into());
        self.supersedes.as_deref().and_then(|s| put("supersedes", s.into()));
        self.origin.as_deref().and_then(|o| put("origin", o.into()));
        put("data", self.data.clone());
        Json::Object(e).to_string()
    }
}

/// Data with some fields changed; what is null is left out, as the contract wants it.
fn with<const N: usize>(data: &Json, changes: [(&str, Json); N]) -> Json {
    let mut map = data.as_object().cloned().unwrap_or_default();
    map.extend(changes.map(|(key, value)| (key.to_owned(), value)));
    map.retain(|_, value| !value.is_null());
    Json::Object(map)
}

struct Person {
    key: String,
    /// What an enrolment says of the person, always the same.
    traits: Json,
}

/// A class as it stands in the end.
#[derive(Clone)]
struct Class {
    id: String,
    plan: String,
    institution: String,
    district: usize,
    occupation: usize,
    level: Option<String>,
    kind: String,
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
    /// The hash of the district's file.
    roster: String,
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
    people: Vec<Person>,
    classes: Vec<Class>,
    completions: Vec<Completion>,
    /// Who was trained in an occupation and level in classes that end in a year.
    trained: BTreeMap<(usize, Option<String>, i64), Vec<usize>>,
    ids: u64,
    events: Vec<Event>,
    truth: Truth,
}

/// Generates the history of about so many trainees: for the same seed and reference data the same on any machine. Errors: reference
/// data or event types lack what it needs.
pub fn generate(contract: &Contract, seed: u64, trainees: usize) -> Result<Demo> {
    let world = &World::read(contract)?;
    // The plan was issued early in its second year, and nothing was told before: all of the first is back-filled.
    let issued = world.years.get(1).copied().unwrap_or(world.first_year());
    let truth = Truth {
        plan: world.plan.clone(),
        districts: BTreeMap::new(),
        city: BTreeMap::new(),
        accepted: 0,
        rejected: 0,
        planted: BTreeMap::new(),
    };
    let mut g = Generator {
        contract,
        world,
        rng: ChaCha8Rng::seed_from_u64(seed),
        earliest: day(world.first_year() - 1, 1, 1)? * DAY,
        start: day(issued, 2, 8)? * DAY + HOUR,
        people: Vec::new(),
        classes: Vec::new(),
        completions: Vec::new(),
        trained: BTreeMap::new(),
        ids: 0,
        events: Vec::new(),
        truth,
    };
    let trainees = i64::try_from(trainees).context(|| "number of trainees is too large".to_owned())?;
    g.catalogues()?;
    for year in &world.years {
        for (d, district) in world.districts.iter().enumerate() {
            let wanted = world.trainees(Some((&district.code, *year))) * trainees * (700 + g.below(601));
            let (mut left, mut serial) = (wanted / (1000 * world.trainees(None).max(1)), 0);
            while left > 0 {
                let size = if left <= 35 { left } else { (20 + g.below(16)).min(left - 10) };
                (left, serial) = (left - size, serial + 1);
                g.training(district, d, *year, serial, size)?;
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

impl<'w> Generator<'w> {
    fn below(&mut self, n: i64) -> i64 {
        self.rng.random_range(0..n.max(1))
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Result<&'a T> {
        let n = usize::try_from(self.below(items.len() as i64)).unwrap_or_default();
        items.get(n).ok_or_else(|| Error::new("the demo can't choose from an empty list"))
    }

    fn code(&mut self, field: &str) -> Result<&'w str> {
        let world = self.world;
        Ok(self.pick(world.codes(field)?)?)
    }

    fn key(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("demo-{:06}", self.ids)
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

    /// A statement that isn't sent yet: topic and subject by the contract's own table.
    fn prepare(&mut self, name: &str, source: &str, data: Json) -> Result<Told> {
        let found = self.contract.types().iter().find(|t| t.name == name);
        let t = found.ok_or_else(|| Error::new(format!("there is no event type {name}, which the demo needs")))?;
        let data = with(&data, []);
        let part = |s: &Segment| match s {
            Segment::Literal(word) => word.clone(),
            Segment::Field(i, or) => match t.members().get(*i).and_then(|m| data.get(&m.name)) {
                Some(Json::String(text)) => text.clone(),
                Some(number) => number.to_string(),
                None => or.clone().unwrap_or_default(),
            },
        };
        Ok(Told {
            type_name: t.type_name.clone(),
            topic: t.topic.unwrap_or(Topic::Training),
            subject: t.subject.iter().map(part).collect::<Vec<_>>().join("/"),
            source: source.to_owned(),
            id: self.id(),
            time: 0,
            supersedes: None,
            origin: None,
            data,
            seen: 0,
        })
    }

    /// Sends a statement of that moment.
    fn send(&mut self, mut told: Told, when: i64) -> Told {
        (told.time, told.seen) = (when, when + self.below(LAG / 1000) * 1000);
        self.append(&told);
        told
    }

    fn append(&mut self, told: &Told) {
        self.push(told.topic, &told.subject, told.json().into_bytes(), told.seen);
        self.truth.accepted += 1;
    }

    /// What was seen before the back-fill ends is pressed into its weeks, which leaves the order as it is.
    fn push(&mut self, topic: Topic, key: &str, payload: Vec<u8>, seen: i64) {
        let end = self.start + BACK_FILL;
        let part = (seen - self.earliest).max(0) / 1000 * (BACK_FILL / 1000) / ((end - self.earliest) / 1000);
        let recorded_at = if seen < end { self.start + part * 1000 } else { seen };
        self.events.push(Event { topic, key: key.to_owned(), payload, recorded_at });
    }

    fn tell(&mut self, name: &str, source: &str, when: i64, data: Json) -> Result<Told> {
        let told = self.prepare(name, source, data)?;
        Ok(self.send(told, when))
    }

    /// An event about another one, with its topic and subject.
    fn about(&mut self, told: &Told, name: &str, source: &str, when: i64, data: Json) -> Result<Told> {
        let about = self.prepare(name, source, data)?;
        Ok(self.send(Told { topic: told.topic, subject: told.subject.clone(), ..about }, when))
    }

    fn withdraw(&mut self, told: &Told, when: i64) -> Result<Told> {
        let data = json!({ "withdrawn_type": told.type_name, "reason": "误报" });
        self.about(told, "record_withdrawn", &told.source, when, data)
    }

    /// Plays what a story tells (see `Story`): the first event at `when`, each other one days after the one before, so that a subject's
    /// events keep their order. `form` makes a statement of a form's letter. Returns the last event.
    fn play(&mut self, steps: &str, when: i64, gap: i64, enrolment: &str, form: &dyn Fn(&mut Self, char) -> Result<Told>) -> Result<Option<Told>> {
        let mut sent: Vec<Told> = Vec::new();
        // The last that wasn't a withdrawal, which a correction names; the moment of the next.
        let (mut stated, mut next) = (None::<Told>, when);
        for step in steps.split_whitespace() {
            let mark = step.chars().next().unwrap_or_default();
            let letter = step.chars().last().unwrap_or_default();
            let first = sent.first().cloned();
            let event = match (mark, &first) {
                ('>', _) => {
                    next += (90 + self.below(60)) * DAY;
                    continue;
                }
                ('-', _) => {
                    let subject = form(self, 'a')?;
                    self.withdraw(&subject, next)?
                }
                ('=', _) => {
                    let nth = letter.to_digit(10).and_then(|n| sent.get((n as usize).checked_sub(1)?)).cloned();
                    let again = Told { seen: next, ..nth.ok_or_else(|| Error::new(format!("the demo's story {steps} repeats nothing")))? };
                    self.append(&again);
                    again
                }
                ('%', Some(first)) => {
                    let data = first.data.as_object().into_iter().flatten().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
                    let again = Told { seen: next, data: Json::Object(data), ..first.clone() };
                    self.append(&again);
                    again
                }
                _ => {
                    let mut told = form(self, letter)?;
                    let first_id = first.as_ref().map_or("demo-nobody", |f| &f.id).to_owned();
                    match mark {
                        '+' => told.supersedes = stated.as_ref().map(|s| s.id.clone()),
                        '?' => told.supersedes = Some(first_id),
                        '!' => told.id = first_id,
                        '@' => (told.source, told.supersedes, told.id) = ("/city/hrss".to_owned(), Some(first_id.clone()), first_id),
                        '&' => told.id = enrolment.to_owned(),
                        _ => {}
                    }
                    let told = self.send(told, next);
                    stated = Some(told.clone());
                    told
                }
            };
            next = event.seen + (gap + self.below(20)) * DAY;
            sent.push(event);
        }
        Ok(sent.pop())
    }

    /// Targets, occupations, institutions, evaluators: what stands before the first class.
    fn catalogues(&mut self) -> Result<()> {
        let world = self.world;
        let first = world.first_year();
        for t in &world.targets {
            let data = json!({
                "plan": world.plan, "district_code": t.district, "year": t.year, "metric": t.metric, "target": t.target, "document": t.document,
            });
            let mut told = self.prepare("target_set", "/city/hrss", data)?;
            // Made of the content, so that loading the same table again adds nothing.
            told.id = format!("{}/{}", told.subject, t.target);
            let when = self.office(self.start / DAY);
            let told = self.send(told, when);
            if t.year.is_none() {
                self.plant("targets loaded twice");
                self.append(&Told { seen: told.seen + 9 * DAY, ..told });
            }
        }
        let of = |name| column(self.contract, "occupation_codes", name);
        for ((occupation, edition), code) in of("occupation")?.iter().zip(of("edition")?).zip(of("occupation_code")?) {
            let o = world.occupations.iter().find(|o| o.code == *occupation).cloned().unwrap_or_default();
            let from = format!("{}-01-01", edition.get(..4).unwrap_or("2000"));
            let when = self.office(day(first, 1, 6)?);
            let data = json!({
                "occupation": occupation, "edition": edition, "occupation_code": code, "levels": o.levels, "shortage": o.shortage, "valid_from": from,
            });
            self.tell("occupation_catalogued", "/province/hrss", when, data)?;
        }
        let since = date(day(first, 1, 1)?);
        let all: Vec<&str> = world.occupations.iter().map(|o| o.code.as_str()).collect();
        for (n, district) in world.districts.iter().enumerate() {
            for (i, id) in district.institutions.iter().enumerate() {
                let name = format!("{}某康养职业培训机构{}", district.name, i + 1);
                let when = self.office(day(first, 1, 7)?);
                let data = json!({
                    "institution_id": id, "institution_name": name, "institution_type": self.code("institution_type")?,
                    "district_code": district.code, "occupations": all, "valid_from": since,
                });
                self.tell("institution_listed", "/city/hrss", when, data)?;
                if i == 2 && n % 4 == 0 {
                    let on = day(world.last_year(), 11, 1)?;
                    let when = self.office(on + 2);
                    let data = json!({ "institution_id": id, "effective_on": date(on), "reason": "办学许可证到期" });
                    self.tell("institution_delisted", "/city/hrss", when, data)?;
                }
            }
        }
        for (n, id) in world.evaluators.iter().enumerate() {
            let own: Vec<&Occupation> = world.occupations.iter().filter(|o| o.evaluator == n).collect();
            let levels: BTreeSet<&String> = own.iter().flat_map(|o| &o.levels).collect();
            let own: Vec<&String> = own.iter().map(|o| &o.code).collect();
            let name = format!("{}某职业技能评价中心{}", world.city, n + 1);
            let when = self.office(day(first, 1, 8)?);
            let data = json!({ "evaluator_id": id, "institution_name": name, "occupations": own, "levels": levels, "valid_from": since });
            self.tell("evaluator_listed", "/city/hrss", when, data)?;
        }
        Ok(())
    }

    /// One class with all that happens in it.
    fn training(&mut self, district: &District, d: usize, year: i64, serial: i64, size: i64) -> Result<()> {
        let (index, twin) = (self.classes.len(), self.twin(d, year, serial));
        let drawn = self.draw(district, d, year, serial, size)?;
        // Of a twin two persons are in the class before it: same day, occupation and level, so that the class's id decides.
        let shared = self.completions.iter().rev().filter(|c| twin.is_some() && c.class + 1 == index).map(|c| c.person).take(2).collect::<Vec<_>>();
        let (words, steps, outcome) = story(&CLASS_STORIES, index, 37, 2);
        self.plant(words);
        let when = self.office(drawn.starts - 6);
        let form = |g: &mut Self, letter| match letter {
            'k' => g.prepare("class_closed", &drawn.source, closing(&drawn)),
            _ => {
                let class = g.class_form(&drawn, letter);
                let city = class.district != drawn.district;
                g.prepare("class_filed", if city { "/city/hrss" } else { &drawn.source }, g.filing(&class))
            }
        };
        // What befalls a class befalls it after its completions are told.
        self.play(steps, when, drawn.ends - drawn.starts + 20, "", &form)?;
        let mut class = self.class_form(&drawn, outcome.chars().last().unwrap_or('a'));
        class.filed = !outcome.is_empty() && !outcome.starts_with('-');
        let sessions = self.sessions(&drawn, index)?;
        self.classes.push(class);
        let mut taken = BTreeSet::new();
        for row in 0..size {
            let known = usize::try_from(row).ok().and_then(|row| shared.get(row)).copied().or_else(|| self.acquaintance(&drawn, row));
            let person = match known.filter(|p| !taken.contains(p)) {
                Some(person) => person,
                None => self.stranger()?,
            };
            taken.insert(person);
            self.trainee(&drawn, index, person, row, &sessions)?;
        }
        self.trained.entry((drawn.occupation, drawn.level, year_of(drawn.ends))).or_default().extend(taken);
        Ok(())
    }

    /// Now and then a class is like the one before it, of this district or the one before.
    fn twin(&self, d: usize, year: i64, serial: i64) -> Option<Class> {
        let before = self.classes.last().filter(|_| serial % 4 == 2 || (serial == 1 && d % 3 == 1));
        before.filter(|b| year_of(b.ends) == year).cloned()
    }

    fn draw(&mut self, district: &District, d: usize, year: i64, serial: i64, size: i64) -> Result<Class> {
        let (world, n) = (self.world, self.classes.len());
        let mut at = self.below(world.occupations.iter().map(|o| o.weight).sum());
        let occupation = world.occupations.iter().position(|o| (at < o.weight, at -= o.weight).0).unwrap_or_default();
        let drawn = world.occupations.get(occupation).cloned().unwrap_or_default();
        // Most train for a ladder's lower steps, some for none; `other` has no ladder, but a level may be stated all the same.
        let skill = world.occupations.iter().find(|o| o.certifiable).cloned().unwrap_or_default().levels;
        let ladder = if drawn.code == "other" && n.is_multiple_of(2) { skill } else { drawn.levels };
        let step = usize::try_from(self.below(4).min(self.below(4))).unwrap_or_default();
        let level = ladder.get(step).or(ladder.first()).filter(|_| n % 19 != 8).cloned();
        let ends = match serial {
            // Across New Year: it counts in the year in which it ends, and after the plan's last year not at all.
            1 => day(year, 1, 2)? + self.below(9),
            3 if year == world.last_year() => day(year, 12, 31)? + 3 + self.below(9),
            _ => day(year, 1, 12)? + self.below(354),
        };
        let twin = self.twin(d, year, serial).map(|t| (t.occupation, t.level, t.ends));
        let (occupation, level, ends) = twin.unwrap_or((occupation, level, ends));
        let minutes = 780 + 60 * self.below(9);
        Ok(Class {
            id: format!("{}-{year}-{serial}", district.code),
            plan: world.plan.clone(),
            institution: self.pick(&district.institutions)?.clone(),
            district: d,
            occupation,
            level,
            kind: self.code("training_kind")?.to_owned(),
            subsidised: self.below(100) < 85,
            schooling: self.below(100) < 3,
            filed: true,
            starts: ends - 8 - self.below(18),
            ends,
            minutes,
            practical: minutes * (64 + self.below(11)) / 100,
            size,
            source: format!("/districts/{}/rosters", district.code),
            roster: self.key(),
        })
    }

    /// A class in the form of a story's letter.
    fn class_form(&self, class: &Class, letter: char) -> Class {
        let mut class = class.clone();
        match letter {
            's' => class.schooling = !class.schooling,
            'g' => class.subsidised = !class.subsidised,
            'd' => class.district = (class.district + 1) % self.world.districts.len().max(1),
            'p' => class.plan.push_str("-extra"),
            'o' => {
                class.occupation = (class.occupation + 1) % self.world.occupations.len().max(1);
                class.level = self.occupation(&class).levels.first().cloned();
            }
            _ => {}
        }
        class
    }

    fn occupation(&self, class: &Class) -> Occupation {
        self.world.occupations.get(class.occupation).cloned().unwrap_or_default()
    }

    fn district(&self, class: &Class) -> &'w str {
        self.world.districts.get(class.district).map_or("", |d| d.code.as_str())
    }

    fn filing(&self, class: &Class) -> Json {
        let occupation = self.occupation(class).code;
        let title = (occupation == "other").then_some("康养相关工种");
        json!({
            "class_id": class.id, "plan": class.plan, "institution_id": class.institution, "district_code": self.district(class),
            "occupation": occupation, "occupation_title": title, "level": class.level, "training_kind": class.kind,
            "subsidised": class.subsidised, "schooling": class.schooling, "planned_total_minutes": class.minutes,
            "planned_practical_minutes": class.practical, "starts_on": date(class.starts), "ends_on": date(class.ends), "capacity": class.size,
        })
    }

    /// A class's sessions, closing and subsidy; tells the sessions' ids and starts.
    fn sessions(&mut self, class: &Class, index: usize) -> Result<Vec<(String, i64)>> {
        let half = class.practical / 2;
        let parts = [(class.minutes - class.practical, false), (half, true), (class.practical - half, true)];
        let (trainer, mut sessions) = (self.key(), Vec::new());
        for (n, (minutes, practical)) in (0..).zip(parts) {
            let start = (class.starts + (class.ends - class.starts) * n / 3) * DAY - SHANGHAI + 8 * HOUR + HOUR / 2;
            let end = start + minutes * 60_000;
            let id = format!("S{:02}", n + 1);
            let data = json!({
                "class_id": class.id, "session_id": id, "trainer_key": trainer, "started_at": instant(start), "ended_at": instant(end),
                "session_minutes": minutes, "practical": practical,
            });
            self.tell("session_delivered", &class.source, end, data)?;
            sessions.push((id, start));
        }
        // Without a closing, the hours are those of the sessions.
        if index % 13 != 5 {
            let when = self.office(class.ends);
            self.tell("class_closed", &class.source, when, closing(class))?;
        }
        let steps: &[&str] = match index % 9 {
            _ if !class.subsidised => &[],
            3 => &["applied", "refused"],
            6 => &["applied", "approved", "paid", "recovered"],
            _ => &["applied", "approved", "paid"],
        };
        for (step, status) in (1..).zip(steps) {
            let amount = 150_000 * class.size / if *status == "recovered" { 10 } else { 1 };
            let on = class.ends + 20 * step;
            let when = self.office(on + 1);
            let data = json!({
                "claim_id": format!("BT-{}", class.id), "class_id": class.id, "institution_id": class.institution,
                "subsidy_kind": "training", "fund": "special_account", "amount_fen": amount, "subsidy_status": status, "effective_on": date(on),
            });
            self.tell("subsidy_status_changed", &class.source, when, data)?;
        }
        Ok(sessions)
    }

    fn stranger(&mut self) -> Result<usize> {
        let groups = BTreeSet::from([self.code("person_groups")?, self.code("person_groups")?]);
        let traits = json!({
            "sex": self.code("sex")?, "age_band": self.code("age_band")?, "person_groups": groups, "engagement": self.code("engagement")?,
            "name_key": self.key(), "phone_key": self.key(),
        });
        let key = self.key();
        self.people.push(Person { key, traits });
        Ok(self.people.len() - 1)
    }

    /// Now and then one who was trained before: in the same occupation, level and year, or in anything.
    fn acquaintance(&mut self, class: &Class, row: i64) -> Option<usize> {
        let pool = self.trained.get(&(class.occupation, class.level.clone(), year_of(class.ends))).filter(|_| row % 29 == 3);
        let n = pool.map_or(if row % 19 == 7 { self.people.len() } else { 0 }, Vec::len);
        let at = self.rng.random_range(0..u32::try_from(n).ok().filter(|n| *n > 0)?) as usize;
        let same = self.trained.get(&(class.occupation, class.level.clone(), year_of(class.ends))).filter(|_| row % 29 == 3);
        same.map_or(Some(at), |pool| pool.get(at).copied())
    }

    /// A person's way through a class: enrolment, attendance, completion, and what comes of it.
    fn trainee(&mut self, class: &Class, index: usize, person: usize, row: i64, sessions: &[(String, i64)]) -> Result<()> {
        let Some(Person { key, traits }) = self.people.get(person) else { return Ok(()) };
        let (key, traits) = (key.clone(), traits.clone());
        let origin = Some(format!("{}#{}", class.roster, row + 2));
        let who = json!({ "class_id": class.id, "person_key": key });
        let enrolled = class.starts - 3 - self.below(9);
        let when = self.office(enrolled);
        let enrolment = with(&who, [("enrolled_on", json!(date(enrolled)))]);
        let mut enrolment = self.prepare("trainee_enrolled", &class.source, enrolment)?;
        enrolment.data.as_object_mut().into_iter().for_each(|d| d.extend(traits.as_object().cloned().unwrap_or_default()));
        enrolment.origin.clone_from(&origin);
        let enrolment = self.send(enrolment, when);
        for (session, start) in sessions.iter().skip(usize::from(row % 2 == 0)).take(2) {
            let at = start - self.below(1500) * 1000;
            let method = self.code("attendance_method")?;
            let data = with(&who, [("session_id", json!(session)), ("attendance_method", json!(method)), ("attended_at", json!(instant(at)))]);
            self.tell("attendance_recorded", &class.source, start + 10 * HOUR, data)?;
        }

        let (words, steps, outcome) = story(&COMPLETION_STORIES, self.completions.len(), 211, 8);
        self.plant(words);
        let result = match self.below(100) {
            0..7 if words.is_empty() => "failed",
            7..10 if words.is_empty() => "absent",
            _ => "passed",
        };
        let on = class.ends + if self.below(10) == 0 { self.below(3) - 1 } else { 0 };
        let last_year = self.world.last_year();
        let attended = class.minutes - 45 * self.below(4);
        let fact = |letter| match letter {
            'b' => ("passed", on + 12),
            'y' => ("passed", if year_of(on) < last_year { on + 365 } else { on - 365 }),
            'z' => ("passed", on + 365 * (last_year - year_of(on) + 1)),
            'f' => ("failed", on),
            _ => (result, on),
        };
        let form = |g: &mut Self, letter| {
            let (result, on) = fact(letter);
            let data = with(&who, [("result", json!(result)), ("completed_on", json!(date(on))), ("attended_minutes", json!(attended))]);
            Ok(Told { origin: origin.clone(), ..g.prepare("trainee_completed", &class.source, data)? })
        };
        let when = self.office(class.ends + 1);
        let last = self.play(steps, when, 4, &enrolment.id, &form)?.unwrap_or(enrolment);
        let (result, on) = fact(outcome.chars().last().unwrap_or('a'));
        let (passed, withdrawn) = (result == "passed", outcome.starts_with('-'));
        let in_force = !withdrawn && !outcome.is_empty();
        self.completions.push(Completion { class: index, person, passed, on, in_force, withdrawn, review: None, last });
        if passed && in_force && self.below(100) < 60 {
            self.certificate(class, &key, on)?;
        }
        Ok(())
    }

    fn certificate(&mut self, class: &Class, key: &str, on: i64) -> Result<()> {
        let o = self.occupation(class);
        let evaluator = self.world.evaluators.get(o.evaluator).map_or("", String::as_str);
        let (assessed, issued) = (on + 3 + self.below(20), on + 30 + self.below(80));
        if let Some(level) = &class.level {
            let when = self.office(assessed + 1);
            let (theory, practical) = (6000 + self.below(4000), 6000 + self.below(4000));
            let data = json!({
                "batch_id": format!("B-{}", class.id), "person_key": key, "occupation": o.code, "level": level, "evaluator_id": evaluator,
                "theory_score": theory, "practical_score": practical, "result": "passed", "assessed_on": date(assessed),
            });
            self.tell("assessment_resulted", "/city/evaluation", when, data)?;
        }
        self.ids += 1;
        let n = self.ids;
        let (kind, number) = match class.level.as_deref().filter(|_| o.certifiable) {
            Some(level) => ("skill_level", format!("{evaluator}{:02}{level}{:06}", year_of(issued) % 100, n % 1_000_000)),
            None => (if class.level.is_some() { "social_work" } else { "special_ability" }, format!("C{}-{n}", year_of(issued))),
        };
        let holder = self.key();
        let when = self.office(issued);
        let data = json!({
            "certificate_no": number, "certificate_kind": kind, "person_key": key, "holder_key": holder, "occupation": o.code, "level": class.level,
            "evaluator_id": evaluator, "issued_on": date(issued), "basis": "training", "class_id": class.id,
        });
        let told = self.tell("certificate_issued", "/city/evaluation", when, data)?;
        let changes: &[&str] = match n % 97 {
            7 => &["revoked"],
            27 => &["suspended", "reinstated"],
            47 => &["suspended"],
            67 => {
                self.plant("certificates withdrawn");
                self.withdraw(&told, told.seen + 9 * DAY)?;
                &[]
            }
            _ => &[],
        };
        for (step, status) in (1..).zip(changes) {
            let on = issued + 40 * step;
            let when = self.office(on);
            let data = json!({ "certificate_no": number, "certificate_status": status, "reason": "评价过程核查", "effective_on": date(on) });
            self.tell("certificate_status_changed", "/city/hrss", when, data)?;
        }
        Ok(())
    }

    /// The class of a completion that is in the plan, and its year: filed, no schooling, a target for district and year.
    fn in_plan(&self, c: &Completion) -> Option<(&Class, i64)> {
        let (class, year) = (self.classes.get(c.class)?, year_of(c.on));
        let planned = class.filed && !class.schooling && class.plan == self.world.plan;
        (planned && self.world.is_target(self.district(class), year)).then_some((class, year))
    }

    /// Contract §4, "a completion counts": the verdict on each, in their order.
    fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Out; self.completions.len()];
        let mut rivals: BTreeMap<_, Vec<(i64, &str, usize)>> = BTreeMap::new();
        for (i, c) in self.completions.iter().enumerate() {
            let Some((class, year)) = self.in_plan(c).filter(|_| c.in_force && c.passed) else { continue };
            // Without a level, or in `other`, nobody is anybody's rival.
            let alone = class.level.is_none() || self.occupation(class).code == "other";
            let rival = (class.occupation, &class.level, year, c.person, alone.then_some(i));
            rivals.entry(rival).or_default().push((c.on, &class.id, i));
        }
        for mut group in rivals.into_values() {
            group.sort_unstable();
            for (place, (_, _, i)) in group.into_iter().enumerate() {
                let verdict = match self.completions.get(i).and_then(|c| c.review) {
                    _ if place == 0 => Verdict::Counts,
                    None => Verdict::Held,
                    Some(true) => Verdict::Counts,
                    Some(false) => Verdict::Out,
                };
                verdicts.get_mut(i).into_iter().for_each(|v| *v = verdict);
            }
        }
        verdicts
    }

    /// Decides some of the held, and rejects some that count without a review.
    fn reviews(&mut self) -> Result<()> {
        let (mut held, mut counting) = (0, 0);
        for (i, verdict) in self.verdicts().into_iter().enumerate() {
            let n = if verdict == Verdict::Held { &mut held } else { &mut counting };
            *n += 1;
            let (words, decisions): (_, &[bool]) = match (verdict, *n) {
                (Verdict::Held, n) if n % 6 == 0 => ("held completions confirmed", &[true]),
                (Verdict::Held, n) if n % 6 == 1 => ("held completions rejected", &[false]),
                (Verdict::Held, n) if n % 6 == 2 => ("held completions rejected, then confirmed", &[false, true]),
                (Verdict::Held, n) if n % 6 == 3 => ("held completions confirmed, then rejected, the first sent again", &[true, false]),
                (Verdict::Counts, n) if n % 301 == 0 => ("completions rejected that count all the same", &[false]),
                _ => continue,
            };
            self.plant(words);
            let Some(mut last) = self.completions.get(i).map(|c| c.last.clone()) else { continue };
            let mut first = None;
            for confirmed in decisions {
                let decision = if *confirmed { "confirmed" } else { "rejected" };
                let data = json!({ "reviewed_type": "kangyang.trainee_completed.v1", "decision": decision, "reason": "核对两期名册" });
                let when = last.seen + (30 + self.below(30)) * DAY;
                last = self.about(&last, "review_decided", "/city/hrss", when, data)?;
                first = first.or(Some(last.clone()));
            }
            if let (Some(first), [true, false]) = (first, decisions) {
                self.append(&Told { seen: last.seen + DAY, ..first });
            }
            self.completions.get_mut(i).into_iter().for_each(|c| c.review = decisions.last().copied());
        }
        Ok(())
    }

    /// What the offices do beside the classes: measures, lists, contests, credit records, closings, extracts.
    fn supervision(&mut self) -> Result<()> {
        let world = self.world;
        let measures = world.codes("measure")?;
        for (y, year) in world.years.iter().enumerate() {
            for month in 1..=12 {
                let next = day(year + month / 12, month % 12 + 1, 1)?;
                for (d, district) in world.districts.iter().enumerate() {
                    let measure = measures.iter().cycle().nth(d + 12 * y + month as usize);
                    let when = self.office(next + 2);
                    let data = json!({
                        "district_code": district.code, "measure": measure, "month": format!("{year}-{month:02}"), "measure_count": self.below(6),
                    });
                    self.tell("measure_reported", &format!("/districts/{}", district.code), when, data)?;
                }
            }
            for (half, next) in [(6, day(*year, 7, 1)?), (12, day(year + 1, 1, 1)?)] {
                self.half_year(*year, half, next)?;
            }
            for (n, o) in world.occupations.iter().enumerate().filter(|(_, o)| o.certifiable).take(3) {
                for rank in 1..=3 {
                    let key = self.someone()?.0;
                    let when = self.office(day(*year, 10, 20)?);
                    let level = o.levels.get(2);
                    let data = json!({
                        "contest_id": format!("{year}-{}", o.code), "person_key": key, "contest_rank": rank, "occupation": o.code,
                        "promoted_level": level, "awarded_on": date(day(*year, 10, 18)?),
                    });
                    self.tell("contest_awarded", "/city/hrss", when, data)?;
                    // It needs no class.
                    let data = json!({
                        "certificate_no": format!("J{year}-{n}-{rank}"), "certificate_kind": "skill_level", "person_key": key, "occupation": o.code,
                        "level": level, "evaluator_id": world.evaluators.get(o.evaluator), "issued_on": date(day(*year, 11, 20)?), "basis": "contest",
                    });
                    self.tell("certificate_issued", "/city/evaluation", when + 33 * DAY, data)?;
                }
            }
        }
        let domestic = |g: &Self, c: &Completion| g.classes.get(c.class).is_some_and(|class| g.occupation(class).code == "domestic_worker");
        let own = self.completions.iter().filter(|c| c.passed && c.in_force && domestic(self, c));
        let own: BTreeMap<usize, i64> = own.map(|c| (c.person, c.on)).filter(|(person, _)| person % 5 > 1).collect();
        for (person, on) in own {
            let key = self.people.get(person).map(|p| p.key.clone());
            let when = self.office(on + 12);
            let data = json!({ "platform": "domestic-service", "person_key": key, "established_on": date(on + 11) });
            self.tell("credit_recorded", "/city/commerce", when, data)?;
        }
        Ok(())
    }

    /// A person's key, and the id of a class the person was in.
    fn someone(&mut self) -> Result<(String, String)> {
        let n = self.below(self.completions.len() as i64) as usize;
        let found = self.completions.get(n).and_then(|c| Some((self.people.get(c.person)?.key.clone(), self.classes.get(c.class)?.id.clone())));
        found.ok_or_else(|| Error::new("the demo has no trainees").hint("ask for more: --trainees 9000"))
    }

    fn half_year(&mut self, year: i64, half: i64, next: i64) -> Result<()> {
        let office = "/city/hrss";
        let when = self.office(next + 9);
        let (kinds, recipients) = (self.world.codes("list_kind")?, self.world.codes("recipient")?);
        for (n, kind) in kinds.iter().enumerate().filter(|(n, _)| n % 2 == usize::from(half == 12)) {
            let id = format!("L{year}-{half:02}-{n}");
            for _ in 0..3 {
                let (key, class) = self.someone()?;
                self.tell("match_hit", office, when, json!({ "list_id": id, "class_id": class, "person_key": key }))?;
            }
            let authority = format!("{}某部门", self.world.city);
            let data = json!({
                "list_id": id, "list_kind": kind, "list_date": date(next - 1), "row_count": 20_000 + self.below(9000), "hit_count": 3, "authority": authority,
            });
            self.tell("list_matched", office, when, data)?;
        }
        for (n, recipient) in recipients.iter().enumerate().take(3) {
            let data = json!({
                "extract_id": format!("E{year}-{half:02}-{n}"), "recipient": recipient, "purpose": "康养培训情况通报",
                "field_names": ["class_id", "occupation", "completed_on"], "row_count": self.below(2000), "digest": format!("{}{}", self.key(), self.key()),
            });
            self.tell("extract_delivered", office, when + DAY, data)?;
        }
        let period = if half == 12 { year.to_string() } else { format!("{year}-{half:02}") };
        for (days, reopens) in [(3, false), (20, true), (30, false)] {
            // Only one is opened and signed again.
            if days == 3 || (year, half) == (self.world.last_year(), 6) {
                let data = match reopens {
                    true => json!({ "period": period, "reason": "补报两个班次", "signer": "HRSS" }),
                    false => json!({ "period": period, "pin": NO_PIN, "digest": format!("{}{}", self.key(), self.key()), "signer": "HRSS" }),
                };
                self.tell(if reopens { "period_reopened" } else { "period_closed" }, office, when + days * DAY, data)?;
            }
        }
        Ok(())
    }

    /// Messages that the contract refuses, each of which would change a figure if it were accepted.
    fn refusals(&mut self, trainees: i64) -> Result<()> {
        for n in 0..(trainees / 40).max(SPOILT.len() as i64) {
            let Some(code) = SPOILT.get(n as usize % SPOILT.len()) else { continue };
            let (key, class_id) = self.someone()?;
            let Some(class) = self.classes.iter().find(|c| c.id == class_id).cloned() else { continue };
            let (source, new) = (class.source.as_str(), self.key());
            let data = json!({ "class_id": class_id, "person_key": new, "result": "passed", "completed_on": date(class.ends), "attended_minutes": 900 });
            let told = match code {
                Code::BadDate => with(&data, [("completed_on", json!(format!("{}-02-29", year_of(class.ends) / 4 * 4 + 1)))]),
                Code::WrongType => with(&data, [("attended_minutes", json!(1.0))]),
                Code::OutOfRange => with(&data, [("attended_minutes", json!(-1))]),
                Code::UnknownCode => with(&data, [("result", json!("excellent"))]),
                Code::UnknownField => with(&data, [("remark", json!("补录"))]),
                Code::MissingField => with(&data, [("completed_on", Json::Null)]),
                Code::BadFormat => with(&data, [("person_key", json!("未建立标识"))]),
                _ => data,
            };
            let mut told = self.prepare("trainee_completed", source, told)?;
            let reason = match code {
                Code::PersonalData => format!("身份证号{}有误", id_number(&self.world.region)),
                _ => "误".repeat(201),
            };
            match code {
                Code::UnknownType => told.type_name = told.type_name.replace("completed", "graduated"),
                Code::SubjectMismatch => told.subject = told.subject.replace(&new, &key),
                Code::WrongTopic => told.topic = Topic::Certification,
                Code::PersonalData | Code::TooLong => {
                    let data = json!({ "withdrawn_type": told.type_name, "reason": reason });
                    let subject = format!("class/{class_id}/person/{key}");
                    told = Told { subject, ..self.prepare("record_withdrawn", source, data)? };
                }
                Code::DuplicateItem => {
                    let data = json!({ "class_id": class_id, "person_key": new, "person_groups": ["other", "other"], "enrolled_on": date(class.starts) });
                    told = self.prepare("trainee_enrolled", source, data)?;
                }
                Code::NotAuthorised => {
                    let (code, year) = (self.district(&class), year_of(class.ends));
                    let data = json!({ "plan": class.plan, "district_code": code, "year": year, "metric": "trainees", "target": 1, "document": "自行下达" });
                    told = self.prepare("target_set", source, data)?;
                }
                _ => {}
            }
            told.time = self.office(class.ends + 5);
            let text = told.json();
            let mut bytes = match code {
                Code::NotJson if n % 2 == 0 => text.replacen(':', "=", 1),
                Code::NotJson => text.chars().take(text.len() / 2).collect(),
                Code::DuplicateKey => text.replacen('{', "{\"specversion\":\"1.0\",", 1),
                Code::MissingAttribute => text.replacen("\"specversion\":\"1.0\",", "", 1),
                Code::UnknownAttribute => text.replacen('{', "{\"priority\":1,", 1),
                Code::NullField => text.replacen(":900", ":null", 1),
                Code::BadInstant => text.replacen("+08:00", "", 1),
                _ => text,
            }
            .into_bytes();
            match code {
                // GBK, as a spreadsheet saves it.
                Code::NotUtf8 => bytes.extend([0xba, 0xcf, 0xb8, 0xf1]),
                Code::TooLarge => bytes.resize(64 * 1024 + 1, b' '),
                _ => {}
            }
            let key = if *code == Code::KeyNotSubject { class_id } else { told.subject };
            self.push(told.topic, &key, bytes, told.time + DAY);
            self.truth.rejected += 1;
            self.plant(code.name());
        }
        Ok(())
    }

    /// Counts the figures (contract §6).
    fn count(&mut self) {
        let (mut districts, mut city) = (BTreeMap::new(), BTreeMap::new());
        for t in self.world.targets.iter().filter(|t| t.metric == "trainees") {
            if let (Some(district), Some(year)) = (&t.district, t.year) {
                districts.insert((year, district.clone()), Cell::default());
                city.insert(year, Cell::default());
            }
        }
        let (mut seen, mut seen_in_city) = (BTreeSet::new(), BTreeSet::new());
        for (c, verdict) in self.completions.iter().zip(self.verdicts()) {
            let Some((class, year)) = self.in_plan(c) else { continue };
            let place = (year, self.district(class).to_owned());
            let counts = verdict == Verdict::Counts;
            let new = counts && seen.insert((place.clone(), c.person));
            let new_in_city = counts && seen_in_city.insert((year, c.person));
            for (cell, new) in [(districts.get_mut(&place), new), (city.get_mut(&year), new_in_city)] {
                let Some(cell) = cell else { continue };
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
    json!({
        "class_id": class.id, "delivered_total_minutes": class.minutes, "delivered_practical_minutes": class.practical, "ended_on": date(class.ends),
    })
}

/// The reasons for which messages are refused, in turn. Some can't be planted: a message without a value, and what only ingest finds.
const SPOILT: [Code; 22] = [
    Code::TooLarge,
    Code::NotUtf8,
    Code::NotJson,
    Code::DuplicateKey,
    Code::MissingAttribute,
    Code::UnknownAttribute,
    Code::UnknownType,
    Code::WrongTopic,
    Code::KeyNotSubject,
    Code::MissingField,
    Code::UnknownField,
    Code::NullField,
    Code::WrongType,
    Code::BadDate,
    Code::BadInstant,
    Code::OutOfRange,
    Code::UnknownCode,
    Code::BadFormat,
    Code::TooLong,
    Code::DuplicateItem,
    Code::SubjectMismatch,
    Code::NotAuthorised,
];

/// Writes into each closing the pin of the log before it.
fn pins(events: &mut [Event]) {
    let mut offsets: BTreeMap<(&str, u32), i64> = BTreeMap::new();
    for topic in ["administration", "certification", "training"] {
        (0..PARTITIONS.unsigned_abs()).for_each(|p| drop(offsets.insert((topic, p), 0)));
    }
    for e in events {
        if e.key.starts_with("period/") {
            let pin = offsets.iter().map(|((topic, p), offset)| format!("{PREFIX}.{topic}/{p}={offset}")).collect::<Vec<_>>().join(",");
            e.payload = String::from_utf8_lossy(&e.payload).replace(NO_PIN, &pin).into_bytes();
        }
        let partition = (murmur2(e.key.as_bytes()) & 0x7fff_ffff) % PARTITIONS.unsigned_abs().max(1);
        *offsets.entry((e.topic.name(), partition)).or_default() += 1;
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
