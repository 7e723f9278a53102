//! Reference data: labels, districts, thresholds, as CSV that an office edits, typed by the same table as the events.
use super::column::Column;
use super::schema::Member;
use super::value::{Kind, Value};
use crate::error::{Context, Error, Result};
use crate::tree::Tree;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every `reference/*.csv`. Errors name file, row (the header is row 1) and column.
pub(super) fn load(
    tree: &Tree,
    fields: &BTreeMap<String, Member>,
    columns: &BTreeMap<String, Member>,
    words: &BTreeSet<(&str, &str)>,
) -> Result<BTreeMap<String, RecordBatch>> {
    let known = |column: &str| fields.get(column).or_else(|| columns.get(column));
    let (mut tables, mut codes) = (BTreeMap::new(), BTreeSet::new());
    for (name, path, text) in tree.within("reference", "csv") {
        let file = format!("reference table {}/{path}", tree.name);
        tables.insert(name.to_owned(), table(&file, name, text, &known, words, &mut codes)?);
    }
    fields.values().try_for_each(|f| covered(tree, &f.value, &codes))?;
    fields.values().filter_map(|f| f.value.items.as_deref()).try_for_each(|v| covered(tree, v, &codes))?;
    Ok(tables)
}

/// A code with a label: the table that has it, the field whose code it is, the code.
type Coded = (String, String, String);

fn table<'m>(
    file: &str,
    name: &str,
    text: &str,
    known: &impl Fn(&str) -> Option<&'m Member>,
    words: &BTreeSet<(&str, &str)>,
    codes: &mut BTreeSet<Coded>,
) -> Result<RecordBatch> {
    // Excel writes a byte order mark.
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().context(|| format!("{file} can't be read"))?.clone();
    let typed = |column: &str| match known(column) {
        None => Err(Error::new(format!("{file} has the unknown column {column}")).hint("add it to columns.json")),
        Some(m) if m.value.kind == Kind::List => Err(Error::new(format!("{file} has the column {column}, which is a list"))),
        Some(m) => Ok(m),
    };
    let members: Vec<&Member> = header.iter().map(typed).collect::<Result<_>>()?;
    if !header.iter().any(|h| h == "source") {
        return Err(Error::new(format!("{file} has no column source")).hint("say of each row where it comes from: [S], [F] or [A]"));
    }
    let at = |column: &str| header.iter().position(|h| h == column);
    let mut builders: Vec<Column> = members.iter().map(|m| Column::new(m.value.kind)).collect();
    let mut rows = 0;
    for record in reader.records() {
        let record = record.context(|| format!("{file} can't be read"))?;
        let row = record.position().map_or(0, csv::Position::line);
        for ((member, builder), cell) in members.iter().zip(&mut builders).zip(record.iter()) {
            put(member, words, builder, cell)
                .map_err(|why| Error::new(format!("{file} has a wrong cell in row {row}, column {}", member.name)).detail(why))?;
        }
        let cell = |i: Option<usize>| i.and_then(|i| record.get(i)).unwrap_or_default().to_owned();
        if let (Some(field), Some(code)) = (at("field"), at("code")) {
            once(codes, (name.to_owned(), cell(Some(field)), cell(Some(code))), file, row)?;
        }
        for member in members.iter().filter(|m| m.value.table.as_deref() == Some(name)) {
            once(codes, (name.to_owned(), member.name.clone(), cell(at(&member.name))), file, row)?;
        }
        rows += 1;
    }
    let schema = Schema::new(members.iter().map(|m| Field::new(&m.name, m.value.data_type(), true)).collect::<Vec<_>>());
    let arrays = builders.into_iter().map(Column::finish).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options).context(|| format!("{file} can't be read"))
}

fn once(codes: &mut BTreeSet<Coded>, code: Coded, file: &str, row: u64) -> Result<()> {
    let (_, field, value) = &code;
    let again = Error::new(format!("{file} has the code {value} of {field} twice, again in row {row}"));
    if codes.insert(code) { Ok(()) } else { Err(again) }
}

/// A cell as a value; empty is null.
fn put(member: &Member, words: &BTreeSet<(&str, &str)>, column: &mut Column, cell: &str) -> Result<(), String> {
    let value = &member.value;
    match (value.kind, cell) {
        (_, "") => column.null(),
        (Kind::Boolean, "true") => column.number(1),
        (Kind::Boolean, "false") => column.number(0),
        (Kind::Boolean, _) => return Err("neither true nor false".to_owned()),
        (Kind::Integer, _) => column.number(value.integer(cell).map_err(|f| f.1)?),
        (Kind::Text, _) if words.contains(&(member.name.as_str(), cell)) => column.text(cell.as_bytes()),
        (kind, _) => {
            let number = value.string(cell, &mut Vec::new()).map_err(|f| f.1)?;
            if matches!(kind, Kind::Date | Kind::Instant) { column.number(number) } else { column.text(cell.as_bytes()) }
        }
    }
    Ok(())
}

/// Refuses a code list that its reference table doesn't tell in full and alone: a code without a label can't be shown, a label
/// without a code is a code that somebody forgot.
fn covered(tree: &Tree, value: &Value, codes: &BTreeSet<Coded>) -> Result<()> {
    let (Some(list), Some(table)) = (&value.code_list, &value.table) else { return Ok(()) };
    let here: BTreeSet<&str> = codes.iter().filter(|(t, f, _)| t == table && f == list).map(|(_, _, code)| code.as_str()).collect();
    let due: BTreeSet<&str> = value.codes.iter().map(String::as_str).collect();
    let file = format!("reference table {}/reference/{table}.csv", tree.name);
    if let Some(code) = due.difference(&here).next() {
        return Err(Error::new(format!("{file} lacks the code {code} of {list}")));
    }
    match here.difference(&due).next() {
        Some(code) => Err(Error::new(format!("{file} has the code {code} of {list}, which no schema has"))),
        None => Ok(()),
    }
}
