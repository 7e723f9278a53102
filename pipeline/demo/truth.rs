//! What the figures must be, counted from the demo's own world in straight loops (contract §4, §6).
//!
//! Nothing here knows SQL, the lake or the fold, so that it can contradict them.
use super::generate::Generator;
use super::outcomes::Certificate;
use super::plant::Lead;
use super::time::{calendar, year_of};
use super::training::{Class, Completion};
use chrono::Datelike;
use std::collections::{BTreeMap, BTreeSet};

/// What a mart must say: its counts, by the key of its rows as text. The city, and a whole plan, are an empty text.
pub struct Figures {
    /// The mart.
    pub mart: &'static str,
    /// The columns of its key.
    pub keys: &'static [&'static str],
    /// What is summed over the rows of that key: columns, or 1.
    pub counts: &'static [&'static str],
    /// All there are.
    pub rows: BTreeMap<Vec<String>, Vec<i64>>,
    seen: BTreeSet<(Vec<String>, usize, String)>,
}

impl Figures {
    fn new(mart: &'static str, keys: &'static [&'static str], counts: &'static [&'static str]) -> Figures {
        Figures { mart, keys, counts, rows: BTreeMap::new(), seen: BTreeSet::new() }
    }

    /// Adds to the nth count of a row, which there is from now on.
    fn add(&mut self, key: &[&str], nth: usize, n: i64) {
        let row = self.rows.entry(key.iter().map(|k| (*k).to_owned()).collect()).or_insert_with(|| vec![0; self.counts.len()]);
        row.get_mut(nth).into_iter().for_each(|count| *count += n);
    }

    /// Counts somebody or something once.
    fn once(&mut self, key: &[&str], nth: usize, what: &str) {
        let new = self.seen.insert((key.iter().map(|k| (*k).to_owned()).collect(), nth, what.to_owned()));
        self.add(key, nth, i64::from(new));
    }
}

/// What must come out.
#[derive(Default)]
pub struct Truth {
    /// The plan, its years and how many districts it has.
    pub plan: String,
    pub years: Vec<i64>,
    pub districts: usize,
    pub figures: Vec<Figures>,
    pub leads: Vec<Lead>,
    /// What measures add up to, by year, district_code and measure.
    pub measures: BTreeMap<(i64, String, String), i64>,
    /// Events the contract accepts.
    pub accepted: u64,
    /// Messages it refuses.
    pub rejected: u64,
    /// How many of what befalls them, in words; a refusal by its code.
    pub planted: BTreeMap<&'static str, u64>,
}

/// Contract §4: whether a completion counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Counts,
    Held,
    Out,
}

/// Whether practical training is at least 65 % of some hours, in integers (the notice, clause 二).
fn hours(minutes: Option<(i64, i64)>) -> &'static str {
    match minutes {
        Some((total, practical)) if total > 0 && practical * 100 >= total * 65 => "compliant",
        Some((total, _)) if total > 0 => "not_compliant",
        _ => "undecided",
    }
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

    /// Counts the figures, and finds the leads that follow from what befell the classes.
    pub fn count(&mut self) {
        let verdicts = self.verdicts();
        let mut figures = self.completed(&verdicts);
        figures.extend(self.people(&verdicts));
        figures.extend([self.class_hours(), self.subsidies(), self.measures(), self.contests()]);
        let (repeats, rushes) = (self.repeats(), self.rushes(&verdicts));
        self.truth.leads.extend(repeats.into_iter().chain(rushes));
        (self.truth.figures, self.truth.years, self.truth.districts) = (figures, self.world.years.clone(), self.world.districts.len());
    }

    /// The years with a target, by district.
    fn planned(&self) -> impl Iterator<Item = (String, &str)> {
        let trainees = self.world.targets.keys().filter(|(.., metric)| metric == "trainees");
        trainees.filter_map(|(district, year, _)| Some((year.as_ref()?.to_string(), district.as_deref()?)))
    }

    /// Completions in the plan with their verdicts: class, year, district.
    fn told<'g>(&'g self, verdicts: &'g [Verdict]) -> impl Iterator<Item = (&'g Completion, Verdict, &'g Class, String, &'g str)> {
        self.completions.iter().zip(verdicts).filter_map(|(c, verdict)| {
            let (class, year) = self.in_plan(c)?;
            Some((c, *verdict, class, year.to_string(), self.world.district(class.district)))
        })
    }

    /// Completions by district, for the city, and for the tasks of single occupations.
    fn completed(&self, verdicts: &[Verdict]) -> Vec<Figures> {
        const COUNTS: [&str; 5] = ["completed", "persons", "held", "withdrawn", "subsidised"];
        let mut districts = Figures::new("completion_by_district_year", &["year", "district_code"], &COUNTS);
        let mut city = Figures::new("completion_by_year", &["year"], &COUNTS);
        let mut tasks = Figures::new("of_which_by_district_year", &["metric", "year", "district_code"], &["completed"]);
        for (year, district) in self.planned() {
            districts.add(&[&year, district], 0, 0);
            city.add(&[&year], 0, 0);
            for metric in self.world.metrics.iter().filter(|(occupation, _)| !occupation.is_empty()).map(|(_, metric)| metric) {
                for (y, d) in [(&*year, district), ("", district), (&*year, ""), ("", "")] {
                    tasks.add(&[metric, y, d], 0, 0);
                }
            }
        }
        for (c, verdict, class, year, district) in self.told(verdicts) {
            let (counts, key) = (verdict == Verdict::Counts, [&*year, district]);
            for (figures, key) in [(&mut districts, &key[..]), (&mut city, &key[..1])] {
                figures.add(key, 0, i64::from(counts));
                figures.add(key, 2, i64::from(verdict == Verdict::Held));
                figures.add(key, 3, i64::from(c.withdrawn && c.passed));
                figures.add(key, 4, i64::from(counts && class.subsidised));
                if counts {
                    figures.once(key, 1, &c.person.to_string());
                }
            }
            let metric = self.world.metrics.get(&self.world.occupation(class).code).filter(|_| counts);
            if let Some(metric) = metric {
                for (y, d) in [(&*year, district), ("", district), (&*year, ""), ("", "")] {
                    tasks.add(&[metric, y, d], 0, 1);
                }
            }
        }
        vec![districts, city, tasks]
    }

    /// Who is certified, who holds which certificates, whose credit is recorded.
    fn people(&self, verdicts: &[Verdict]) -> [Figures; 2] {
        const COUNTS: [&str; 6] = ["certifiable", "certified", "certified_90_days", "holders", "high_skilled", "special_ability"];
        let mut certified = Figures::new("certified_by_district_year", &["year", "district_code"], &COUNTS);
        let mut credit = Figures::new("credit_records_by_district_year", &["year", "district_code"], &["domestic_workers", "with_record"]);
        for (year, district) in self.planned() {
            for district in [district, ""] {
                certified.add(&[&year, district], 0, 0);
                credit.add(&[&year, district], 0, 0);
            }
        }
        let skill = |c: &&Certificate| c.valid && matches!(c.kind, "skill_level" | "professional_qualification");
        let mut by_person: BTreeMap<(usize, usize), Vec<&Certificate>> = BTreeMap::new();
        for c in self.certificates.iter().filter(skill) {
            by_person.entry((c.person, c.occupation)).or_default().push(c);
        }
        for (c, _, class, year, district) in self.told(verdicts).filter(|t| t.1 == Verdict::Counts) {
            let (occupation, person) = (self.world.occupation(class), c.person.to_string());
            let own = by_person.get(&(c.person, class.occupation)).into_iter().flatten().filter(|own| own.issued >= class.starts);
            let soonest = own.map(|own| own.issued).min();
            for key in [[&*year, district], [&*year, ""]] {
                if occupation.certifiable && class.kind != "entrepreneurship" {
                    certified.once(&key, 0, &person);
                    if let Some(on) = soonest {
                        certified.once(&key, 1, &person);
                        let soon = if on <= c.on + 90 { 2 } else { 1 };
                        certified.once(&key, soon, &person);
                    }
                }
                if occupation.code == "domestic_worker" {
                    credit.once(&key, 0, &person);
                    if self.credited.contains(&c.person) {
                        credit.once(&key, 1, &person);
                    }
                }
            }
        }
        for c in self.certificates.iter().filter(|c| c.valid) {
            let class = c.class.and_then(|i| self.classes.get(i)).filter(|class| class.filed);
            let (year, person) = (year_of(c.issued).to_string(), c.person.to_string());
            // Without a class a certificate is the city's alone; of a class in another plan it is that plan's.
            let here = class.is_none_or(|class| class.plan == self.world.plan);
            let district = class.map(|class| self.world.district(class.district));
            let high = matches!(c.level.as_deref(), Some("3" | "2" | "1"));
            for district in district.into_iter().chain([""]).filter(|_| here && self.world.years.contains(&year_of(c.issued))) {
                let key = [&*year, district];
                match c.kind {
                    "skill_level" | "professional_qualification" => {
                        certified.once(&key, 3, &person);
                        certified.once(&key, if high { 4 } else { 3 }, &person);
                    }
                    "special_ability" => certified.once(&key, 5, &person),
                    _ => {}
                }
            }
        }
        [certified, credit]
    }

    /// Subsidised classes by what their hours are worth, as planned and as delivered.
    fn class_hours(&self) -> Figures {
        let mut classes = Figures::new("hours_compliance", &["year", "district_code", "planned_verdict", "delivered_verdict"], &["1"]);
        for class in self.classes.iter().filter(|c| c.filed && c.subsidised) {
            let (year, district) = (year_of(class.ends).to_string(), self.world.district(class.district));
            classes.add(&[&year, district, hours(Some(class.minutes)), hours(class.delivered())], 0, 1);
        }
        classes
    }

    /// What was claimed, paid and recovered.
    fn subsidies(&self) -> Figures {
        let counts = &["claims", "paid_fen", "recovered_fen"];
        let mut money = Figures::new("subsidies_by_fund", &["year", "district_code", "fund", "subsidy_kind"], counts);
        for p in &self.payments {
            let class = self.classes.get(p.class).map_or(0, |c| c.district);
            let (year, district) = (year_of(p.on).to_string(), self.world.district(class));
            let key = [&*year, district, p.fund, p.kind];
            money.once(&key, 0, &p.claim);
            money.add(&key, 1, if p.status == "paid" { p.amount } else { 0 });
            money.add(&key, 2, if p.status == "recovered" { p.amount } else { 0 });
        }
        money
    }

    /// Winners by contest; whom a level was promised got the certificate.
    fn contests(&self) -> Figures {
        let mut contests = Figures::new("contest_awards", &["contest_id"], &["awards", "promotions", "promoted"]);
        for ((contest, _), promoted) in &self.awarded {
            let counts = [1, i64::from(*promoted), i64::from(*promoted)];
            counts.into_iter().enumerate().for_each(|(nth, n)| contests.add(&[contest], nth, n));
        }
        contests
    }

    fn measures(&self) -> Figures {
        let mut measures = Figures::new("measures_by_district_year", &["year", "district_code", "measure"], &["total"]);
        for ((year, district, measure), total) in &self.truth.measures {
            for district in [district, ""] {
                measures.add(&[&year.to_string(), district, measure], 0, *total);
            }
        }
        measures
    }

    /// Who completed the same twice, ever, and who took part in more than three subsidised classes of a year.
    fn repeats(&self) -> Vec<Lead> {
        let mut same: BTreeMap<_, Vec<&Class>> = BTreeMap::new();
        let mut many: BTreeMap<_, Vec<&Class>> = BTreeMap::new();
        for c in self.completions.iter().filter(|c| c.in_force && c.passed) {
            let Some(class) = self.classes.get(c.class).filter(|class| class.filed && !class.schooling) else { continue };
            same.entry((c.person, class.occupation, &class.level)).or_default().push(class);
            if class.subsidised {
                many.entry((c.person, year_of(c.on))).or_default().push(class);
            }
        }
        let (same, many) = (same.into_values().filter(|c| c.len() > 1), many.into_values().filter(|c| c.len() > 3));
        same.chain(many).map(|classes| self.lead("repeat_training", &classes)).collect()
    }

    /// Districts that complete more than 40 % of a year's, and of at least ten, in December.
    fn rushes(&self, verdicts: &[Verdict]) -> Vec<Lead> {
        let mut years: BTreeMap<(String, &str), (i64, i64)> = BTreeMap::new();
        for (c, _, _, year, district) in self.told(verdicts).filter(|t| t.1 == Verdict::Counts) {
            let (all, late) = years.entry((year, district)).or_default();
            (*all, *late) = (*all + 1, *late + i64::from(calendar(c.on).month() == 12));
        }
        let rushed = years.into_iter().filter(|(_, (all, late))| *all >= 10 && late * 100 > all * 40);
        let lead = |(year, district): (String, &str)| Lead {
            lead: "december_rush",
            classes: vec![],
            districts: vec![district.to_owned()],
            year: year.parse().ok(),
        };
        rushed.map(|(place, _)| lead(place)).collect()
    }

    pub fn lead(&self, lead: &'static str, classes: &[&Class]) -> Lead {
        let districts = classes.iter().map(|c| self.world.district(c.district).to_owned()).collect();
        Lead { lead, classes: classes.iter().map(|c| c.id.clone()).collect(), districts, year: None }
    }
}
