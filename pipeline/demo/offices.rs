//! What the offices do beside the classes: targets and lists, reviews, measures, contests, credit records, list matches, extracts, closings.
use super::generate::Generator;
use super::pins::NO_PIN;
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
    pub fn someone(&mut self) -> Result<(String, Class)> {
        let n = self.index(self.completions.len());
        let found = self.completions.get(n).and_then(|c| Some((self.people.get(c.person)?.clone(), self.classes.get(c.class)?.clone())));
        found.ok_or_else(|| Error::usage("the demo has no trainees").hint("ask for more, such as --trainees 9000"))
    }

    pub fn half_year(&mut self, year: i64, month: usize, next: i64) -> Result<()> {
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
}
