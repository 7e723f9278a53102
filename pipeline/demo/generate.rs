//! The demo's events: a seeded history of a whole plan with everything in it that the contract has a rule for, and its true figures.
//!
//! Years, districts, occupations, levels and codes are reference data; persons are random keys.
use super::pins::pins;
use super::time::{DAY, HOUR, day};
use super::training::{Class, Completion};
use super::truth::Truth;
use super::world::World;
use crate::contract::{Contract, Topic};
use crate::error::{Context, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

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
    /// The moments of the earliest statement, and of the earliest record.
    pub earliest: i64,
    pub start: i64,
    /// Persons' keys.
    pub people: Vec<String>,
    pub classes: Vec<Class>,
    pub completions: Vec<Completion>,
    /// Who was trained in an occupation and level in classes that end in a year.
    pub trained: BTreeMap<(usize, Option<String>, i64), Vec<usize>>,
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
