//! The demo's events: a seeded history of a whole plan with everything in it that the contract has a rule for, and its true figures.
//!
//! What a planted event means is written into plain structs at the place where it is told, and the figures are counted from those in
//! straight loops (contract §4, §6). Nothing here knows SQL, the lake or the fold, so that it can contradict them. Years, districts,
//! occupations, levels and codes are reference data; persons are random keys.
use crate::contract::{Code, Contract, Segment, Topic, date_days};
use crate::error::{Context, Error, Result};
use crate::log::topics::PARTITIONS;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use chrono::{Datelike, NaiveDate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A message for the log.
pub struct Event {
    /// Where it goes, which for one refusal is not where it belongs.
    pub topic: Topic,
    /// The Kafka key.
    pub key: String,
    /// The Kafka value.
    pub payload: Vec<u8>,
    /// When the log gets it: milliseconds since 1970 in UTC, non-decreasing over the list.
    pub recorded_at: i64,
}

/// The counts of one row of `completion_by_district_year` or `completion_by_year`, as contract §6 names them.
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
/// The most hours between a statement and the log.
const LAG: i64 = 60;
/// The back-fill takes this long: what was before the plan was issued is told within it.
const BACK_FILL: i64 = 30 * DAY;
/// Stands in a period's closing until the order of the log, and so the pin, is known.
const PIN: &str = "pin/0=0";
/// The topics' prefix in pins, the default of the setting.
const PREFIX: &str = "kangyang";

/// What happens to classes, in turn.
const CLASS_FATES: [&str; 18] = [
    "classes told twice under one id",
    "classes told again under a new id",
    "classes with other data and no supersedes",
    "classes with other data under a used id",
    "classes moved to another district",
    "classes that turn out no schooling",
    "classes that turn out schooling",
    "classes never filed",
    "classes filed months late",
    "classes withdrawn",
    "classes withdrawn and filed by another district",
    "classes corrected by a stale correction",
    "classes whose subsidy is corrected",
    "classes moved to a plan without targets",
    "classes whose occupation is corrected",
    "class closings under the filing's id",
    "classes withdrawn before they are filed",
    "classes corrected, then told in the old form under its id",
];

/// What happens to completions, in turn.
const COMPLETION_FATES: [&str; 26] = [
    "completions told twice under one id",
    "completions told again under a new id",
    "completions with other data under a used id",
    "completions under the id of the enrolment",
    "completions under the id of the enrolment, then under their own",
    "completions with other data and no supersedes",
    "completions moved within weeks",
    "completions moved into another year",
    "completions moved out of the plan's years",
    "completions corrected from failed to passed",
    "completions corrected from passed to failed",
    "completions corrected by a stale correction",
    "completions corrected by another source under the same id",
    "completions that correct what nobody told",
    "completions corrected, then told in the old form under its id",
    "completions corrected three times",
    "completions withdrawn",
    "completions withdrawn, then told again under the old id",
    "completions withdrawn and restated",
    "completions restated, then the withdrawal told twice",
    "completions withdrawn before they are told",
    "completions moved into another year, then withdrawn",
    "failed completions withdrawn",
    "completions withdrawn twice",
    "completions told months late",
    "completions told again with keys in another order",
];

/// Every `spacing`-th of a round of `round` has the next fate, so that even a small demo has each and no class has them all.
fn fate(fates: &[&'static str], n: usize, round: usize, spacing: usize) -> Option<&'static str> {
    let turn = n % round;
    fates.get(turn / spacing).copied().filter(|_| turn.is_multiple_of(spacing))
}

/// Days since 1970 of a day in Asia/Shanghai.
fn day(year: i64, month: i64, of_month: i64) -> Result<i64> {
    let text = format!("{year:04}-{month:02}-{of_month:02}");
    date_days(&text).map(i64::from).ok_or_else(|| Error::new(format!("the demo needs the day {text}, which there is not")))
}

fn calendar(day: i64) -> NaiveDate {
    i32::try_from(day + 719_163).ok().and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default()
}

fn year_of(day: i64) -> i64 {
    i64::from(calendar(day).year())
}

fn date(day: i64) -> String {
    calendar(day).to_string()
}

/// RFC 3339 in Asia/Shanghai, to the second.
fn instant(millis: i64) -> String {
    let local = millis + SHANGHAI;
    let seconds = local.rem_euclid(DAY) / 1000;
    format!("{}T{:02}:{:02}:{:02}+08:00", calendar(local.div_euclid(DAY)), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The columns of a reference table.
struct Table<'c>(&'c str, &'c arrow::array::RecordBatch);

impl<'c> Table<'c> {
    fn of(contract: &'c Contract, name: &'c str) -> Result<Table<'c>> {
        let found = contract.reference().get(name);
        found.map(|b| Table(name, b)).ok_or_else(|| Error::new(format!("reference table {name} is missing")))
    }

    fn column(&self, name: &str) -> Result<&'c ArrayRef> {
        self.1.column_by_name(name).ok_or_else(|| Error::new(format!("reference table {} lacks the column {name}", self.0)))
    }

    /// Texts; empty where there is none.
    fn texts(&self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name)?.as_string_opt::<i32>();
        let column = column.ok_or_else(|| Error::new(format!("reference table {} has no texts in {name}", self.0)))?;
        Ok(column.iter().map(|v| v.unwrap_or_default().to_owned()).collect())
    }

    fn numbers(&self, name: &str) -> Result<Vec<Option<i64>>> {
        let column = self.column(name)?.as_primitive_opt::<Int64Type>();
        Ok(column.ok_or_else(|| Error::new(format!("reference table {} has no numbers in {name}", self.0)))?.iter().collect())
    }

    fn flags(&self, name: &str) -> Result<Vec<bool>> {
        let column = self.column(name)?.as_boolean_opt();
        let column = column.ok_or_else(|| Error::new(format!("reference table {} has no flags in {name}", self.0)))?;
        Ok(column.iter().map(|v| v == Some(true)).collect())
    }
}

struct District {
    code: String,
    name: String,
    institutions: Vec<String>,
    targets: BTreeMap<i64, i64>,
}

struct Occupation {
    code: String,
    weight: i64,
    shortage: bool,
    certifiable: bool,
    levels: Vec<String>,
    evaluator: usize,
}

/// A row of the allocation table's figures: district (none: the city), year (none: the whole plan), metric, target, document.
type Target = (Option<String>, Option<i64>, String, i64, String);

/// What the reference data say.
struct World {
    plan: String,
    city: String,
    region: String,
    years: Vec<i64>,
    targets: Vec<Target>,
    /// The city's targets of the metric trainees, all years.
    total: i64,
    districts: Vec<District>,
    occupations: Vec<Occupation>,
    evaluators: Vec<String>,
    codes: BTreeMap<String, Vec<String>>,
}

impl World {
    fn read(contract: &Contract) -> Result<World> {
        let (allocation, list, city) = (Table::of(contract, "allocation")?, Table::of(contract, "districts")?, Table::of(contract, "city")?);
        let (plans, documents, units) = (allocation.texts("plan")?, allocation.texts("document")?, allocation.texts("district_code")?);
        let plan = plans.first().cloned().ok_or_else(|| Error::new("reference table allocation has no rows"))?;
        let codes = list.texts("district_code")?;
        let metrics = Table::of(contract, "metrics")?;
        let (metric_codes, metric_of) = (metrics.texts("metric")?, metrics.texts("occupation")?);
        let mut targets: Vec<Target> = Vec::new();
        for field in allocation.1.schema_ref().fields() {
            let year = field.name().parse::<i64>().ok();
            let metric = if year.is_some() { "trainees" } else { field.name() };
            if year.is_some() || metric_codes.iter().any(|m| m == metric) {
                for (row, target) in allocation.numbers(field.name())?.into_iter().enumerate() {
                    let (Some(target), Some(unit), Some(document)) = (target, units.get(row), documents.get(row)) else { continue };
                    // The control row's word is no district's code: it states the city's own targets.
                    let unit = Some(unit.clone()).filter(|u| codes.contains(u));
                    if plans.get(row) == Some(&plan) {
                        targets.push((unit, year, metric.to_owned(), target, document.clone()));
                    }
                }
            }
        }
        let years: BTreeSet<i64> = targets.iter().filter_map(|t| t.1).collect();
        let total = targets.iter().filter(|t| t.0.is_none() && t.1.is_some()).map(|t| t.3).sum::<i64>().max(1);
        let region = city.texts("region_code")?.concat();
        let serials = 0..;
        let mut districts = Vec::new();
        for ((code, name), serial) in codes.iter().zip(list.texts("district")?).zip(serials) {
            let own = targets.iter().filter(|t| t.0.as_ref() == Some(code));
            let own = own.filter_map(|t| Some((t.1?, t.3))).collect();
            let institutions = (0..3).map(|i| credit_code(i, &region, serial * 3 + i)).collect();
            districts.push(District { code: code.clone(), name, institutions, targets: own });
        }
        let evaluators: Vec<String> = (1..=3).map(|n| format!("S0000{}{:04}", region.get(..4).unwrap_or("0000"), n)).collect();
        let occupations = occupations(contract, &targets, metric_codes.iter().zip(&metric_of), total)?;
        let labelled = Table::of(contract, "codes")?;
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (field, code) in labelled.texts("field")?.into_iter().zip(labelled.texts("code")?) {
            all.entry(field).or_default().push(code);
        }
        let city = city.texts("city")?.concat();
        Ok(World { plan, city, region, years: years.into_iter().collect(), targets, total, districts, occupations, evaluators, codes: all })
    }

    fn codes(&self, field: &str) -> Result<&[String]> {
        self.codes.get(field).map(Vec::as_slice).ok_or_else(|| Error::new(format!("reference table codes has no codes of {field}")))
    }

    fn edge(&self, first: bool) -> i64 {
        let year = if first { self.years.first() } else { self.years.last() };
        year.copied().unwrap_or(1970)
    }
}

/// The occupations; one with a target of its own is trained in proportion to it, the others share the rest.
fn occupations<'a>(
    contract: &Contract,
    targets: &[Target],
    metrics: impl Iterator<Item = (&'a String, &'a String)>,
    total: i64,
) -> Result<Vec<Occupation>> {
    let city = |metric: &str| targets.iter().filter(|t| t.0.is_none() && t.2 == metric).map(|t| t.3).sum::<i64>();
    let own: BTreeMap<&str, i64> = metrics.filter(|m| !m.1.is_empty()).map(|(m, o)| (o.as_str(), city(m) * 1100 / total)).collect();
    let table = Table::of(contract, "occupations")?;
    let (levels, ladders) = (Table::of(contract, "levels")?.texts("level")?, Table::of(contract, "levels")?.texts("ladder")?);
    let codes = table.texts("occupation")?;
    let rest = (1000 - own.values().sum::<i64>()).max(0) / (codes.len() as i64).max(1);
    let mut all = Vec::new();
    for (n, ((code, certifiable), shortage)) in codes.into_iter().zip(table.flags("certifiable")?).zip(table.flags("shortage")?).enumerate() {
        // A certifiable occupation climbs the skill ladder; another one has the ladder whose steps are named as it is, or none.
        let on = |(level, ladder): (&String, &String)| if certifiable { ladder == "skill" } else { code.ends_with(level.as_str()) };
        let ladder = levels.iter().zip(&ladders).find(|(l, a)| on((*l, *a))).map(|(_, a)| a.clone());
        let steps = levels.iter().zip(&ladders).filter(|(_, a)| Some(*a) == ladder.as_ref()).map(|(l, _)| l.clone()).collect();
        let weight = own.get(code.as_str()).copied().unwrap_or(rest);
        all.push(Occupation { code, weight, shortage, certifiable, levels: steps, evaluator: n % 3 });
    }
    Ok(all)
}

/// A made-up organisation's code (GB 32100-2015, within it GB 11714): of a registrar, in a region, with "TE5T" in its body.
fn credit_code(registrar: i64, region: &str, serial: i64) -> String {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let mut code = format!("{}{region}TE5T{serial:04}", ["91", "52", "12"].get(registrar as usize % 3).unwrap_or(&"91"));
    let body = code.chars().skip(8).filter_map(|c| c.to_digit(36));
    let sum: u32 = body.zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(v, w)| v * w).sum();
    code.extend("0123456789X0".chars().nth((11 - sum % 11) as usize));
    let values = code.chars().filter_map(|c| ALPHABET.find(c));
    let (sum, _) = values.fold((0, 1), |(sum, weight), v| (sum + v * weight, weight * 3 % 31));
    code.extend(ALPHABET.chars().nth((31 - sum % 31) % 31));
    code
}

/// A made-up ID number with a right check digit (GB 11643-1999), in the city's unassigned 99th county.
fn id_number(region: &str) -> String {
    let mut number = format!("{}9919850312001", region.get(..4).unwrap_or("0000"));
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = number.chars().filter_map(|c| c.to_digit(10)).zip(weights).map(|(d, w)| d * w).sum();
    number.extend("10X98765432".chars().nth(sum as usize % 11));
    number
}

/// A statement as it was sent, for what follows it.
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
    /// When it reached the log, before the back-fill is pressed into its weeks. What follows on its subject is later than that.
    seen: i64,
}

impl Told {
    fn json(&self) -> Vec<u8> {
        let mut e = Map::new();
        let mut put = |key: &str, value: &str| e.insert(key.to_owned(), value.into());
        put("specversion", "1.0");
        put("id", &self.id);
        put("source", &self.source);
        put("type", &self.type_name);
        put("subject", &self.subject);
        put("time", &instant(self.time));
        self.supersedes.as_deref().and_then(|s| put("supersedes", s));
        self.origin.as_deref().and_then(|o| put("origin", o));
        e.insert("data".to_owned(), self.data.clone());
        Json::Object(e).to_string().into_bytes()
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
    name_key: String,
    phone_key: String,
    sex: String,
    age: String,
    groups: Vec<String>,
}

/// A class as it stands in the end.
#[derive(Clone)]
struct Class {
    id: String,
    plan: String,
    institution: String,
    district: usize,
    district_code: String,
    /// The path of the district that told it, also when it is moved.
    source: String,
    occupation: usize,
    occupation_code: String,
    level: Option<String>,
    kind: String,
    subsidised: bool,
    schooling: bool,
    /// Whether a filing is in force.
    filed: bool,
    starts: i64,
    ends: i64,
    total_minutes: i64,
    theory_minutes: i64,
    size: i64,
    roster: String,
}

impl Class {
    fn filing(&self) -> Json {
        let title = (self.occupation_code == "other").then_some("康养相关工种");
        json!({
            "class_id": self.id, "plan": self.plan, "institution_id": self.institution, "district_code": self.district_code,
            "occupation": self.occupation_code, "occupation_title": title, "level": self.level, "training_kind": self.kind,
            "subsidised": self.subsidised, "schooling": self.schooling, "planned_total_minutes": self.total_minutes,
            "planned_practical_minutes": self.total_minutes - self.theory_minutes, "starts_on": date(self.starts),
            "ends_on": date(self.ends), "capacity": self.size,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    InForce,
    Withdrawn,
    /// Every statement of it was a conflict.
    Never,
}

/// A completion as it stands in the end; a withdrawn one as it last stood.
struct Completion {
    class: usize,
    person: usize,
    passed: bool,
    on: i64,
    state: State,
    /// The latest decision: whether it confirms.
    review: Option<bool>,
    last: Told,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Counts,
    Held,
    Rejected,
    Out,
}

struct Generator<'w> {
    contract: &'w Contract,
    world: &'w World,
    rng: ChaCha8Rng,
    /// When the log began, and how long before it the first statement may lie, in milliseconds.
    start: i64,
    before: i64,
    people: Vec<Person>,
    classes: Vec<Class>,
    completions: Vec<Completion>,
    /// Persons by occupation, level and year of their class: whom a repeated training may take.
    trained: BTreeMap<(usize, Option<String>, i64), Vec<usize>>,
    ids: u64,
    certificates: u64,
    events: Vec<Event>,
    truth: Truth,
}

/// Generates the history of about so many trainees, the same on any machine for the same seed and reference data. Errors: reference
/// data that lack a table, a column, or an event type that is needed.
pub fn generate(contract: &Contract, seed: u64, trainees: usize) -> Result<Demo> {
    let world = World::read(contract)?;
    // Nothing was told before the plan was issued, early in its second year: all of the first is back-filled.
    let issued = world.years.get(1).copied().unwrap_or(world.edge(true));
    let start = day(issued, 2, 8)? * DAY - SHANGHAI + 9 * HOUR;
    let truth = Truth { plan: world.plan.clone(), districts: BTreeMap::new(), city: BTreeMap::new(), accepted: 0, rejected: 0, planted: BTreeMap::new() };
    let mut g = Generator {
        contract,
        world: &world,
        rng: ChaCha8Rng::seed_from_u64(seed),
        start,
        before: start - day(world.edge(true) - 1, 1, 1)? * DAY,
        people: Vec::new(),
        classes: Vec::new(),
        completions: Vec::new(),
        trained: BTreeMap::new(),
        ids: 0,
        certificates: 0,
        events: Vec::new(),
        truth,
    };
    let trainees = i64::try_from(trainees).context(|| "number of trainees is too large".to_owned())?;
    g.catalogues()?;
    g.trainings(trainees)?;
    g.reviews()?;
    g.supervision()?;
    g.refusals(trainees)?;
    g.count();
    g.events.sort_by_key(|e| e.recorded_at);
    pins(&mut g.events)?;
    Ok(Demo { events: g.events, truth: g.truth })
}

impl Generator<'_> {
    fn below(&mut self, n: i64) -> i64 {
        self.rng.random_range(0..n.max(1))
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Result<&'a T> {
        let n = self.below(items.len() as i64);
        items.get(n as usize).ok_or_else(|| Error::new("the demo can't choose from an empty list"))
    }

    fn code(&mut self, field: &str) -> Result<String> {
        let world = self.world;
        Ok(self.pick(world.codes(field)?)?.clone())
    }

    fn key(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    fn plant(&mut self, what: &'static str) {
        *self.truth.planted.entry(what).or_default() += 1;
    }

    /// A moment in a day's office hours.
    fn office(&mut self, day: i64) -> i64 {
        day * DAY - SHANGHAI + 8 * HOUR + self.below(36_000) * 1000
    }

    /// When the log has what was seen then: what came before the plan was issued is pressed into the weeks of the back-fill. It never
    /// changes an order, so that what follows on a subject still follows.
    fn recorded(&self, seen: i64) -> i64 {
        let end = self.start + BACK_FILL;
        if seen >= end {
            return seen;
        }
        let since = (seen - (self.start - self.before)).max(0);
        self.start + (i128::from(since) * i128::from(BACK_FILL) / i128::from((self.before + BACK_FILL).max(1))) as i64
    }

    /// A statement that isn't sent yet: topic and subject by the contract's own table.
    fn prepare(&mut self, name: &str, source: &str, data: Json) -> Result<Told> {
        let found = self.contract.types().iter().find(|t| t.name == name);
        let t = found.ok_or_else(|| Error::new(format!("the demo needs the event type {name}, which there is not")))?;
        let data = with(&data, []);
        let part = |s: &Segment| match s {
            Segment::Literal(word) => word.clone(),
            Segment::Field(i, or) => match t.members().get(*i).and_then(|m| data.get(&m.name)) {
                Some(Json::String(text)) => text.clone(),
                Some(number) => number.to_string(),
                None => or.clone().unwrap_or_default(),
            },
        };
        let subject = t.subject.iter().map(part).collect::<Vec<_>>().join("/");
        self.ids += 1;
        Ok(Told {
            type_name: t.type_name.clone(),
            topic: t.topic.unwrap_or(Topic::Training),
            subject,
            source: source.to_owned(),
            id: format!("demo-{:06}", self.ids),
            time: 0,
            supersedes: None,
            origin: None,
            data,
            seen: 0,
        })
    }

    /// Sends a statement of that moment, which the log has within `LAG` hours.
    fn send(&mut self, mut told: Told, when: i64) -> Told {
        (told.time, told.seen) = (when, when + self.below(LAG * 3600) * 1000);
        self.append(&told);
        told
    }

    fn append(&mut self, told: &Told) {
        let recorded_at = self.recorded(told.seen);
        self.events.push(Event { topic: told.topic, key: told.subject.clone(), payload: told.json(), recorded_at });
        self.truth.accepted += 1;
    }

    fn tell(&mut self, name: &str, source: &str, when: i64, data: Json) -> Result<Told> {
        let told = self.prepare(name, source, data)?;
        Ok(self.send(told, when))
    }

    /// The very same event once more, days after another one.
    fn again(&mut self, told: &Told, after: &Told, days: i64) -> Told {
        let told = Told { seen: after.seen + days * DAY, ..told.clone() };
        self.append(&told);
        told
    }

    /// The same type and subject from any source, days later: another event, unless `id` is given.
    fn restate(&mut self, told: &Told, source: &str, days: i64, data: &Json, id: Option<&str>, supersedes: Option<&str>) -> Told {
        self.ids += 1;
        let id = id.map_or_else(|| format!("demo-{:06}", self.ids), str::to_owned);
        let next = Told { id, source: source.to_owned(), supersedes: supersedes.map(str::to_owned), data: with(data, []), ..told.clone() };
        self.send(next, told.seen + days * DAY)
    }

    fn correct(&mut self, told: &Told, days: i64, data: &Json) -> Told {
        self.restate(told, &told.source, days, data, None, Some(&told.id))
    }

    /// An event about another one, with its topic and subject.
    fn about(&mut self, told: &Told, name: &str, source: &str, days: i64, data: Json) -> Result<Told> {
        let about = self.prepare(name, source, data)?;
        let about = Told { topic: told.topic, subject: told.subject.clone(), ..about };
        Ok(self.send(about, told.seen + days * DAY))
    }

    fn withdraw(&mut self, told: &Told, days: i64) -> Result<Told> {
        let data = json!({ "withdrawn_type": told.type_name, "reason": "误报" });
        self.about(told, "record_withdrawn", &told.source, days, data)
    }

    /// Targets, occupations, institutions, evaluators: what stands before the first class.
    fn catalogues(&mut self) -> Result<()> {
        let world = self.world;
        let first = world.edge(true);
        let issued = self.start / DAY;
        for (unit, year, metric, target, document) in &world.targets {
            let data = json!({ "plan": world.plan, "district_code": unit, "year": year, "metric": metric, "target": target, "document": document });
            let mut told = self.prepare("target_set", "/city/hrss", data)?;
            // Made of the content, so that loading the same table again adds nothing.
            told.id = format!("{}/{target}", told.subject);
            let when = self.office(issued);
            let told = self.send(told, when);
            if year.is_none() {
                self.plant("targets loaded twice");
                self.again(&told, &told, 9);
            }
        }
        let codes = Table::of(self.contract, "occupation_codes")?;
        let editions = codes.texts("occupation")?.into_iter().zip(codes.texts("edition")?).zip(codes.texts("occupation_code")?);
        for ((occupation, edition), code) in editions {
            let Some(o) = world.occupations.iter().find(|o| o.code == occupation) else { continue };
            let from = format!("{}-01-01", edition.get(..4).unwrap_or("2000"));
            let data = json!({ "occupation": occupation, "edition": edition, "occupation_code": code, "levels": o.levels, "shortage": o.shortage, "valid_from": from });
            let when = self.office(day(first, 1, 6)?);
            self.tell("occupation_catalogued", "/province/hrss", when, data)?;
        }
        let occupations: Vec<&str> = world.occupations.iter().map(|o| o.code.as_str()).collect();
        for (n, district) in world.districts.iter().enumerate() {
            for (i, id) in district.institutions.iter().enumerate() {
                let kind = self.code("institution_type")?;
                let when = self.office(day(first, 1, 7)?);
                let data = json!({
                    "institution_id": id, "institution_name": format!("{}某康养职业培训机构{}", district.name, i + 1), "institution_type": kind,
                    "district_code": district.code, "occupations": occupations, "valid_from": date(day(first, 1, 1)?),
                });
                let told = self.tell("institution_listed", "/city/hrss", when, data)?;
                if i == 2 && n % 4 == 0 {
                    let on = date(day(world.edge(false), 11, 1)?);
                    let when = self.office(day(world.edge(false), 11, 3)?);
                    let data = json!({ "institution_id": told.data.get("institution_id"), "effective_on": on, "reason": "办学许可证到期" });
                    self.tell("institution_delisted", "/city/hrss", when, data)?;
                }
            }
        }
        for (n, id) in world.evaluators.iter().enumerate() {
            let own: Vec<&Occupation> = world.occupations.iter().filter(|o| o.evaluator == n).collect();
            let levels: BTreeSet<&str> = own.iter().flat_map(|o| o.levels.iter().map(String::as_str)).collect();
            let own: Vec<&str> = own.iter().map(|o| o.code.as_str()).collect();
            let when = self.office(day(first, 1, 8)?);
            let name = format!("{}某职业技能评价中心{}", world.city, n + 1);
            let data = json!({ "evaluator_id": id, "institution_name": name, "occupations": own, "levels": levels, "valid_from": date(day(first, 1, 1)?) });
            self.tell("evaluator_listed", "/city/hrss", when, data)?;
        }
        Ok(())
    }

    /// Classes for each district and year: the year's target, scaled to the trainees wanted, give or take three tenths.
    fn trainings(&mut self, trainees: i64) -> Result<()> {
        let world = self.world;
        for year in &world.years {
            for (d, district) in world.districts.iter().enumerate() {
                let target = district.targets.get(year).copied().unwrap_or_default();
                let mut left = target * trainees * (700 + self.below(601)) / (1000 * world.total);
                let mut serial = 0;
                while left > 0 {
                    let size = if left <= 35 { left } else { (20 + self.below(16)).min(left - 10) };
                    serial += 1;
                    left -= size;
                    self.training(d, *year, serial, size)?;
                }
            }
        }
        Ok(())
    }

    /// One class with all that happens in it.
    fn training(&mut self, d: usize, year: i64, serial: i64, size: i64) -> Result<()> {
        let class = self.class(d, year, serial, size)?;
        let index = self.classes.len();
        let sessions = self.sessions(&class)?;
        // A twin takes two of the persons of the class before it: same day, occupation and level, so that the class's id decides.
        let twin = self.classes.last().is_some_and(|c| c.occupation == class.occupation && c.level == class.level && c.ends == class.ends);
        let shared = if twin { self.completions.iter().rev().filter(|c| c.class + 1 == index).map(|c| c.person).take(2).collect() } else { Vec::new() };
        self.classes.push(class.clone());
        let mut taken = BTreeSet::new();
        for row in 0..size {
            let person = match shared.get(row as usize) {
                Some(person) => *person,
                None => self.person(&class, row)?,
            };
            let person = if taken.contains(&person) { self.stranger()? } else { person };
            taken.insert(person);
            self.trainee(&class, index, person, row, &sessions)?;
        }
        let pool = (class.occupation, class.level.clone(), year_of(class.ends));
        self.trained.entry(pool).or_default().extend(taken);
        Ok(())
    }

    fn stranger(&mut self) -> Result<usize> {
        let groups = BTreeSet::from([self.code("person_groups")?, self.code("person_groups")?]).into_iter().collect();
        let (key, name_key, phone_key) = (self.key(), self.key(), self.key());
        let (sex, age) = (self.code("sex")?, self.code("age_band")?);
        self.people.push(Person { key, name_key, phone_key, sex, age, groups });
        Ok(self.people.len() - 1)
    }

    /// Somebody new, or one who was trained before: in the same occupation, level and year, or in anything.
    fn person(&mut self, class: &Class, row: i64) -> Result<usize> {
        let pool = (class.occupation, class.level.clone(), year_of(class.ends));
        let same = self.trained.get(&pool).filter(|p| row % 29 == 3 && !p.is_empty()).map(|p| p.len() as i64);
        if let Some(n) = same {
            let n = self.below(n) as usize;
            if let Some(person) = self.trained.get(&pool).and_then(|p| p.get(n)) {
                return Ok(*person);
            }
        }
        match self.people.len() as i64 {
            n if n > 0 && row % 19 == 7 => Ok(self.below(n) as usize),
            _ => self.stranger(),
        }
    }

    /// A class and its filing, as they come to stand.
    fn class(&mut self, d: usize, year: i64, serial: i64, size: i64) -> Result<Class> {
        let world = self.world;
        let n = self.classes.len();
        let district = world.districts.get(d).ok_or_else(|| Error::new("the demo needs districts"))?;
        let before = self.classes.last().cloned().filter(|_| serial % 4 == 2 || (serial == 1 && d % 3 == 1));
        let mut at = self.below(world.occupations.iter().map(|o| o.weight).sum());
        let drawn = world.occupations.iter().position(|o| {
            at -= o.weight;
            at < 0
        });
        let ends = match serial {
            // Across New Year: it counts in the year in which it ends, and after the plan's last year not at all.
            1 => day(year, 1, 2)? + self.below(9),
            3 if year == world.edge(false) => day(year, 12, 31)? + 3 + self.below(9),
            _ => day(year, 1, 12)? + self.below(354),
        };
        let drawn = drawn.unwrap_or_default();
        let levels = world.occupations.get(drawn).map(|o| o.levels.as_slice()).unwrap_or_default();
        // Most train for the ladder's lower steps, some for none.
        let step = self.below(4).min(self.below(4)) as usize;
        let level = levels.get(step).or(levels.first()).filter(|_| n % 19 != 8).cloned();
        // A level for an occupation without ladder: even so, repeating it is no reason to hold.
        let lowest = world.occupations.first().and_then(|o| o.levels.first()).cloned();
        let code = world.occupations.get(drawn).map(|o| o.code.clone()).unwrap_or_default();
        let level = if code == "other" && n % 2 == 0 { lowest } else { level };
        let twin = before.as_ref().filter(|b| year_of(b.ends) == year);
        let ends = twin.map_or(ends, |b| b.ends);
        let mut class = Class {
            id: format!("{}-{year}-{serial}", district.code),
            plan: world.plan.clone(),
            institution: self.pick(&district.institutions)?.clone(),
            district: d,
            district_code: district.code.clone(),
            source: format!("/districts/{}/rosters", district.code),
            occupation: twin.map_or(drawn, |b| b.occupation),
            occupation_code: twin.map_or(code, |b| b.occupation_code.clone()),
            level: twin.map_or(level, |b| b.level.clone()),
            kind: self.code("training_kind")?,
            subsidised: self.below(100) < 85,
            schooling: self.below(100) < 3,
            filed: true,
            starts: ends - 8 - self.below(18),
            ends,
            total_minutes: 780 + 60 * self.below(9),
            theory_minutes: 0,
            size,
            roster: self.key(),
        };
        class.theory_minutes = class.total_minutes * (26 + self.below(11)) / 100;
        self.file(&mut class, fate(&CLASS_FATES, n, 37, 2))?;
        Ok(class)
    }

    /// Tells a class's filing and what happens to it; what it means is set in the class.
    fn file(&mut self, class: &mut Class, fate: Option<&'static str>) -> Result<()> {
        let when = self.office(class.starts - 6);
        // Long enough that the completions are in the log first.
        let after = class.ends - class.starts + 25 + self.below(40);
        let other = self.world.districts.iter().enumerate().cycle().nth(class.district + 1);
        let (next, next_code) = other.map_or((class.district, class.district_code.clone()), |(i, d)| (i, d.code.clone()));
        let elsewhere = format!("/districts/{next_code}/rosters");
        if let Some(fate) = fate {
            self.plant(fate);
        }
        let mut first = self.prepare("class_filed", &class.source, class.filing())?;
        match fate {
            Some("classes never filed") => {
                class.filed = false;
                return Ok(());
            }
            Some("classes filed months late") => {
                self.send(first, when + after * DAY);
                return Ok(());
            }
            Some("classes that turn out no schooling") => {
                class.schooling = false;
                first.data = with(&class.filing(), [("schooling", json!(true))]);
            }
            Some("classes withdrawn before they are filed") => {
                first.seen = when - 5 * DAY;
                self.withdraw(&first, 0)?;
            }
            _ => {}
        }
        let told = self.send(first, when);
        let otherwise = with(&told.data, [("schooling", json!(!class.schooling))]);
        match fate {
            Some("classes told twice under one id") => {
                self.again(&told, &told, 2);
            }
            Some("classes told again under a new id") => {
                self.restate(&told, &told.source, after, &told.data, None, None);
            }
            Some("classes with other data and no supersedes") => {
                self.restate(&told, &told.source, after, &otherwise, None, None);
            }
            Some("classes with other data under a used id") => {
                self.restate(&told, &told.source, after, &otherwise, Some(&told.id), Some(&told.id));
            }
            Some("classes moved to another district") => {
                (class.district, class.district_code) = (next, next_code);
                self.restate(&told, &elsewhere, after, &class.filing(), None, Some(&told.id));
            }
            Some("classes that turn out no schooling") => {
                self.correct(&told, after, &class.filing());
            }
            Some("classes that turn out schooling") => {
                class.schooling = true;
                self.correct(&told, after, &class.filing());
            }
            Some("classes withdrawn") => {
                class.filed = false;
                self.withdraw(&told, after)?;
            }
            Some("classes withdrawn and filed by another district") => {
                let gone = self.withdraw(&told, after)?;
                (class.district, class.district_code) = (next, next_code);
                let anew = Told { seen: gone.seen, ..told };
                self.restate(&anew, &elsewhere, 5, &class.filing(), None, None);
            }
            Some("classes corrected by a stale correction") => {
                let second = self.correct(&told, after, &otherwise);
                class.subsidised = !class.subsidised;
                self.restate(&second, &told.source, 5, &class.filing(), None, Some(&told.id));
            }
            Some("classes whose subsidy is corrected") => {
                class.subsidised = !class.subsidised;
                self.correct(&told, after, &class.filing());
            }
            Some("classes moved to a plan without targets") => {
                class.plan = format!("{}-extra", class.plan);
                self.correct(&told, after, &class.filing());
            }
            Some("classes whose occupation is corrected") => {
                class.occupation = (class.occupation + 1) % self.world.occupations.len().max(1);
                let o = self.world.occupations.get(class.occupation);
                class.occupation_code = o.map(|o| o.code.clone()).unwrap_or_default();
                class.level = o.and_then(|o| o.levels.first().cloned());
                self.correct(&told, after, &class.filing());
            }
            Some("class closings under the filing's id") => {
                let mut closing = self.prepare("class_closed", &class.source, self.closing(class))?;
                closing.id = told.id;
                self.send(closing, told.seen + after * DAY);
            }
            Some("classes corrected, then told in the old form under its id") => {
                class.schooling = !class.schooling;
                let second = self.correct(&told, after, &class.filing());
                self.again(&told, &second, 4);
            }
            _ => {}
        }
        Ok(())
    }

    fn closing(&self, class: &Class) -> Json {
        let practical = class.total_minutes - class.theory_minutes;
        json!({
            "class_id": class.id, "delivered_total_minutes": class.total_minutes, "delivered_practical_minutes": practical,
            "ended_on": date(class.ends),
        })
    }
