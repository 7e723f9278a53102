//! How a statement becomes a message: topic and subject by the contract's own table, an id, the moments it is stated and recorded.
use super::generate::{Event, Generator};
use super::time::{DAY, HOUR, SHANGHAI, instant};
use crate::contract::{Segment, Topic};
use crate::error::{Error, Result};
use serde_json::{Value as Json, json};

/// Less than this passes between a statement and its record; what follows on the same subject follows later.
pub const LAG: i64 = 60 * HOUR;

/// What lies before the plan was issued is told within this time after it.
pub const BACK_FILL: i64 = 30 * DAY;

/// A statement, for what follows it.
#[derive(Clone)]
pub struct Told {
    pub type_name: String,
    pub topic: Topic,
    pub subject: String,
    pub source: String,
    pub id: String,
    pub time: i64,
    pub supersedes: Option<String>,
    pub origin: Option<String>,
    pub data: Json,
    /// When it reaches the log, before the back-fill is pressed into its weeks.
    pub seen: i64,
}

impl Told {
    pub fn json(&self) -> String {
        let envelope = json!({
            "specversion": "1.0", "id": self.id, "source": self.source, "type": self.type_name, "subject": self.subject,
            "time": instant(self.time), "supersedes": self.supersedes, "origin": self.origin,
        });
        format!("{},\"data\":{}}}", over(None, envelope).to_string().trim_end_matches('}'), self.data)
    }
}

/// Data with some fields set; what is null is left out, as the contract wants it.
pub fn over(data: Option<&Json>, set: Json) -> Json {
    let mut map = data.and_then(Json::as_object).cloned().unwrap_or_default();
    if let Json::Object(set) = set {
        map.extend(set);
    }
    map.retain(|_, value| !value.is_null());
    Json::Object(map)
}

impl Generator<'_> {
    /// A moment in a day's office hours.
    pub fn office(&mut self, day: i64) -> i64 {
        day * DAY - SHANGHAI + 8 * HOUR + self.below(36_000) * 1000
    }

    /// A statement that isn't sent yet: topic and subject by the contract's own table; the type's example with these data.
    pub fn prepare(&mut self, name: &str, source: &str, data: Json) -> Result<Told> {
        let found = self.contract.types().iter().find(|t| t.name == name);
        let t = found.ok_or_else(|| Error::new(format!("there is no event type {name}, which the demo needs")))?;
        let data = over(t.examples.first().and_then(|e| e.get("data")), data);
        let part = |s: &Segment| match s {
            Segment::Literal(word) => word.clone(),
            Segment::Field(i, or) => match t.members().get(*i).and_then(|m| data.get(&m.name)) {
                Some(Json::String(text)) => text.clone(),
                Some(number) => number.to_string(),
                None => or.clone().unwrap_or_default(),
            },
        };
        let (type_name, topic) = (t.type_name.clone(), t.topic.unwrap_or(Topic::Training));
        let subject = t.subject.iter().map(part).collect::<Vec<_>>().join("/");
        self.ids += 1;
        let (id, source) = (format!("demo-{:06}", self.ids), source.to_owned());
        Ok(Told { type_name, topic, subject, source, id, time: 0, supersedes: None, origin: None, data, seen: 0 })
    }

    /// Sends a statement of that moment.
    pub fn send(&mut self, told: Told, when: i64) -> Told {
        let told = Told { time: when, seen: when + self.below(LAG / 1000) * 1000, ..told };
        self.append(told)
    }

    pub fn append(&mut self, told: Told) -> Told {
        self.push(told.topic, &told.subject, told.json().into_bytes(), told.seen);
        self.truth.accepted += 1;
        told
    }

    /// What was seen before the back-fill ends is pressed into its weeks, which leaves the order as it is.
    pub fn push(&mut self, topic: Topic, key: &str, payload: Vec<u8>, seen: i64) {
        let end = self.start + BACK_FILL;
        let part = (seen - self.earliest).max(0) / 1000 * (BACK_FILL / 1000) / ((end - self.earliest) / 1000);
        let recorded_at = if seen < end { self.start + part * 1000 } else { seen };
        self.events.push(Event { topic, key: key.to_owned(), payload, recorded_at });
    }

    /// Tells something in the office hours of a day.
    pub fn tell(&mut self, name: &str, source: &str, day: i64, data: Json) -> Result<Told> {
        let (when, told) = (self.office(day), self.prepare(name, source, data)?);
        Ok(self.send(told, when))
    }

    /// An event about another one, with its topic and subject.
    pub fn about(&mut self, told: &Told, name: &str, source: &str, when: i64, data: Json) -> Result<Told> {
        let about = self.prepare(name, source, data)?;
        Ok(self.send(Told { topic: told.topic, subject: told.subject.clone(), ..about }, when))
    }
}
