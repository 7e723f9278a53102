//! A report is made again from its pin, byte for byte, whatever the lake went through since; and where it can't be, each cell is told.
use super::support::command::{Kangyang, Output, finish};
use super::support::{copy, kafka, root};
use chrono::{DateTime, Utc};
use kangyang::contract::Contract;
use kangyang::error::Result;
use kangyang::lake::Lake;
use kangyang::models::{Engine, Opening, Period, Pin};
use kangyang::reports::{self, Request};
use kangyang::tree::Tree;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

const PLAN: &str = "kangyang-2020-2022";

// ---- made again

#[test]
fn reports_of_random_instants_are_made_again_after_late_events_compaction_vacuum_and_restart() {
    // A full run is KANGYANG_TEST_PINS=100.
    let wanted = std::env::var_os("KANGYANG_TEST_PINS");
    let wanted: usize = wanted.map_or(20, |n| n.to_str().and_then(|n| n.parse().ok()).expect("KANGYANG_TEST_PINS is a number"));
    const STEPS: usize = 5;
    let mut k = Kangyang::on(kafka::broker(), "made-again", &kafka::prefix("made-again"));
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", &root().join("schemas/reference/allocation.csv").display().to_string()]);
    two_tables(&mut k);
    let k = k;
    let mut history = History { k: &k, rng: ChaCha8Rng::seed_from_u64(1), told: vec![], next: 0 };
    let office = Office::new(&k);
    let mut published: Vec<(DateTime<Utc>, String)> = vec![];
    let begun = Instant::now();
    for step in 1..=STEPS {
        history.goes_on(3 * wanted);
        k.ok(["ingest", "--until-caught-up"]);
        let instants = history.instants(wanted * step / STEPS - published.len());
        published.extend(office.publishes(&instants));
    }
    let manifests = manifests(&k);
    let made = begun.elapsed();

    // Late events, corrections and withdrawals of what was reported; every file merged, its inputs gone; all of it another process's.
    history.goes_on(120);
    k.ok(["ingest", "--until-caught-up"]);
    k.ok(["compact"]);
    assert!(k.ok(["vacuum"]).starts_with("0 files"), "a week has not passed");
    age(&k.data());
    let gone = k.ok(["vacuum", "--retain", "1h"]);
    let files: usize = gone.split(' ').next().and_then(|n| n.parse().ok()).expect("vacuum says how many");
    assert!(files > 50, "{gone}");

    assert_eq!(office.pins(&published.iter().map(|(at, _)| *at).collect::<Vec<_>>()), published, "an instant's pin moved");
    let begun = Instant::now();
    let paths: Vec<String> = manifests.iter().map(|p| p.display().to_string()).collect();
    let mut said = String::new();
    for twenty in paths.chunks(20) {
        let (some, others) = twenty.split_at(twenty.len() / 2);
        let verify = |settings: &[&str], paths: &[String]| {
            [&["verify"], settings].concat().into_iter().map(str::to_owned).chain(paths.to_vec()).collect::<Vec<_>>()
        };
        let usual = k.start(verify(&[], some));
        said += &one_thread(&k, verify(&["--memory-limit", "64MiB"], others)).exits(0).stdout;
        said += &usual.wait().exits(0).stdout;
    }
    assert_eq!(said.lines().filter(|l| l.contains("made again, byte for byte")).count(), manifests.len());
    println!(
        "{} instants of {STEPS} steps have {} reports, made in {:.0} s; {gone}made again in {:.0} s",
        published.len(),
        manifests.len(),
        made.as_secs_f32(),
        begun.elapsed().as_secs_f32()
    );
    assert!(manifests.len() * 10 > published.len() * 6, "{} pins of {} instants are one another's", manifests.len(), published.len());
}

#[test]
fn an_instant_before_the_first_message_is_told_to_have_no_plan() {
    let k = demo("before-all");
    let before = ["--as-of", "2001-01-01T00:00:00+08:00"];
    k.run(["report", "--period", "2021-06", before[0], before[1]]).exits(1).says("no plan has targets").says("before that there is none");
    k.run(["report", "--period", "2021-06", "--plan", PLAN, before[0], before[1]]).exits(2).says("there is no plan");
    assert!(!k.data().join("reports/2021-06").exists());
    // Marts of nothing are marts all the same, and the checks hold of them.
    k.ok(["build", before[0], before[1]]);
    assert_eq!(k.sql("SELECT count(*) FROM 'ledger'").concat(), ["18"], "each partition is accounted for");
    k.ok(["check", before[0], before[1]]);
}

// ---- not made again

#[test]
fn what_is_not_as_it_was_published_is_told_cell_by_cell() {
    let mut k = demo("altered");
    two_tables(&mut k);
    let k = k;
    k.ok(["report", "--period", "2021-06"]);
    let folder = k.data().join("reports/2021-06/r1");
    let manifest = folder.join("manifest.json");
    let agreed = k.ok(["verify", "data/reports/2021-06/r1/manifest.json"]);
    let files = fs::read_dir(&folder).expect("there is a report").count() - 1;
    let says = format!("data/reports/2021-06/r1/manifest.json: {files} files made again, byte for byte, sha256 ");
    assert!(agreed.starts_with(&says), "{agreed}");
    assert_eq!(k.ok(["verify", "data/reports/2021-06/r1"]), agreed);
    assert_eq!(verify(&k, &folder, 0), Vec::<[String; 6]>::new());
    let whole = Kept::of(&folder);

    // A figure, a name, a row, in the text.
    whole.rewrite("table_1.csv", |text| text.replacen("\n1,市直,450,", "\n1,市直,451,", 1));
    let found = verify(&k, &folder, 3);
    let kinds: Vec<_> = found.iter().map(|f| [f[0].as_str(), &f[1], &f[2], &f[3], &f[4], &f[5]]).collect();
    assert_eq!(kinds[1], ["cell_differs", "table_1.csv", "position=1", "target", "451", "450"]);
    assert_eq!((kinds.len(), kinds[0][0], kinds[0][1]), (2, "file_altered", "table_1.csv"));
    assert_eq!(kinds[0][4], kinds[0][5], "the pin still gives what the manifest names");
    whole.back("table_1.csv");

    whole.rewrite("table_1.csv", |text| text.lines().filter(|l| !l.starts_with("3,")).map(|l| format!("{l}\r\n")).collect());
    let found = verify(&k, &folder, 3);
    assert_eq!(found[1][..4], ["cell_differs", "table_1.csv", "position=3", ""]);
    assert!(found[1][4].is_empty() && found[1][5].starts_with("3, "), "{found:?}");
    whole.back("table_1.csv");

    // A file that is gone, one too many, one that is no longer of its kind.
    fs::remove_file(folder.join("table_2.parquet")).expect("it was published");
    fs::write(folder.join("more.csv"), "a\n1\n").expect("a file can be written");
    fs::write(folder.join("report.xlsx"), "no workbook").expect("a file can be written");
    let found = verify(&k, &folder, 3);
    let kinds: Vec<_> = found.iter().map(|f| [f[0].as_str(), &f[1]]).collect();
    let all = [
        ["file_unknown", "more.csv"],
        ["file_altered", "report.xlsx"],
        ["cell_differs", "report.xlsx"],
        ["file_missing", "table_2.parquet"],
    ];
    assert_eq!(kinds, all);
    fs::remove_file(folder.join("more.csv")).expect("it was written");
    whole.back("table_2.parquet");
    whole.back("report.xlsx");

    // Another report's files under this one's manifest, spreadsheet and all: cells by their place.
    k.ok(["report", "--period", "2021-06", "--as-of", "2021-03-01T00:00:00+08:00"]);
    for file in ["report.xlsx", "report.html", "table_1.parquet"] {
        fs::copy(k.data().join("reports/2021-06/r2").join(file), folder.join(file)).expect("a file can be copied");
    }
    let found = verify(&k, &folder, 3);
    for [file, column] in [["report.xlsx 附表1", "E"], ["table_1.parquet", "year_completed"], ["report.html", "line"]] {
        assert!(found.iter().any(|f| f[0] == "cell_differs" && f[1] == file && f[3] == column), "{file}: {found:?}");
    }
    ["report.xlsx", "report.html", "table_1.parquet"].iter().for_each(|f| whole.back(f));

    // The manifest: written otherwise, of another revision, with a digest to suit a file that was altered.
    whole.rewrite("manifest.json", |text| text.replacen("  \"period\"", "\t\"period\"", 1));
    assert_eq!(verify(&k, &folder, 3)[0][..3], ["manifest_altered", "manifest.json", "line 3"]);
    whole.rewrite("manifest.json", |text| text.replacen("\"revision\": 1", "\"revision\": 2", 1));
    assert_eq!(verify(&k, &folder, 3)[0], ["manifest_altered", "manifest.json", "revision", "", "r2", "r1"]);
    whole.rewrite("table_1.csv", |text| text.replacen("\n1,市直,450,", "\n1,市直,451,", 1));
    let digest = kangyang::reports::manifest::sha256(&fs::read(folder.join("table_1.csv")).expect("it was written"));
    let true_digest = kangyang::reports::manifest::sha256(&whole.files["table_1.csv"]);
    whole.rewrite("manifest.json", |text| text.replace(&true_digest, &digest));
    let found = verify(&k, &folder, 3);
    assert_eq!([&found[0][0], &found[0][1]], ["bytes_differ", "table_1.csv"]);
    assert_eq!(found[1], ["cell_differs", "table_1.csv", "position=1", "target", "451", "450"]);
    whole.back("table_1.csv");
    whole.rewrite("manifest.json", |text| text.replacen("\"table_1.csv\"", "\"../table_1.csv\"", 1));
    k.run(["verify", &manifest.display().to_string()]).exits(1).says("is no file of its folder");
    whole.back("manifest.json");

    // Several at once: those that hold are told, and the worst decides.
    let list = [manifest.display().to_string(), k.data().join("reports/2021-06/r2/manifest.json").display().to_string()];
    let good = k.run(["verify", &list[0], &list[1], "--format", "csv"]).exits(0);
    assert_eq!(good.stdout, "report,finding,file,row,column,published,made_again\n");
    k.run(["verify", &list[0], "nowhere/manifest.json"]).exits(1).says("1 of 2 reports can't be made again: nowhere/manifest.json");
    // A copy is verified against the lake it is told.
    copy(&folder, &k.folder.path().join("copy"));
    k.run(["verify", "copy/manifest.json"]).exits(2).says("--data");
    k.run(["verify", "copy/manifest.json", "--data", "data"]).exits(0);
}

#[test]
fn other_sql_is_named_and_what_it_changes_is_shown() {
    let k = demo("other-sql");
    k.ok(["report", "--period", "2021-06"]);
    let folder = k.data().join("reports/2021-06/r1");
    let narrow = ["verify", "--memory-limit", "64MiB", "data/reports/2021-06/r1/manifest.json"].map(str::to_owned).to_vec();
    assert!(one_thread(&k, narrow).exits(0).stdout.contains("made again, byte for byte"), "every table that is published");
    let queries = k.folder.path().join("queries");
    copy(&root().join("queries"), &queries);
    let table = queries.join("reports/table_1.sql");
    let text = fs::read_to_string(&table).expect("a query");
    fs::write(&table, text.replace("rates.target,  ", "rates.target + 1 AS target,  ")).expect("a query can be written");
    let mut k = k;
    k.set("KANGYANG_QUERIES", &queries.display().to_string());
    let found = verify(&k, &folder, 3);
    assert_eq!([&found[0][0], &found[0][1]], ["input_differs", "queries/reports/table_1.sql"]);
    let city = found.iter().filter(|f| f[1] == "table_1.parquet" && f[0] == "cell_differs").collect::<Vec<_>>();
    assert_eq!(city[0][2..], ["position=1", "target", "450", "451"]);
    assert_eq!(city.len(), 13, "twelve districts and the city: {city:?}");
    assert!(!found.iter().any(|f| f[1].starts_with("table_2")), "{found:?}");
}

// ---- what is at hand

fn demo(name: &str) -> Kangyang {
    let k = Kangyang::new(name);
    k.ok(["demo", "--trainees", "300", "--data", "data"]);
    k
}

/// Leaves all later commands the first two tables alone, which read most of the models: a report has thirty files.
fn two_tables(k: &mut Kangyang) {
    let queries = k.folder.path().join("queries");
    copy(&root().join("queries"), &queries);
    for form in fs::read_dir(queries.join("reports")).expect("there are forms").flatten().map(|e| e.path()) {
        if form.extension().is_some_and(|e| e == "toml") && !form.ends_with("table_1.toml") && !form.ends_with("table_2.toml") {
            fs::remove_file(form).expect("a copy can be removed");
        }
    }
    k.set("KANGYANG_QUERIES", &queries.display().to_string());
}

/// What `verify` finds of one report: finding, file, row, column, published, made again.
fn verify(k: &Kangyang, folder: &Path, code: i32) -> Vec<[String; 6]> {
    let out = k.run(["verify", &folder.join("manifest.json").display().to_string(), "--format", "json"]).exits(code);
    let rows: Vec<BTreeMap<String, Value>> = serde_json::from_str(&out.stdout).unwrap_or_else(|e| panic!("{e}\n{out}"));
    let columns = ["finding", "file", "row", "column", "published", "made_again"];
    rows.iter().map(|r| columns.map(|c| r[c].as_str().unwrap_or_default().to_owned())).collect()
}

/// A folder's files as they were.
struct Kept<'a> {
    folder: &'a Path,
    files: BTreeMap<String, Vec<u8>>,
}

impl Kept<'_> {
    fn of(folder: &Path) -> Kept<'_> {
        let list = fs::read_dir(folder).expect("a folder can be read").flatten();
        let files = list.map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read(e.path()).expect("a file can be read")));
        Kept { folder, files: files.collect() }
    }

    /// Writes a file's first content with something changed.
    fn rewrite(&self, name: &str, change: impl Fn(&str) -> String) {
        let text = String::from_utf8(self.files[name].clone()).expect("a text");
        let changed = change(&text);
        assert_ne!(text, changed, "nothing changed in {name}");
        fs::write(self.folder.join(name), changed).expect("a file can be written");
    }

    fn back(&self, name: &str) {
        fs::write(self.folder.join(name), &self.files[name]).expect("a file can be written");
    }
}

fn manifests(k: &Kangyang) -> Vec<PathBuf> {
    let list = fs::read_dir(k.data().join("reports/2021-06")).expect("there are reports").flatten();
    let mut found: Vec<_> = list.map(|e| e.path().join("manifest.json")).filter(|p| p.exists()).collect();
    found.sort();
    found
}

/// Makes all files of the lake forty days old.
fn age(data: &Path) {
    let old = SystemTime::now() - Duration::from_secs(40 * 24 * 3600);
    let mut open = vec![data.join("events"), data.join("rejects")];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).expect("a folder can be read").flatten().map(|e| e.path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                File::options().write(true).open(&path).and_then(|f| f.set_modified(old)).expect("a file's time can be set");
            }
        }
    }
}

/// Runs it on one processor alone, so that it has one thread for queries.
fn one_thread(k: &Kangyang, args: Vec<String>) -> Output {
    let mut command: Command = k.command(args);
    let narrow = || {
        // SAFETY: two system calls on a set of our own, allowed between fork and exec.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            let first = (0..libc::CPU_SETSIZE as usize).find(|c| libc::CPU_ISSET(*c, &set)).unwrap_or_default();
            libc::CPU_ZERO(&mut set);
            libc::CPU_SET(first, &mut set);
            if libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) != 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls that are safe after fork.
    unsafe { command.pre_exec(narrow) };
    finish(command, b"")
}

/// Who publishes: the program's own rooms in this process, since a hundred processes would only start a hundred times.
struct Office<'a> {
    k: &'a Kangyang,
    runtime: tokio::runtime::Runtime,
    contract: std::sync::Arc<Contract>,
    schemas: Tree,
    queries: Tree,
}

impl Office<'_> {
    fn new(k: &Kangyang) -> Office<'_> {
        let schemas = Tree::schemas(None).expect("the schemas are built in");
        let contract = std::sync::Arc::new(Contract::compile(&schemas).expect("the schemas compile"));
        let own = k.env.iter().find(|(name, _)| name == "KANGYANG_QUERIES").map(|(_, folder)| Path::new(folder));
        let queries = Tree::queries(own).expect("the queries are there");
        Office { k, runtime: tokio::runtime::Runtime::new().expect("threads can be started"), contract, schemas, queries }
    }

    /// The pin of each instant as the lake is now.
    fn pins(&self, instants: &[DateTime<Utc>]) -> Vec<(DateTime<Utc>, String)> {
        let resolved: Result<Vec<_>> = self.runtime.block_on(async {
            let mut lake = Lake::open(&self.k.data()).await?;
            let mut pins = vec![];
            for at in instants {
                pins.push((*at, Pin::as_of(&mut lake, &self.contract.lake_schema(), *at).await?.pin.to_string()));
            }
            Ok(pins)
        });
        resolved.unwrap_or_else(|e| panic!("{e}"))
    }

    /// Publishes a report as of each instant; returns the pins. Two instants of one pin are one report.
    fn publishes(&self, instants: &[DateTime<Utc>]) -> Vec<(DateTime<Utc>, String)> {
        let root = fs::canonicalize(self.k.data()).expect("there is a lake");
        let done: Result<Vec<_>> = self.runtime.block_on(async {
            let mut lake = Lake::open(&root).await?;
            let mut pins = vec![];
            for at in instants {
                let pinned = Pin::as_of(&mut lake, &self.contract.lake_schema(), *at).await?;
                let opening = Opening {
                    lake: &lake,
                    contract: &self.contract,
                    queries: &self.queries,
                    pinned: &pinned,
                    memory: 1 << 30,
                    scratch: &root,
                };
                let period = Period::new(PLAN, "2021-06")?;
                let request = Request {
                    recipient: None,
                    period: &period,
                    pinned: &pinned,
                    contract: &self.contract,
                    schemas: &self.schemas,
                    queries: &self.queries,
                    root: &root,
                };
                let made = reports::make(&mut Engine::open(&opening).await?, &request).await?;
                reports::put(&root.join("reports/2021-06"), made.manifest, &made.files)?;
                pins.push((*at, pinned.pin.to_string()));
            }
            Ok(pins)
        });
        done.unwrap_or_else(|e| panic!("{e}"))
    }
}

/// A log that grows: classes and trainees, duplicates, corrections, withdrawals, conflicts and refusals, at random.
struct History<'a> {
    k: &'a Kangyang,
    rng: ChaCha8Rng,
    /// Subject, id and data of each completion told.
    told: Vec<(String, String, Value)>,
    next: u32,
}

impl History<'_> {
    /// Sends so many more, each on its own, so that each has an append time of its own.
    fn goes_on(&mut self, events: usize) {
        let producer = kafka::broker().producer();
        let topic = self.k.env.iter().find(|(n, _)| n == "KANGYANG_TOPIC_PREFIX").map(|(_, v)| format!("{v}.training")).expect("a prefix");
        for _ in 0..events {
            let (subject, value) = self.event();
            producer.send(&topic, &subject, value.as_bytes());
            producer.flush();
        }
    }

    fn event(&mut self) -> (String, String) {
        self.next += 1;
        let id = format!("e{}", self.next);
        let class = self.rng.random_range(0..24u32);
        let class_id = format!("K{class:02}");
        if self.next % 6 == 1 {
            let data = json!({
                "class_id": class_id, "plan": PLAN, "institution_id": "91410800TE5T00008T",
                "district_code": format!("JZ{:02}", class % 12 + 1), "occupation": "elderly_caregiver", "level": "5",
                "training_kind": "upskilling", "subsidised": class % 2 == 0, "schooling": false, "planned_total_minutes": 3600,
                "planned_practical_minutes": 2400, "starts_on": "2021-03-08", "ends_on": "2021-03-19", "capacity": 45,
            });
            return envelope("class_filed", &id, &format!("class/{class_id}"), data, None);
        }
        let before = (!self.told.is_empty()).then(|| self.told[self.rng.random_range(0..self.told.len())].clone());
        match (self.rng.random_range(0..10u32), before) {
            (0, Some((subject, first, data))) => envelope("trainee_completed", &first, &subject, data, None),
            (1, Some((subject, first, mut data))) => {
                data["completed_on"] = json!(format!("2021-0{}-19", self.rng.random_range(1..7u32)));
                self.told.push((subject.clone(), id.clone(), data.clone()));
                envelope("trainee_completed", &id, &subject, data, Some(&first))
            }
            (2, Some((subject, ..))) => {
                let data = json!({"withdrawn_type": "kangyang.trainee_completed.v1", "reason": "entered twice"});
                envelope("record_withdrawn", &id, &subject, data, None)
            }
            (3, Some((subject, first, mut data))) => {
                data["result"] = json!("failed");
                envelope("trainee_completed", &first, &subject, data, None)
            }
            (4, Some((subject, ..))) => (subject, "{\"specversion\":\"1.0\"}".to_owned()),
            _ => {
                let key = format!("{:032x}", self.rng.random_range(0..80u32));
                let day = format!("202{}-0{}-19", self.rng.random_range(0..3u32), self.rng.random_range(1..7u32));
                let data = json!({"class_id": class_id, "person_key": key, "result": "passed", "completed_on": day});
                let subject = format!("class/{class_id}/person/{key}");
                self.told.push((subject.clone(), id.clone(), data.clone()));
                envelope("trainee_completed", &id, &subject, data, None)
            }
        }
    }

    /// Instants at random, of what the lake holds: half of them any, half of them just when something was appended.
    fn instants(&mut self, count: usize) -> Vec<DateTime<Utc>> {
        let rows = self.k.sql("SELECT recorded_at FROM trainee_completed ORDER BY recorded_at");
        let times: Vec<DateTime<Utc>> = rows.iter().map(|r| r[0].parse().expect("an instant")).collect();
        let (first, last) = (times[0].timestamp_micros(), times[times.len() - 1].timestamp_micros());
        let any = |rng: &mut ChaCha8Rng| DateTime::from_timestamp_micros(rng.random_range(first..=last)).expect("an instant");
        let rng = &mut self.rng;
        (0..count).map(|i| if i % 2 == 0 { any(rng) } else { times[rng.random_range(0..times.len())] }).collect()
    }
}

fn envelope(kind: &str, id: &str, subject: &str, data: Value, supersedes: Option<&str>) -> (String, String) {
    let mut event = json!({
        "specversion": "1.0", "id": id, "source": "/city/test", "type": format!("kangyang.{kind}.v1"), "subject": subject,
        "time": "2021-06-18T09:12:00+08:00", "data": data,
    });
    if let Some(first) = supersedes {
        event["supersedes"] = json!(first);
    }
    (subject.to_owned(), event.to_string())
}
