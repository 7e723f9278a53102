//! What the figures must be, counted from the demo's own world in straight loops (contract §4, §6).
//!
//! Nothing here knows SQL, the lake or the fold, so that it can contradict them.
use super::generate::Generator;
use super::time::year_of;
use super::training::{Class, Completion};
use std::collections::{BTreeMap, BTreeSet};

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

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Counts,
    Held,
    Out,
}

impl Generator<'_> {
    pub fn plant(&mut self, what: &'static str) {
        if !what.is_empty() {
            *self.truth.planted.entry(what).or_default() += 1;
        }
    }

    /// The class of a completion that is in the plan, and its year: filed, no schooling, a target for district and year.
    pub fn in_plan(&self, c: &Completion) -> Option<(&Class, i64)> {
        let (class, year) = (self.classes.get(c.class)?, year_of(c.on));
        let planned = class.filed && !class.schooling && class.plan == self.world.plan;
        (planned && self.world.target(self.world.district(class.district), year).is_some()).then_some((class, year))
    }

    /// Contract §4, "a completion counts": the verdict on each, in their order.
    pub fn verdicts(&self) -> Vec<Verdict> {
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

    /// Counts the figures (contract §6).
    pub fn count(&mut self) {
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
