//! What befalls classes and completions on their way: repeats, corrections, withdrawals, late and refused messages, each with what must
//! come of it written by hand beside it.
use super::generate::Generator;
use super::tell::Told;
use super::time::{DAY, year_of};
use super::training::Class;
use super::world::World;
use crate::contract::{Code, Topic};
use crate::error::Result;
use serde_json::{Value as Json, json};

/// What befalls a class or a completion: in words, what is told, what must come of it (a form in force; `-` and the form it had when
/// withdrawn; nothing). Of what is told, a letter is a form of the data (`World::form`, `Generator::trainee`) in a new event; before it
/// `+` corrects what was told last, `?` supersedes the first (nobody's id if there is none), `!` has the first's id, `@` that id, but
/// from the city, superseding it, `&` the id of the person's enrolment. `-` withdraws; `=2` is the second event once more; `%` the
/// first with its keys in another order; `>` lets months pass.
pub type Story = (&'static str, &'static str, &'static str);

pub const CLASS_STORIES: [Story; 18] = [
    ("classes told twice under one id", "a =1", "a"),
    ("classes told again under a new id", "a a", "a"),
    ("classes told otherwise without superseding", "a s", "a"),
    ("classes told otherwise under a used id", "a !s", "a"),
    ("classes moved to another district", "a +d", "d"),
    ("classes first filed with the wrong schooling", "s +a", "a"),
    ("classes whose schooling is corrected", "a +s", "s"),
    ("classes never filed", "", ""),
    ("classes filed months late", "> a", "a"),
    ("classes withdrawn", "a -", "-a"),
    ("classes withdrawn and filed by another district", "a - d", "d"),
    ("classes corrected by a stale correction", "a +s ?g", "g"),
    ("classes whose subsidy is corrected", "a +g", "g"),
    ("classes moved to a plan without targets", "a +p", "p"),
    ("classes whose occupation is corrected", "a +o", "o"),
    ("class closings under the filing's id", "a !k", "a"),
    ("classes withdrawn before they are filed", "- a", "a"),
    ("classes corrected, then sent again as first filed", "a +g =1", "g"),
];

pub const COMPLETION_STORIES: [Story; 26] = [
    ("completions told twice under one id", "a =1", "a"),
    ("completions told again under a new id", "a a", "a"),
    ("completions told again with keys in another order", "a %", "a"),
    ("completions told otherwise under a used id", "a !f", "a"),
    ("completions told otherwise without superseding", "a y", "a"),
    ("completions under the enrolment's id", "&a", ""),
    ("completions under the enrolment's id, then their own", "&a a", "a"),
    ("completions moved within weeks", "a +b", "b"),
    ("completions moved into another year", "a +y", "y"),
    ("completions moved out of the plan's years", "a +z", "z"),
    ("completions corrected from failed to passed", "f +a", "a"),
    ("completions corrected from passed to failed", "a +f", "f"),
    ("completions corrected by a stale correction", "a +f ?y", "y"),
    ("completions corrected by the city under the same id", "a @b", "b"),
    ("completions that supersede what nobody told", "?a", "a"),
    ("completions corrected three times", "a +f +b +y", "y"),
    ("completions corrected, then sent again as first told", "a +y =1", "y"),
    ("completions withdrawn", "a -", "-a"),
    ("completions withdrawn twice", "a - -", "-a"),
    ("completions withdrawn, then sent again as first told", "a - =1", "-a"),
    ("completions withdrawn and restated", "a - a", "a"),
    ("completions restated, then the withdrawal sent again", "a - a =2", "a"),
    ("completions withdrawn before they are told", "- a", "a"),
    ("completions moved into another year, then withdrawn", "a +y -", "-y"),
    ("failed completions withdrawn", "f -", "-f"),
    ("completions told months late", "> a", "a"),
];

/// After so many classes, and so many completions, the stories come round again.
pub const CLASS_ROUND: usize = 144;
pub const COMPLETION_ROUND: usize = 520;

/// The stories stand spread over each round, so that no class has them all.
pub fn story(stories: &[Story], n: usize, round: usize) -> Story {
    let (turn, spacing) = (n % round, (round / stories.len().max(1)).max(1));
    stories.get(turn / spacing).filter(|_| turn.is_multiple_of(spacing)).copied().unwrap_or(("", "a", "a"))
}

/// What a story's letter stands for: event type, source, data.
pub type Form<'f> = &'f dyn Fn(char) -> (&'static str, String, Json);

/// Why messages are refused, in turn, and what is replaced by what in one that is right. A message without a value can't be planted.
pub const SPOILT: [(Code, &str, &str); 22] = [
    (Code::TooLarge, "", ""),
    (Code::NotUtf8, "", ""),
    (Code::NotJson, ":", "="),
    (Code::DuplicateKey, "{\"", "{\"specversion\":\"1.0\",\""),
    (Code::MissingAttribute, "\"specversion\":\"1.0\",", ""),
    (Code::UnknownAttribute, "{\"", "{\"priority\":1,\""),
    (Code::UnknownType, "completed.v1", "graduated.v1"),
    (Code::WrongTopic, "", ""),
    (Code::KeyNotSubject, "", ""),
    (Code::MissingField, "\"result\":\"passed\",", ""),
    (Code::UnknownField, "\"result\"", "\"remark\":\"补录\",\"result\""),
    (Code::NullField, ":900", ":null"),
    (Code::WrongType, ":900", ":900.0"),
    (Code::BadDate, "-02-28", "-02-29"),
    (Code::BadInstant, "+08:00", ""),
    (Code::OutOfRange, ":900", ":-1"),
    (Code::UnknownCode, "passed", "excellent"),
    (Code::BadFormat, "\"person_key\":\"", "\"person_key\":\"ID"),
    (Code::TooLong, "\"demo", "\"{long}"),
    (Code::SubjectMismatch, "\"class/", "\"class/X"),
    (Code::PersonalData, "\"demo-", "\"{id}-"),
    (Code::NotAuthorised, "", ""),
];

impl World {
    /// A class in the form of a story's letter.
    pub fn form(&self, class: &Class, letter: char) -> Class {
        let mut class = class.clone();
        match letter {
            's' => class.schooling = !class.schooling,
            'g' => class.subsidised = !class.subsidised,
            'd' => class.district = (class.district + 1) % self.districts.len().max(1),
            'p' => class.plan.push_str("-extra"),
            'o' => {
                // The next one of the skill ladder that its institution is listed for.
                let listed = self.institutions.iter().find(|i| i.id == class.institution).map(|i| i.occupations.as_slice());
                let skilled = |o: &&usize| self.occupations.get(**o).is_some_and(|o| o.certifiable);
                let mut listed = listed.unwrap_or_default().iter().filter(skilled);
                let next = listed.clone().find(|o| **o > class.occupation).or(listed.next());
                class.occupation = next.copied().unwrap_or(class.occupation);
                class.level = self.occupation(&class).levels.first().cloned();
            }
            _ => {}
        }
        class
    }
}

impl Generator<'_> {
    /// Plays what a story tells (see `Story`): the first event at `when`, each other one days after the one before, so that a subject's
    /// events keep their order. Returns the last one.
    pub fn play(&mut self, steps: &str, (when, gap): (i64, i64), enrolment: Option<&Told>, form: Form<'_>) -> Result<Option<Told>> {
        let mut sent: Vec<Told> = Vec::new();
        // The last that wasn't a withdrawal, which a correction names; the moment of the next.
        let (mut stated, mut next) = (None::<Told>, when);
        for step in steps.split_whitespace() {
            let (mark, letter) = (step.chars().next().unwrap_or_default(), step.chars().last().unwrap_or_default());
            let first = sent.first().map_or("demo-nobody", |f| &f.id).to_owned();
            let (name, source, data) = form(letter);
            let mut told = self.prepare(name, &source, data)?;
            told.origin = enrolment.and_then(|e| e.origin.clone());
            match (mark, enrolment) {
                ('+', _) => told.supersedes = stated.as_ref().map(|s| s.id.clone()),
                ('?', _) => told.supersedes = Some(first),
                ('!', _) => told.id = first,
                ('@', _) => (told.source, told.supersedes, told.id) = ("/city/hrss".to_owned(), Some(first.clone()), first),
                ('&', Some(enrolment)) => told.id.clone_from(&enrolment.id),
                _ => {}
            }
            let event = match (mark, letter.to_digit(10).and_then(|n| sent.get((n as usize).checked_sub(1)?)).or(sent.first())) {
                ('>', _) => {
                    next += (90 + self.below(60)) * DAY;
                    continue;
                }
                ('-', _) => {
                    let data = json!({ "withdrawn_type": told.type_name });
                    self.about(&told, "record_withdrawn", &source, next, data)?
                }
                ('=', Some(nth)) => self.append(Told { seen: next, ..nth.clone() }),
                ('%', Some(nth)) => {
                    let data = nth.data.as_object().into_iter().flatten().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
                    self.append(Told { seen: next, data: Json::Object(data), ..nth.clone() })
                }
                _ => stated.insert(self.send(told, next)).clone(),
            };
            next = event.seen + (gap + self.below(20)) * DAY;
            sent.push(event);
        }
        Ok(sent.pop())
    }

    /// Messages that the contract refuses: completions that would count, and a target that a district sets itself.
    pub fn refusals(&mut self) -> Result<()> {
        for n in 0..(self.trainees / 40).max(SPOILT.len() as i64) as usize {
            let Some((code, from, to)) = SPOILT.get(n % SPOILT.len()) else { continue };
            let (person, class) = self.someone()?;
            let on = format!("{}-02-28", year_of(class.ends) / 4 * 4 + 1);
            let data =
                json!({ "class_id": class.id, "person_key": self.key(), "result": "passed", "completed_on": on, "attended_minutes": 900 });
            let mut told = self.prepare("trainee_completed", &class.source, data)?;
            match code {
                Code::WrongTopic => told.topic = Topic::Certification,
                Code::NotAuthorised => told = self.prepare("target_set", &class.source, json!({ "plan": class.plan }))?,
                _ => {}
            }
            told.time = self.office(class.ends + 5);
            let to = to.replace("{long}", &"9".repeat(129)).replace("{id}", &self.world.id_number());
            let mut bytes = told.json().replacen(from, &to, 1).into_bytes();
            match code {
                // GBK, as a spreadsheet saves it.
                Code::NotUtf8 => bytes.extend([0xba, 0xcf, 0xb8, 0xf1]),
                Code::NotJson if n % 2 == 0 => bytes.truncate(bytes.len() / 2),
                Code::TooLarge => bytes.resize(64 * 1024 + 1, b' '),
                _ => {}
            }
            let key = match code {
                Code::KeyNotSubject => self.people.get(person).map(|p| p.key.clone()).unwrap_or_default(),
                Code::SubjectMismatch => told.subject.replacen(from.trim_start_matches('"'), to.trim_start_matches('"'), 1),
                _ => told.subject,
            };
            self.push(told.topic, &key, bytes, told.time + DAY);
            self.truth.rejected += 1;
            self.plant(code.name());
        }
        Ok(())
    }
}
