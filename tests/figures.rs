//! Figures as of a date, and reports: the same pin gives the same bytes, whatever came since; what is published stays.
use super::support::command::Kangyang;
use super::support::{copy, event, filing, kafka, root};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn lake(name: &str) -> Kangyang {
    Kangyang::on(kafka::broker(), name, &kafka::prefix(name))
}

fn completion(class: &str, person: u32) -> Value {
    let key = format!("{person:032x}");
    let data = json!({"class_id": class, "person_key": key, "result": "passed", "completed_on": "2021-03-19"});
    event("trainee_completed", &format!("c-{class}-{person}"), &format!("class/{class}/person/{key}"), data)
}

/// Targets, a class and so many trainees, from a first number on, sent and taken in.
fn take_in(k: &Kangyang, class_id: &str, persons: std::ops::Range<u32>) {
    let class = event("class_filed", &format!("f-{class_id}"), &format!("class/{class_id}"), filing(class_id, "JZ07", 2021));
    let lines: Vec<String> = std::iter::once(class).chain(persons.map(|p| completion(class_id, p))).map(|e| e.to_string()).collect();
    k.run_with_input(["produce", "-"], lines.join("\n").as_bytes()).exits(0);
    k.ok(["ingest", "--until-caught-up"]);
}

/// Every mart's bytes, by file name.
fn marts(k: &Kangyang) -> BTreeMap<String, Vec<u8>> {
    let list = std::fs::read_dir(k.data().join("marts")).expect("there are marts");
    let files = list.map(|e| e.expect("the folder can be read").path()).filter(|p| p.extension().is_some_and(|x| x == "parquet"));
    files.map(|p| (p.display().to_string(), std::fs::read(&p).expect("a mart can be read"))).collect()
}

fn pin(k: &Kangyang) -> String {
    let text = std::fs::read_to_string(k.data().join("marts/build.json")).expect("a build is noted");
    let note: Value = serde_json::from_str(&text).expect("the note is JSON");
    note["pin"].as_str().expect("the note names the pin").to_owned()
}

fn completed(k: &Kangyang, at: &[&str]) -> i64 {
    let query = "SELECT CAST(sum(completed) AS BIGINT) FROM completion_by_year";
    let out = k.ok(["sql", query, "--format", "csv"].iter().chain(at).copied().collect::<Vec<_>>());
    out.lines().nth(1).and_then(|l| l.parse().ok()).expect("one number")
}

#[test]
fn the_same_pin_gives_the_same_bytes_after_later_events_and_a_compaction() {
    let k = lake("pins");
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", &root().join("schemas/reference/allocation.csv").display().to_string()]);
    take_in(&k, "k1", 0..20);
    k.ok(["build"]);
    let (first, at) = (marts(&k), pin(&k));
    assert_eq!(at.split(',').count(), 18, "a pin names every topic and partition: {at}");
    take_in(&k, "k2", 20..50);
    k.ok(["build"]);
    assert_eq!(completed(&k, &[]), 50);
    assert_ne!(marts(&k), first);
    k.ok(["compact"]);
    k.ok(["build", "--pin", &at]);
    assert!(marts(&k) == first, "the same pin, other bytes");
    assert_eq!(pin(&k), at);
    assert_eq!(completed(&k, &["--pin", &at]), 20);

    // A pin that the lake has not reached, one of another lake, one that is none.
    let above = at.rsplit_once('=').map(|(place, _)| format!("{place}=999999")).expect("a pin has an offset");
    k.run(["build", "--pin", &above]).exits(1).says("is above the lake");
    k.run(["build", "--pin", "other.training/0=1"]).exits(1).says("other topics or partitions");
    k.run(["build", "--pin", "nonsense"]).exits(2).says("a pin is topic/partition=offset");
}

#[test]
fn marts_of_two_builds_are_never_mixed() {
    let k = Kangyang::new("builds");
    k.ok(["demo", "--trainees", "300", "--data", "data"]);
    let (first, at) = (marts(&k), pin(&k));
    let earlier = at.split(',').map(|p| p.split_once('=').map_or("", |(place, _)| place).to_owned() + "=0").collect::<Vec<_>>().join(",");

    // One that finds another at it waits, with every mart ready and none in its place.
    let lock = std::fs::File::create(k.data().join("marts/.lock")).expect("a file of ours");
    lock.lock().expect("no one holds it");
    let mut waiting = k.start(["build", "--pin", &earlier]);
    waiting.line("the lock", |l| l.contains("waiting for") && l.contains("marts/.lock"));
    assert!(marts(&k) == first, "a mart was replaced before all were ready");
    drop(lock);
    waiting.wait().exits(0);
    let second = marts(&k);
    assert!(second != first && pin(&k) == earlier);

    // Two at once: all marts are of the one whose pin is noted.
    let both = [k.start(["build", "--pin", &earlier]), k.start(["build", "--pin", &at])];
    both.into_iter().for_each(|b| drop(b.wait().exits(0)));
    let noted = if pin(&k) == at { &first } else { &second };
    assert!(&marts(&k) == noted, "marts of two pins");
}

#[test]
fn what_a_crash_left_half_made_is_removed_and_nothing_else() {
    let k = Kangyang::new("crashes");
    k.ok(["demo", "--trainees", "300", "--data", "data"]);
    let dead = [".scratch-dead/lock", ".scratch-old/x-0.parquet", "marts/.x.parquet.1.part", "reports/2021-06/.r1.1.part/manifest.json"];
    let living = [".scratch-living/lock", "notes.part", "marts/x.part", "reports/2021-06/other.txt"];
    dead.iter().chain(&living).for_each(|f| drop(k.folder.write(&format!("data/{f}"), "")));
    let session = std::fs::File::open(k.data().join(".scratch-living/lock")).expect("it was written");
    session.lock().expect("no one holds it");
    k.ok(["build"]);
    k.ok(["report", "--period", "2021-06"]);
    let there = |f: &&str| k.data().join(f).exists();
    assert_eq!(dead.iter().copied().filter(there).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(living.iter().copied().filter(there).collect::<Vec<_>>(), living);
    let folders = std::fs::read_dir(k.data()).expect("the data root").flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    let scratch: Vec<_> = folders.filter(|f| f.starts_with(".scratch-")).collect();
    assert_eq!(scratch, [".scratch-living"], "a session leaves nothing, nor does what went before it");
}

#[test]
fn an_instant_is_turned_into_a_pin_and_is_provisional_until_the_end_was_seen_a_minute_later() {
    let k = lake("as-of");
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", &root().join("schemas/reference/allocation.csv").display().to_string()]);
    take_in(&k, "k1", 0..5);
    // Before anything was recorded: nothing counts, and nothing can come any more.
    let long_ago = ["--as-of", "2020-01-01T00:00:00+08:00"];
    let out = k.run(["sql", "SELECT count(*) FROM events", long_ago[0], long_ago[1], "--format", "csv"]).exits(0);
    assert_eq!(out.stdout, "count(*)\n0\n");
    assert!(!out.stderr.contains("provisional"), "{out}");
    // In the future: all counts, and more may come.
    let later = ["--as-of", "2100-01-01T00:00:00+08:00"];
    assert_eq!(completed(&k, &later), 5);
    k.run(["build", later[0], later[1]]).exits(0).says("provisional");
    k.run(["report", "--period", "2021-06", later[0], later[1]]).exits(1).says("--provisional");
    assert!(!k.data().join("reports").exists(), "a refused report leaves nothing");
    k.run(["report", "--period", "2021-06", later[0], later[1], "--provisional"]).exits(0);
    // An instant between two events is exact to the millisecond. (Events are counted: the class of a completion that was appended before
    // may itself have been appended after.)
    let times = k.sql("SELECT CAST(max(recorded_at) AS VARCHAR) AS at FROM trainee_completed");
    let last = times[0][0].replace(' ', "T").replace('Z', "") + "Z";
    let before =
        k.number(&format!("SELECT count(*) FROM trainee_completed WHERE recorded_at < CAST('{last}' AS TIMESTAMP WITH TIME ZONE)"));
    let known = k.ok(["sql", "SELECT count(*) FROM trainee_completed", "--as-of", &last, "--format", "csv"]);
    assert_eq!(known, format!("count(*)\n{before}\n"));
    k.run(["build", "--as-of", "yesterday"]).exits(2).says("an instant like");
}

#[test]
fn a_report_is_published_once_and_a_failed_check_publishes_nothing() {
    let k = Kangyang::new("report");
    k.ok(["demo", "--trainees", "600", "--data", "data"]);
    let folder = k.data().join("reports/2021-06");
    assert!(k.ok(["report", "--period", "2021-06"]).contains("published ./data/reports/2021-06/r1"));
    let files = ["manifest.json", "report.html", "report.xlsx", "table_1.csv", "table_1.parquet", "table_2.csv", "table_2.parquet"];
    let first: Vec<Vec<u8>> =
        files.iter().map(|f| std::fs::read(folder.join("r1").join(f)).unwrap_or_else(|e| panic!("{f}: {e}"))).collect();
    assert!(k.ok(["report", "--period", "2021-06"]).contains("nothing new, published before: ./data/reports/2021-06/r1"));
    assert!(!folder.join("r2").exists());

    // Other SQL is another report; a check that does not hold is none at all.
    let queries = k.folder.path().join("queries");
    copy(&root().join("queries"), &queries);
    let dir = queries.display().to_string();
    let check = "-- Guards nothing: it always finds a row.\n-- grain: one row\nSELECT\n    1 AS bad -- a bad row\n";
    k.folder.write("queries/checks/always_bad.sql", check);
    k.run(["report", "--period", "2021-06", "--queries", &dir]).exits(3).says("always_bad");
    assert!(k.run(["check", "--queries", &dir]).exits(3).stdout.contains("always_bad: Guards nothing"));
    assert!(!folder.join("r2").exists());
    k.folder.write(
        "queries/checks/always_bad.sql",
        check.replace(
            "1 AS bad -- a bad row",
            "n.bad -- a bad row\nFROM (VALUES (1), (2), (3)) AS a (bad)\nCROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7)) AS n (bad)",
        ),
    );
    let shown = k.run(["check", "--queries", &dir, "--format", "csv"]).exits(3).stdout;
    assert_eq!(shown.lines().count(), 1 + 1 + 20 + 1, "{shown}");
    assert!(shown.ends_with("the first 20 of 21 rows\n"), "{shown}");
    k.folder.write("queries/checks/always_bad.sql", check.replace("1 AS bad -- a bad row", "1 AS bad -- a bad row\nFROM pin\nWHERE false"));
    assert!(k.ok(["report", "--period", "2021-06", "--queries", &dir]).contains("published ./data/reports/2021-06/r2"));
    for (file, bytes) in files.iter().zip(&first) {
        assert!(&std::fs::read(folder.join("r1").join(file)).expect("r1 is still there") == bytes, "{file} of r1 changed");
    }
    k.run(["report", "--period", "2021-13"]).exits(2).says("2021-06");
    k.run(["report", "--period", "2021-06", "--plan", "nowhere"]).exits(2).says("there is no plan nowhere");
}

#[test]
fn a_topic_of_another_number_of_partitions_is_refused() {
    let k = lake("partitions");
    let topic = format!("{}.certification", kafka::prefix("partitions"));
    kafka::broker().create_topic(&topic, 3, &kafka::TOPIC_SETTINGS);
    let says = format!("topic {topic} has 3 partitions, must have 6");
    k.run(["topics", "create"]).exits(1).says(&says);
    k.run(["ingest", "--until-caught-up"]).exits(1).says(&says);
}

#[test]
fn an_allocation_that_does_not_add_up_sends_nothing() {
    let k = lake("targets");
    k.ok(["topics", "create"]);
    let table = std::fs::read_to_string(root().join("schemas/reference/allocation.csv")).expect("the allocation table");
    let bad = k.folder.write("bad.csv", table.replacen(",300,", ",301,", 1));
    k.run(["targets", "load", &bad.display().to_string()]).exits(3).says("the districts add up to 3001, the control row says 3000");
    let good = k.folder.write("good.csv", &table);
    // 12 districts with three years and a metric of the plan; the city's four sums and the metric that only it has.
    assert_eq!(k.ok(["targets", "load", &good.display().to_string()]), "53 targets sent, 0 withdrawn\n");
    k.ok(["targets", "load", &good.display().to_string()]);
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.sql("SELECT sum(in_force), sum(duplicates), sum(conflicts) FROM ledger"), [["53", "53", "0"]]);
}

#[test]
fn a_revised_allocation_replaces_the_old_one_without_a_conflict() {
    let k = lake("revised");
    k.ok(["topics", "create"]);
    let table = std::fs::read_to_string(root().join("schemas/reference/allocation.csv")).expect("the allocation table");
    let old = k.folder.write("old.csv", &table).display().to_string();
    // 60 trainees of 2021 move from one district to the next, and the city's own metric is no longer given.
    let revised = table.replacen("450,450,450", "450,390,450", 1).replacen("300,300,300", "300,360,300", 1).replace(",210,1500,", ",210,,");
    let new = k.folder.write("new.csv", &revised).display().to_string();
    let figures = || {
        k.ok(["ingest", "--until-caught-up"]);
        assert_eq!(k.sql("SELECT * FROM conflicts"), Vec::<Vec<String>>::new());
        k.ok(["check"]);
        let targets = "SELECT target FROM completion_by_district_year WHERE year = 2021 AND position <= 2 ORDER BY position";
        let of_which = "SELECT metric, target FROM of_which_by_district_year \
                        WHERE metric = 'elderly_caregivers' AND year IS NULL AND district_code IS NULL";
        (k.sql(targets).concat().join(" "), k.sql(of_which).concat().join(" "))
    };
    k.ok(["targets", "load", &old]);
    assert_eq!(figures(), ("450 300".into(), "elderly_caregivers 1500".into()));
    assert_eq!(k.ok(["targets", "load", &new, "--revises", &old]), "52 targets sent, 1 withdrawn\n");
    assert_eq!(figures(), ("390 360".into(), "elderly_caregivers ".into()));
    // The same again changes nothing; and back to the old one, which is not its first statement again.
    k.ok(["targets", "load", &new, "--revises", &old]);
    k.ok(["targets", "load", &old, "--revises", &old, "--revises", &new]);
    assert_eq!(figures(), ("450 300".into(), "elderly_caregivers 1500".into()));
    // Without saying what it revises it is refused, row by row.
    k.ok(["targets", "load", &new]);
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.sql("SELECT DISTINCT kind FROM conflicts"), [["payload_differs"]]);
}

#[test]
fn a_data_root_with_spaces_and_chinese_in_its_name_is_one_like_any_other() {
    let k = Kangyang::new("数据 湖");
    k.ok(["demo", "--trainees", "300", "--data", "康养 数据/a b"]);
    k.ok(["check", "--data", "康养 数据/a b"]);
}

#[test]
fn a_demo_replaces_what_is_left_of_its_own_and_says_the_same() {
    let k = Kangyang::new("demo");
    let demo = ["demo", "--seed", "3", "--trainees", "300", "--data", "data"];
    let first = k.ok(demo);
    assert!(first.contains("leads: "), "{first}");
    // As a removal that was stopped half-way leaves it.
    std::fs::remove_dir_all(k.data().join("events/_delta_log")).expect("the log can be removed");
    assert_eq!(k.ok(demo), first);
    // Without its mark it is another's.
    std::fs::remove_file(k.data().join(".kangyang-demo")).expect("the mark can be removed");
    k.run(demo).exits(1).says("holds something else");
}

#[test]
fn a_model_that_cannot_run_is_told_with_file_and_line() {
    let k = Kangyang::new("models");
    k.ok(["demo", "--trainees", "300", "--data", "data"]);
    let queries = k.folder.path().join("queries");
    copy(&root().join("queries"), &queries);
    let dir = queries.display().to_string();
    let head = "-- A model.\n-- grain: one row\n";
    for (text, says) in [
        ("SELECT 1 AS one\n".to_owned(), "state/broken.sql:1: the header is missing"),
        ("-- A model.\nSELECT 1 AS one\n".to_owned(), "state/broken.sql:2: the header's line `-- grain: …` is missing"),
        (format!("{head}SELECT *\nFROM evnts\n"), "state/broken.sql:4: unknown table evnts"),
        (format!("{head}-- events: evnts\nSELECT 1 AS one\n"), "state/broken.sql:3: unknown event type evnts"),
        (format!("{head}SELECT *\nFROM broken\n"), "broken → broken"),
        (format!("{head}SELEC 1\n"), "SQL can't be read"),
        (format!("{head}SELECT nothing FROM events\n"), "state/broken.sql"),
    ] {
        k.folder.write("queries/state/broken.sql", &text);
        k.run(["sql", "SELECT * FROM broken", "--queries", &dir]).exits(1).says(says);
    }
    std::fs::remove_file(queries.join("state/broken.sql")).expect("it was written");
    let targets = queries.join("state/target_set_in_force.sql");
    let right = std::fs::read_to_string(&targets).expect("a model");
    std::fs::write(&targets, right.replace("target_set.plan,", "1 AS plan,")).expect("a file of ours");
    k.run(["report", "--period", "2021-06", "--queries", &dir]).exits(1).says("model target_set_in_force: column plan is no text");
    std::fs::write(&targets, right).expect("a file of ours");
    k.folder.write("queries/state/broken.sql", format!("{head}SELECT * FROM round\n"));
    k.folder.write("queries/state/round.sql", format!("{head}SELECT * FROM broken\n"));
    k.run(["build", "--queries", &dir]).exits(1).says("models read each other in a circle");
}
