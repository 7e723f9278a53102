//! What comes of a class: assessments and certificates, and the money for it.
use super::generate::Generator;
use super::time::{DAY, date, year_of};
use super::training::Class;
use crate::error::Result;
use serde_json::json;

/// A certificate as it stands in the end.
pub struct Certificate {
    pub number: String,
    pub evaluator: String,
    pub kind: &'static str,
    pub person: usize,
    pub occupation: usize,
    pub level: Option<String>,
    pub issued: i64,
    pub class: Option<usize>,
    /// In force, and neither revoked nor suspended.
    pub valid: bool,
}

/// A step of a claim.
pub struct Payment {
    pub claim: String,
    pub class: usize,
    pub kind: &'static str,
    pub fund: &'static str,
    pub status: &'static str,
    /// Fen.
    pub amount: i64,
    pub on: i64,
}

/// A claim before its steps.
#[derive(Clone)]
pub struct Claim {
    pub id: String,
    pub class: usize,
    pub person: Option<usize>,
    pub account: String,
    pub kind: &'static str,
    pub fund: &'static str,
}

impl Generator<'_> {
    /// Assessments and certificates of those who passed in a class that was just told.
    pub fn certify(&mut self, index: usize, class: &Class) -> Result<()> {
        let (o, source) = (self.world.occupation(class), "/city/evaluation");
        let list = self.passed(index);
        // Most get them together, a month or two later.
        let together = class.ends + 24 + self.below(50);
        for (person, _) in list {
            let level = class.level.as_deref();
            let held = self.people.get(person).is_some_and(|p| p.held.contains(&(class.occupation, class.level.clone())));
            let chance = match (o.certifiable, level) {
                (true, Some(_)) => 86,
                (true, None) => 60,
                (false, Some(_)) => 42,
                (false, None) => 75,
            };
            if held || !self.chance(chance) {
                continue;
            }
            let assessed = class.ends + 4 + self.below(9);
            if let Some(level) = level.filter(|_| o.certifiable) {
                let (result, score) = if self.chance(88) { ("passed", 6000) } else { ("failed", 3500) };
                let key = self.people.get(person).map(|p| p.key.clone());
                let data = json!({
                    "batch_id": format!("B-{}", class.id), "person_key": key, "occupation": o.code, "level": level,
                    "evaluator_id": o.evaluator, "theory_score": score + self.below(2400), "practical_score": score + self.below(2400),
                    "result": result, "assessed_on": date(assessed),
                });
                self.tell("assessment_resulted", source, assessed + 1, data)?;
                if result == "failed" {
                    continue;
                }
            }
            let kind = match (o.certifiable, level) {
                (true, Some(_)) if person % 17 == 4 => "professional_qualification",
                (true, Some(_)) => "skill_level",
                (true, None) => "special_ability",
                (false, Some(_)) => "social_work",
                (false, None) => "training_completion",
            };
            let issued = if self.chance(85) { together } else { together + 10 + self.below(60) };
            let certificate = self.certificate(kind, person, (class.occupation, class.level.clone()), issued, Some(index));
            // Social workers are examined by the state.
            self.issue(certificate, if kind == "social_work" { "exam" } else { "training" }, true)?;
        }
        Ok(())
    }

    /// Who passed in a class, and when, of those told last.
    pub fn passed(&self, index: usize) -> Vec<(usize, i64)> {
        let own = self.completions.iter().rev().take_while(|c| c.class == index).filter(|c| c.passed && c.in_force);
        let mut own: Vec<_> = own.map(|c| (c.person, c.on)).collect();
        own.reverse();
        own
    }

    /// The next certificate, with a number by its kind.
    pub fn certificate(
        &self,
        kind: &'static str,
        person: usize,
        (occupation, level): (usize, Option<String>),
        issued: i64,
        class: Option<usize>,
    ) -> Certificate {
        let evaluator = self.world.occupations.get(occupation).map(|o| o.evaluator.clone()).unwrap_or_default();
        let number = self.number(kind, &evaluator, level.as_deref(), year_of(issued));
        Certificate { number, evaluator, kind, person, occupation, level, issued, class, valid: true }
    }

    /// The next certificate's number.
    pub fn number(&self, kind: &str, evaluator: &str, level: Option<&str>, year: i64) -> String {
        let n = self.certificates.len() + 1;
        match (kind, level) {
            ("skill_level", Some(level)) => format!("{evaluator}{:02}{level}{n:06}", year % 100),
            // 16 digits, as the old certificates have.
            ("professional_qualification", _) => format!("{:02}{}00003{n:05}", year % 100, self.world.region.get(..4).unwrap_or("0000")),
            _ => format!("{}{year}-{n:06}", kind.get(..2).unwrap_or_default().to_uppercase()),
        }
    }

    /// Tells of a certificate, and of what becomes of it: some are revoked, suspended, reinstated, issued anew, withdrawn.
    pub fn issue(&mut self, mut certificate: Certificate, basis: &str, fate: bool) -> Result<()> {
        let (world, source, c) = (self.world, "/city/evaluation", &certificate);
        let occupation = world.occupations.get(c.occupation).map(|o| &o.code);
        let (key, holder) = (self.people.get(c.person).map(|p| p.key.clone()), self.key());
        let class = c.class.and_then(|i| self.classes.get(i)).map(|class| class.id.clone());
        let data = json!({
            "certificate_no": c.number, "certificate_kind": c.kind, "person_key": key, "holder_key": holder, "occupation": occupation,
            "level": c.level, "evaluator_id": c.evaluator, "issued_on": date(c.issued), "basis": basis, "class_id": class,
        });
        let told = self.tell("certificate_issued", source, c.issued + 1, data)?;
        let turn = self.certificates.len() % 150;
        let changes: &[&str] = match turn {
            _ if !fate => &[],
            20 => &["revoked"],
            50 => &["suspended", "reinstated"],
            80 => &["suspended"],
            110 => &["reissued"],
            _ => &[],
        };
        for (step, status) in (1..).zip(changes) {
            let on = certificate.issued + 40 * step;
            let data = json!({ "certificate_no": certificate.number, "certificate_status": status, "effective_on": date(on) });
            self.tell("certificate_status_changed", "/city/hrss", on, data)?;
        }
        let withdrawn = fate && turn == 140;
        if withdrawn {
            self.plant("certificates withdrawn");
            self.about(&told, "record_withdrawn", source, told.seen + 9 * DAY, json!({ "withdrawn_type": told.type_name }))?;
        }
        if let Some(person) = self.people.get_mut(certificate.person) {
            person.held.insert((certificate.occupation, certificate.level.clone()));
        }
        certificate.valid = !withdrawn && !matches!(changes.last(), Some(&"revoked" | &"suspended"));
        self.certificates.push(certificate);
        Ok(())
    }

    /// The subsidies for a class that was just told: one for the class, and those of persons.
    pub fn claim(&mut self, index: usize, class: &Class) -> Result<()> {
        let (passed, end) = (self.passed(index), class.ends);
        let Some(own) = self.classes.get(index).filter(|c| c.filed && c.subsidised && !c.schooling && !passed.is_empty()) else {
            return Ok(());
        };
        let (level, occupation) = (own.level.clone(), own.occupation);
        let account = class.institution.bytes().fold(0_u128, |key, b| key.wrapping_mul(0x0100_0000_01b3) ^ u128::from(b));
        let (all, n) = (150_000 * passed.len() as i64, self.turns.0);
        let claim = Claim {
            id: format!("BT-{}", class.id),
            class: index,
            person: None,
            account: format!("{account:032x}"),
            kind: "training",
            fund: "special_account",
        };
        let steps: &[(&'static str, i64, i64)] = match n % 12 {
            3 => &[("applied", 20, all), ("refused", 40, all)],
            7 => &[("applied", 20, all), ("approved", 45, all)],
            5 => &[("applied", 20, all), ("approved", 40, all), ("paid", 60, all / 5 * 3), ("paid", 150, all - all / 5 * 3)],
            9 => &[("applied", 20, all), ("approved", 40, all), ("paid", 60, all), ("recovered", 130, 150_000)],
            _ => &[("applied", 20, all), ("approved", 40, all), ("paid", 60, all)],
        };
        self.pay(&claim, end, steps)?;
        for (person, _) in passed {
            let n = self.index(100);
            let (kind, fund, amount) = match n {
                0..4 => ("living", "employment_fund", 30_000 * (class.ends - class.starts + 1)),
                4..8 => ("travel", "employment_fund", 12_000),
                8..13 => ("assessment", "special_account", 20_000 + 100 * self.below(80)),
                _ => continue,
            };
            let Some(p) = self.people.get_mut(person) else { continue };
            // Nobody gets any twice for the same occupation and level.
            if !p.paid.insert((occupation, level.clone())) {
                continue;
            }
            let account = p.phone.chars().rev().collect();
            let id = format!("BT-{}-{}", class.id, self.payments.len());
            let claim = Claim { id, class: index, person: Some(person), account, kind, fund };
            self.pay(&claim, end, &[("applied", 25, amount), ("paid", 55, amount)])?;
        }
        Ok(())
    }

    /// Tells the steps of a claim: status, days after a day, fen.
    pub fn pay(&mut self, claim: &Claim, from: i64, steps: &[(&'static str, i64, i64)]) -> Result<()> {
        let Some(class) = self.classes.get(claim.class).cloned() else { return Ok(()) };
        let source = class.source.replace("rosters", "finance");
        for (status, after, amount) in steps {
            let (key, on) = (claim.person.and_then(|p| self.people.get(p)).map(|p| p.key.clone()), from + after);
            let data = json!({
                "claim_id": claim.id, "person_key": key, "class_id": class.id, "institution_id": class.institution,
                "account_key": claim.account, "occupation": null, "level": null, "subsidy_kind": claim.kind, "fund": claim.fund,
                "amount_fen": amount, "subsidy_status": status, "effective_on": date(on),
            });
            self.tell("subsidy_status_changed", &source, on + 1, data)?;
            let (claim, kind, fund) = (claim.clone(), claim.kind, claim.fund);
            self.payments.push(Payment { claim: claim.id, class: claim.class, kind, fund, status, amount: *amount, on });
        }
        Ok(())
    }
}
