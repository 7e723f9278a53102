//! Anomalies that are planted to be found: for each kind of lead some classes of their own in which nothing else goes wrong, and what
//! must be found in them. Beside each stands, where there is one, the case that lies just on the right side of the rule.
use super::generate::Generator;
use super::outcomes::{Certificate, Claim};
use super::time::{HOUR, MINUTE, date, day, year_of};
use super::training::{Class, sessions};
use crate::error::Result;
use serde_json::{Value as Json, json};

/// What must be found.
#[derive(Clone, Debug)]
pub struct Lead {
    /// Its code.
    pub lead: &'static str,
    /// One of these classes is named, or none if there are none here.
    pub classes: Vec<String>,
    /// The district that is named: one of these, or none.
    pub districts: Vec<String>,
    /// The year that is named, where no class tells it.
    pub year: Option<i64>,
}

/// Who is in a planted class: enough that all rules apply, and few.
const SIZE: i64 = 11;
/// A planted class is as others; the stories are for them.
const QUIET: (&str, &str, &str) = ("", "a", "a");
/// For so many trainees each kind of anomaly is planted once.
const ROUND: i64 = 3_000;

/// A planted class that was told, with its people.
struct Planted {
    index: usize,
    class: Class,
    people: Vec<usize>,
}

impl Generator<'_> {
    /// Plants all of them, in districts and years that change from one to the next.
    pub fn anomalies(&mut self) -> Result<()> {
        for round in 0..self.trainees / ROUND {
            self.trainers_misplaced()?;
            self.persons_mixed_up()?;
            self.classes_odd()?;
            self.not_listed(round)?;
            self.other_district()?;
            self.identical(round)?;
            self.money(round)?;
            self.certificates_odd()?;
            self.listed_elsewhere(round)?;
            if round == 0 {
                self.many_in_a_year()?;
                self.issued_at_once()?;
            }
        }
        Ok(())
    }

    /// A class to plant something in, in the district and year whose turn it is; some days between one and the next.
    fn stage(&mut self) -> Result<Class> {
        let (n, world) = (self.staged, self.world);
        self.staged += 1;
        let year = world.years.get(n % world.years.len().max(1)).copied().unwrap_or_default();
        let ends = day(year, 3, 1)? + (n as i64 * 37).rem_euclid(250);
        Ok(self.stage_in(5 * n % world.districts.len().max(1), None, ends))
    }

    /// Such a class of a district, for an occupation or the one that is due.
    fn stage_in(&mut self, d: usize, occupation: Option<usize>, ends: i64) -> Class {
        let occupation = occupation.unwrap_or_else(|| self.usual(d));
        let (drawn, trainer) = (self.draw(d, occupation, ends, SIZE), self.key());
        let kind = self.world.code("training_kind", ends as usize % 3).to_owned();
        Class { subsidised: true, schooling: false, signed: false, kind, trainer, ..drawn }
    }

    /// Tells a planted class with new people, of whom one fails.
    fn tell_class(&mut self, class: Class) -> Result<Planted> {
        let people = (0..SIZE).map(|_| self.newcomer()).collect();
        self.tell_with(class, people, |_| json!({}), |row| if row == 4 { "failed" } else { "passed" })
    }

    /// Tells a planted class: its people, by their rows what is otherwise in their enrolments, and how they end.
    fn tell_with(
        &mut self,
        class: Class,
        people: Vec<usize>,
        set: impl Fn(usize) -> Json,
        result: impl Fn(usize) -> &'static str,
    ) -> Result<Planted> {
        let (index, file) = (self.file(&class, QUIET)?, self.key());
        for (row, person) in people.iter().enumerate() {
            let enrolment = self.enrol(&class, *person, &format!("{file}#{}", row + 2), set(row))?;
            self.complete(index, &class, *person, &enrolment, QUIET, result(row))?;
            // Nobody of them is in another class by chance.
            self.people.get_mut(*person).into_iter().for_each(|p| p.busy.push((i64::MIN, i64::MAX)));
        }
        Ok(Planted { index, class, people })
    }

    /// A lead that must be found in one of these classes.
    fn finds(&mut self, lead: &'static str, classes: &[&Class]) {
        let lead = self.lead(lead, classes);
        self.truth.leads.push(lead);
    }

    /// Trainers among their own trainees, and in two places; trainees in two places.
    fn trainers_misplaced(&mut self) -> Result<()> {
        let class = self.stage()?;
        let people: Vec<usize> = (0..SIZE).map(|_| self.newcomer()).collect();
        // A newcomer who teaches.
        let trainer = people.get(2).and_then(|p| self.people.get_mut(*p));
        trainer.into_iter().for_each(|p| p.key.clone_from(&class.trainer));
        let taught = self.tell_with(class, people, |_| json!({}), |row| if row == 4 { "failed" } else { "passed" })?;
        self.finds("trainer_is_trainee", &[&taught.class]);

        // Two classes at the same time, one with the other's trainer.
        let (one, other) = self.pair()?;
        let other = Class { trainer: one.trainer.clone(), ..other };
        let (one, other) = (self.tell_class(one)?, self.tell_class(other)?);
        self.finds("trainer_overlap", &[&one.class, &other.class]);

        // The lessons of one end 16 and 15 minutes after those of the other begin: too much, and just not.
        let (one, mut other) = self.pair()?;
        for (n, (late, own)) in other.sessions.iter_mut().zip(&one.sessions).enumerate() {
            late.start = own.start + own.minutes * MINUTE - if n == 0 { 16 } else { 15 } * MINUTE;
        }
        let (one, other) = (self.tell_class(one)?, self.tell_class(other)?);
        for (nth, person) in one.people.iter().take(2).enumerate() {
            for class in [&one.class, &other.class] {
                if let Some(session) = class.sessions.get(nth) {
                    self.sign_in(class, session, *person, session.start - 5 * MINUTE, "manual")?;
                }
            }
        }
        self.finds("session_overlap", &[&one.class, &other.class]);
        Ok(())
    }

    /// Two classes of two districts on the same days.
    fn pair(&mut self) -> Result<(Class, Class)> {
        let one = self.stage()?;
        let other = self.stage_in((one.district + 5) % self.world.districts.len().max(1), None, one.ends);
        let (starts, minutes, sessions, closed) = (one.starts, one.minutes, one.sessions.clone(), one.closed);
        Ok((one, Class { starts, minutes, sessions, closed, ..other }))
    }

    /// One person under two names or sexes, several under one number, a roster used twice.
    fn persons_mixed_up(&mut self) -> Result<()> {
        let first = self.stage()?;
        let second = self.skilled(first.occupation)?;
        let first = self.tell_class(first)?;
        // The first two of the class before are in this one too: one with another name, one with another sex.
        let known: Vec<usize> = first.people.iter().take(2).copied().collect();
        let sex = known.get(1).and_then(|p| self.people.get(*p)).map_or("F", |p| if p.sex == "F" { "M" } else { "F" });
        let (name, phone) = (self.key(), self.key());
        let mut people = known;
        while people.len() < SIZE as usize {
            people.push(self.newcomer());
        }
        let set = |row| match row {
            0 => json!({ "name_key": name }),
            1 => json!({ "sex": sex }),
            // Three share a telephone, and two another one.
            2..5 => json!({ "phone_key": phone }),
            5 | 6 => json!({ "phone_key": name }),
            _ => json!({}),
        };
        let second = self.tell_with(second, people, set, |row| if row == 4 { "failed" } else { "passed" })?;
        self.finds("identity_mismatch", &[&first.class, &second.class]);
        self.finds("identity_mismatch", &[&first.class, &second.class]);
        self.finds("shared_contact", &[&second.class]);

        // Ten of eleven and eleven: 10 of 12 are in both.
        let first = self.stage()?;
        let second = self.skilled(first.occupation)?;
        let first = self.tell_class(first)?;
        let mut people: Vec<usize> = first.people.iter().skip(1).copied().collect();
        people.push(self.newcomer());
        let second = self.tell_with(second, people, |_| json!({}), |row| if row == 4 { "failed" } else { "passed" })?;
        self.finds("roster_reuse", &[&first.class, &second.class]);
        Ok(())
    }

    /// Too many people, too many hours a day, too few days, hours that don't agree, all there within a minute.
    fn classes_odd(&mut self) -> Result<()> {
        let full = Class { capacity: SIZE - 1, ..self.stage()? };
        let full = self.tell_class(full)?;
        self.finds("over_capacity", &[&full.class]);

        let mut long = self.stage()?;
        let first = long.sessions.first().map_or(0, |s| s.start);
        // The second lesson is on the first one's day, after a break of half an hour.
        let both = long.sessions.iter().take(2).map(|s| s.minutes).sum::<i64>();
        let second = long.sessions.get_mut(1);
        second.into_iter().for_each(|s| (s.start, s.minutes) = (first + 6 * HOUR - HOUR / 2, s.minutes + (481 - both).max(0)));
        long.closed = None;
        let long = self.tell_class(long)?;
        self.finds("hours_compressed", &[&long.class]);

        let short = self.stage()?;
        let minutes = (5 * 480 + 1, 1_700);
        let short = Class { starts: short.ends - 4, minutes, sessions: vec![], closed: Some(minutes), ..short };
        let short = self.tell_class(short)?;
        self.finds("hours_compressed", &[&short.class]);
        // A minute less fits in the days.
        let fits = self.stage()?;
        let minutes = (5 * 480, 1_700);
        self.tell_class(Class { starts: fits.ends - 4, minutes, sessions: vec![], closed: Some(minutes), ..fits })?;

        let mut rounded = self.stage()?;
        rounded.closed = rounded.closed.map(|(total, practical)| (total + 60, practical));
        let rounded = self.tell_class(rounded)?;
        self.finds("hours_mismatch", &[&rounded.class]);

        let gate = self.stage()?;
        let gate = self.tell_class(gate)?;
        for (row, person) in (0..).zip(&gate.people) {
            // 9 of 11 within a minute, and in the lesson after it 8, which is too few.
            for (session, many) in gate.class.sessions.iter().zip([9, 8]) {
                let at = session.start - 10 * MINUTE + if row < many { row * 7_000 } else { row * 3 * MINUTE };
                self.sign_in(&gate.class, session, *person, at, "card")?;
            }
        }
        self.finds("bulk_sign_in", &[&gate.class]);
        Ok(())
    }

    /// Classes and certificates of those who stand on no list for it.
    fn not_listed(&mut self, round: i64) -> Result<()> {
        let unknown = self.stage()?;
        let nobody = self.world.unlisted(90 + round as usize);
        let unknown = self.tell_class(Class { institution: nobody, ..unknown })?;
        self.finds("not_listed", &[&unknown.class]);

        let other = self.stage()?;
        let lacking = self.world.institutions.iter().filter(|i| i.until.is_none() && !i.occupations.contains(&other.occupation));
        let institution = lacking.min_by_key(|i| i.district.abs_diff(other.district)).map_or_else(String::new, |i| i.id.clone());
        let other = self.tell_class(Class { institution, ..other })?;
        self.finds("not_listed", &[&other.class]);

        // After the day on which an institution was struck off.
        let struck = self.world.institutions.iter().filter_map(|i| Some((i, i.until?))).nth(round as usize % 3);
        if let Some((i, until)) = struck {
            let occupation = i.occupations.get(round as usize % i.occupations.len().max(1)).copied().unwrap_or_default();
            let late = self.stage_in(i.district, Some(occupation), until + 40 + 11 * round);
            let late = self.tell_class(Class { institution: i.id.clone(), ..late })?;
            self.finds("not_listed", &[&late.class]);
        }
        Ok(())
    }

    /// A district states completions of another district's class.
    fn other_district(&mut self) -> Result<()> {
        let class = Class { capacity: SIZE + 2, ..self.stage()? };
        let stranger = self.world.district((class.district + 1) % self.world.districts.len().max(1)).to_owned();
        let class = self.tell_class(class)?;
        let outside = Class { source: format!("/districts/{stranger}/rosters"), ..class.class.clone() };
        for _ in 0..2 {
            let (person, file) = (self.newcomer(), self.key());
            self.people.get_mut(person).into_iter().for_each(|p| p.busy.push((i64::MIN, i64::MAX)));
            let enrolment = self.enrol(&class.class, person, &format!("{file}#2"), json!({}))?;
            self.complete(class.index, &outside, person, &enrolment, QUIET, "passed")?;
        }
        self.finds("other_district", &[&class.class]);
        Ok(())
    }

    /// Three classes of an institution in a year whose figures are the same: all pass, all are certified, exactly the share that is asked.
    fn identical(&mut self, round: i64) -> Result<()> {
        let first = self.stage()?;
        let mut alike: Vec<Class> = vec![];
        for n in 0..3 {
            let ends = day(year_of(first.ends), 2 + n, 9)?;
            let drawn = self.stage_in(first.district, Some(first.occupation), ends);
            let (institution, level) = (first.institution.clone(), first.level.clone());
            let mut class = Class { institution, level, starts: ends - 24, ..drawn };
            if round % 3 == 1 {
                (class.minutes, class.sessions) = ((20 * 150, 13 * 150), sessions(&class, 20, 150, 13));
                class.closed = Some(class.minutes);
            }
            let people = (0..SIZE).map(|_| self.newcomer()).collect();
            let all = round % 3 == 0;
            let told = self.tell_with(class, people, |_| json!({}), |row| if row == 4 && !all { "failed" } else { "passed" })?;
            if round % 3 == 2 {
                for (person, on) in self.passed(told.index) {
                    let alike = self.of_class(&told, person, on + 40);
                    self.issue(alike, "training", false)?;
                }
            }
            alike.push(told.class);
        }
        self.finds("identical_figures", &alike.iter().collect::<Vec<_>>());
        Ok(())
    }

    /// A certificate for somebody of a planted class.
    fn of_class(&self, planted: &Planted, person: usize, issued: i64) -> Certificate {
        let (occupation, level) = (planted.class.occupation, planted.class.level.clone());
        let skill = level.is_some() && self.world.occupation(&planted.class).certifiable;
        self.certificate(if skill { "skill_level" } else { "special_ability" }, person, (occupation, level), issued, Some(planted.index))
    }

    /// Claims that are paid twice, from the wrong fund, for nothing, or into one account.
    fn money(&mut self, round: i64) -> Result<()> {
        let class = self.skilled(usize::MAX)?;
        let own = self.tell_class(class)?;
        let (id, end) = (own.class.id.clone(), own.class.ends);
        let mut serial = 0;
        let mut claim = |g: &Self, person: Option<usize>, kind: &'static str, fund: &'static str| {
            serial += 1;
            let account = person.and_then(|p| g.people.get(p)).map_or_else(|| own.class.trainer.clone(), |p| p.name.clone());
            Claim { id: format!("BT-{id}-X{serial}"), class: own.index, person, account, kind, fund }
        };
        let person = |row: usize| own.people.get(row).copied();
        let paid = |amount| [("applied", 20, amount), ("approved", 35, amount), ("paid", 50, amount)];
        if round % 2 == 0 {
            // Twice for one person; for another one once in two parts, which is no more than once.
            for _ in 0..2 {
                let twice = claim(self, person(0), "assessment", "special_account");
                self.pay(&twice, end, &paid(24_000))?;
            }
            let parts = claim(self, person(1), "assessment", "special_account");
            self.pay(&parts, end, &[("applied", 20, 24_000), ("paid", 50, 12_000), ("paid", 90, 12_000)])?;
        } else {
            for _ in 0..2 {
                let twice = claim(self, None, "training", "special_account");
                self.pay(&twice, end, &paid(150_000 * SIZE))?;
            }
        }
        self.finds("paid_twice", &[&own.class]);
        let wrong = match round % 2 {
            0 => claim(self, person(2), "living", "special_account"),
            _ => claim(self, person(2), "assessment", "employment_fund"),
        };
        self.pay(&wrong, end, &paid(60_000))?;
        self.finds("wrong_fund", &[&own.class]);
        let nothing = claim(self, person(4), "travel", "employment_fund");
        self.pay(&nothing, end, &paid(12_000))?;
        self.finds("paid_without_completion", &[&own.class]);
        let shared = self.key();
        for row in [6, 7] {
            let one = Claim { account: shared.clone(), ..claim(self, person(row), "travel", "employment_fund") };
            self.pay(&one, end, &paid(12_000))?;
        }
        self.finds("shared_contact", &[&own.class]);
        Ok(())
    }

    /// A class to plant something in, for an occupation of the skill ladder other than one.
    fn skilled(&mut self, but: usize) -> Result<Class> {
        let mut class = self.stage()?;
        let listed = self.world.institutions.iter().find(|i| i.id == class.institution).map(|i| i.occupations.as_slice());
        let fits = |o: &&usize| **o != but && self.world.occupations.get(**o).is_some_and(|o| o.certifiable);
        class.occupation = listed.unwrap_or_default().iter().find(fits).copied().unwrap_or(class.occupation);
        class.level = self.world.occupation(&class).levels.first().cloned();
        Ok(class)
    }

    /// Certificates that came before the class, whose numbers tell another year, that two persons hold, that nobody was listed to issue.
    fn certificates_odd(&mut self) -> Result<()> {
        let class = self.skilled(usize::MAX)?;
        let own = self.tell_class(class)?;
        let person = |row: usize| own.people.get(row).copied().unwrap_or_default();
        let early = self.of_class(&own, person(0), own.class.starts - 1);
        self.issue(early, "training", false)?;
        self.finds("certified_before_class", &[&own.class]);
        // On the first day of the class it is in order.
        let first = self.of_class(&own, person(1), own.class.starts);
        self.issue(first, "training", false)?;

        let later = own.class.ends + 30;
        let mut odd = self.of_class(&own, person(2), later);
        odd.number = self.number(odd.kind, &odd.evaluator, odd.level.as_deref(), year_of(later) - 1);
        self.issue(odd, "training", false)?;
        self.finds("certificate_odd", &[&own.class]);

        let one = self.of_class(&own, person(3), later);
        let two = Certificate { number: one.number.clone(), ..self.of_class(&own, person(5), later) };
        self.issue(one, "training", false)?;
        // Stated otherwise without superseding: the first stays in force.
        self.issue(two, "training", false)?;
        self.certificates.pop();
        self.finds("certificate_odd", &[&own.class]);

        let mut stranger = self.of_class(&own, person(6), later);
        let other = self.world.occupations.iter().find(|o| o.certifiable && o.evaluator != stranger.evaluator);
        stranger.evaluator = other.map_or_else(String::new, |o| o.evaluator.clone());
        stranger.number = self.number(stranger.kind, &stranger.evaluator, stranger.level.as_deref(), year_of(later));
        self.issue(stranger, "training", false)?;
        self.finds("not_listed", &[&own.class]);
        Ok(())
    }

    /// Persons who stand on another authority's list of a day of the class.
    fn listed_elsewhere(&mut self, round: i64) -> Result<()> {
        let class = self.stage()?;
        let people: Vec<usize> = (0..SIZE).map(|_| self.newcomer()).collect();
        let groups = |row| if row == 1 { json!({ "person_groups": ["unemployed"] }) } else { json!({ "person_groups": ["employed"] }) };
        let own = self.tell_with(class, people, groups, |row| if row == 4 { "failed" } else { "passed" })?;
        for (row, kind, on) in [
            (0, "fiscal_payroll", own.class.starts),
            (1, "pension_contributor", own.class.ends),
            (2, "pension_recipient", own.class.starts + 1),
            (3, "ineligible", own.class.ends - 1),
        ] {
            let list = format!("LX{round}-{}-{row}", own.class.id);
            self.hit(&list, kind, on, &own.class, own.people.get(row).copied().unwrap_or_default())?;
            self.finds("list_hit", &[&own.class]);
        }
        // A contributor who is employed, and a list of the day after the class.
        for (row, kind, on) in [(5, "pension_contributor", own.class.ends), (6, "ineligible", own.class.ends + 1)] {
            let list = format!("LX{round}-{}-{row}", own.class.id);
            self.hit(&list, kind, on, &own.class, own.people.get(row).copied().unwrap_or_default())?;
        }
        Ok(())
    }

    /// One person in four subsidised classes of a year, each for something else; another one in three of them, which is not too many.
    fn many_in_a_year(&mut self) -> Result<()> {
        let first = self.stage()?;
        let year = year_of(first.ends);
        let (busy, busy_too) = (self.newcomer(), self.newcomer());
        let occupations: Vec<usize> =
            (0..self.world.occupations.len()).filter(|o| self.world.occupations.get(*o).is_some_and(|o| o.certifiable)).take(4).collect();
        for (n, occupation) in (0..).zip(occupations) {
            let class = self.stage_in(first.district, Some(occupation), day(year, 3 + 2 * n, 20)?);
            let mut people = vec![busy];
            people.extend((n < 3).then_some(busy_too));
            while people.len() < SIZE as usize {
                people.push(self.newcomer());
            }
            self.tell_with(class, people, |_| json!({}), |row| if row == 4 { "failed" } else { "passed" })?;
        }
        Ok(())
    }

    /// An evaluator issues more in a day than it can have tested, soon after it was listed.
    fn issued_at_once(&mut self) -> Result<()> {
        let Some(occupation) = self.world.occupations.iter().position(|o| o.certifiable) else { return Ok(()) };
        let own = self.world.occupations.get(occupation).cloned().unwrap_or_default();
        let listed = day(self.world.edges().1, 4, 6)?;
        let id = format!("{}9", own.evaluator.get(..12).unwrap_or_default());
        let level = own.levels.first().cloned();
        let data = json!({
            "evaluator_id": id, "institution_name": format!("{}某职业技能评价有限公司", self.world.city), "occupations": [own.code],
            "levels": own.levels, "valid_from": date(listed), "valid_to": null,
        });
        self.tell("evaluator_listed", "/city/hrss", listed + 1, data)?;
        let issued = listed + 45;
        for _ in 0..101 {
            let person = self.newcomer();
            self.people.get_mut(person).into_iter().for_each(|p| p.busy.push((i64::MIN, i64::MAX)));
            let mut one = self.certificate("skill_level", person, (occupation, level.clone()), issued, None);
            one.number = self.number(one.kind, &id, level.as_deref(), year_of(issued));
            self.issue(Certificate { evaluator: id.clone(), ..one }, "exam", false)?;
        }
        for _ in ["in a day", "after it was listed"] {
            let year = Some(year_of(issued));
            self.truth.leads.push(Lead { lead: "bulk_issuing", classes: vec![], districts: vec![], year });
        }
        Ok(())
    }
}
