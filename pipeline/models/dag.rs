//! The models and what each reads, told by their own SQL: no list to keep, no templating.
use crate::error::{Error, Result};
use crate::tree::Tree;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::visit_relations;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// The folders of `queries/`, in the order in which they may read each other (design §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What is in force.
    State,
    /// Figures for dashboards: one Parquet file each.
    Marts,
    /// The tables of a report.
    Reports,
    /// Assertions: queries that return bad rows.
    Checks,
    /// Leads (疑点).
    Leads,
    /// What a figure counts, unit by unit: read to explain one.
    Units,
    /// What an auditor is given of the events behind a report, without keys of persons.
    Bundle,
}

impl Layer {
    /// Every layer.
    pub const ALL: [Layer; 7] = [Layer::State, Layer::Marts, Layer::Reports, Layer::Checks, Layer::Leads, Layer::Units, Layer::Bundle];

    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Layer::State => "state",
            Layer::Marts => "marts",
            Layer::Reports => "reports",
            Layer::Checks => "checks",
            Layer::Leads => "leads",
            Layer::Units => "units",
            Layer::Bundle => "bundle",
        }
    }
}

/// One SQL file.
#[derive(Clone, Debug)]
pub struct Model {
    /// The file's stem: the table's name.
    pub name: String,
    /// Its folder.
    pub layer: Layer,
    /// Its path for messages and manifests, below `queries/`.
    pub path: String,
    /// The file's text.
    pub sql: String,
    /// The header's one sentence.
    pub sentence: String,
    /// What a row stands for.
    pub grain: String,
    /// The tables it reads: models and base tables.
    pub reads: BTreeSet<String>,
    /// Of these, what its text names more than once.
    pub rereads: BTreeSet<String>,
    /// What its columns of counts count.
    pub counts: Vec<Count>,
    /// Its header says `-- held: WHY`: its rows are made once and kept, though it is read once.
    pub held: bool,
    /// Its header says `-- kept: WHY`: a build keeps its rows beside the marts, for who asks what is behind a figure.
    pub kept: bool,
    /// The type of the events that its rows stand for, where its header says `-- events: NAME`: who looks these up reads no others.
    pub events: Option<String>,
}

/// What a column of counts counts: so many rows of `units` as the cell says. Told in the model's header:
/// `-- counts COLUMN, …: UNITS [one per KEY] [where CONDITION]`; in the condition `cell.COLUMN` is the cell's own row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The column.
    pub column: String,
    /// The model whose rows are counted; it has the position of each unit's event.
    pub units: String,
    /// Rows that agree in this expression are one unit.
    pub one_per: Option<String>,
    /// Which rows count, beside those that agree with the cell in the columns that both have.
    pub condition: Option<String>,
}

/// All models, and their order.
#[derive(Clone, Debug)]
pub struct Dag {
    /// By name.
    pub models: BTreeMap<String, Model>,
    /// Every model after all it reads; bytewise where free.
    pub order: Vec<String>,
}

impl Dag {
    /// Reads the folder. `base` are the tables that are no models. Errors, with file and line: a missing header, SQL that can't be
    /// parsed, an unknown table, a cycle, a name taken twice.
    pub fn read(tree: &Tree, base: &BTreeSet<String>) -> Result<Dag> {
        let mut models: BTreeMap<String, Model> = BTreeMap::new();
        for layer in Layer::ALL {
            for (stem, path, text) in tree.within(layer.folder(), "sql") {
                let at = |line: usize| format!("model {}/{path}:{line}", tree.name);
                let wrong = |(line, what): (usize, &str)| Error::new(format!("{}: {what}", at(line)));
                let (sentence, grain) = header(text).map_err(wrong)?;
                let counts = counts(text).map_err(wrong)?;
                if base.contains(stem) {
                    return Err(Error::new(format!("{}: the name {stem} is taken by a table of events or reference data", at(1))));
                }
                if let Some(other) = models.get(stem) {
                    return Err(Error::new(format!("{}: the name {stem} is taken by {}", at(1), other.path)));
                }
                let reads = tables(text).map_err(|e| Error::new(format!("{}: SQL can't be read", at(1))).detail(e))?;
                let rereads = named_again(text).intersection(&reads).cloned().collect();
                let (name, path, sql) = (stem.to_owned(), path.to_owned(), text.to_owned());
                let of_header = |key: &str| text.lines().take_while(|l| l.starts_with("--")).find_map(|l| l.strip_prefix(key));
                let (held, kept) = (of_header("-- held: ").is_some(), of_header("-- kept: ").is_some());
                let events = of_header("-- events: ").map(|e| e.trim().to_owned());
                if let Some(unknown) = events.as_ref().filter(|e| !base.contains(*e)) {
                    let line = text.lines().position(|l| l.starts_with("-- events: ")).map_or(1, |i| i + 1);
                    let what = format!("{}: unknown event type {unknown}", at(line));
                    return Err(Error::new(what).hint("name it as its schema file is named"));
                }
                let model = Model { name, layer, path, sql, sentence, grain, reads, rereads, counts, held, kept, events };
                models.insert(stem.to_owned(), model);
            }
        }
        for model in models.values() {
            if let Some(c) = model.counts.iter().find(|c| !models.contains_key(&c.units)) {
                let line = line_of(&model.sql, &c.units);
                return Err(Error::new(format!("model {}/{}:{line}: unknown model {}", tree.name, model.path, c.units)));
            }
            if let Some(unknown) = model.reads.iter().find(|r| !base.contains(*r) && !models.contains_key(*r)) {
                let line = line_of(&model.sql, unknown);
                let near = base
                    .iter()
                    .chain(models.keys())
                    .filter(|n| n.starts_with(unknown.split('_').next().unwrap_or(unknown)))
                    .cloned()
                    .collect::<Vec<_>>();
                let hint = if near.is_empty() {
                    "tables are events, reference data and other models".to_owned()
                } else {
                    format!("did you mean {}?", near.join(", "))
                };
                return Err(Error::new(format!("model {}/{}:{line}: unknown table {unknown}", tree.name, model.path)).hint(hint));
            }
        }
        let order = order(&models, &tree.name)?;
        Ok(Dag { models, order })
    }

    /// A model. Error: there is none of that name.
    pub fn get(&self, name: &str) -> Result<&Model> {
        self.models.get(name).ok_or_else(|| Error::new(format!("there is no model {name}")))
    }

    /// The names of a layer's models.
    pub fn layer(&self, layer: Layer) -> Vec<String> {
        self.models.values().filter(|m| m.layer == layer).map(|m| m.name.clone()).collect()
    }

    /// What a build leaves behind: the marts (false), and what is kept beside them (true).
    pub fn built(&self) -> BTreeMap<String, bool> {
        self.models.values().filter(|m| m.layer == Layer::Marts || m.kept).map(|m| (m.name.clone(), m.layer != Layer::Marts)).collect()
    }

    /// The models that the targets need, themselves included, in order; without those that are `ready`, and what only these need.
    pub fn needed(&self, targets: &[String], ready: &BTreeSet<String>) -> Vec<String> {
        let mut need = BTreeSet::new();
        let mut open: Vec<&str> = targets.iter().map(String::as_str).collect();
        while let Some(name) = open.pop() {
            if let Some(m) = self.models.get(name)
                && !ready.contains(name)
                && need.insert(name)
            {
                open.extend(m.reads.iter().map(String::as_str));
            }
        }
        self.order.iter().filter(|n| need.contains(n.as_str())).cloned().collect()
    }
}

/// The first comment line is the sentence; one further is `-- grain: …`.
fn header(text: &str) -> Result<(String, String), (usize, &'static str)> {
    let lines: Vec<&str> = text.lines().take_while(|l| l.starts_with("--")).collect();
    let sentence = lines.first().map(|l| l.trim_start_matches('-').trim()).filter(|s| !s.is_empty() && !s.starts_with("grain:"));
    let sentence = sentence.ok_or((1, "the header is missing: begin with a comment of one sentence that says what the model tells"))?;
    let grain = lines.iter().find_map(|l| l.trim_start_matches('-').trim().strip_prefix("grain:"));
    let grain = grain.ok_or((lines.len() + 1, "the header's line `-- grain: …` is missing: say what a row stands for"))?;
    Ok((sentence.to_owned(), grain.trim().to_owned()))
}

/// The header's lines `-- counts …`; a line that is indented further goes on with the one before it.
fn counts(text: &str) -> Result<Vec<Count>, (usize, &'static str)> {
    let mut told: Vec<(usize, String)> = vec![];
    for (n, line) in text.lines().take_while(|l| l.starts_with("--")).enumerate() {
        match (line.strip_prefix("-- counts "), line.strip_prefix("--     "), told.last_mut()) {
            (Some(new), _, _) => told.push((n + 1, new.trim().to_owned())),
            (None, Some(more), Some((_, last))) => last.extend([" ", more.trim()]),
            _ => {}
        }
    }
    let mut all = vec![];
    for (line, told) in told {
        let wrong = || (line, "write it so: -- counts COLUMN, …: UNITS [one per KEY] [where CONDITION]");
        let (columns, rest) = told.split_once(':').ok_or_else(wrong)?;
        let (rest, condition) = rest.split_once(" where ").map_or((rest, None), |(r, c)| (r, Some(c.trim().to_owned())));
        let (units, one_per) = rest.split_once(" one per ").map_or((rest, None), |(u, k)| (u, Some(k.trim().to_owned())));
        let units = units.trim().to_owned();
        if units.is_empty() || units.contains(' ') {
            return Err(wrong());
        }
        let count =
            |c: &str| Count { column: c.trim().into(), units: units.clone(), one_per: one_per.clone(), condition: condition.clone() };
        all.extend(columns.split(',').map(count));
    }
    Ok(all)
}

/// The tables a query reads. Error: not exactly one statement that can be parsed.
pub fn tables(sql: &str) -> Result<BTreeSet<String>, String> {
    let mut statements = DFParser::parse_sql(sql).map_err(|e| e.to_string())?;
    let statement: Statement = match (statements.pop_front(), statements.is_empty()) {
        (Some(s), true) => s,
        _ => return Err("one statement is wanted".into()),
    };
    let (tables, ctes) = resolve_table_references(&statement, true).map_err(|e| e.to_string())?;
    let ctes: BTreeSet<String> = ctes.iter().map(|t| t.table().to_owned()).collect();
    Ok(tables.into_iter().map(|t| t.table().to_owned()).filter(|t| !ctes.contains(t)).collect())
}

/// The tables, steps of its own included, that a query names more than once.
fn named_again(sql: &str) -> BTreeSet<String> {
    let (mut seen, mut again) = (BTreeSet::new(), BTreeSet::new());
    if let Some(Statement::Statement(statement)) = DFParser::parse_sql(sql).ok().and_then(|mut s| s.pop_front()) {
        let _ = visit_relations(&statement, |relation| {
            let name = relation.0.last().map(ToString::to_string).unwrap_or_default();
            if !seen.insert(name.clone()) {
                again.insert(name);
            }
            ControlFlow::<()>::Continue(())
        });
    }
    again
}

fn line_of(text: &str, word: &str) -> usize {
    let is = |line: &str| {
        line.split("--").next().unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w.eq_ignore_ascii_case(word))
    };
    text.lines().position(is).map_or(1, |i| i + 1)
}

fn order(models: &BTreeMap<String, Model>, tree: &str) -> Result<Vec<String>> {
    let mut done: Vec<String> = vec![];
    let mut left: BTreeSet<&String> = models.keys().collect();
    while !left.is_empty() {
        let ready = left.iter().find(|n| models.get(**n).is_some_and(|m| m.reads.iter().all(|r| !left.contains(r)))).copied();
        match ready {
            Some(name) => {
                left.remove(name);
                done.push(name.clone());
            }
            None => return Err(cycle(models, &left, tree)),
        }
    }
    Ok(done)
}

fn cycle(models: &BTreeMap<String, Model>, left: &BTreeSet<&String>, tree: &str) -> Error {
    // Every model left reads another that is left: walking on must come round.
    let mut walk: Vec<&String> = left.iter().take(1).copied().collect();
    while let Some(next) = walk.last().and_then(|n| models.get(*n)).and_then(|m| m.reads.iter().find(|r| left.contains(r))) {
        if let Some(at) = walk.iter().position(|n| *n == next) {
            let names: Vec<&str> = walk.iter().skip(at).map(|n| n.as_str()).chain([next.as_str()]).collect();
            let place =
                models.get(next).zip(names.get(1)).map(|(m, r)| format!("{tree}/{}:{}", m.path, line_of(&m.sql, r))).unwrap_or_default();
            return Error::new(format!("model {place}: models read each other in a circle")).detail(names.join(" → "));
        }
        walk.push(next);
    }
    Error::new("models read each other in a circle")
}
