//! Who sees what of a report: each recipient's version, made from the whole one by reference data alone.
//!
//! `recipients.csv` names the recipients and the list of tables each gets, `recipient_tables.csv` those lists (a table that isn't listed
//! isn't sent), `recipient_occupations.csv` the occupations of those who see only some. A marked table (`Form::marking`) needs both: to
//! be listed, and a recipient that may see marked ones.
use crate::contract::Contract;
use crate::error::{Context, Error, Result};
use crate::reports::form::{Form, Format, Suppress, View};
use crate::reports::suppress::{self, Counts, Down};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch, nullif};
use arrow::datatypes::{DataType, Int64Type};
use std::collections::{BTreeMap, BTreeSet};

/// Who gets a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Its code, and the version's folder.
    pub code: String,
    /// What it is called.
    pub label: String,
    /// The one district whose rows it sees where a table shows it its own alone.
    district: Option<String>,
    /// Whether it may see marked tables.
    marked: bool,
    /// What each table of its version says below.
    note: Option<String>,
    occupations: BTreeSet<String>,
    tables: BTreeMap<String, Scope>,
}

/// How much of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scope {
    own_rows: bool,
    own_columns: bool,
    suppressed: bool,
}

impl Recipient {
    /// The recipient of that code. Errors: there is none (usage); the reference data contradict themselves.
    pub fn find(contract: &Contract, code: &str) -> Result<Recipient> {
        let recipients = Rows::of(contract, "recipients")?;
        let row = (0..recipients.len()).find(|i| recipients.text(*i, "version") == code).ok_or_else(|| {
            let known: Vec<String> = (0..recipients.len()).map(|i| recipients.text(i, "version")).collect();
            Error::usage(format!("there is no recipient {code}")).hint(format!("recipients: {}", known.join(", ")))
        })?;
        if code.is_empty() || code.bytes().any(|b| !(b.is_ascii_alphanumeric() || b == b'_')) {
            return Err(wrong("recipients", format!("recipient {code} can't name a folder")));
        }
        let (list, tables, occupations) =
            (recipients.text(row, "tables"), Rows::of(contract, "recipient_tables")?, Rows::of(contract, "recipient_occupations")?);
        let own = |i: usize, column: &str| match tables.text(i, column).as_str() {
            "own" => Ok(true),
            "all" => Ok(false),
            other => Err(wrong("recipient_tables", format!("column {column} says {other}, it can say all or own"))),
        };
        let mut scopes = BTreeMap::new();
        for i in (0..tables.len()).filter(|i| tables.text(*i, "tables") == list) {
            let scope =
                Scope { own_rows: own(i, "shown_rows")?, own_columns: own(i, "shown_columns")?, suppressed: tables.yes(i, "suppressed") };
            scopes.insert(tables.text(i, "report"), scope);
        }
        let districts = Rows::of(contract, "districts")?;
        let place = recipients.text(row, "district_code");
        let district = (0..districts.len()).find(|i| districts.text(*i, "district_code") == place).map(|i| districts.text(i, "district"));
        if district.is_none() && !place.is_empty() {
            return Err(wrong("recipients", format!("{place} is no district")));
        }
        let of_it = (0..occupations.len()).filter(|i| occupations.text(*i, "version") == code);
        Ok(Recipient {
            code: code.to_owned(),
            label: recipients.text(row, "label"),
            district,
            marked: recipients.yes(row, "marked"),
            note: Some(recipients.text(row, "note")).filter(|n| !n.is_empty()),
            occupations: of_it.map(|i| occupations.text(i, "occupation")).collect(),
            tables: scopes,
        })
    }

    /// Whether a table (its form's file stem) is in its version.
    pub fn sees(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Whether it sees every row, column and number of its tables.
    pub fn whole(&self) -> bool {
        self.tables.values().all(|scope| !(scope.own_rows || scope.own_columns || scope.suppressed))
    }

    /// The tables that it sees.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// What it sees of a table: the form without what isn't for it, and the rows. Errors: it doesn't see the table; the table is marked;
    /// the form doesn't say what the version needs (a district's column, how columns add up).
    pub fn version(&self, table: &str, form: Form, batch: RecordBatch) -> Result<(Form, View)> {
        let refused = |detail: String| Error::new(format!("table {table} can't be made for {}", self.code)).detail(detail);
        let scope = *self.tables.get(table).ok_or_else(|| refused("it is not on the recipient's list".to_owned()))?;
        if form.marking.is_some() && !self.marked {
            return Err(refused("it is marked, and the recipient may not see marked tables".to_owned()));
        }
        let (mut form, mut view) = (form, View::from(batch));
        if scope.own_rows {
            let (column, own) = match &self.district {
                Some(name) => (&form.district, BTreeSet::from([name.clone()])),
                None => (&form.occupation, self.occupations.clone()),
            };
            let column = column.as_ref().ok_or_else(|| refused("its form does not say whose rows are whose".to_owned()))?;
            view.batch = only(&view.batch, column, &own)?;
            // Its sentence is about all.
            form.summary = None;
            form.chart = None;
        }
        if scope.own_columns {
            form = form.of_occupations(&self.occupations);
        }
        if scope.suppressed {
            let rules =
                form.suppress.clone().ok_or_else(|| refused("its form has no [suppress]: how do its columns add up?".to_owned()))?;
            view = hidden(&form, &rules, view.batch).map_err(refused)?;
        }
        if scope.own_columns || scope.suppressed {
            view.batch = shown(&form, &view.batch)?;
        }
        form.notes.extend(self.note.clone().filter(|_| scope.suppressed));
        Ok((form, view))
    }
}

/// The rows whose column has one of these values.
fn only(batch: &RecordBatch, column: &str, own: &BTreeSet<String>) -> Result<RecordBatch> {
    let failed = || format!("column {column} can't be filtered");
    let values = batch.column_by_name(column).ok_or_else(|| Error::new(failed()))?;
    let values = cast(values, &DataType::Utf8).context(failed)?;
    let rows: BooleanArray = values.as_string::<i32>().iter().map(|v| Some(v.is_some_and(|v| own.contains(v)))).collect();
    filter_record_batch(batch, &rows).context(failed)
}

/// The columns that the form shows, and those by which its rows are told apart.
fn shown(form: &Form, batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let places = form.columns.iter().map(|c| &c.name).chain(&form.total).filter_map(|n| schema.index_of(n).ok()).collect::<BTreeSet<_>>();
    let places: Vec<usize> = places.into_iter().collect();
    batch.project(&places).context(|| "columns can't be chosen".to_owned())
}

/// Hides small counts, those that would give them away, and what is computed from hidden ones.
fn hidden(form: &Form, rules: &Suppress, batch: RecordBatch) -> Result<View, String> {
    let columns = form.columns.iter().filter(|c| c.format == Format::Integer).map(|c| c.name.as_str());
    let columns: Vec<&str> = columns.collect();
    let at = |name: &String| {
        let place = columns.iter().position(|c| c == name);
        place.ok_or_else(|| format!("[suppress] names {name}, which is no column of counts"))
    };
    let array = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("its SQL has no column {name}"));
    let counts = |name: &&str| cast(array(name)?, &DataType::Int64).map_err(|e| e.to_string());
    let counts = columns.iter().map(counts).collect::<Result<Vec<_>, _>>()?;
    let value = |c: &ArrayRef, r: usize| c.is_valid(r).then(|| c.as_primitive::<Int64Type>().value(r));
    let rows = (0..batch.num_rows()).map(|r| counts.iter().map(|c| value(c, r)).collect()).collect();
    let total = form.total.as_ref().map(|t| array(t)).transpose()?;
    let mut table = Counts {
        rows,
        total: total.and_then(|t| (0..batch.num_rows()).find(|r| t.is_null(*r))),
        down: vec![Down::Sum; columns.len()],
        across: vec![],
        known: rules.known.iter().map(at).collect::<Result<_, _>>()?,
    };
    for (names, down) in [(&rules.distinct, Down::Distinct), (&rules.loose, Down::Loose)] {
        for name in names {
            let place = at(name)?;
            table.down.get_mut(place).into_iter().for_each(|d| *d = down);
        }
    }
    let mut used = BTreeSet::new();
    for sum in &rules.across {
        let parts = sum.parts.iter().map(at).collect::<Result<Vec<_>, _>>()?;
        let total = sum.total.as_ref().map(at).transpose()?;
        if let Some(twice) = parts.iter().chain(&total).find(|c| !used.insert(**c)) {
            return Err(format!("[suppress] has column {} in two sums across", columns.get(*twice).copied().unwrap_or_default()));
        }
        table.across.push((total, parts));
    }
    let mut hidden: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (row, column) in suppress::hide(&table) {
        hidden.entry(columns.get(column).copied().unwrap_or_default().to_owned()).or_default().insert(row);
    }
    for c in form.columns.iter().filter(|c| matches!(c.format, Format::Rate | Format::Difference | Format::Money | Format::Light)) {
        let from = rules.derived.get(&c.name).ok_or_else(|| format!("[suppress] does not say what {} is computed from", c.name))?;
        let rows: BTreeSet<usize> = from.iter().filter_map(|f| hidden.get(f)).flatten().copied().collect();
        if !rows.is_empty() {
            hidden.insert(c.name.clone(), rows);
        }
    }
    let schema = batch.schema();
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| match hidden.get(field.name()) {
        Some(rows) => {
            let mask: BooleanArray = (0..array.len()).map(|r| Some(rows.contains(&r))).collect();
            nullif(array, &mask).map_err(|e| e.to_string())
        }
        None => Ok(array.clone()),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let batch = RecordBatch::try_new(arrow::datatypes::Schema::new(fields).into(), columns).map_err(|e| e.to_string())?;
    Ok(View { batch, hidden })
}

/// A reference table, read by row and column.
struct Rows<'a>(&'a RecordBatch);

impl<'a> Rows<'a> {
    fn of(contract: &'a Contract, table: &str) -> Result<Rows<'a>> {
        contract.reference().get(table).map(Rows).ok_or_else(|| Error::new(format!("there is no reference table {table}")))
    }

    fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Empty where there is none.
    fn text(&self, row: usize, column: &str) -> String {
        let array = self.0.column_by_name(column).filter(|a| a.is_valid(row));
        array.and_then(|a| a.as_string_opt::<i32>()).map(|a| a.value(row).to_owned()).unwrap_or_default()
    }

    fn yes(&self, row: usize, column: &str) -> bool {
        let array = self.0.column_by_name(column).filter(|a| a.is_valid(row));
        array.and_then(|a| a.as_boolean_opt()).is_some_and(|a| a.value(row))
    }
}

fn wrong(table: &str, detail: String) -> Error {
    Error::new(format!("reference table {table} is wrong")).detail(detail)
}
