//! Closing a period and what shows afterwards: a signed figure never changes, and a later difference is told in four kinds that add up,
//! against an independent count in plain loops.
use super::support::command::Kangyang;
use super::support::fold::Random;
use super::support::{copy, event, filing, kafka, python, root};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const DISTRICTS: [&str; 3] = ["JZ02", "JZ07", "JZ12"];

/// What closings are told by. Reports and builds of these alone are quick; that they are right among all others is for other tests.
const MODELS: [&str; 13] = [
    "marts/ledger.sql",
    "marts/withdrawn_completions.sql",
    "marts/completion_by_day.sql",
    "marts/persons_by_day.sql",
    "marts/completion_by_district_year.sql",
    "marts/figures_by_revision.sql",
    "marts/revisions.sql",
    "reports/report_span.sql",
    "reports/report_figures.sql",
    "reports/table_6.sql",
    "reports/table_6.toml",
    "checks/revisions_add_up.sql",
    "checks/signed_reports_unaltered.sql",
];

fn lake(name: &str) -> Kangyang {
    let mut k = Kangyang::on(kafka::broker(), name, &kafka::prefix(name));
    copy(&root().join("queries/state"), &k.folder.path().join("queries/state"));
    for file in MODELS {
        let text = std::fs::read_to_string(root().join("queries").join(file)).expect("a model");
        // What explains a count is left out.
        let text: Vec<&str> = text.lines().filter(|l| !l.starts_with("-- counts ")).collect();
        k.folder.write(&format!("queries/{file}"), text.join("\n") + "\n");
    }
    k.set("KANGYANG_QUERIES", &queries(&k).display().to_string());
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", &root().join("schemas/reference/allocation.csv").display().to_string()]);
    k
}

fn queries(k: &Kangyang) -> PathBuf {
    k.folder.path().join("queries")
}

/// An event as a producer sends it: topic, subject, JSON.
type Sent = (&'static str, String, Value);

fn stated(kind: &str, id: String, supersedes: Option<String>, subject: String, data: Value) -> Sent {
    let mut all = event(kind, &id, &subject, data);
    if let Some(s) = supersedes {
        all["supersedes"] = s.into();
    }
    ("training", subject, all)
}

fn filed(class: &str, district: &str, id: String, supersedes: Option<String>) -> Sent {
    stated("class_filed", id, supersedes, format!("class/{class}"), filing(class, district, 2021))
}

fn trainee(class: &str, person: u32) -> String {
    format!("class/{class}/person/{person:032x}")
}

fn completed(class: &str, person: u32, said: (u32, bool), id: String, supersedes: Option<String>) -> Sent {
    let (day, passed) = said;
    let data = json!({
        "class_id": class, "person_key": format!("{person:032x}"), "result": if passed { "passed" } else { "failed" },
        "completed_on": format!("2021-{:02}-{:02}", day / 100, day % 100),
    });
    stated("trainee_completed", id, supersedes, trainee(class, person), data)
}

fn withdrawn(kind: &str, subject: String, id: String) -> Sent {
    stated("record_withdrawn", id, None, subject, json!({"withdrawn_type": format!("kangyang.{kind}.v1"), "reason": "误报"}))
}

fn produce(k: &Kangyang, events: &[Sent]) {
    let lines: Vec<String> = events.iter().map(|e| e.2.to_string()).collect();
    k.run_with_input(["produce", "-"], lines.join("\n").as_bytes()).exits(0);
}

fn take_in(k: &Kangyang, events: &[Sent]) {
    produce(k, events);
    k.ok(["ingest", "--until-caught-up"]);
}

// ---- the independent count

type Unit = (String, u32);
/// Place (a district, or CITY) → completed, persons, held.
type Figures = BTreeMap<String, [i64; 3]>;

/// A completion's series: the set in which it was first stated, what is in force (day, passed), the last statement's id.
type Series = (usize, Option<(u32, bool)>, String);

/// What has been stated so far.
#[derive(Clone, Default)]
struct Book {
    /// By class: its district, while a filing is in force; the last filing's id.
    classes: BTreeMap<String, (Option<&'static str>, String)>,
    /// By class and person.
    said: BTreeMap<Unit, Series>,
    /// By class and person: the latest review confirms.
    reviews: BTreeMap<Unit, bool>,
    events: usize,
}

impl Book {
    /// The units that count (true) or are held, up to a day, with their districts.
    fn reported(&self, last_day: u32) -> BTreeMap<Unit, (&'static str, bool)> {
        let mut by_person: BTreeMap<u32, Vec<(u32, &Unit, &'static str)>> = BTreeMap::new();
        for (unit, (_, said, _)) in &self.said {
            if let (Some((day, true)), Some(district)) = (said, self.classes[&unit.0].0) {
                by_person.entry(unit.1).or_default().push((*day, unit, district));
            }
        }
        let mut found = BTreeMap::new();
        for mut units in by_person.into_values() {
            units.sort();
            for (turn, (day, unit, district)) in units.into_iter().enumerate() {
                let review = self.reviews.get(unit);
                let counts = turn == 0 || review == Some(&true);
                if day <= last_day && (counts || review.is_none()) {
                    found.insert(unit.clone(), (district, counts));
                }
            }
        }
        found
    }

    /// A random set of events, as set number `set`.
    fn set(&mut self, r: &mut Random, set: usize) -> Vec<Sent> {
        (0..1 + r.below(8)).filter_map(|_| self.one(r, set)).collect()
    }

    fn one(&mut self, r: &mut Random, set: usize) -> Option<Sent> {
        self.events += 1;
        let id = format!("e{}", self.events);
        let class = format!("k{}", r.below(9));
        if !self.classes.contains_key(&class) {
            let district = *r.pick(&DISTRICTS);
            self.classes.insert(class.clone(), (Some(district), id.clone()));
            return Some(filed(&class, district, id, None));
        }
        let unit = (class.clone(), r.below(40));
        match r.below(100) {
            // A class moves to another district, loses its filing, or gets one again.
            0..6 => {
                let (district, last) = self.classes.get_mut(&class)?;
                if district.is_some() && r.chance(30) {
                    *district = None;
                    return Some(withdrawn("class_filed", format!("class/{class}"), id));
                }
                let to = *r.pick(&DISTRICTS);
                *district = Some(to);
                let before = std::mem::replace(last, id.clone());
                Some(filed(&class, to, id, Some(before)))
            }
            6..12 => {
                let units: Vec<Unit> = self.said.keys().cloned().collect();
                let unit = if units.is_empty() { unit } else { r.pick(&units).clone() };
                let confirms = r.chance(60);
                self.reviews.insert(unit.clone(), confirms);
                let data = json!({
                    "reviewed_type": "kangyang.trainee_completed.v1", "reason": "核实",
                    "decision": if confirms { "confirmed" } else { "rejected" },
                });
                Some(stated("review_decided", id, None, trainee(&unit.0, unit.1), data))
            }
            12..50 => {
                let units: Vec<Unit> = self.said.iter().filter(|(_, s)| s.1.is_some()).map(|(u, _)| u.clone()).collect();
                let unit = if units.is_empty() { return None } else { r.pick(&units).clone() };
                let (_, said, last) = self.said.get_mut(&unit)?;
                if r.chance(50) {
                    *said = None;
                    return Some(withdrawn("trainee_completed", trainee(&unit.0, unit.1), id));
                }
                let to = (day(r), r.chance(70));
                *said = Some(to);
                let before = std::mem::replace(last, id.clone());
                Some(completed(&unit.0, unit.1, to, id, Some(before)))
            }
            _ => {
                let to = (day(r), r.chance(90));
                let before = self.said.get(&unit).cloned();
                let first = before.as_ref().map_or(set, |b| b.0);
                self.said.insert(unit.clone(), (first, Some(to), id.clone()));
                Some(completed(&unit.0, unit.1, to, id, before.map(|b| b.2)))
            }
        }
    }
}

/// Month × 100 + day, in 2021.
fn day(r: &mut Random) -> u32 {
    (1 + r.below(12)) * 100 + *r.pick(&[1, 15, 28])
}

fn places(district: &str) -> [String; 2] {
    [district.to_owned(), "CITY".to_owned()]
}

fn figures(reported: &BTreeMap<Unit, (&'static str, bool)>) -> Figures {
    let mut found = Figures::new();
    let mut persons = BTreeSet::new();
    for ((_, person), (district, counts)) in reported {
        for place in places(district) {
            let f = found.entry(place.clone()).or_default();
            f[if *counts { 0 } else { 2 }] += 1;
            f[1] += i64::from(*counts && persons.insert((place, *person)));
        }
    }
    found
}

/// The figures of these units that a change makes: of persons only those whom the other side doesn't count in the place.
fn change(units: &BTreeMap<Unit, (&'static str, bool)>, other: &BTreeMap<Unit, (&'static str, bool)>) -> Figures {
    let elsewhere: BTreeSet<(String, u32)> =
        other.iter().filter(|(_, (_, counts))| *counts).flat_map(|((_, p), (d, _))| places(d).map(|place| (place, *p))).collect();
    let mut found = figures(units);
    for (place, f) in &mut found {
        let counted = units.iter().filter(|(_, (d, counts))| *counts && places(d).contains(place));
        let persons: BTreeSet<u32> = counted.map(|((_, p), _)| *p).filter(|p| !elsewhere.contains(&(place.clone(), *p))).collect();
        f[1] = persons.len() as i64;
    }
    found
}

/// A closing as the test remembers it.
struct Closed {
    period: String,
    last_day: u32,
    /// The first set that the report did not know.
    set: usize,
    book: Book,
}

/// published, revised, late, corrected, withdrawn, rules; by period, place, metric.
type Revisions = BTreeMap<(String, String, String), [i64; 6]>;

fn expected(closed: &[Closed], now: &Book) -> Revisions {
    let mut all = Revisions::new();
    for c in closed {
        let (then, new) = (c.book.reported(c.last_day), now.reported(c.last_day));
        let late = new.iter().filter(|(u, _)| now.said[*u].0 >= c.set).map(|(u, v)| (u.clone(), *v)).collect();
        let gone = then.iter().filter(|(u, _)| now.said[*u].1.is_none()).map(|(u, v)| (u.clone(), *v)).collect();
        let (late, gone) = (change(&late, &then), change(&gone, &new));
        let (published, revised) = (figures(&then), figures(&new));
        let districts = (1..=12).map(|n| format!("JZ{n:02}")).chain(["CITY".to_owned()]);
        for place in districts {
            for (i, metric) in ["completed", "persons", "held"].into_iter().enumerate() {
                let of = |f: &Figures| f.get(&place).map_or(0, |f| f[i]);
                let (published, revised, late, withdrawn) = (of(&published), of(&revised), of(&late), -of(&gone));
                let corrected = revised - published - late - withdrawn;
                all.insert((c.period.clone(), place.clone(), metric.to_owned()), [published, revised, late, corrected, withdrawn, 0]);
            }
        }
    }
    all
}

const CLOSINGS: usize = 4;
const STATES: usize = 25;

#[test]
fn what_changed_since_a_closing_adds_up_in_each_district_after_a_hundred_random_sets() {
    let k = lake("revisions");
    let (mut book, mut r) = (Book::default(), Random::new(20));
    let mut closed = vec![];
    for (i, period) in ["2021-03", "2021-06", "2021-09", "2021-12"].into_iter().enumerate() {
        let events: Vec<Sent> = (0..20).flat_map(|_| book.set(&mut r, i)).collect();
        take_in(&k, &events);
        k.ok(["report", "--period", period]);
        k.ok(["close", period, "--signer", "JZ-HRSS"]);
        let last_day = period[5..].parse::<u32>().expect("a month") * 100 + 31;
        closed.push(Closed { period: period.to_owned(), last_day, set: i + 1, book: book.clone() });
    }
    assert_eq!(closed.len(), CLOSINGS);
    k.ok(["ingest", "--until-caught-up"]);
    let rows = k.sql("SELECT kafka_topic, kafka_partition, kafka_offset FROM pin ORDER BY 1, 2");
    let mut pin: BTreeMap<(String, i32), i64> =
        rows.into_iter().map(|row| ((row[0].clone(), row[1].parse().expect("a number")), row[2].parse().expect("an offset"))).collect();

    // Further sets, all in the log at once: a pin behind each is a state of the lake.
    let prefix = kafka::prefix("revisions");
    let producer = kafka::broker().producer();
    let mut states = vec![];
    let mut sent = 0;
    for i in 0..STATES {
        let events = book.set(&mut r, CLOSINGS + i);
        for (topic, subject, event) in &events {
            producer.send(&format!("{prefix}.{topic}"), subject, event.to_string().as_bytes());
        }
        for (partition, offset) in producer.flush().into_iter().skip(sent).flatten() {
            let at = pin.entry((format!("{prefix}.training"), partition)).or_default();
            *at = (offset + 1).max(*at);
        }
        sent += events.len();
        let text = pin.iter().map(|((topic, partition), offset)| format!("{topic}/{partition}={offset}")).collect::<Vec<_>>().join(",");
        states.push((text, expected(&closed, &book)));
    }
    k.ok(["ingest", "--until-caught-up"]);
    let queries = of_december(&k);
    let table = "SELECT t.period, coalesce(d.district_code, 'CITY') AS place, 'completed' AS metric, t.published, t.revised, t.late, \
                 t.corrected, t.withdrawn, t.rules FROM table_6 AS t LEFT JOIN districts AS d USING (district)";
    let mart = "SELECT period, coalesce(district_code, 'CITY') AS place, metric, published, revised, late, corrected, withdrawn, rules \
                FROM revisions";
    let (next, failures, changes) = (AtomicUsize::new(0), Mutex::new(vec![]), Mutex::new([0; 6]));
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some((pin, want)) = states.get(n) else { break };
            // The table has the city, and the districts where anything changed; now and then also the mart behind it.
            let changed = |((_, place, metric), f): &(&(String, String, String), &[i64; 6])| {
                metric == "completed" && (place == "CITY" || f[2..].iter().any(|n| *n != 0))
            };
            let shown = want.iter().filter(changed).map(|(key, f)| (key.clone(), *f)).collect();
            for (query, want) in [(table, &shown), (mart, want)].into_iter().take(if n % 5 == 0 { 2 } else { 1 }) {
                let mut got = Revisions::new();
                for line in k.ok(["sql", query, "--pin", pin, "--queries", &queries, "--format", "csv"]).lines().skip(1) {
                    let cells: Vec<&str> = line.split(',').collect();
                    let figures: Vec<i64> = cells[3..].iter().map(|c| c.parse().expect("a figure")).collect();
                    let [published, revised, late, corrected, withdrawn, rules] = figures[..] else { panic!("six figures: {line}") };
                    assert_eq!(published + late + corrected + withdrawn + rules, revised, "{line}");
                    let key = (cells[0].to_owned(), cells[1].to_owned(), cells[2].to_owned());
                    got.insert(key, [published, revised, late, corrected, withdrawn, rules]);
                }
                let differ = want.iter().filter(|(key, f)| got.get(key) != Some(f));
                let differ: Vec<_> = differ.map(|(key, f)| format!("{key:?}: {:?} for {f:?}", got.get(key))).take(5).collect();
                if !differ.is_empty() || got.len() != want.len() {
                    let found = format!("set {n}: {} rows for {}\n  {}", got.len(), want.len(), differ.join("\n  "));
                    failures.lock().expect("no thread panics with the lock").push(found);
                }
            }
            let mut sums = changes.lock().expect("no thread panics with the lock");
            want.values().for_each(|f| sums.iter_mut().zip(f).for_each(|(sum, n)| *sum += i64::from(*n != 0)));
        }
    };
    std::thread::scope(|s| (0..3).for_each(|_| drop(s.spawn(work))));
    let failures = failures.into_inner().expect("no thread panics with the lock");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    // The sets have tried every kind.
    let changes = changes.into_inner().expect("no thread panics with the lock");
    assert!(changes[2..5].iter().all(|n| *n > 100), "figures with late, corrected, withdrawn: {changes:?}");
    k.ok(["check"]);
    // A second engine makes of the same lake and the same signed reports the same.
    k.ok(["build"]);
    let out = python("compare_duckdb.py").arg(k.data()).arg("--queries").arg(self::queries(&k)).output().expect("Python can be started");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

/// The models with the report's period standing for December.
fn of_december(k: &Kangyang) -> String {
    let december = k.folder.path().join("december");
    copy(&queries(k), &december);
    let span = std::fs::read_to_string(december.join("reports/report_span.sql")).expect("a model");
    let period = "FROM (SELECT DISTINCT plan, '2021-12' AS period, CAST(2021 AS BIGINT) AS year, CAST(12 AS BIGINT) AS month, \
                  CAST('2021-12-31' AS DATE) AS last_day FROM plan_years) AS report_period\n";
    assert!(span.contains("FROM report_period\n"));
    k.folder.write("december/reports/report_span.sql", span.replace("FROM report_period\n", period));
    december.display().to_string()
}

// ---- the commands

fn class_of(class: &str, persons: std::ops::Range<u32>) -> Vec<Sent> {
    let done = persons.map(|p| completed(class, p, (319, true), format!("c-{class}-{p}"), None));
    std::iter::once(filed(class, "JZ07", format!("f-{class}"), None)).chain(done).collect()
}

fn close(k: &Kangyang) -> super::support::command::Output {
    k.run(["close", "2021-06", "--signer", "JZ-HRSS"])
}

fn report(k: &Kangyang) -> String {
    k.ok(["report", "--period", "2021-06"])
}

/// published, revised, late, corrected, withdrawn, rules, flag of the district's completions, by revision.
fn revised(k: &Kangyang, settings: &[&str]) -> String {
    let query = "SELECT revision, published, revised, late, corrected, withdrawn, rules, flag FROM revisions \
                 WHERE period = '2021-06' AND district_code = 'JZ07' AND metric = 'completed' ORDER BY revision";
    k.ok(["sql", query, "--format", "csv"].iter().chain(settings).copied().collect::<Vec<_>>())
        .lines()
        .skip(1)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_period_is_closed_opened_again_and_closed_as_revision_two_and_a_signed_figure_stays() {
    let k = lake("closing");
    take_in(&k, &class_of("k1", 0..5));
    close(&k).exits(1).says("period 2021-06 has no published report");
    k.run(["report", "--period", "2021-06", "--as-of", "2100-01-01T00:00:00+08:00", "--provisional"]).exits(0);
    close(&k).exits(1).says("is provisional, which nobody signs");
    report(&k);
    let table = k.data().join("reports/2021-06/r2/table_6.csv");
    let right = std::fs::read(&table).expect("a published file");
    std::fs::write(&table, [&right[..], b"\n"].concat()).expect("a file of ours");
    close(&k).exits(1).says("table_6.csv is not what its manifest says");
    std::fs::write(&table, right).expect("a file of ours");
    k.run(["close", "2021-06", "--signer", "two words"]).exits(2).says("signer");
    k.run(["reopen", "2021-06", "--signer", "JZ-HRSS", "--reason", "补报"]).exits(1).says("period 2021-06 is not closed");

    // Closed twice before it is taken in is closed once; afterwards it is refused.
    let said = close(&k).exits(0).stdout;
    assert!(said.contains("JZ-HRSS signed ./data/reports/2021-06/r2 as revision 1 of 2021-06, digest "), "{said}");
    assert!(said.contains("kangyang ingest"), "{said}");
    close(&k).exits(0);
    assert_eq!(k.number("SELECT count(*) FROM closings"), 0, "it counts once it is taken in");
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.sql("SELECT sum(duplicates), sum(conflicts) FROM ledger"), [["1", "0"]]);
    close(&k).exits(1).says("period 2021-06 is closed already: revision 1 was signed by JZ-HRSS");
    assert_eq!(revised(&k, &[]), "1,5,5,0,0,0,0,f");
    let signed = "SELECT period, revision, coalesce(district_code, 'CITY'), metric, figure FROM figures_by_revision \
                  WHERE revision = 1 ORDER BY 1, 2, 3, 4";
    let first = k.sql(signed);
    assert_eq!(first.len(), 13 * 3);

    // Two come late, one is withdrawn, one turns out to have failed: the live figure moves, what was signed stays.
    let mut later = class_of("k1", 5..7);
    later.push(withdrawn("trainee_completed", trainee("k1", 0), "w".into()));
    later.push(completed("k1", 1, (319, false), "again".into(), Some("c-k1-1".into())));
    take_in(&k, &later);
    assert_eq!(revised(&k, &[]), "1,5,5,2,-1,-1,0,f");
    take_in(&k, &class_of("k2", 7..8));
    assert_eq!(revised(&k, &[]), "1,5,6,3,-1,-1,0,r");
    assert!(report(&k).contains("reports/2021-06/r3"));
    let queries = of_december(&k);
    let rows = k.ok(["sql", "SELECT * FROM table_6", "--queries", &queries, "--format", "csv"]);
    assert_eq!(
        rows.lines().skip(1).collect::<Vec<_>>(),
        ["7,2021-06,温县,1,5,3,-1,-1,0,6,1,修订,", ",2021-06,全市,1,5,3,-1,-1,0,6,1,修订,"]
    );

    // A report that compares with a signed one can be made again like any other.
    k.ok(["verify", &k.data().join("reports/2021-06/r3").display().to_string()]);

    close(&k).exits(1).says("kangyang reopen 2021-06");
    k.run(["reopen", "2021-06", "--signer", "JZ-HRSS"]).exits(2).says("--reason");
    k.ok(["reopen", "2021-06", "--signer", "JZ-HRSS", "--reason", "温县补报一个班次"]);
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.sql("SELECT revision, signer, closed, reason FROM closings"), [["1", "JZ-HRSS", "false", "温县补报一个班次"]]);
    close(&k).exits(0);
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.sql("SELECT revision, closed FROM closings ORDER BY 1"), [["1", "false"], ["2", "true"]]);
    assert_eq!(revised(&k, &[]), "1,5,6,3,-1,-1,0,r 2,6,6,0,0,0,0,f");
    assert_eq!(k.sql(signed), first, "a signed figure changed");
    let triangle = "SELECT revision, figure, difference, flag, closed FROM figures_by_revision \
                    WHERE district_code = 'JZ07' AND metric = 'completed' ORDER BY 1";
    assert_eq!(k.sql(triangle), [["1", "5", "", "f", "false"], ["2", "6", "1", "r", "true"]]);

    // Another rule is told apart from all else: with this cut-off day the report ends before anybody completed.
    copy(&root().join("schemas"), &k.folder.path().join("schemas"));
    k.folder.write("schemas/reference/report_month.csv", "cut_off_day,source\n10,[A] 每月十日\n");
    let march = |f: &str| f.replace("2021-06", "2021-03");
    k.ok(["report", "--period", &march("2021-06")]);
    k.ok(["close", "2021-03", "--signer", "JZ-HRSS"]);
    k.ok(["ingest", "--until-caught-up"]);
    let schemas = k.folder.path().join("schemas").display().to_string();
    let rules = "SELECT period, revision, published, revised, late, corrected, withdrawn, rules FROM revisions \
                 WHERE district_code = 'JZ07' AND metric = 'completed' ORDER BY 1, 2";
    let other = k.ok(["sql", rules, "--schemas", &schemas, "--format", "csv"]);
    assert!(other.ends_with("2021-03,1,6,0,0,0,0,-6\n2021-06,1,5,6,3,-1,-1,0\n2021-06,2,6,6,0,0,0,0\n"), "{other}");

    // What counted at the signed pins is kept, and made again where it is not.
    std::fs::remove_dir_all(k.data().join(".signed")).expect("what is kept can be removed");
    assert_eq!(revised(&k, &[]), "1,5,6,3,-1,-1,0,r 2,6,6,0,0,0,0,f");

    // Where the signed report was altered nothing is published; where it isn't at hand, its figures are made again, and that is said.
    let figures = k.data().join("reports/2021-06/r3/report_figures.parquet");
    let right = std::fs::read(&figures).expect("a published file");
    std::fs::write(&figures, &right[1..]).expect("a file of ours");
    let found = "SELECT DISTINCT revision, report FROM figures_by_revision WHERE period = '2021-06' ORDER BY 1";
    assert_eq!(k.sql(found), [["1", "as_signed"], ["2", "altered"]]);
    k.run(["report", "--period", "2021-06"]).exits(3).says("signed_reports_unaltered");
    std::fs::write(&figures, right).expect("a file of ours");
    std::fs::rename(k.data().join("reports/2021-06/r3"), k.folder.path().join("r3")).expect("a folder can be moved");
    assert_eq!(k.sql(found), [["1", "as_signed"], ["2", "missing"]]);
    assert_eq!(revised(&k, &[]), "1,5,6,3,-1,-1,0,r 2,6,6,0,0,0,0,f");
    let remark = "SELECT remark FROM table_6 WHERE position IS NULL AND period = '2021-06'";
    assert_eq!(k.ok(["sql", remark, "--queries", &queries, "--format", "csv"]), "remark\n签发报表不在库，公布数按现行口径重算\n");
    k.ok(["check"]);
}
