//! The rules as sentences. Each folder of `tests/cases/` is one: its name is the rule, `given.ndjson` what was stated, in order, and each
//! `<table>.csv` what is true then. A new folder is a new case; there is no Rust to add.
//!
//! A line of `given.ndjson` is one message, in one of these forms:
//!
//! - `{"type":"class_filed","data":{"class_id":"c1"}}`: what the rule is about, and no more. `id`, `source`, `supersedes`, `subject`,
//!   `time`, `topic` and `key` may be said. The rest is filled in: `id` is `e` and the line's number, the source is the city, the subject,
//!   the topic and the key are those of the type's schema, required data are those of the schema's first example (so a class is in JZ07,
//!   a result is passed, a withdrawal names a completion), optional data are absent. A person is one hex digit: `"person_key":"a"` is 32
//!   of them, and `class/c1/person/a` is that person's subject.
//! - a whole event, told by its `specversion`: it is sent as the line stands.
//! - `{"raw":…,"topic":"training","key":"…"}`: any message. A string is its bytes (`"hex":true`: written as hex digits; `"repeat":n`: so
//!   often), an object is sent as JSON, null is a message without a value; without `key` it has none.
//! - `{"note":"…"}`: for the reader.
//! - `{"period":"2021-06"}`: the report tables are of this month or year.
//!
//! A case about a setting has the file that says otherwise, below a folder `schemas/` or `queries/` of its own: it stands in for the
//! file of the same path.
//!
//! The first line of a `<table>.csv` is a select list: columns of the mart or model, or sums over it. Its rows stand in the order of its
//! columns, empty ones last. `KANGYANG_TEST_CASE=word` runs the cases with that word in their names. `KANGYANG_TEST_UPDATE=1` writes the
//! rows anew below the select lists that are there; the change is reviewed as a diff.
use super::support::command::Kangyang;
use super::support::{kafka, root};
use serde_json::{Map, Value as Json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cases that run at the same time; each is a chain of short processes, and others' tests run beside them.
const AT_ONCE: usize = 3;

/// When everything was stated: no rule may look at it.
const TIME: &str = "2021-07-01T08:00:00+08:00";

#[test]
fn each_case_holds() {
    let word = std::env::var_os("KANGYANG_TEST_CASE").map_or(String::new(), |w| w.to_string_lossy().into_owned());
    let cases: Vec<Case> = folders().into_iter().map(Case::read).filter(|c| c.name.contains(&word)).collect();
    assert!(!cases.is_empty(), "no case has {word:?} in its name");
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = case.run();
            failures.lock().expect("no thread panics with the lock").extend(found);
        }
    };
    std::thread::scope(|s| (0..AT_ONCE).for_each(|_| drop(s.spawn(work))));
    let failures = failures.into_inner().expect("no thread panics with the lock");
    assert!(failures.is_empty(), "of {} cases:\n\n{}", cases.len(), failures.join("\n"));
}

fn folders() -> Vec<PathBuf> {
    let list = fs::read_dir(root().join("tests/cases")).expect("the cases are there");
    let mut folders: Vec<_> = list.map(|e| e.expect("a folder can be listed").path()).collect();
    folders.sort();
    folders
}

/// A folder, read.
struct Case {
    name: String,
    messages: Vec<Message>,
    tables: Vec<PathBuf>,
    /// Of the report tables.
    period: Option<String>,
    /// Whose files stand in for the program's own.
    folder: PathBuf,
}

/// What goes to Kafka.
struct Message {
    /// Without the prefix.
    topic: String,
    key: Option<String>,
    value: Option<Vec<u8>>,
}

impl Case {
    fn read(folder: PathBuf) -> Case {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let given = folder.join("given.ndjson");
        let text = fs::read_to_string(&given).unwrap_or_else(|e| panic!("{}: {e}", given.display()));
        let period = text.lines().find_map(period);
        let read = |(n, line): (usize, &str)| Message::read(n + 1, line).map_err(|why| format!("{}:{}: {why}", given.display(), n + 1));
        let messages: Result<Vec<_>, _> = text.lines().enumerate().map(read).collect();
        let messages = messages.unwrap_or_else(|why| panic!("{why}")).into_iter().flatten().collect();
        let mut tables: Vec<_> = fs::read_dir(&folder).expect("a case can be listed").flatten().map(|e| e.path()).collect();
        tables.retain(|f| *f != given && !(f.is_dir() && TREES.contains(&stem(f).as_str())));
        tables.sort();
        assert!(!tables.is_empty(), "{} says nothing of what is true then", folder.display());
        let odd = tables.iter().find(|f| f.extension().is_none_or(|e| e != "csv"));
        assert!(odd.is_none(), "{odd:?} is neither given.ndjson nor a table's csv");
        Case { name, messages, tables, period, folder }
    }

    /// What does not hold, to be read by people.
    fn run(&self) -> Vec<String> {
        let broker = kafka::broker();
        let prefix = kafka::prefix(&format!("rules.{}", self.name));
        let mut k = Kangyang::on(broker, "rules", &prefix);
        self.stand_in(&mut k);
        broker.create_topics(&prefix);
        let producer = broker.producer();
        for m in &self.messages {
            producer.send_to(&format!("{prefix}.{}", m.topic), None, m.key.as_deref(), m.value.as_deref());
        }
        assert!(producer.flush().iter().all(Option::is_some), "{}: the broker refused a message", self.name);
        let out = k.run(["ingest", "--until-caught-up"]);
        if out.code != Some(0) {
            return vec![format!("{}\n{out}", self.name)];
        }
        self.tables.iter().filter_map(|t| holds(&k, t).err()).map(|why| format!("{}: {why}", self.name)).collect()
    }
}

impl Case {
    /// Gives the program folders of its own where the case says otherwise than these: what it says, above all the rest.
    fn stand_in(&self, k: &mut Kangyang) {
        for (tree, setting) in TREES.into_iter().zip(["KANGYANG_SCHEMAS", "KANGYANG_QUERIES"]) {
            let own = self.folder.join(tree);
            let span = self.period.as_ref().filter(|_| tree == "queries");
            if !own.exists() && span.is_none() {
                continue;
            }
            let copy = k.folder.path().join(tree);
            copied(&root().join(tree), &copy);
            if let Some(period) = span {
                let file = copy.join("reports/report_span.sql");
                let text = fs::read_to_string(&file).expect("there is a model of the report's days");
                assert!(text.contains("FROM report_period\n"), "the report's days are told by its period");
                fs::write(&file, text.replace("FROM report_period\n", &format!("FROM ({}) AS report_period\n", of_period(period))))
                    .expect("a copy can be written");
            }
            copied(&own, &copy);
            k.set(setting, &copy.display().to_string());
        }
    }
}

/// The folders of the program that a case may say otherwise than.
const TREES: [&str; 2] = ["schemas", "queries"];

/// Copies what is below a folder, if it exists, over what is below another.
fn copied(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let place = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copied(&entry.path(), &place),
            false => {
                fs::create_dir_all(to).expect("a folder can be made");
                fs::copy(entry.path(), place).expect("a file can be copied");
            }
        }
    }
}

/// The period that a line of `given.ndjson` names, if it does.
fn period(line: &str) -> Option<String> {
    serde_json::from_str::<Json>(line).ok()?.get("period")?.as_str().map(str::to_owned)
}

/// The row that the program has for a report of this period.
fn of_period(period: &str) -> String {
    let (year, month) = period.split_once('-').unwrap_or((period, "12"));
    let first = period.split_once('-').map_or("01", |(_, m)| m);
    format!(
        "SELECT plan, '{period}' AS period, CAST({year} AS BIGINT) AS year, CAST({month} AS BIGINT) AS month, \
         CAST('{year}-{first}-01' AS DATE) AS first_day, \
         CAST(CAST('{year}-{month}-01' AS DATE) + INTERVAL '1' MONTH - INTERVAL '1' DAY AS DATE) AS last_day \
         FROM (SELECT DISTINCT plan FROM plan_years)"
    )
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Compares a table with what the program answers.
fn holds(k: &Kangyang, file: &Path) -> Result<(), String> {
    let table = stem(file);
    let expected = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let select = expected.lines().next().unwrap_or_default();
    let order: Vec<_> = (1..=select.split(',').count()).map(|n| n.to_string()).collect();
    let query = format!("SELECT {select} FROM {table} ORDER BY {}", order.join(", "));
    let out = k.run(["sql", &query, "--format", "csv"]);
    let Some((_, rows)) = out.stdout.split_once('\n').filter(|_| out.code == Some(0)) else {
        return Err(format!("{table}\n{out}"));
    };
    let got = format!("{select}\n{rows}");
    if std::env::var_os("KANGYANG_TEST_UPDATE").is_some() {
        fs::write(file, got).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        return Ok(());
    }
    match expected == got {
        true => Ok(()),
        false => Err(format!("{table}\n--- expected\n{expected}--- got\n{got}")),
    }
}

impl Message {
    /// The message of a line; none if the line is a note. Error: why the line can't be understood.
    fn read(number: usize, line: &str) -> Result<Option<Message>, String> {
        let told: Json = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let has = |field: &str| told.get(field).is_some();
        if has("note") || has("period") {
            return only(&told, &["note", "period"]).map(|()| None);
        }
        if has("raw") {
            return Message::raw(&told).map(Some);
        }
        if has("specversion") {
            return Message::of(&told, line.as_bytes().to_vec()).map(Some);
        }
        let event = event(number, &told)?;
        Message::of(&event, event.to_string().into_bytes())?.sent_as(&told).map(Some)
    }

    /// An event under its own key in its type's topic.
    fn of(event: &Json, value: Vec<u8>) -> Result<Message, String> {
        let schema = Schema::of(text(&event["type"])?)?;
        let topic = match schema.target(&event["data"])? {
            Some(target) => target.topic()?,
            None => schema.topic()?,
        };
        Ok(Message { topic, key: Some(text(&event["subject"])?.to_owned()), value: Some(value) })
    }

    fn raw(told: &Json) -> Result<Message, String> {
        only(told, &["raw", "hex", "repeat", "topic", "key"])?;
        let value = match &told["raw"] {
            Json::Null => None,
            Json::String(s) if told["hex"] == true => Some(hex(s)?),
            Json::String(s) => Some(s.repeat(told["repeat"].as_u64().unwrap_or(1) as usize).into_bytes()),
            other => Some(other.to_string().into_bytes()),
        };
        Message { topic: String::new(), key: None, value }.sent_as(told)
    }

    /// Under another key or in another topic, if the line says so.
    fn sent_as(mut self, told: &Json) -> Result<Message, String> {
        if let Some(key) = told["key"].as_str() {
            self.key = Some(person_in(key));
        }
        if let Some(topic) = told["topic"].as_str() {
            self.topic = topic.to_owned();
        }
        match self.topic.is_empty() {
            true => Err("it doesn't say its topic".to_owned()),
            false => Ok(self),
        }
    }
}

/// The whole event that a line in short means.
fn event(number: usize, told: &Json) -> Result<Json, String> {
    only(told, &["type", "data", "id", "source", "supersedes", "subject", "time", "topic", "key"])?;
    let schema = Schema::of(text(&told["type"])?)?;
    let mut data = told["data"].as_object().cloned().unwrap_or_default();
    for (field, value) in &mut data {
        match value {
            Json::String(s) if field.ends_with("_key") && s.len() == 1 => *value = s.repeat(32).into(),
            Json::String(s) if field.ends_with("_type") && Schema::of(s).is_ok() => *value = full(s).into(),
            _ => {}
        }
    }
    let example = &schema.0["examples"][0]["data"];
    for field in schema.0["properties"]["data"]["required"].as_array().into_iter().flatten() {
        let field = text(field)?;
        data.entry(field).or_insert_with(|| example[field].clone());
    }
    let data = Json::Object(data);
    let subject = match told["subject"].as_str() {
        Some(subject) => person_in(subject),
        None => subject(text(&schema.0["x-subject"])?, &data)?,
    };
    let mut event = Map::new();
    event.insert("specversion".to_owned(), "1.0".into());
    event.insert("id".to_owned(), told.get("id").cloned().unwrap_or_else(|| format!("e{number}").into()));
    event.insert("source".to_owned(), told.get("source").cloned().unwrap_or_else(|| "/city/hrss".into()));
    event.insert("type".to_owned(), full(text(&told["type"])?).into());
    event.insert("subject".to_owned(), subject.into());
    event.insert("time".to_owned(), told.get("time").cloned().unwrap_or_else(|| TIME.into()));
    event.insert("data".to_owned(), data);
    event.extend(told.get("supersedes").map(|s| ("supersedes".to_owned(), s.clone())));
    Ok(Json::Object(event))
}

/// What a template such as `target/{plan}/{district_code|CITY}` makes of the data.
fn subject(template: &str, data: &Json) -> Result<String, String> {
    if !template.contains('/') {
        return Err("its subject is that of another type: say it".to_owned());
    }
    let part = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
        None => Ok(part.to_owned()),
        Some(hole) => {
            let (field, without) = hole.split_once('|').map_or((hole, None), |(f, w)| (f, Some(w)));
            match &data[field] {
                Json::String(s) => Ok(s.clone()),
                Json::Number(n) => Ok(n.to_string()),
                _ => without.map(str::to_owned).ok_or(format!("the subject needs {field}")),
            }
        }
    };
    let parts: Result<Vec<_>, _> = template.split('/').map(part).collect();
    Ok(parts?.join("/"))
}

/// A type's schema file.
struct Schema(Json);

impl Schema {
    /// By the type's short or full name.
    fn of(name: &str) -> Result<Schema, String> {
        let full = full(name);
        let short = full.strip_prefix("kangyang.").and_then(|n| n.strip_suffix(".v1")).unwrap_or_default();
        let file = root().join(format!("schemas/events/{short}.json"));
        let text = fs::read_to_string(file).map_err(|_| format!("there is no type {name}"))?;
        serde_json::from_str(&text).map(Schema).map_err(|e| e.to_string())
    }

    fn topic(&self) -> Result<String, String> {
        text(&self.0["x-topic"]).map(str::to_owned)
    }

    /// The schema of the type that a withdrawal or a review is about.
    fn target(&self, data: &Json) -> Result<Option<Schema>, String> {
        self.0["x-target"].as_str().map(|field| Schema::of(text(&data[field])?)).transpose()
    }
}

fn full(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("kangyang.{name}.v1") }
}

/// `class/c1/person/a` with the whole key for the digit.
fn person_in(subject: &str) -> String {
    let (before, last) = subject.rsplit_once('/').unwrap_or(("", subject));
    match before.ends_with("/person") && last.len() == 1 {
        true => format!("{before}/{}", last.repeat(32)),
        false => subject.to_owned(),
    }
}

fn text(value: &Json) -> Result<&str, String> {
    value.as_str().ok_or(format!("{value} where a text is needed"))
}

fn only(told: &Json, fields: &[&str]) -> Result<(), String> {
    let other = told.as_object().into_iter().flatten().find(|(k, _)| !fields.contains(&k.as_str()));
    other.map_or(Ok(()), |(k, _)| Err(format!("{k} is none of {}", fields.join(", "))))
}

fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let byte = |i| digits.get(i..i + 2).and_then(|d| u8::from_str_radix(d, 16).ok()).ok_or(format!("{digits} is not hex"));
    (0..digits.len()).step_by(2).map(byte).collect()
}
