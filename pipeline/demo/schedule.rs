//! What is trained where and when: how far each district gets each year, which months are busy, which occupations are due.
use super::generate::Generator;
use super::time::{calendar, day};
use super::training::Class;
use crate::error::Result;
use chrono::Datelike;

/// Of a hundred completions of a year, how many fall in each month: few around the Spring Festival. Every eighth class
/// besides ends in December.
const MONTHS: [i64; 12] = [5, 3, 9, 10, 11, 11, 11, 9, 11, 10, 10, 0];
/// Whether a district's class of this number ends in December; most do where the year was nearly missed.
fn late(serial: i64, rush: bool) -> bool {
    if rush { serial % 3 != 0 } else { serial % 8 == 2 }
}

impl Generator<'_> {
    /// Who trains most of a year's in its last month, and in which year: a district with as much to do as others.
    pub fn hurried(&mut self) -> (usize, i64) {
        let (world, year) = (self.world, self.world.edges().1 - 1);
        let target = |d: usize| world.target(world.district(d), year).unwrap_or_default();
        let all: i64 = (0..world.districts.len()).map(target).sum();
        let large: Vec<usize> = (0..world.districts.len()).filter(|d| target(*d) * world.districts.len() as i64 >= all).collect();
        (large.get(self.index(large.len())).copied().unwrap_or_default(), year)
    }

    /// How much of its target each district reaches in a year, in percent: most more than all of it, two far too little.
    pub fn effort(&mut self) -> Vec<i64> {
        let (count, first) = (self.world.districts.len(), self.index(self.world.districts.len()));
        let behind = [first, first + 1 + self.index(count.saturating_sub(1))].map(|d| d % count.max(1));
        (0..count).map(|d| if behind.contains(&d) { 58 + self.below(18) } else { 87 + self.below(42) }).collect()
    }

    /// All classes of a district that end in a year, until it has so many completions in all.
    pub fn district_year(&mut self, d: usize, year: i64, wanted: i64, rush: bool) -> Result<()> {
        let most = wanted / 4 + 9;
        for serial in 1..=most {
            let left = wanted - self.sum(|(y, district, _)| (y, district) == (year, d));
            if left <= 0 {
                break;
            }
            // Now and then a class is like the one before it, and two persons are in both: same day, occupation and level, so that the
            // class's id decides which counts.
            let (due, occupation) = self.due(d, year);
            let twin = self.classes.last().filter(|c| (c.district, c.filed) == (d, true) && serial % 6 == 5 && due.is_none()).cloned();
            let twin = twin.filter(|c| self.settled(d, c.occupation).is_none() && calendar(c.ends).month() < 12);
            let size = due.unwrap_or(if left <= 30 { left + left / 7 + 1 } else { 17 + self.below(16) });
            // One that ends in December is no more than a quarter of the year's.
            let size = if late(serial, rush) && !rush { size.min(wanted / 4 + 1) } else { size };
            let ends = self.ends(d, year, serial, rush)?;
            let drawn = match &twin {
                None => self.draw(d, occupation, ends, size),
                Some(twin) => Class { level: twin.level.clone(), ..self.draw(d, twin.occupation, twin.ends, size) },
            };
            let before = self.completions.iter().rev().take_while(|c| c.class + 1 == self.classes.len());
            let both = before.filter(|_| twin.is_some()).map(|c| c.person).take(2).collect();
            self.training(drawn, both)?;
        }
        Ok(())
    }

    /// A few classes end after the plan's last year: they count nowhere.
    pub fn beyond(&mut self) -> Result<()> {
        for d in (1..self.world.districts.len()).step_by(4) {
            let ends = day(self.world.edges().1 + 1, 1, 3)? + self.below(9);
            let drawn = self.draw(d, d % self.world.occupations.len().max(1), ends, 4 + self.trainees / 1000);
            self.training(drawn, vec![])?;
        }
        Ok(())
    }

    /// How many completions of the plan there are so far, of those places (year, district, occupation).
    fn sum(&self, of: impl Fn((i64, usize, usize)) -> bool) -> i64 {
        self.done.iter().filter(|(place, _)| of(**place)).map(|(_, n)| n).sum()
    }

    /// The day a district's next class ends. A golden section of the circle spreads any number of them over the year.
    fn ends(&mut self, d: usize, year: i64, serial: i64, rush: bool) -> Result<i64> {
        if serial == 1 && d.is_multiple_of(2) && !rush {
            // Across New Year: it counts in the year in which it ends.
            return Ok(day(year, 1, 2)? + self.below(9));
        }
        // Some end in December everywhere, and some in the month of the Spring Festival somewhere.
        if late(serial, rush) {
            return Ok(day(year, 12, 3)? + self.below(26));
        }
        if serial == 3 && (d as i64 + year) % 4 == 0 {
            return Ok(day(year, 2, 2)? + self.below(24));
        }
        let place = (serial * 618 + 271 * d as i64 + 131 * year + self.below(50)).rem_euclid(1000);
        let (mut month, mut left) = (0, place);
        while let Some(width) = MONTHS.get(month).map(|m| m * 10).filter(|width| left >= *width) {
            (month, left) = (month + 1, left - width);
        }
        let width = MONTHS.get(month).map_or(1000, |m| m * 10);
        Ok(day(year, month as i64 + 1, 1)? + 2 + left * 26 / width)
    }

    /// The occupation whose task lags most, and the size of its class where that is settled by a task of the district.
    fn due(&mut self, d: usize, year: i64) -> (Option<i64>, usize) {
        let world = self.world;
        let nth = world.years.iter().position(|y| *y == year).unwrap_or_default() + 1;
        for o in 0..world.occupations.len() {
            let Some(target) = self.settled(d, o) else { continue };
            // Every second district trains for it in the first year already.
            let part = if nth == world.years.len() { 100 } else { 100 * (nth + d % 2 - 1).min(2) as i64 / 2 };
            let share = self.shares.get(d).copied().unwrap_or(100);
            let lacking = target * self.trainees * share * part / (10_000 * self.total).max(1) - self.sum(|(_, of, p)| (of, p) == (d, o));
            if lacking > 2 {
                return (Some((lacking + lacking / 8 + 1).min(34)), o);
            }
        }
        (None, self.usual(d))
    }

    /// Another occupation, all in the proportion of their weights, with some chance in it.
    pub fn usual(&mut self, d: usize) -> usize {
        let world = self.world;
        let others: Vec<usize> = (0..world.occupations.len()).filter(|o| self.settled(d, *o).is_none()).collect();
        let (all, done) = (world.occupations.iter().map(|o| o.weight).sum::<i64>().max(1), self.sum(|_| true) + 40);
        let weight = |o: usize| world.occupations.get(o).map_or(0, |o| o.weight);
        let lags = others.into_iter().map(|o| (weight(o) * done / all - self.sum(|(.., p)| p == o) + self.below(30), o)).max();
        lags.map_or(0, |(_, o)| o)
    }

    /// The target of a district's task for an occupation over the whole plan, if there is one.
    fn settled(&self, d: usize, occupation: usize) -> Option<i64> {
        let metric = self.world.occupations.get(occupation).and_then(|o| self.world.metrics.get(&o.code))?;
        self.world.targets.get(&(Some(self.world.district(d).to_owned()), None, metric.clone())).map(|t| t.0)
    }
}
