//! The notice as data, clause by clause: `docs/clauses.md` names for each clause the models that tell it and the cases that prove it.
//! What it names must be there, and no mart may be there that it does not name.
use super::support::root;
use std::collections::BTreeSet;
use std::fs;

/// The folders that hold models; a case is a folder of `tests/cases`.
const LAYERS: [&str; 6] = ["state", "marts", "reports", "checks", "leads", "bundle"];

/// A row of a table of the document: clause, what it says, models, cases; each cell's words in backquotes.
struct Row {
    line: usize,
    cells: Vec<String>,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/clauses.md")).expect("docs/clauses.md is there");
    let mut found = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let Some(inner) = line.strip_prefix('|').and_then(|l| l.strip_suffix('|')) else { continue };
        let cells: Vec<String> = inner.split('|').map(|c| c.trim().to_owned()).collect();
        let ruled = cells.iter().all(|c| !c.is_empty() && c.chars().all(|c| c == '-'));
        // The heading is the line before the rule.
        match ruled {
            true => drop(found.pop()),
            false => found.push(Row { line: n + 1, cells }),
        }
    }
    assert!(found.len() > 20, "docs/clauses.md has a row for each clause of the notice");
    found
}

/// The words in backquotes.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn model(name: &str) -> bool {
    LAYERS.iter().any(|layer| root().join(format!("queries/{layer}/{name}.sql")).exists())
}

#[test]
fn each_clause_has_its_models_and_its_cases() {
    let mut bad = Vec::new();
    for Row { line, cells } in rows() {
        if cells.len() != 4 || cells.iter().any(String::is_empty) {
            bad.push(format!("line {line}: a row has clause, meaning, models and cases, none of them empty"));
            continue;
        }
        let (models, cases) = (named(&cells[2]), named(&cells[3]));
        // What SQL does not tell says in words where it is told.
        bad.extend(models.iter().filter(|m| !model(m)).map(|m| format!("line {line}: there is no model {m}")));
        bad.extend(cases.iter().filter(|c| !root().join(format!("tests/cases/{c}")).is_dir()).map(|c| format!("line {line}: no case {c}")));
        if !models.is_empty() && cases.is_empty() {
            bad.push(format!("line {line}: models without a case prove nothing"));
        }
    }
    assert!(bad.is_empty(), "docs/clauses.md:\n  {}", bad.join("\n  "));
}

#[test]
fn every_mart_is_named() {
    let text = fs::read_to_string(root().join("docs/clauses.md")).expect("docs/clauses.md is there");
    let named: BTreeSet<&str> = named(&text).into_iter().collect();
    let list = fs::read_dir(root().join("queries/marts")).expect("there are marts");
    let mut missing: Vec<String> = list
        .map(|e| e.expect("a folder can be listed").path())
        .filter(|p| p.extension().is_some_and(|x| x == "sql"))
        .map(|p| p.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .filter(|m| !named.contains(m.as_str()))
        .collect();
    missing.sort();
    assert!(missing.is_empty(), "no clause, and no list of auxiliary marts, in docs/clauses.md names {}", missing.join(", "));
}

#[test]
fn every_event_type_feeds_a_model() {
    let sql: String = ["state", "marts", "leads"]
        .iter()
        .flat_map(|layer| fs::read_dir(root().join("queries").join(layer)).expect("there are models"))
        .map(|e| fs::read_to_string(e.expect("a folder can be listed").path()).expect("a model can be read"))
        .collect();
    let read: BTreeSet<&str> = sql
        .lines()
        .filter(|l| !l.starts_with("--"))
        .filter_map(|l| l.split_once("FROM ").or_else(|| l.split_once("JOIN ")))
        .filter_map(|(_, rest)| rest.split_whitespace().next())
        .collect();
    let list = fs::read_dir(root().join("schemas/events")).expect("there are event types");
    let types = list.map(|e| e.expect("a folder can be listed").path().file_stem().unwrap_or_default().to_string_lossy().into_owned());
    let mut idle: Vec<String> = types.filter(|t| !read.contains(t.as_str())).collect();
    idle.sort();
    assert!(idle.is_empty(), "taken in and never read: {}", idle.join(", "));
}
