//! What is trained where and when: how far each district gets each year, which months are busy, which occupations are due.
use super::generate::Generator;
use super::time::day;
use super::training::Class;
use crate::error::Result;

/// Of a hundred completions of a year, how many fall in each month: few around the Spring Festival, a mild peak at the end.
const MONTHS: [i64; 12] = [5, 3, 9, 10, 10, 11, 10, 9, 10, 10, 9, 4];
/// A year that was nearly missed.
const RUSH: [i64; 12] = [2, 1, 3, 4, 4, 5, 4, 4, 5, 6, 7, 55];

impl Generator<'_> {
    /// How much of its target each district reaches in a year, in percent: most more than all of it, two far too little.
    pub fn effort(&mut self) -> Vec<i64> {
        let (count, first) = (self.world.districts.len(), self.index(self.world.districts.len()));
        let behind = [first, first + 1 + self.index(count.saturating_sub(1))].map(|d| d % count.max(1));
        (0..count).map(|d| if behind.contains(&d) { 58 + self.below(18) } else { 84 + self.below(40) }).collect()
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
            let twin = twin.filter(|c| self.settled(d, c.occupation).is_none());
            let size = due.unwrap_or(if left <= 30 { left + left / 7 + 1 } else { 17 + self.below(16) });
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
        let months = if rush { &RUSH } else { &MONTHS };
        if serial == 2 && !rush {
            return Ok(day(year, 12, 3)? + self.below(26));
        }
        let place = (serial * 618 + 271 * d as i64 + 131 * year + self.below(50)).rem_euclid(1000);
        let (mut month, mut left) = (0, place);
        while let Some(width) = months.get(month).map(|m| m * 10).filter(|width| left >= *width) {
            (month, left) = (month + 1, left - width);
        }
        let width = months.get(month).map_or(1000, |m| m * 10);
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
