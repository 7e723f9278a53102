//! An allocation table → `target_set` events. The table is as the annex prints it: a row for each district, and a control row for the
//! whole city.
//!
//! Columns: `plan`, `document`, `district_code` (`CITY` in the control row), `district`, `source`; every other is a target: `2021` is the
//! metric `trainees` of that year, `METRIC` a metric of the whole plan, `METRIC 2021` a metric of a year. An empty cell gives
//! no target; `-` in the control row says that the document gives no sum.
use super::Log;
use super::produce::Producer;
use crate::contract::{Contract, Decoder};
use crate::error::{Context, Error, Result};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The row that is the city's: its targets are checked against the districts' sums.
const CITY: &str = "CITY";
/// What the control row has where the document gives no sum.
const UNSTATED: &str = "-";
const TEXTS: [&str; 5] = ["plan", "document", "district_code", "district", "source"];
/// Who states an allocation table: a city type (contract §2).
const SOURCE: &str = "/city/allocation";

/// What a load sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Targets.
    pub targets: u64,
    /// Withdrawals of targets that an earlier table gave and this one doesn't.
    pub withdrawn: u64,
}

/// Sends a table's targets. `revises` are the tables loaded before it, oldest first: what differs from them is sent as a correction, what
/// is no longer given is withdrawn. Errors (exit 3): a column or cell that is not understood, a sum that differs from the control row.
pub fn load(log: &Log, contract: Arc<Contract>, file: &Path, revises: &[PathBuf]) -> Result<Sent> {
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let read = |file: &Path| {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).context(|| format!("allocation table {name} can't be read"))?;
        Table::read(name, &text)
    };
    let mut series = BTreeMap::new();
    for old in revises {
        state(&mut series, &read(old)?, &now);
    }
    let table = read(file)?;
    let mut decoder = Decoder::new(contract);
    let mut events = vec![];
    for (subject, event, line) in state(&mut series, &table, &now) {
        let bytes = event.to_string().into_bytes();
        let topic = decoder.check(&bytes).map_err(|r| wrong(&table.name, line, format!("{subject}: {r}")))?.topic;
        events.push((topic, subject, bytes));
    }
    let mut producer = Producer::new(log)?;
    events.iter().try_for_each(|(topic, subject, bytes)| producer.send(*topic, subject, bytes, None))?;
    let targets = table.targets.len() as u64;
    Ok(Sent { targets, withdrawn: producer.finish()? - targets })
}

fn wrong(table: &str, line: u64, what: String) -> Error {
    Error::refused(format!("allocation table {table}:{line}: {what}"))
}

const TARGET_SET: &str = "kangyang.target_set.v1";

/// What an allocation table gives.
struct Table {
    /// How messages name it.
    name: String,
    /// By subject: the event's data, and the line it is from.
    targets: BTreeMap<String, (Value, u64)>,
    /// The document of the first row: the reason of what the table no longer gives.
    document: String,
}

impl Table {
    fn read(name: String, text: &str) -> Result<Table> {
        let wrong = |line: u64, what: String| wrong(&name, line, what);
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let unread = || format!("allocation table {name} can't be read");
        let head: Vec<String> = reader.headers().context(unread)?.iter().map(|h| h.trim().to_owned()).collect();
        for need in TEXTS.iter().take(3) {
            if !head.iter().any(|h| h == need) {
                return Err(wrong(1, format!("column {need} is missing")));
            }
        }
        let mut table = Table { name: name.clone(), targets: BTreeMap::new(), document: String::new() };
        // By plan and column: what the districts add up to; what the control row says. By plan: the control row's line.
        let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut stated: BTreeMap<(String, String), Option<i64>> = BTreeMap::new();
        let mut control: BTreeMap<String, u64> = BTreeMap::new();
        for row in reader.records() {
            let row = row.context(unread)?;
            let line = row.position().map_or(0, csv::Position::line);
            let cell = |column: &str| head.iter().position(|h| h == column).and_then(|i| row.get(i)).map(str::trim).unwrap_or_default();
            let (plan, code, document) = (cell("plan"), cell("district_code"), cell("document"));
            if table.document.is_empty() {
                document.clone_into(&mut table.document);
            }
            if code == CITY {
                control.insert(plan.to_owned(), line);
            }
            for (column, value) in head.iter().zip(row.iter().map(str::trim)).filter(|(h, v)| !TEXTS.contains(&h.as_str()) && !v.is_empty())
            {
                let key = (plan.to_owned(), column.clone());
                if code == CITY && value == UNSTATED {
                    stated.insert(key, None);
                    continue;
                }
                let target: i64 = value.parse().map_err(|_| wrong(line, format!("column {column}: {value:?} is no whole number")))?;
                let (metric, year) = match column.rsplit_once(' ') {
                    Some((m, y)) => (m, Some(y)),
                    None if column.bytes().all(|b| b.is_ascii_digit()) => ("trainees", Some(column.as_str())),
                    None => (column.as_str(), None),
                };
                let mut data = Map::new();
                data.insert("plan".into(), plan.into());
                if code == CITY {
                    stated.insert(key, Some(target));
                } else {
                    data.insert("district_code".into(), code.into());
                    let sum = sums.entry(key).or_default();
                    *sum = sum.checked_add(target).ok_or_else(|| wrong(line, format!("column {column}: the sum is too large")))?;
                }
                if let Some(y) = year {
                    let y: i64 = y.parse().map_err(|_| wrong(1, format!("column {column}: {y:?} is no year")))?;
                    data.insert("year".into(), y.into());
                }
                data.insert("metric".into(), metric.into());
                data.insert("target".into(), target.into());
                data.insert("document".into(), document.into());
                let subject = format!("target/{plan}/{code}/{}/{metric}", year.unwrap_or("ALL"));
                if let Some((_, first)) = table.targets.insert(subject, (data.into(), line)) {
                    return Err(wrong(line, format!("column {column}: line {first} gives this target already")));
                }
            }
        }
        for ((plan, column), sum) in sums {
            let Some(line) = control.get(&plan) else {
                let hint = format!("add the whole city's row, with district_code {CITY} and the sums: it is what the table is checked by");
                return Err(wrong(1, format!("plan {plan} has no control row")).hint(hint));
            };
            let hint = "mend the table: a target that does not add up would put every rate in doubt; nothing was sent";
            match stated.get(&(plan, column.clone())) {
                Some(stated) if stated.is_none_or(|s| s == sum) => {}
                Some(Some(stated)) => {
                    return Err(
                        wrong(*line, format!("column {column}: the districts add up to {sum}, the control row says {stated}")).hint(hint)
                    );
                }
                _ => {
                    let hint = format!("write the sum, or {UNSTATED} where the document gives none; nothing was sent");
                    return Err(
                        wrong(*line, format!("column {column}: the districts add up to {sum}, the control row is empty")).hint(hint)
                    );
                }
            }
        }
        if table.targets.is_empty() { Err(wrong(1, "it gives no target".into())) } else { Ok(table) }
    }
}

/// A subject's last event as loads have sent it.
struct Last {
    id: String,
    supersedes: Option<String>,
    /// Null: withdrawn.
    data: Value,
}

/// The events that make a table what is in force, given what was sent before: subject, event, line of the table.
///
/// An id is a hash of the data and of the event before it: the same loads give the same ids, so that a file loaded twice changes
/// nothing, and a target that goes back to what it was is a statement of its own, not the first one again.
fn state(series: &mut BTreeMap<String, Last>, table: &Table, time: &str) -> Vec<(String, Value, u64)> {
    let hash = |data: &Value, before: Option<&Last>| {
        let before = before.map(|b| format!("\n{}", b.id)).unwrap_or_default();
        format!("{:x}", Sha256::digest(format!("{data}{before}").as_bytes()))
    };
    let event = |kind: &str, subject: &str, id: &str, data: &Value| {
        json!({
            "specversion": "1.0", "id": id, "source": SOURCE, "type": kind, "subject": subject, "time": time, "data": data,
        })
    };
    let mut events = vec![];
    for (subject, (data, line)) in &table.targets {
        let before = series.get(subject);
        if before.is_none_or(|b| b.data != *data) {
            let supersedes = before.filter(|b| !b.data.is_null()).map(|b| b.id.clone());
            let last = Last { id: hash(data, before), supersedes, data: data.clone() };
            series.insert(subject.clone(), last);
        }
        if let Some(last) = series.get(subject) {
            let mut event = event(TARGET_SET, subject, &last.id, data);
            if let (Some(id), Some(attributes)) = (&last.supersedes, event.as_object_mut()) {
                attributes.insert("supersedes".into(), id.as_str().into());
            }
            events.push((subject.clone(), event, *line));
        }
    }
    for (subject, last) in series.iter_mut().filter(|(s, l)| !l.data.is_null() && !table.targets.contains_key(*s)) {
        let data = json!({"withdrawn_type": TARGET_SET, "reason": table.document});
        *last = Last { id: hash(&data, Some(last)), supersedes: None, data: Value::Null };
        events.push((subject.clone(), event("kangyang.record_withdrawn.v1", subject, &last.id, &data), 1));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "plan,document,district_code,2021,elderly_caregivers\n";

    fn refusal(rows: &str) -> String {
        Table::read("t.csv".into(), &format!("{HEAD}{rows}")).map_or_else(|e| e.to_string(), |t| format!("{} targets", t.targets.len()))
    }

    #[test]
    fn a_table_is_checked_by_its_control_row() {
        assert_eq!(refusal("p,d,A,3,\np,d,B,4,\np,d,CITY,7,9\n"), "4 targets", "what only the city has is checked by nothing");
        assert!(
            refusal("p,d,A,3,\np,d,B,4,\np,d,CITY,8,9\n")
                .contains("t.csv:4: column 2021: the districts add up to 7, the control row says 8")
        );
        assert!(
            refusal("p,d,A,3,\np,d,B,4,\np,d,CITY,,9\n")
                .contains("t.csv:4: column 2021: the districts add up to 7, the control row is empty")
        );
        assert_eq!(refusal("p,d,A,3,\np,d,B,4,\np,d,CITY,-,9\n"), "3 targets");
        assert!(refusal("p,d,A,3,\np,d,B,4,\n").contains("plan p has no control row\nhint: add the whole city's row"));
        assert!(refusal("p,d,CITY,3,\nq,d,A,3,\n").contains("plan q has no control row"));
        assert!(refusal("p,d,A,3,\np,d,A,3,\np,d,CITY,6,\n").contains("t.csv:3: column 2021: line 2 gives this target already"));
    }

    #[test]
    fn a_target_that_goes_back_to_what_it_was_is_a_statement_of_its_own() -> Result<()> {
        let mut series = BTreeMap::new();
        let mut load = |city: &str| -> Result<Vec<[String; 3]>> {
            let table = Table::read("t.csv".into(), &format!("{HEAD}p,d,CITY,{city}\n"))?;
            let text = |e: &Value, k: &str| e.get(k).and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(state(&mut series, &table, "").iter().map(|(_, e, _)| [text(e, "type"), text(e, "id"), text(e, "supersedes")]).collect())
        };
        let first = load("5,1")?;
        assert_eq!(load("5,1")?, first, "the same again");
        let (second, third) = (load("6,")?, load("5,1")?);
        let [year, plan] = first.as_slice() else { return Err(Error::new("two events are wanted")) };
        let [corrected, withdrawn] = second.as_slice() else { return Err(Error::new("two events are wanted")) };
        let [back, anew] = third.as_slice() else { return Err(Error::new("two events are wanted")) };
        assert_eq!((&corrected[2], &back[2]), (&year[1], &corrected[1]));
        assert_eq!((withdrawn[0].as_str(), anew[2].as_str()), ("kangyang.record_withdrawn.v1", ""), "none in force is corrected");
        assert!(back[1] != year[1] && anew[1] != plan[1], "an id is used once");
        Ok(())
    }
}
