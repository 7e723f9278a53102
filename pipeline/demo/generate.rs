//! The demo's events: a seeded history of a whole plan with everything in it that the contract has a rule for, and its true figures.
//!
//! Years, districts, occupations, levels and codes are reference data; persons are random keys.
use super::outcomes::{Certificate, Payment};
use super::time::{DAY, HOUR, day};
use super::training::{Class, Completion, Person, Trainer};
use super::truth::Truth;
use super::world::World;
use crate::contract::{Contract, Topic};
use crate::error::{Context, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
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

/// A generated history.
pub struct Demo {
    /// In the order of the log; between subjects any order would do.
    pub events: Vec<Event>,
    /// What comes out of them.
    pub truth: Truth,
}

pub struct Generator<'w> {
    pub contract: &'w Contract,
    pub world: &'w World,
    pub rng: ChaCha8Rng,
    /// About how many trainees are asked for, and how many the plan's targets ask for.
    pub trainees: i64,
    pub total: i64,
    /// The moments of the earliest statement, and of the earliest record.
    pub earliest: i64,
    pub start: i64,
    pub people: Vec<Person>,
    pub trainers: Vec<Trainer>,
    pub classes: Vec<Class>,
    pub completions: Vec<Completion>,
    pub certificates: Vec<Certificate>,
    pub payments: Vec<Payment>,
    /// Whose credit is recorded.
    pub credited: BTreeSet<usize>,
    /// Who won in which contest, and whether a level goes with it.
    pub awarded: BTreeMap<(String, usize), bool>,
    /// Who was trained in an occupation and level in classes that end in a year.
    pub trained: BTreeMap<(usize, Option<String>, i64), Vec<usize>>,
    /// Completions in the plan, by year, district and occupation, held ones included.
    pub done: BTreeMap<(i64, usize, usize), i64>,
    /// How much of a task of three years each district fulfils, in percent.
    pub shares: Vec<i64>,
    /// Classes that something is planted in.
    pub staged: usize,
    /// Classes and completions that a story was told of.
    pub turns: (usize, usize),
    pub ids: usize,
    pub events: Vec<Event>,
    pub truth: Truth,
}

/// Generates the history of about so many trainees: for the same seed and reference data the same on any machine. Errors: reference
/// data or event types lack what it needs.
pub fn generate(contract: &Contract, seed: u64, trainees: usize) -> Result<Demo> {
    let world = &World::read(contract)?;
    // The plan was issued early in its second year, and nothing was told before: all of the first is back-filled.
    let issued = world.years.get(1).copied().unwrap_or(world.edges().0);
    let total: i64 = world.targets.iter().filter(|(t, _)| t.0.is_none() && t.1.is_some()).map(|(_, t)| t.0).sum();
    let mut g = Generator {
        contract,
        world,
        rng: ChaCha8Rng::seed_from_u64(seed),
        trainees: i64::try_from(trainees).context(|| "number of trainees is too large".to_owned())?,
        total: total.max(1),
        earliest: day(world.edges().0 - 1, 11, 20)? * DAY,
        start: day(issued, 2, 8)? * DAY + HOUR,
        people: vec![],
        trainers: vec![],
        classes: vec![],
        completions: vec![],
        certificates: vec![],
        payments: vec![],
        credited: BTreeSet::new(),
        awarded: BTreeMap::new(),
        trained: BTreeMap::new(),
        done: BTreeMap::new(),
        shares: vec![],
        staged: 0,
        turns: (0, 0),
        ids: 0,
        events: vec![],
        truth: Truth { plan: world.plan.clone(), ..Truth::default() },
    };
    g.shares = world.districts.iter().map(|_| 76 + g.below(34)).collect();
    g.catalogues()?;
    g.anomalies()?;
    let hurried = g.hurried();
    for year in &world.years {
        for (d, percent) in g.effort().into_iter().enumerate() {
            let wanted = world.target(world.district(d), *year).unwrap_or_default() * g.trainees * percent / (100 * g.total);
            g.district_year(d, *year, wanted, (d, *year) == hurried)?;
        }
    }
    g.beyond()?;
    g.reviews()?;
    g.supervision()?;
    g.refusals()?;
    g.count();
    g.events.sort_by_key(|e| e.recorded_at);
    Ok(Demo { events: g.events, truth: g.truth })
}
