//! What the offices do beside the classes: targets and lists, reviews, measures, contests, credit records, matches, extracts, closings.
use super::generate::Generator;
use super::sign::NO_PIN;
use super::tell::Told;
use super::time::{DAY, date, day};
use super::training::{Class, Completion};
use super::truth::Verdict;
use super::world::{Occupation, column};
use crate::error::{Error, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

impl Generator<'_> {
    /// Targets, occupations, institutions, evaluators: what stands before the first class.
    pub fn catalogues(&mut self) -> Result<()> {
        let (world, office) = (self.world, "/city/hrss");
        // Classes that end in the plan's first days began before it.
        let first = day(world.edges().0 - 1, 7, 1)?;
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
        for i in &world.institutions {
            let occupations: Vec<_> = i.occupations.iter().filter_map(|o| world.occupations.get(*o)).map(|o| &o.code).collect();
            let data = json!({
                "institution_id": i.id, "institution_name": i.name, "institution_type": i.kind,
                "district_code": world.district(i.district), "occupations": occupations, "valid_from": date(first), "valid_to": null,
            });
            self.tell("institution_listed", office, first + 6, data)?;
            if let Some(until) = i.until {
                self.tell("institution_delisted", office, until + 2, json!({ "institution_id": i.id, "effective_on": date(until) }))?;
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

    /// Decides some of the held, and rejects some that count without a review.
    pub fn reviews(&mut self) -> Result<()> {
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
    pub fn supervision(&mut self) -> Result<()> {
        let (world, office) = (self.world, "/city/hrss");
        for year in &world.years {
            for month in 1..=12_usize {
                let next = day(year + (month / 12) as i64, (month % 12 + 1) as i64, 1)?;
                for (d, of) in world.districts.iter().map(|d| d.code.clone()).enumerate() {
                    // Each month another two of the measures, so that every district reports all of them within a year.
                    for i in 0..2 {
                        let (measure, count) = (world.code("measure", 5 * d + 2 * month + i), self.below(7));
                        let text = (count > 4).then(|| format!("{}专报{year}-{month}", world.district(d)));
                        let data = json!({
                            "district_code": of, "measure": measure, "month": format!("{year}-{month:02}"), "measure_count": count,
                            "document": text,
                        });
                        self.tell("measure_reported", &format!("/districts/{of}"), next + 2, data)?;
                        *self.truth.measures.entry((*year, of.clone(), measure.to_owned())).or_default() += count;
                    }
                }
                if month % 6 == 0 {
                    self.half_year(*year, month, next)?;
                }
            }
            let awarded = day(*year, 10, 18)?;
            let contested = world.occupations.iter().enumerate().filter(|(_, o)| o.certifiable).take(3);
            for ((o, occupation), rank) in contested.flat_map(|o| (1..=5_i64).map(move |rank| (o, rank))) {
                let (person, _) = self.someone()?;
                let (key, level) = (self.people.get(person).map(|p| p.key.clone()), occupation.levels.get(2).filter(|_| rank < 4));
                let contest = format!("{year}-{}", occupation.code);
                // Nobody wins twice in one contest.
                if self.awarded.contains_key(&(contest.clone(), person)) {
                    continue;
                }
                self.awarded.insert((contest.clone(), person), level.is_some());
                let data = json!({
                    "contest_id": contest, "person_key": key, "contest_rank": rank,
                    "occupation": occupation.code, "promoted_level": level, "awarded_on": date(awarded),
                });
                self.tell("contest_awarded", office, awarded + 2, data)?;
                // It needs no class.
                if let Some(level) = level.cloned() {
                    let (kind, issued) = ("skill_level", awarded + 30);
                    let won = self.certificate(kind, person, (o, Some(level)), issued, None);
                    self.issue(won, "contest", false)?;
                }
            }
        }
        let domestic = |c: &&Completion| self.classes.get(c.class).is_some_and(|class| world.occupation(class).code == "domestic_worker");
        let own = self.completions.iter().filter(domestic).filter(|c| c.passed && c.in_force && c.person % 5 > 1);
        for (person, on) in own.map(|c| (c.person, c.on)).collect::<BTreeMap<_, _>>() {
            let data = json!({ "person_key": self.people.get(person).map(|p| &p.key), "established_on": date(on + 11) });
            self.credited.insert(person);
            self.tell("credit_recorded", "/city/commerce", on + 12, data)?;
        }
        Ok(())
    }

    /// A person, and a class he or she was in.
    pub fn someone(&mut self) -> Result<(usize, Class)> {
        let n = self.index(self.completions.len());
        let found = self.completions.get(n).and_then(|c| Some((c.person, self.classes.get(c.class)?.clone())));
        found.ok_or_else(|| Error::usage("the demo has no trainees").hint("ask for more, such as --trainees 9000"))
    }

    /// A person of a class stands on another authority's list of that day.
    pub fn hit(&mut self, list: &str, kind: &str, on: i64, class: &Class, person: usize) -> Result<()> {
        let (office, rows) = ("/city/hrss", 20_000 + self.below(30_000));
        let data = json!({ "list_id": list, "list_kind": kind, "list_date": date(on), "row_count": rows, "hit_count": 1 });
        self.tell("list_matched", office, on + 20, data)?;
        let key = self.people.get(person).map(|p| p.key.clone());
        self.tell("match_hit", office, on + 20, json!({ "list_id": list, "class_id": class.id, "person_key": key }))?;
        Ok(())
    }

    pub fn half_year(&mut self, year: i64, month: usize, next: i64) -> Result<()> {
        let (world, office, half) = (self.world, "/city/hrss", format!("{year}-{month:02}"));
        for n in month..month + 3 {
            // Found on the list of a later day, which tells nothing of the days of the class.
            let ((person, class), list) = (self.someone()?, format!("L{half}-{n}"));
            self.hit(&list, world.code("list_kind", n), class.ends + 20, &class, person)?;
            let data =
                json!({ "extract_id": format!("E{half}-{n}"), "recipient": world.code("recipient", n), "row_count": self.below(2000) });
            self.tell("extract_delivered", office, next + 10, data)?;
        }
        // What ended before the plan was issued is signed when the back-fill is done.
        let next = (next + 12).max(self.start / DAY + 32);
        let period = if month == 12 { year.to_string() } else { half };
        // Two periods are enough to see: each pin that was signed is another fold over the log.
        if (year, month) != (world.edges().0, 12) && (year, month) != (world.edges().1, 6) {
            return Ok(());
        }
        self.tell("period_closed", office, next, json!({ "period": period, "pin": NO_PIN }))?;
        if (year, month) == (world.edges().1, 6) {
            self.tell("period_reopened", office, next + 18, json!({ "period": period, "reason": "补报两个班次" }))?;
            self.tell("period_closed", office, next + 28, json!({ "period": period, "pin": NO_PIN }))?;
        }
        Ok(())
    }
}
