//! The command line as its user meets it: commands, exit codes, stdout and stderr, in one golden file that is reviewed as a diff.
//!
//! `KANGYANG_TEST_UPDATE=1` writes `tests/cli/commands.txt` anew.
use super::support::command::{Kangyang, golden};
use super::support::{root, spawn};
use std::fmt::Write;
use std::process::Stdio;

#[test]
fn commands_say_what_is_wrong_and_how_to_mend_it() {
    let mut t = Transcript::new();
    t.part("the program itself");
    t.run(&["--version"]);
    t.run(&["--help"]);
    t.run(&[]);
    t.run(&["frobnicate"]);
    t.run(&["ingest", "-h"]);
    t.run(&["ingest", "--unknown"]);

    t.part("settings: flags, environment, kangyang.toml");
    t.run(&["ingest"]);
    t.run(&["topics", "create"]);
    t.run(&["ingest", "--brokers", "127.0.0.1:1", "--commit-interval", "soon"]);
    t.run(&["ingest", "--brokers", "127.0.0.1:1", "--commit-bytes", "lots"]);
    t.run(&["ingest", "--brokers", "127.0.0.1:1", "--metrics-addr", "here"]);
    t.with("KANGYANG_COMMIT_INTERVAL", "soon").run(&["ingest", "--brokers", "127.0.0.1:1"]);
    t.file("kangyang.toml", "comit-interval = \"1s\"\n").run(&["check"]);
    t.file("kangyang.toml", "commit-interval = \"soon\"\n").run(&["check"]);
    t.file("kangyang.toml", "commit-interval = [1, 2]\n").run(&["check"]);
    t.file("kangyang.toml", "commit-interval = 1s\n").run(&["check"]);
    t.file("kangyang.toml", "brokers = \"127.0.0.1:1\"\n[kafka]\n\"no.such.property\" = 1\n").run(&["topics", "create"]);
    t.file("kangyang.toml", "brokers = \"127.0.0.1:1\"\n[kafka]\n\"linger.ms\" = \"soon\"\n").run(&["produce", "x.ndjson"]);
    t.remove("kangyang.toml").run(&["check", "--config", "elsewhere.toml"]);
    t.run(&["check", "--schemas", "nowhere"]);
    t.run(&["check", "--queries", "nowhere"]);

    t.part("no lake yet");
    t.run(&["build"]);
    t.run(&["check"]);
    t.run(&["sql", "SELECT 1"]);
    t.run(&["compact"]);
    t.run(&["vacuum"]);
    t.run(&["report", "--period", "2021-06"]);

    t.part("arguments that can't be meant");
    t.run(&["report"]);
    t.run(&["report", "--period", "2021-13"]);
    t.run(&["report", "--period", "June"]);
    t.run(&["verify"]);
    t.run(&["verify", "nowhere/manifest.json"]);
    t.file("manifest.json", "{\"format\": 2}\n").run(&["verify", "manifest.json"]);
    t.run(&["vacuum", "--retain", "long"]);
    t.run(&["build", "--as-of", "yesterday"]);
    t.run(&["nightly", "--date", "soon"]);
    t.run(&["nightly"]);
    t.run(&["build", "--pin", "nonsense"]);
    t.run(&["build", "--as-of", "2021-07-01T00:00:00+08:00", "--pin", "kangyang.training/0=1"]);
    t.run(&["sql", "SELECT 1", "--format", "xml"]);

    t.part("files that can't be taken");
    t.run(&["produce", "nowhere.ndjson", "--brokers", "127.0.0.1:1"]);
    t.run(&["targets", "load", "nowhere.csv", "--brokers", "127.0.0.1:1"]);
    t.file("wrong.csv", "plan,district_code\nx,y\n").run(&["targets", "load", "wrong.csv", "--brokers", "127.0.0.1:1"]);
    let sums = std::fs::read_to_string(root().join("schemas/reference/allocation.csv"))
        .expect("the allocation is there")
        .replace(",450,", ",451,");
    t.file("sums.csv", &sums).run(&["targets", "load", "sums.csv", "--brokers", "127.0.0.1:1"]);
    let lines = "{\"specversion\":\"1.0\"}\nno JSON\n\n{\"a\":1,\"a\":2}\n";
    t.file("bad.ndjson", lines).run(&["produce", "bad.ndjson", "--strict", "--brokers", "127.0.0.1:1"]);
    golden("cli/commands.txt", &t.text);
}

#[test]
fn a_lake_answers_in_every_format() {
    let mut t = Transcript::new();
    t.part("a demo, made again and again alike");
    t.quiet(&["demo", "--seed", "7", "--trainees", "300", "--data", "demo"]);
    let year = "SELECT district, target, completed, held, completion_rate, rank FROM completion_by_district_year \
                WHERE year = 2021 ORDER BY position";
    for format in ["table", "csv", "json"] {
        t.run(&["sql", year, "--data", "demo", "--format", format]);
    }
    t.run(&[
        "sql",
        "SELECT count(*) AS n, min(completed_on) AS first, bool_and(class_id IS NOT NULL) AS named FROM trainee_completed",
        "--data",
        "demo",
    ]);
    t.run(&["check", "--data", "demo"]);

    t.part("the lake's files");
    t.run(&["vacuum", "--data", "demo"]);
    t.run(&["vacuum", "--retain", "0s", "--data", "demo"]);
    t.run(&["vacuum", "--retain", "59m", "--data", "demo"]);

    t.part("queries that can't be run");
    t.run(&["sql", "SELEC 1", "--data", "demo"]);
    t.run(&["sql", "SELECT nothing FROM events", "--data", "demo"]);
    t.run(&["sql", "SELECT 1 FROM nowhere", "--data", "demo"]);
    t.run(&["sql", "CREATE TABLE t AS SELECT 1", "--data", "demo"]);
    t.run(&["sql", "COPY events TO 'x.parquet'", "--data", "demo"]);
    t.run(&["sql", "SELECT 1; SELECT 2", "--data", "demo"]);

    t.part("models of one's own that can't be run");
    let copy = |t: &Transcript, name: &str, text: &str| {
        for entry in std::fs::read_dir(root().join("queries")).expect("the queries are there").flatten() {
            for file in std::fs::read_dir(entry.path()).expect("a folder of queries").flatten() {
                let text = std::fs::read(file.path()).expect("a query");
                let to = format!("q/{}/{}", entry.file_name().to_string_lossy(), file.file_name().to_string_lossy());
                t.user.folder.write(&to, text);
            }
        }
        t.user.folder.write(&format!("q/marts/{name}.sql"), text);
    };
    let heads = [
        ("no_header", "SELECT 1 AS one -- one\n"),
        ("unknown_table", "-- Reads a table that is not there.\n-- grain: none\nSELECT one -- one\nFROM nowhere\n"),
        ("unknown_column", "-- Reads a column that is not there.\n-- grain: none\nSELECT one -- one\nFROM completions\n"),
        ("half", "-- Ends before it is over.\n-- grain: none\nSELECT one, -- one\nFROM\n"),
    ];
    for (name, text) in heads {
        copy(&t, name, text);
        t.run(&["build", "--queries", "q", "--data", "demo"]);
        std::fs::remove_file(t.user.folder.path().join(format!("q/marts/{name}.sql"))).expect("the query was written");
    }
    copy(&t, "a_reads_b", "-- Reads the one that reads it.\n-- grain: none\nSELECT one -- one\nFROM b_reads_a\n");
    copy(&t, "b_reads_a", "-- Reads the one that reads it.\n-- grain: none\nSELECT one -- one\nFROM a_reads_b\n");
    t.run(&["build", "--queries", "q", "--data", "demo"]);

    t.part("a data root of another's");
    t.user.folder.write("other/notes.txt", "mine");
    t.run(&["demo", "--data", "other"]);
    golden("cli/answers.txt", &t.text);
}

#[test]
fn a_command_whose_reader_leaves_ends_in_silence() {
    let k = Kangyang::new("leaves");
    k.ok(["demo", "--trainees", "300", "--data", "data"]);
    let all = "SELECT * FROM events";
    for (args, code) in [
        (vec!["sql", all, "--format", "csv"], 0),
        (vec!["sql", all, "--format", "json"], 0),
        (vec!["sql", all], 0),
        (vec!["check"], 0),
        (vec!["check", "--pin", "nonsense"], 2),
        (vec!["build"], 0),
        (vec!["report", "--period", "2021-06"], 0),
    ] {
        let mut command = k.command(&args);
        let mut child = spawn({
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command
        })
        .expect("the program starts");
        drop(child.stdout.take());
        let out = child.wait_with_output().expect("a child can be waited for");
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(code > 0 || said.is_empty(), "{args:?}: {said}");
    }
}

#[test]
fn a_broker_that_is_away_is_told_by_its_address_and_not_at_every_attempt() {
    let k = Kangyang::new("away");
    let impatient = "brokers = \"127.0.0.1:1\"\n[kafka]\n\"message.timeout.ms\" = 4000\n\"socket.timeout.ms\" = 2000\n";
    k.folder.write("kangyang.toml", impatient);
    let allocation = root().join("schemas/reference/allocation.csv").display().to_string();
    for args in [vec!["topics", "create"], vec!["ingest"], vec!["targets", "load", &allocation]] {
        let out = k.run(args).exits(1).says("hint: is Kafka up at 127.0.0.1:1?");
        let told = out.stderr.lines().filter(|l| l.contains("Kafka client")).count();
        assert!(told < 5, "{out}");
    }
}

#[test]
fn a_result_of_any_size_is_shown_in_bounded_memory() {
    let k = Kangyang::new("sizes");
    k.ok(["demo", "--trainees", "300", "--data", "data"]);
    let query = "SELECT value AS n FROM generate_series(1, 40000)";
    let lines = |format: &str| k.ok(["sql", query, "--format", format]).lines().map(str::to_owned).collect::<Vec<_>>();
    let table = lines("table");
    assert_eq!(table.len(), 10_000 + 5, "a table's head, its first rows, its foot");
    assert_eq!(table[10_004], "… and 30000 more rows: --format csv or json gives them all");
    let csv = lines("csv");
    assert_eq!((csv.len(), csv[40_000].as_str()), (40_001, "40000"));
    let json = lines("json");
    assert_eq!((json.len(), json[40_000].as_str()), (40_002, "{\"n\":40000}"));
}

/// A user's session as text.
struct Transcript {
    user: Kangyang,
    text: String,
    env: Option<(String, String)>,
}

impl Transcript {
    fn new() -> Transcript {
        Transcript { user: Kangyang::new("cli"), text: String::new(), env: None }
    }

    fn part(&mut self, title: &str) {
        let _ = writeln!(self.text, "{}# {title}\n", if self.text.is_empty() { "" } else { "\n" });
    }

    /// An environment variable of the next command alone.
    fn with(&mut self, key: &str, value: &str) -> &mut Self {
        self.env = Some((key.to_owned(), value.to_owned()));
        self
    }

    fn file(&mut self, name: &str, text: &str) -> &mut Self {
        self.user.folder.write(name, text);
        let shown = if text.len() > 200 { "…\n".to_owned() } else { text.to_owned() };
        let _ = writeln!(self.text, "> {name}\n{}", shown.lines().map(|l| format!("  {l}\n")).collect::<String>().trim_end());
        self
    }

    fn remove(&mut self, name: &str) -> &mut Self {
        std::fs::remove_file(self.user.folder.path().join(name)).expect("the file was written");
        self
    }

    fn run(&mut self, args: &[&str]) {
        let quote = |a: &&str| if a.is_empty() || a.contains([' ', '\'']) { format!("\"{a}\"") } else { (*a).to_owned() };
        let line = args.iter().map(quote).collect::<Vec<_>>().join(" ");
        let (mut before, env) = (String::new(), self.env.take());
        if let Some((k, v)) = env {
            before = format!("{k}={v} ");
            self.user.env.push((k, v));
        }
        let out = self.user.run(args);
        if !before.is_empty() {
            self.user.env.pop();
        }
        let _ = writeln!(self.text, "{}", format!("$ {before}kangyang {line}").trim_end());
        self.block("", &out.stdout);
        self.block("! ", &out.stderr);
        let code = out.code.map_or_else(|| "killed".to_owned(), |c| c.to_string());
        let _ = writeln!(self.text, "= {code}\n");
    }

    /// Runs it and keeps its exit code alone.
    fn quiet(&mut self, args: &[&str]) {
        let out = self.user.run(args);
        let _ = writeln!(self.text, "$ kangyang {}\n= {}\n", args.join(" "), out.code.unwrap_or(-1));
        assert_eq!(out.code, Some(0), "{out}");
    }

    /// Lines as they were, but for what changes from run to run: this run's folder, and the instants of log lines.
    fn block(&mut self, mark: &str, text: &str) {
        let folder = self.user.folder.path().display().to_string();
        let text = text.replace(&folder, "$FOLDER").replace(&root().display().to_string(), "$ROOT");
        for line in text.lines() {
            let instant = line.len() > 28 && line.as_bytes()[4] == b'-' && line.as_bytes()[10] == b'T' && line.as_bytes()[26] == b'Z';
            let line = if instant { line[27..].trim_start() } else { line };
            let _ = writeln!(self.text, "{}", format!("{mark}{line}").trim_end());
        }
    }
}
