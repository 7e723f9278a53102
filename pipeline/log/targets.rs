//! An allocation table → `target_set` events. The table is as the annex prints it: a row for each district, and a control row for the
//! whole city.
//!
//! Columns: `plan`, `document`, `district_code` (`CITY` in the control row), `district`, `source`; every other is a target: `2021` is
//! the metric
//! `trainees` of that year, `METRIC` a metric of the whole plan, `METRIC 2021` a metric of a year. An empty cell gives no target.
use super::Log;
use super::produce::Producer;
use crate::contract::{Contract, Decoder, Topic};
use crate::error::{Context, Error, Result};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The row that is the city's: its targets are checked against the districts' sums.
const CITY: &str = "CITY";
const TEXTS: [&str; 5] = ["plan", "document", "district_code", "district", "source"];
/// Who states an allocation table: a city type (contract §2).
const SOURCE: &str = "/city/allocation";

/// One target event: topic, subject, bytes.
pub struct Target {
    /// The topic.
    pub topic: Topic,
    /// The subject.
    pub subject: String,
    /// The event.
    pub event: Vec<u8>,
}

/// Sends a file's targets; returns how many. Errors: a column or cell that is not understood, a sum that differs from the control row
/// (exit 3).
pub fn load(log: &Log, contract: Arc<Contract>, file: &Path) -> Result<u64> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).context(|| format!("allocation table {name} can't be read"))?;
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut producer = Producer::new(log)?;
    for t in events(&name, &text, contract, &now)? {
        producer.send(t.topic, &t.subject, &t.event, None)?;
    }
    producer.finish()
}

/// The events of an allocation table, stated at `time`. The same target has the same id, so that a file loaded twice changes nothing.
pub fn events(name: &str, text: &str, contract: Arc<Contract>, time: &str) -> Result<Vec<Target>> {
    let wrong = |line: u64, what: String| Error::refused(format!("allocation table {name}:{line}: {what}"));
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let head: Vec<String> =
        reader.headers().context(|| format!("allocation table {name} can't be read"))?.iter().map(|h| h.trim().to_owned()).collect();
    for need in TEXTS.iter().take(3) {
        if !head.iter().any(|h| h == need) {
            return Err(wrong(1, format!("column {need} is missing")));
        }
    }
    let mut decoder = Decoder::new(contract);
    let mut out = vec![];
    // By plan and column: what the districts add up to; what the control row says, and in which line.
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut control: BTreeMap<(String, String), (i64, u64)> = BTreeMap::new();
    for row in reader.records() {
        let row = row.context(|| format!("allocation table {name} can't be read"))?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |column: &str| head.iter().position(|h| h == column).and_then(|i| row.get(i)).map(str::trim).unwrap_or_default();
        let (plan, code) = (cell("plan"), cell("district_code"));
        for (column, value) in head.iter().zip(row.iter()).filter(|(h, v)| !TEXTS.contains(&h.as_str()) && !v.trim().is_empty()) {
            let target: i64 = value.trim().parse().map_err(|_| wrong(line, format!("column {column}: {value:?} is no whole number")))?;
            let (metric, year) = match column.rsplit_once(' ') {
                Some((m, y)) => (m, Some(y)),
                None if column.bytes().all(|b| b.is_ascii_digit()) => ("trainees", Some(column.as_str())),
                None => (column.as_str(), None),
            };
            let mut data = Map::new();
            data.insert("plan".into(), plan.into());
            if code == CITY {
                control.insert((plan.to_owned(), column.clone()), (target, line));
            } else {
                data.insert("district_code".into(), code.into());
                let sum = sums.entry((plan.to_owned(), column.clone())).or_default();
                *sum = sum.checked_add(target).ok_or_else(|| wrong(line, format!("column {column}: the sum is too large")))?;
            }
            if let Some(y) = year {
                let y: i64 = y.parse().map_err(|_| wrong(1, format!("column {column}: {y:?} is no year")))?;
                data.insert("year".into(), y.into());
            }
            data.insert("metric".into(), metric.into());
            data.insert("target".into(), target.into());
            data.insert("document".into(), cell("document").into());
            let subject = format!("target/{plan}/{code}/{}/{metric}", year.unwrap_or("ALL"));
            let id = format!("{:x}", Sha256::digest(Value::Object(data.clone()).to_string().as_bytes()));
            let event = json!({
                "specversion": "1.0", "id": id, "source": SOURCE, "type": "kangyang.target_set.v1", "subject": subject,
                "time": time, "data": data,
            });
            let event = event.to_string().into_bytes();
            let checked = decoder.check(&event).map_err(|r| wrong(line, format!("column {column}: {r}")))?;
            out.push(Target { topic: checked.topic, subject, event: event.clone() });
        }
    }
    for (key, (stated, line)) in &control {
        if let Some(sum) = sums.get(key).filter(|s| *s != stated) {
            let hint = "mend the table: a target that does not add up would put every rate in doubt; nothing was sent";
            return Err(wrong(*line, format!("column {}: the districts add up to {sum}, the control row says {stated}", key.1)).hint(hint));
        }
    }
    if out.is_empty() {
        return Err(wrong(1, "it gives no target".into()));
    }
    Ok(out)
}
