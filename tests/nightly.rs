//! The night's work as cron does it: again, twice at once, cut off, with a check that does not hold, without Kafka.
use super::support::command::{Kangyang, Output};
use super::support::{copy, kafka, root};
use std::collections::BTreeMap;

/// A user of a log with an allocation, a class and some who completed it.
fn user(name: &str) -> Kangyang {
    let k = Kangyang::on(kafka::broker(), name, &kafka::prefix(name));
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", &root().join("schemas/reference/allocation.csv").display().to_string()]);
    let example = |kind: &str| {
        let text = std::fs::read_to_string(root().join(format!("schemas/events/{kind}.json"))).expect("a type's schema");
        let schema: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        schema["examples"][0].to_string()
    };
    k.run_with_input(["produce", "-"], [example("class_filed"), example("trainee_completed")].join("\n").as_bytes()).exits(0);
    k
}

/// Every mart's bytes, by path.
fn marts(k: &Kangyang) -> BTreeMap<String, Vec<u8>> {
    let list = std::fs::read_dir(k.data().join("marts")).expect("there are marts");
    let files = list.map(|e| e.expect("the folder can be read").path()).filter(|p| p.extension().is_some_and(|x| x == "parquet"));
    files.map(|p| (p.display().to_string(), std::fs::read(&p).expect("a mart can be read"))).collect()
}

/// The one line on stdout says each of these.
fn tells(out: &Output, parts: &[&str]) {
    assert_eq!(out.stdout.lines().count(), 1, "{out}");
    assert!(parts.iter().all(|p| out.stdout.contains(p)), "not all of {parts:?} are in\n{out}");
}

/// Long before anything here was recorded: no plan had targets then.
const NIGHT: [&str; 3] = ["nightly", "--date", "2021-07-01"];

#[test]
fn a_night_done_twice_gives_nothing_new() {
    let k = user("night");
    let first = k.run(NIGHT).exits(0);
    tells(
        &first,
        &[
            "nightly 2021-07-01",
            "catch up: 55 messages, 55 events, 0 rejects",
            "check: all hold",
            "report: none, no plan had targets",
            "vacuum: ",
        ],
    );
    assert_eq!(k.number("SELECT sum(completed) FROM completion_by_year"), 1);
    let built = marts(&k);
    let second = k.run(NIGHT).exits(0);
    tells(&second, &["catch up: 0 messages, 0 events, 0 rejects", "report: none", "compact: 0 files became 0"]);
    assert!(marts(&k) == built, "the same log, other marts");
    // Of a day that is not over the report can't be final: that is told, and the rest is done.
    let early = k.run(["nightly", "--date", "2199-01-01"]).exits(3);
    tells(&early, &["report FAILED: report 2198-12 would be provisional", "compact: 0 files became 0"]);
    assert!(!k.data().join("reports").exists());
}

#[test]
fn of_two_at_once_the_second_says_so_and_leaves_the_first_alone() {
    let k = user("two");
    let mut first = k.start(NIGHT);
    first.line("the first step's end", |l| l.contains("catch up: 55 messages"));
    first.freeze();
    k.run(NIGHT).exits(3).says("another nightly is at work on ./data");
    first.thaw();
    tells(&first.wait().exits(0), &["check: all hold", "compact: "]);
}

#[test]
fn a_night_that_was_cut_off_is_made_good_by_the_next() {
    let k = user("cut");
    for step in ["catch up: ", "build: ", "check: "] {
        let mut night = k.start(NIGHT);
        night.line("a step's end", |l| l.contains(step));
        assert_eq!(night.kill().code, None);
    }
    let made_good = k.run(NIGHT).exits(0);
    tells(&made_good, &["catch up: 0 messages", "check: all hold", "compact: "]);
    assert_eq!(k.number("SELECT sum(completed) FROM completion_by_year"), 1);
    let left: Vec<_> = std::fs::read_dir(k.data()).expect("a data root").flatten().map(|e| e.file_name().into_string()).collect();
    assert!(!left.iter().flatten().any(|n| n.starts_with(".scratch-")), "{left:?}");
}

#[test]
fn a_night_told_to_stop_ends_after_its_step_and_says_what_it_did_not_reach() {
    let k = user("stop");
    let mut night = k.start(NIGHT);
    night.line("the first step's end", |l| l.contains("catch up: "));
    let out = night.stop().exits(1).says("did not succeed");
    tells(&out, &["catch up: 55 messages", "compact: not reached; vacuum: not reached"]);
    k.run(NIGHT).exits(0);
}

#[test]
fn a_check_that_does_not_hold_is_told_and_the_rest_is_done() {
    let mut k = user("check");
    let queries = k.folder.path().join("queries");
    copy(&root().join("queries"), &queries);
    let never = "-- A check that never holds, for this test.\n-- grain: one row\nSELECT 1 AS one -- one\n";
    k.folder.write("queries/checks/never_holds.sql", never);
    k.set("KANGYANG_QUERIES", &queries.display().to_string());
    let out = k.run(NIGHT).exits(3).says("of the night's steps check did not succeed");
    tells(&out, &["catch up: 55 messages", "check FAILED: 1 checks do not hold: never_holds (1 rows)", "report: none", "files became"]);
    assert!(!marts(&k).is_empty());
}

#[test]
fn without_kafka_the_figures_of_what_is_there_are_built_and_reported() {
    let k = Kangyang::new("away");
    k.ok(["demo", "--trainees", "300", "--data", "data"]);
    std::fs::remove_dir_all(k.data().join("marts")).expect("marts");
    let night = ["nightly", "--date", "2022-06-01", "--brokers", "127.0.0.1:1"];
    let first = k.run(night).exits(1).says("is Kafka up at 127.0.0.1:1?").says("of the night's steps catch up did not succeed");
    tells(&first, &["catch up FAILED", "check: all hold", "report: published ./data/reports/2022-05/r1", "compact: "]);
    assert!(!marts(&k).is_empty());
    let second = k.run(night).exits(1);
    tells(&second, &["report: nothing new after ./data/reports/2022-05/r1"]);
    let text = std::fs::read_to_string(k.data().join("reports/2022-05/r1/manifest.json")).expect("a report");
    assert!(text.contains("\"as_of\": \"2022-05-31T16:00:00+00:00\"") && text.contains("\"provisional\": false"), "{text}");
    k.run(["nightly"]).exits(2).says("no Kafka brokers are set");
}
