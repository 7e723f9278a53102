//! Keeps the house: the rules that no compiler and no lint knows, checked on the text itself. A failure names file, line and rule.
//!
//! An exception is a line in a list below, with its reason; an exception that nothing needs any more fails too.
use super::support::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Who may use whom (design: data goes one way). What every room may use is not repeated.
const ROOMS: [(&str, &[&str]); 7] = [
    ("contract", &[]),
    ("intake", &["log", "models"]),
    ("log", &[]),
    ("lake", &["log"]),
    ("models", &["lake"]),
    ("reports", &["models", "log"]),
    ("serve", &["reports", "models"]),
];

/// What every room may use.
const COMMON: [&str; 7] = ["contract", "config", "durable", "error", "telemetry", "tree", "table"];

/// Who knows all: the subcommands, the night's work, which is several of them, and the demo that walks the whole path.
const KNOW_ALL: [&str; 5] = ["main", "lib", "cli", "demo", "nightly"];

/// Which layers of SQL a layer reads; `base` is events, their types, rejects, the pin, and what was signed; `reference` is reference data.
const LAYERS: [(&str, &[&str]); 7] = [
    ("state", &["base", "reference", "state"]),
    ("marts", &["state", "marts", "reference"]),
    ("reports", &["marts", "reports", "reference", "period"]),
    ("checks", &["base", "reference", "state", "marts", "reports", "checks", "leads"]),
    ("leads", &["base", "reference", "state", "marts", "reports", "checks", "leads"]),
    ("units", &["base", "reference", "state", "marts", "reports", "units"]),
    // What stands in a bundle is recomputed from: it may not rest on a mart.
    ("bundle", &["base", "state"]),
];

/// Reads of a model that its layer does not allow: (model, table, why it may).
const LAYER_EXCEPTIONS: [(&str, &str, &str); 4] = [
    ("conflicts", "record_withdrawn", "it names the type that a withdrawal is about, which no state keeps for those without effect"),
    ("ledger", "events", "it accounts for every offset below the pin, whatever became of it"),
    ("ledger", "rejects", "it accounts for every offset below the pin, whatever became of it"),
    ("ledger", "pin", "it accounts for every offset below the pin, whatever became of it"),
];

/// A layer that one model alone may read: (model, layer, why). For every other model, that model then is of this layer.
const LAYER_DOORS: [(&str, &str, &str); 4] = [
    ("leads", "leads", "it is the one table of all leads; no other mart and no state reads one, so that a lead never changes a figure"),
    ("table_7", "leads", "it counts the leads; no other table reads it"),
    ("table_7_list", "leads", "it lists the leads; no other table reads it"),
    ("in_report_leads", "leads", "it opens up what table_7 counts"),
];

/// Words that end the process or lose exactness: (word, what to do instead).
const FORBIDDEN: [(&str, &str); 9] = [
    (".unwrap(", "return an error, or name the invariant with the type"),
    (".expect(\"", "return an error, or name the invariant with the type"),
    ("panic!(", "return an error"),
    ("todo!(", "finish it"),
    ("unimplemented!(", "finish it"),
    ("unreachable!(", "let the type say so, or return an error"),
    ("dbg!(", "use telemetry"),
    ("f64", "figures are integers and decimals (law 3)"),
    ("f32", "figures are integers and decimals (law 3)"),
];

/// Where a forbidden word is right: (file, word, why).
const FORBIDDEN_EXCEPTIONS: [(&str, &str, &str); 3] = [
    ("pipeline/reports/render/xlsx.rs", "f64", "a spreadsheet's numbers are doubles: the nearest to the exact text is written"),
    ("pipeline/table.rs", "f64", "tells whether a text is a number of JSON; no figure is computed"),
    ("pipeline/telemetry.rs", "f64", "a gauge takes a float; no figure reads it back"),
];

/// What only reference data may know.
const ONE_CITY: [&str; 5] = ["焦作", "焦人社", "JZ0", "JZ1", "4108"];

#[test]
fn every_room_uses_only_the_rooms_before_it() {
    let mut bad = Vec::new();
    for file in files("pipeline", "rs") {
        let room = room_of(&file);
        if KNOW_ALL.contains(&room.as_str()) {
            continue;
        }
        let allowed = ROOMS.iter().find(|(name, _)| *name == room).map(|(_, uses)| *uses);
        if allowed.is_none() && !COMMON.contains(&room.as_str()) {
            bad.push(format!("{}: {room} is no room; add it to the lists in tests/tidy.rs, with a thought", file.display()));
            continue;
        }
        for (line, used) in uses(&product(&text(&file))) {
            let fine = used == room || COMMON.contains(&used.as_str()) || allowed.is_some_and(|a| a.contains(&used.as_str()));
            if !fine {
                bad.push(format!("{}:{line}: {room} uses {used}", file.display()));
            }
        }
    }
    none(bad, "a room uses one that comes after it; move the code, or pass the value in from main");
}

#[test]
fn every_model_reads_only_its_layers() {
    let layers = layer_of_tables();
    let mut bad = Vec::new();
    let mut needed = BTreeSet::new();
    for model in models() {
        let may = LAYERS.iter().find(|(l, _)| *l == model.layer).map_or(&[][..], |(_, may)| *may);
        for (line, table) in &model.reads {
            let Some(layer) = layers.get(table) else { continue };
            let door = LAYER_DOORS.iter().any(|(m, l, _)| *m == model.name && l == layer);
            if may.contains(&layer.as_str()) || door {
                continue;
            }
            match LAYER_EXCEPTIONS.iter().position(|(m, t, _)| *m == model.name && t == table) {
                Some(i) => drop(needed.insert(i)),
                None => bad.push(format!("{}:{line}: a model of {} reads {table} of {layer}", model.path.display(), model.layer)),
            }
        }
    }
    let all = LAYER_EXCEPTIONS.iter().enumerate();
    bad.extend(all.filter(|(i, _)| !needed.contains(i)).map(|(_, (m, t, _))| format!("the exception {m} → {t} is not needed")));
    none(bad, "state reads events and reference; marts read state, marts, reference; reports read marts and reference");
}

#[test]
fn every_model_says_what_it_is_its_grain_and_each_column() {
    let mut bad = Vec::new();
    for model in models() {
        let path = model.path.display();
        let head: Vec<&str> = model.text.lines().take_while(|l| l.starts_with("--")).collect();
        let sentence = head.first().map_or("", |l| l.trim_start_matches('-').trim());
        if sentence.chars().count() < 20 || sentence.starts_with("grain:") {
            bad.push(format!("{path}:1: the first line says in one sentence what the model tells"));
        }
        if !head.iter().any(|l| l.strip_prefix("-- grain: ").is_some_and(|g| !g.trim().is_empty())) {
            bad.push(format!("{path}: a line `-- grain: …` says what one row is"));
        }
        match columns(&model.text) {
            Ok(list) => {
                bad.extend(list.into_iter().filter(|c| !c.commented).map(|c| format!("{path}:{}: no comment at column {}", c.line, c.text)))
            }
            Err(why) => bad.push(format!("{path}: {why}")),
        }
    }
    none(bad, "the dictionary is made from these comments");
}

#[test]
fn no_query_names_a_topic() {
    let mut bad = Vec::new();
    for file in files("queries", "sql") {
        for (n, line) in strip_comments(&text(&file), "--", false).lines().enumerate() {
            let literal = |l: &str| ["'training'", "'certification'", "'administration'"].iter().any(|t| l.contains(t));
            // To show a topic beside other text is fine, to compare it with one is not.
            let shown = |at: usize| line[at + "kafka_topic".len()..].starts_with([',', ')']) || line.trim_end().ends_with("kafka_topic");
            let named = line.match_indices("kafka_topic").any(|(at, _)| !shown(at));
            let compared = named && line.contains('\'') || line.contains("topic") && literal(line);
            let whole = [".training'", ".certification'", ".administration'"].iter().any(|t| line.contains(t));
            if compared || whole {
                bad.push(format!("{}:{}: {}", file.display(), n + 1, line.trim()));
            }
        }
    }
    none(bad, "topics carry a prefix that is a setting; event_types and pin know them");
}

#[test]
fn the_product_does_not_end_itself_and_counts_exactly() {
    let mut bad = Vec::new();
    let mut needed = BTreeSet::new();
    for file in files("pipeline", "rs") {
        let shown = file.display().to_string();
        for (n, line) in strip_comments(&product(&text(&file)), "//", true).lines().enumerate() {
            for (word, instead) in FORBIDDEN.iter().filter(|(w, _)| has_word(line, w)) {
                match FORBIDDEN_EXCEPTIONS.iter().position(|(f, w, _)| *f == shown && w == word) {
                    Some(i) => drop(needed.insert(i)),
                    None => bad.push(format!("{shown}:{}: {word} — {instead}", n + 1)),
                }
            }
        }
    }
    let all = FORBIDDEN_EXCEPTIONS.iter().enumerate();
    bad.extend(all.filter(|(i, _)| !needed.contains(i)).map(|(_, (f, w, _))| format!("the exception for {w} in {f} is not needed")));
    none(bad, "add an exception with its reason to tests/tidy.rs only if no input can reach it");
}

#[test]
fn the_program_knows_no_city() {
    let mut bad = Vec::new();
    for file in files("pipeline", "rs") {
        for (n, line) in product(&text(&file)).lines().enumerate() {
            bad.extend(ONE_CITY.iter().filter(|w| line.contains(*w)).map(|w| format!("{}:{}: {w}", file.display(), n + 1)));
        }
    }
    none(bad, "names, codes and targets of a city are reference data");
}

#[test]
fn tests_wait_for_events_and_none_is_left_out() {
    // Put together here, so that this file does not find itself.
    let words = [["thread::", "sleep"].concat(), ["time::", "sleep"].concat(), ["#[", "ignore"].concat()];
    let mut bad = Vec::new();
    for file in files("tests", "rs").into_iter().chain(files("pipeline", "rs")) {
        for (n, line) in strip_comments(&text(&file), "//", true).lines().enumerate() {
            let in_product = file.starts_with("pipeline") && n < product(&text(&file)).lines().count();
            bad.extend(words.iter().filter(|w| !in_product && line.contains(*w)).map(|w| format!("{}:{}: {w}", file.display(), n + 1)));
        }
    }
    none(bad, "a wait is for a line, an answer or an end, with a deadline; a test that can't run is removed or made to run");
}

#[test]
fn every_file_begins_with_what_it_is() {
    let mut bad = Vec::new();
    for file in all_files() {
        let text = text(&file);
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let mut lines = text.lines().skip_while(|l| l.starts_with("#!") || l.starts_with("<?xml"));
        let first = lines.next().unwrap_or_default();
        let mark = match extension {
            "rs" => "//!",
            "sql" => "--",
            "py" => "\"\"\"",
            "toml" | "yaml" | "yml" | "service" | "timer" => "#",
            "xml" => "<!--",
            "" if text.starts_with("#!") || ["Dockerfile"].iter().any(|n| file.ends_with(n)) => "#",
            _ => continue,
        };
        // The manifest's name and description say it.
        if file.ends_with("Cargo.toml") {
            continue;
        }
        if first.strip_prefix(mark).is_none_or(|said| said.trim().chars().count() < 20) {
            bad.push(format!("{}: the first line is {first:?}", file.display()));
        }
    }
    none(bad, "a file's first lines say what it is and why it exists");
}

#[test]
fn lines_fit_and_nothing_speaks_of_one_machine() {
    let machine = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/ho", "me/"].concat()];
    let mut bad = Vec::new();
    for file in all_files() {
        for (n, line) in text(&file).lines().enumerate() {
            let at = format!("{}:{}", file.display(), n + 1);
            let code = matches!(file.extension().and_then(|e| e.to_str()), Some("rs" | "sql" | "py" | "toml" | "yaml"));
            if code && line.chars().count() > 140 {
                bad.push(format!("{at}: {} characters", line.chars().count()));
            }
            if line.ends_with(' ') || line.ends_with('\t') {
                bad.push(format!("{at}: space at the end"));
            }
            bad.extend(machine.iter().filter(|m| line.contains(*m)).map(|m| format!("{at}: {m}")));
        }
    }
    none(bad, "lines have at most 140 characters; paths are of no machine in particular");
}

// ---- how the text is read

fn none(bad: Vec<String>, rule: &str) {
    assert!(bad.is_empty(), "{rule}\n  {}\n", bad.join("\n  "));
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// Files below a folder of the repository by extension, as paths from the root, in order.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(Path::new(folder), &mut found);
    found.retain(|f| f.extension().is_some_and(|e| e == extension));
    found
}

/// Every text file of the repository that people write.
fn all_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [".ci", "benchmarks", "docker", "docs", "packaging", "pipeline", "queries", "schemas", "tests"] {
        walk(Path::new(folder), &mut found);
    }
    found.extend([".clippy.toml", ".rustfmt.toml", "deny.toml", "Cargo.toml"].map(PathBuf::from));
    let written = ["rs", "sql", "py", "toml", "yaml", "yml", "json", "xml", "html", "md", "service", "timer", ""];
    found.retain(|f| root().join(f).exists() && f.extension().map_or(Some(""), |e| e.to_str()).is_some_and(|e| written.contains(&e)));
    // What tests compare with is what the program printed.
    found.retain(|f| !f.starts_with("tests/render") && !f.starts_with("tests/cases"));
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(list) = std::fs::read_dir(root().join(folder)) else { return };
    let mut names: Vec<_> = list.flatten().map(|e| folder.join(e.file_name())).collect();
    names.sort();
    for path in names {
        if root().join(&path).is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The text before the file's tests; by custom they stand at its end.
fn product(text: &str) -> String {
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn room_of(file: &Path) -> String {
    let mut parts = file.iter().skip(1);
    let first = parts.next().map(Path::new).unwrap_or(Path::new(""));
    first.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// (line, room) of every `crate::room`, also in `use crate::{a, b::c}`.
fn uses(text: &str) -> Vec<(usize, String)> {
    let text = strip_comments(text, "//", true);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue; // a word that only ends so
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + "crate::".len()..];
        let word = |t: &str| t.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            None => found.push((line, word(rest))),
            Some(group) => {
                let (mut depth, mut start) = (0, 0);
                for (i, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth > 0 => depth -= 1,
                        ',' | '}' if depth == 0 => {
                            let name = word(&group[start..i]);
                            found.extend((!name.is_empty()).then_some((line, name)));
                            start = i + 1;
                            if c == '}' {
                                break;
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

/// The text with comments, and if wanted string literals, blanked; lines stay where they are.
fn strip_comments(text: &str, mark: &str, strings: bool) -> String {
    let quote = if mark == "--" { '\'' } else { '"' };
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut in_comment, mut escaped) = (false, false, false);
    for (i, c) in text.char_indices() {
        if c == '\n' {
            in_comment = false;
            out.push(c);
        } else if in_comment {
            out.push(' ');
        } else if in_string {
            out.push(if strings { ' ' } else { c });
            let ends = c == quote && !escaped;
            escaped = mark == "//" && c == '\\' && !escaped;
            in_string = !ends;
        } else if text[i..].starts_with(mark) {
            in_comment = true;
            out.push(' ');
        } else {
            // '"' is a character, not the start of a string.
            in_string = c == quote && !(quote == '"' && text[..i].ends_with('\''));
            out.push(c);
        }
    }
    out
}

/// Whether a line has the word; a word of letters must not be part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = !word.starts_with(|c: char| c.is_alphanumeric()) || !joins(line[..at].chars().next_back());
        let after = !word.ends_with(|c: char| c.is_alphanumeric()) || !joins(line[at + word.len()..].chars().next());
        before && after
    })
}

struct Model {
    path: PathBuf,
    layer: String,
    name: String,
    text: String,
    reads: Vec<(usize, String)>,
}

fn models() -> Vec<Model> {
    let mut found = Vec::new();
    for path in files("queries", "sql") {
        let text = text(&path);
        let layer = path.iter().nth(1).unwrap_or_default().to_string_lossy().into_owned();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let reads = reads(&text);
        found.push(Model { path, layer, name, text, reads });
    }
    assert!(!found.is_empty(), "no models are found below queries/");
    found
}

/// (line, table) of what follows FROM and JOIN, and commas there; names of WITH steps are left out.
fn reads(text: &str) -> Vec<(usize, String)> {
    let code = strip_comments(text, "--", true);
    let mut words: Vec<(usize, String)> = Vec::new();
    for (n, line) in code.lines().enumerate() {
        let spaced: String = line.chars().flat_map(|c| if "(),".contains(c) { vec![' ', c, ' '] } else { vec![c] }).collect();
        words.extend(spaced.split_whitespace().map(|w| (n + 1, w.to_owned())));
    }
    let is = |i: usize, word: &str| words.get(i).is_some_and(|(_, w)| w.eq_ignore_ascii_case(word));
    let steps: BTreeSet<&str> = (0..words.len()).filter(|i| is(i + 1, "AS") && is(i + 2, "(")).map(|i| words[i].1.as_str()).collect();
    let mut found = Vec::new();
    for i in 0..words.len() {
        let joined = is(i, "FROM") || is(i, "JOIN");
        if let Some((line, table)) = words.get(i + 1).filter(|(_, w)| joined && w != "(" && !steps.contains(w.as_str())) {
            found.push((*line, table.trim_end_matches(';').to_owned()));
        }
    }
    found
}

/// The layer of every table a model can read; a name that is none of these is a column (`EXTRACT(YEAR FROM day)`).
fn layer_of_tables() -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: &str, layer: &str| drop(all.insert(name.to_owned(), layer.to_owned()));
    ["events", "rejects", "pin", "signed_reports", "signed_figures", "signed_pins", "pinned_completions"]
        .iter()
        .for_each(|t| put(t, "base"));
    put("event_types", "reference");
    put("report_period", "period");
    let stem = |f: &PathBuf| f.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files("schemas/events", "json").iter().for_each(|f| put(&stem(f), "base"));
    files("schemas/reference", "csv").iter().for_each(|f| put(&stem(f), "reference"));
    models().iter().for_each(|m| put(&m.name, &m.layer));
    LAYER_DOORS.iter().for_each(|(model, layer, _)| put(model, layer));
    all
}

struct Column {
    line: usize,
    text: String,
    commented: bool,
}

/// The output columns: the items of the first SELECT outside all parentheses. A comment belongs to the item it stands behind on the
/// line, or to the one below it.
fn columns(text: &str) -> Result<Vec<Column>, String> {
    let code = strip_comments(text, "--", true);
    let (lines, comments): (Vec<&str>, Vec<bool>) =
        code.lines().zip(text.lines()).map(|(c, t)| (c, c.trim_end() != t.trim_end() && has_comment(t))).unzip();
    let mut found: Vec<Column> = Vec::new();
    let (mut depth, mut inside, mut open) = (0i32, false, false);
    let mut waiting = false; // a comment on a line of its own, for the item below
    for (n, line) in lines.iter().enumerate() {
        let mut touched = None;
        let mut word = String::new();
        for c in line.chars().chain([' ']) {
            if c.is_alphanumeric() || c == '_' || c == '.' || c == '*' && depth == 0 {
                word.push(c);
                continue;
            }
            if depth == 0 && !word.is_empty() {
                match word.to_ascii_uppercase().as_str() {
                    "SELECT" if !inside => {
                        (inside, open) = (true, false);
                        word.clear();
                        continue;
                    }
                    "DISTINCT" if inside && !open && found.is_empty() => {
                        word.clear();
                        continue;
                    }
                    "FROM" if inside => return finish(found),
                    _ => {}
                }
            }
            if inside && (!word.is_empty() || !c.is_whitespace() && c != ',') && !open {
                open = true;
                found.push(Column { line: n + 1, text: lines[n].trim().to_owned(), commented: std::mem::take(&mut waiting) });
            }
            if inside && open {
                touched = Some(found.len() - 1);
            }
            word.clear();
            depth += i32::from(c == '(') - i32::from(c == ')');
            if c == ',' && depth == 0 && inside {
                open = false;
            }
        }
        match (inside && comments[n], touched.filter(|_| !line.trim().is_empty())) {
            (true, Some(i)) => found[i].commented = true,
            (true, None) => waiting = true,
            _ => {}
        }
    }
    if inside { finish(found) } else { Err("no SELECT stands outside parentheses".to_owned()) }
}

fn finish(found: Vec<Column>) -> Result<Vec<Column>, String> {
    match found.iter().find(|c| c.text.trim_end_matches(',').ends_with('*')) {
        Some(star) => Err(format!("line {}: output columns are named one by one, not by *", star.line)),
        None => Ok(found),
    }
}

fn has_comment(line: &str) -> bool {
    strip_comments(line, "--", false).trim_end() != line.trim_end()
}

#[test]
fn the_readers_of_text_read_right() {
    let sql = "-- A model of rows that shows how columns are read.\n-- grain: one row\nWITH a AS (SELECT 1 AS x, 2 AS y FROM events)\n\
               SELECT\n    a.x, -- one\n    \
               y + coalesce(1, 2) AS z,\n    -- three\n    CASE WHEN 'FROM, --' = y THEN 1\n    END AS w,\n    v -- four\n\
               FROM a JOIN b ON a.x = b.x\n";
    let got: Vec<_> = columns(sql).unwrap().into_iter().map(|c| (c.line, c.commented)).collect();
    assert_eq!(got, [(5, true), (6, false), (8, true), (10, true)]);
    assert_eq!(reads(sql), [(3, "events".to_owned()), (11, "b".to_owned())]);
    let rust = "use crate::{lake::Lake, error::{Context, Error}};\nuse crate::log::Log; // crate::serve\nlet s = \"crate::intake::x\";\n";
    let names: Vec<_> = uses(rust).into_iter().map(|(_, n)| n).collect();
    assert_eq!(names, ["lake", "error", "log"]);
    assert!(
        has_word("x as f64)", "f64")
            && !has_word("f64x", "f64")
            && has_word("a.unwrap()", ".unwrap(")
            && !has_word("a.unwrap_or(", ".unwrap(")
    );
}
