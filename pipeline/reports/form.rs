//! A report table's form, as data: title, header, columns, notes (`queries/reports/NAME.toml`, beside its `NAME.sql`).
//!
//! A new table, or another wording, needs SQL and a form, no Rust. Every text of a form is a minijinja template over [`Vars`], so that
//! the city and its office come from reference data. A [`Sheet`] is a form filled with rows; all renderers show the same sheet.
use crate::error::{Context, Error, Result};
use crate::table::{Align, plain};
use crate::tree::Tree;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema};
use chrono::{Datelike, Months, NaiveDate};
use minijinja::{Value as Var, context};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What templates may name, and what a report says of itself. A report's bytes depend on these and its rows alone: no clock, no
/// version of the program, no revision number (contract §5).
#[derive(Clone, Debug, Default)]
pub struct Vars {
    /// The city's name, as titles print it.
    pub city: String,
    /// The office that fills the tables in.
    pub office: String,
    /// `2021-06` or `2021`.
    pub period: String,
    /// The period in words: `2021年1—6月`, `2021年1月`, `2021年`.
    pub span: String,
    /// The day the counting ends, in words where a template names it; also the document's creation date.
    pub as_of_day: NaiveDate,
    /// The plan's first year.
    pub first_year: i32,
    /// The plan's last year.
    pub last_year: i32,
    /// The log's end was not seen (contract §5): every page says so.
    pub provisional: bool,
    /// Where the log stood (contract §5).
    pub pin: String,
    /// `Manifest::inputs_digest`.
    pub inputs: String,
    /// SHA-256 of each SQL, form, schema and reference file, by path.
    pub digests: BTreeMap<String, String>,
    /// Assumptions and settings in force, a sentence each.
    pub assumptions: Vec<String>,
}

impl Vars {
    /// The period's words and last day; the rest is the caller's to fill. Error: no `YYYY-MM` or `YYYY`.
    pub fn new(period: &str) -> Result<Vars> {
        let wrong = || Error::usage(format!("period {period} is not understood")).hint("write a month as 2021-06, a year as 2021");
        let (year, month) = period.split_once('-').map_or((period, None), |(y, m)| (y, Some(m)));
        let digits = |s: &str, n: usize| Some(s).filter(|s| s.len() == n && s.bytes().all(|b| b.is_ascii_digit()))?.parse::<u32>().ok();
        let number = month.map_or(Some(12), |m| digits(m, 2)).ok_or_else(wrong)?;
        let first = digits(year, 4).and_then(|y| NaiveDate::from_ymd_opt(y.try_into().ok()?, number, 1));
        let next = first.and_then(|d| d.checked_add_months(Months::new(1)));
        let as_of_day = next.and_then(|d| d.pred_opt()).ok_or_else(wrong)?;
        let span = match month {
            None => format!("{year}年"),
            Some("01") => format!("{year}年1月"),
            Some(_) => format!("{year}年1—{number}月"),
        };
        Ok(Vars { period: period.to_owned(), span, as_of_day, ..Vars::default() })
    }

    /// The variables as templates see them; `years` is the plan's: `2020—2022年`.
    pub fn context(&self) -> Var {
        let Vars { city, office, period, span, as_of_day: day, first_year, last_year, provisional, pin, inputs, .. } = self.clone();
        let as_of_day = format!("{}年{}月{}日", day.year(), day.month(), day.day());
        let (years, digests, assumptions) = (format!("{first_year}—{last_year}年"), self.digests.clone(), self.assumptions.clone());
        context! { city, office, period, span, as_of_day, years, first_year, last_year, provisional, pin, inputs, digests, assumptions }
    }
}

/// One report table's layout; the keys of the TOML file, unknown ones refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The file, for messages.
    #[serde(skip)]
    pub path: String,
    /// 附表1: the table's number, the sheet's name.
    pub number: String,
    /// 内部资料: who must not see it, printed opposite the number; such a table goes to recipients that may see marked ones alone.
    pub marking: Option<String>,
    /// False: a figure, drawn on the page and not in the spreadsheet.
    #[serde(default = "yes")]
    pub sheet: bool,
    /// The table's title.
    pub title: String,
    /// One sentence for the page's head; may name `total` and `rows` (column → text as shown).
    pub summary: Option<String>,
    /// The line under the title: who, until when, in what units.
    pub unit_line: Vec<Part>,
    /// The SQL's column whose null marks the row of totals; none: the table has no such row.
    pub total: Option<String>,
    /// The SQL's column that names a row's district, where a district's own version has its own rows alone.
    pub district: Option<String>,
    /// The SQL's column with a row's occupation (its code), where those of some occupations see these rows alone.
    pub occupation: Option<String>,
    /// What stands where there is no value.
    #[serde(default = "dash")]
    pub null: String,
    /// What the one row of a table without rows says.
    #[serde(default = "nothing")]
    pub none: String,
    /// How many rows the page and the terminal show; all if absent. The spreadsheet and the CSV always have all.
    pub page_rows: Option<usize>,
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The notes below the table.
    pub notes: Vec<String>,
    /// The line of signatures.
    pub sign_off: String,
    /// What the page draws of it.
    pub chart: Option<Chart>,
    /// How its counts hang together, where a version hides the small ones.
    pub suppress: Option<Suppress>,
}

/// How a table's counts hang together, for those who hide some of them (`suppress`). Columns not named add up to the row of totals.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Suppress {
    /// Columns that add up.
    pub across: Vec<Sum>,
    /// Columns that readers find elsewhere: hidden where small, but they protect no others.
    pub known: Vec<String>,
    /// Columns of distinct persons, who may stand in several rows: the rows' sum is at least the total.
    pub distinct: Vec<String>,
    /// Columns whose total has more than the rows.
    pub loose: Vec<String>,
    /// For each column computed from counts: which.
    pub derived: BTreeMap<String, Vec<String>>,
}

/// Columns that add up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// The sum's column; none: the sum is told elsewhere.
    pub total: Option<String>,
    /// What adds up to it.
    pub parts: Vec<String>,
}

/// A part of the unit line and the sheet's columns that it spans.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// `A:G`.
    pub cells: String,
    /// What it says.
    pub text: String,
}

/// One column.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column's name in the SQL.
    pub name: String,
    /// Its heading; a line break says where it may be broken, the spreadsheet leaves it out.
    pub label: String,
    /// The headings over it, the highest first; neighbours under the same headings share them.
    #[serde(default, deserialize_with = "one_or_more")]
    pub group: Vec<String>,
    /// Its number in the row of numbers: 甲, 1, `5=3÷1×100`.
    #[serde(default)]
    pub mark: String,
    /// How its values are shown.
    pub format: Format,
    /// Its width in the spreadsheet, in characters.
    pub width: u16,
    /// What stands for null here, if not the form's.
    pub null: Option<String>,
    /// Whether recipients of some occupations see it only where its name is one of theirs.
    #[serde(default)]
    pub own: bool,
}

/// How a value is shown, and which type the SQL must give.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `0`; an integer.
    Integer,
    /// A rank or a running number: an integer, not compared by its digits.
    Ordinal,
    /// The row's own number, from 1; no column of the SQL.
    Running,
    /// `0.00`; a decimal of scale 2.
    Rate,
    /// `0.00`: money, in the unit that the form names; a decimal of scale 2.
    Money,
    /// `+0.00;-0.00;0.00`; a decimal of scale 2.
    Difference,
    /// Text, or a list of texts.
    Text,
    /// 绿 黄 红: a light's word.
    Light,
}

impl Format {
    /// Numbers right, text left, the rest in the middle.
    pub fn align(self) -> Align {
        match self {
            Format::Text => Align::Left,
            Format::Light | Format::Ordinal | Format::Running => Align::Centre,
            _ => Align::Right,
        }
    }
}

/// What the page draws of a table; every length is a column's.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Chart {
    /// A bar for each row but the total.
    Rows {
        /// Its heading.
        title: String,
        /// The columns; its label is one too.
        bar: Bar,
    },
    /// Bars of the row of totals; their labels are texts.
    Totals {
        /// Its heading.
        title: String,
        /// The bars, from above.
        bars: Vec<Bar>,
    },
    /// Lines over the months: the whole large, then each place small.
    Lines {
        /// Its heading.
        title: String,
        /// Names the places: text; the form's total is the whole.
        by: String,
        /// The month: integers.
        at: String,
        /// The sum so far: integers, null where it isn't known yet.
        done: String,
        /// What it should be by then: decimals.
        due: String,
        /// The light at the month: a light, null where nothing is known yet.
        light: String,
    },
}

/// A bar of completion against target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// Names it.
    pub label: String,
    /// Its length: integers.
    pub done: String,
    /// The length of the track behind it: integers.
    pub target: String,
    /// Where it should be by now, in per cent of the target.
    pub pace: Option<String>,
    /// The figure beside it.
    pub rate: String,
    /// The light beside it.
    pub light: Option<String>,
}

impl Bar {
    /// The columns it names, but for its label.
    fn columns(&self) -> impl Iterator<Item = &String> {
        [&self.done, &self.target, &self.rate].into_iter().chain(&self.pace).chain(&self.light)
    }
}

impl Chart {
    fn title(&mut self) -> &mut String {
        match self {
            Chart::Rows { title, .. } | Chart::Totals { title, .. } | Chart::Lines { title, .. } => title,
        }
    }

    /// The columns it names.
    fn columns(&self) -> Vec<&String> {
        match self {
            Chart::Rows { bar, .. } => bar.columns().chain([&bar.label]).collect(),
            Chart::Totals { bars, .. } => bars.iter().flat_map(Bar::columns).collect(),
            Chart::Lines { by, at, done, due, light, .. } => vec![by, at, done, due, light],
        }
    }
}

/// A heading: `span` columns from `first` on, `deep` rows from its own on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it says, in lines.
    pub lines: Vec<String>,
    /// Its first column, from 0.
    pub first: usize,
    /// How many columns it spans.
    pub span: usize,
    /// How many header rows it spans.
    pub deep: usize,
    /// Whether it is a column's own, not a group's.
    pub leaf: bool,
}

impl Form {
    /// Reads `reports/NAME.toml`. Errors: the file is missing, a key is unknown, a range or template is wrong; each names the file.
    pub fn load(tree: &Tree, name: &str) -> Result<Form> {
        let file = format!("reports/{name}.toml");
        let path = format!("{}/{file}", tree.name);
        let form: Form = toml::from_str(tree.get(&file)?).context(|| format!("form {path} is wrong"))?;
        let form = Form { path, ..form };
        let mut free = 0;
        for (first, last) in form.unit_parts()?.iter().map(|(first, last, _)| (*first, *last)) {
            if first < free || last >= form.columns.len() {
                return Err(form.wrong("the parts of its unit line overlap or leave the table"));
            }
            free = last + 1;
        }
        for name in form.chart.iter().flat_map(Chart::columns) {
            form.index(name)?;
        }
        Ok(form)
    }

    /// The unit line: first and last column (from 0) and text.
    pub fn unit_parts(&self) -> Result<Vec<(usize, usize, &str)>> {
        let letters = |s: &str| {
            let number = |n: usize, c: char| c.is_ascii_uppercase().then(|| n * 26 + (c as usize - 'A' as usize) + 1);
            s.chars().try_fold(0, number).filter(|_| (1..=2).contains(&s.len())).map(|n| n - 1)
        };
        let range = |p: &str| p.split_once(':').and_then(|(a, b)| Some((letters(a)?, letters(b)?))).filter(|(a, b)| a <= b);
        let part = |p: &'_ Part| range(&p.cells).ok_or_else(|| self.wrong(format!("cells {} are no range such as A:G", p.cells)));
        self.unit_line.iter().map(|p| part(p).map(|(a, b)| (a, b, p.text.as_str()))).collect()
    }

    /// The header rows, as many as the deepest group needs.
    pub fn header(&self) -> Vec<Vec<Head>> {
        let depth = self.columns.iter().map(|c| c.group.len() + 1).max().unwrap_or(1);
        let level = |level: usize| {
            let mut row: Vec<Head> = vec![];
            let mut open: Option<&[String]> = None;
            for (first, c) in self.columns.iter().enumerate() {
                let head = |text: &str, deep, leaf| Head { lines: text.lines().map(str::to_owned).collect(), first, span: 1, deep, leaf };
                let over = c.group.get(..=level);
                match (over.and_then(<[String]>::last), row.last_mut()) {
                    (Some(_), Some(last)) if open == over => last.span += 1,
                    (Some(group), _) => row.push(head(group, 1, false)),
                    (None, _) if c.group.len() == level => row.push(head(&c.label, depth - level, true)),
                    (None, _) => {}
                }
                open = over;
            }
            row
        };
        (0..depth).map(level).collect()
    }

    /// Whether a row below the header numbers the columns.
    pub fn numbered(&self) -> bool {
        self.columns.iter().any(|c| !c.mark.is_empty())
    }

    /// The notes as one paragraph: 注：1.…；2.…。
    pub fn notes(&self) -> String {
        let numbered: Vec<String> = self.notes.iter().enumerate().map(|(i, n)| format!("{}.{n}", i + 1)).collect();
        if numbered.is_empty() { String::new() } else { format!("注：{}。", numbered.join("；")) }
    }

    /// The form with the columns of these occupations, and those of nobody in particular; the unit line's parts share what is left.
    #[must_use]
    pub fn of_occupations(mut self, occupations: &BTreeSet<String>) -> Form {
        let all = self.columns.len();
        self.columns.retain(|c| !c.own || occupations.contains(&c.name));
        if self.columns.len() == all {
            return self;
        }
        self.chart = None;
        let (parts, columns) = (self.unit_line.len(), self.columns.len());
        let letter = |n: usize| char::from(b'A' + u8::try_from(n.min(25)).unwrap_or(25));
        for (i, part) in self.unit_line.iter_mut().enumerate() {
            let (first, next) = (i * columns / parts, (i + 1) * columns / parts);
            part.cells = format!("{}:{}", letter(first), letter(next.saturating_sub(1).max(first)));
        }
        self
    }

    /// The place of a column, from 0. Error: the form has none of that name.
    pub fn index(&self, name: &str) -> Result<usize> {
        let place = self.columns.iter().position(|c| c.name == name);
        place.ok_or_else(|| self.wrong(format!("it names column {name}, which it does not list")))
    }

    /// The form with every text filled in, but for the summary, which needs rows.
    fn filled(mut self, vars: &Vars) -> Result<Form> {
        let (path, context) = (self.path.clone(), vars.context());
        let texts = [&mut self.number, &mut self.title, &mut self.sign_off].into_iter().chain(&mut self.notes);
        let texts = texts.chain(self.unit_line.iter_mut().map(|p| &mut p.text)).chain(self.chart.iter_mut().map(Chart::title));
        for text in texts.chain(self.columns.iter_mut().flat_map(|c| [&mut c.label].into_iter().chain(&mut c.group))) {
            *text = fill(&path, text, context.clone())?;
        }
        Ok(self)
    }

    fn wrong(&self, detail: impl std::fmt::Display) -> Error {
        Error::new(format!("form {} is wrong", self.path)).detail(detail)
    }
}

/// A value as every renderer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// As shown.
    pub text: String,
    /// What it is.
    pub value: Value,
}

/// A value's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// None, or not applicable.
    Null,
    /// There is one, but this version's readers are not told (`recipients`).
    Hidden,
    /// A count or a rank.
    Integer(i64),
    /// Hundredths.
    Decimal(i128),
    /// Text.
    Text,
    /// 绿
    Green,
    /// 黄
    Yellow,
    /// 红
    Red,
}

impl Value {
    /// A light's class in the page.
    pub fn light(self) -> Option<&'static str> {
        match self {
            Value::Green => Some("green"),
            Value::Yellow => Some("yellow"),
            Value::Red => Some("red"),
            _ => None,
        }
    }
}

/// One row of a sheet.
#[derive(Clone, Debug)]
pub struct Row {
    /// The row of totals.
    pub total: bool,
    /// One for each of the form's columns.
    pub cells: Vec<Cell>,
}

/// What stands for a figure that this version's readers are not told.
pub const HIDDEN: &str = "*";

/// What a version shows of a table.
#[derive(Clone, Debug)]
pub struct View {
    /// The rows; null where a figure is hidden.
    pub batch: RecordBatch,
    /// Rows, from 0, whose figure is hidden, by column.
    pub hidden: BTreeMap<String, BTreeSet<usize>>,
}

impl From<RecordBatch> for View {
    fn from(batch: RecordBatch) -> View {
        View { batch, hidden: BTreeMap::new() }
    }
}

impl View {
    /// The rows as files tell them: where figures are hidden, a last column `hidden` names each row's, so that null can be told from none.
    pub fn told(&self) -> Result<RecordBatch> {
        if self.hidden.is_empty() {
            return Ok(self.batch.clone());
        }
        let names = |row: usize| {
            let of_row = self.hidden.iter().filter(|(_, rows)| rows.contains(&row)).map(|(name, _)| name.as_str());
            of_row.collect::<Vec<_>>().join(",")
        };
        let hidden: StringArray = (0..self.batch.num_rows()).map(|r| Some(names(r)).filter(|n| !n.is_empty())).collect();
        let fields = self.batch.schema_ref().fields().iter().cloned().chain([Arc::new(Field::new("hidden", DataType::Utf8, true))]);
        let columns = self.batch.columns().iter().cloned().chain([Arc::new(hidden) as ArrayRef]).collect();
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns).context(|| "column hidden can't be added".to_owned())
    }
}

/// A form filled in: ready to be rendered.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The form, its templates filled.
    pub form: Form,
    /// The rows, in the SQL's order.
    pub rows: Vec<Row>,
    /// The summary, filled.
    pub summary: Option<String>,
}

impl Sheet {
    /// Fills the form with the rows of its SQL that are shown; further columns of the SQL are not.
    /// Errors, naming form and column: it is missing; its type doesn't fit its format; a light has another word; a number is too
    /// long for a spreadsheet to hold it exactly (15 digits).
    pub fn new(form: Form, view: &View, vars: &Vars) -> Result<Sheet> {
        let batch = &view.batch;
        let form = form.filled(vars)?;
        let no_column = |name: &String| form.wrong(format!("it names column {name}, which its SQL does not have"));
        let total = form.total.as_ref().map(|t| batch.column_by_name(t).ok_or_else(|| no_column(t))).transpose()?;
        let columns = form.columns.iter().map(|c| {
            let wrong = |detail: String| Error::new(format!("form {}, column {}", form.path, c.name)).detail(detail);
            if c.format == Format::Running {
                return Ok(numbers(batch.num_rows()));
            }
            let array = batch.column_by_name(&c.name).ok_or_else(|| wrong("its SQL has no such column".to_owned()))?;
            let hidden = view.hidden.get(&c.name);
            let mut cells = cells(c.format, array, c.null.as_ref().unwrap_or(&form.null)).map_err(wrong)?;
            for (_, cell) in cells.iter_mut().enumerate().filter(|(i, _)| hidden.is_some_and(|rows| rows.contains(i))) {
                *cell = Cell { text: HIDDEN.to_owned(), value: Value::Hidden };
            }
            Ok(cells)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let row = |i: usize| {
            let cells: Vec<Cell> = columns.iter().filter_map(|c| c.get(i).cloned()).collect();
            Row { total: total.is_some_and(|t| t.is_null(i)), cells }
        };
        let rows: Vec<Row> = (0..batch.num_rows()).map(row).collect();
        let named = |r: &Row| form.columns.iter().zip(&r.cells).map(|(c, cell)| (c.name.clone(), cell.text.clone())).collect();
        let (totals, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| r.total);
        let others: Vec<BTreeMap<String, String>> = others.into_iter().map(named).collect();
        let total: Option<BTreeMap<String, String>> = totals.first().map(|r| named(r));
        let context = context! { rows => others, total, ..vars.context() };
        let summary = form.summary.as_ref().map(|s| fill(&form.path, s, context)).transpose()?;
        Ok(Sheet { form, rows, summary })
    }
}

/// One column's cells; the error says what doesn't fit.
fn cells(format: Format, array: &ArrayRef, null: &str) -> Result<Vec<Cell>, String> {
    let array = joined(plain(array).map_err(|e| e.to_string())?)?;
    let (wanted, as_type) = match (format, array.data_type()) {
        (Format::Integer | Format::Ordinal | Format::Running, t) => (t.is_integer(), DataType::Int64),
        (Format::Rate | Format::Difference | Format::Money, t) => (matches!(t, DataType::Decimal128(_, 2)), DataType::Decimal128(38, 2)),
        (Format::Text | Format::Light, t) => (t.is_string(), DataType::Utf8),
    };
    if !wanted && *array.data_type() != DataType::Null {
        let format = format!("{format:?}").to_lowercase();
        return Err(format!("a value of type {} can't be shown as {format}", array.data_type()));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(&array, &as_type, &strict).map_err(|e| e.to_string())?;
    let cell = |row: usize| {
        if array.is_null(row) {
            return Ok(Cell { text: null.to_owned(), value: Value::Null });
        }
        let (text, value) = match format {
            Format::Integer | Format::Ordinal | Format::Running => {
                let n = array.as_primitive::<Int64Type>().value(row);
                (n.to_string(), Value::Integer(n))
            }
            Format::Rate | Format::Difference | Format::Money => {
                let n = array.as_primitive::<Decimal128Type>().value(row);
                let sign = match (n.signum(), format) {
                    (-1, _) => "-",
                    (1, Format::Difference) => "+",
                    _ => "",
                };
                let whole = n.unsigned_abs();
                (format!("{sign}{}.{:02}", whole / 100, whole % 100), Value::Decimal(n))
            }
            Format::Text => (array.as_string::<i32>().value(row).to_owned(), Value::Text),
            Format::Light => match array.as_string::<i32>().value(row) {
                t @ "绿" => (t.to_owned(), Value::Green),
                t @ "黄" => (t.to_owned(), Value::Yellow),
                t @ "红" => (t.to_owned(), Value::Red),
                other => return Err(format!("{other} is no light (绿 黄 红)")),
            },
        };
        match value {
            Value::Integer(_) | Value::Decimal(_) if text.bytes().filter(u8::is_ascii_digit).count() > 15 => {
                Err(format!("number {text} has more than the 15 digits that a spreadsheet holds"))
            }
            _ => Ok(Cell { text, value }),
        }
    };
    (0..array.len()).map(cell).collect()
}

/// From 1.
fn numbers(rows: usize) -> Vec<Cell> {
    (1..).take(rows).map(|n: i64| Cell { text: n.to_string(), value: Value::Integer(n) }).collect()
}

/// A list of texts as one text.
fn joined(array: ArrayRef) -> Result<ArrayRef, String> {
    let Some(lists) = array.as_list_opt::<i32>() else { return Ok(array) };
    let text = |list: ArrayRef| {
        let list = cast_with_options(&list, &DataType::Utf8, &CastOptions::default()).map_err(|e| e.to_string())?;
        Ok::<_, String>(list.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join("、"))
    };
    let texts = lists.iter().map(|l| l.map(text).transpose()).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StringArray::from(texts)))
}

/// Fills one template. Error: it doesn't parse, or names what isn't there; the form is named.
fn fill(path: &str, template: &str, context: Var) -> Result<String> {
    let mut env = minijinja::Environment::new();
    env.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let start = || template.chars().take(40).collect::<String>();
    env.render_str(template, context).context(|| format!("form {path}, text \"{}\" can't be filled in", start()))
}

fn dash() -> String {
    "—".to_owned()
}

fn nothing() -> String {
    "无".to_owned()
}

fn yes() -> bool {
    true
}

/// A text, or a list of texts.
fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Texts::deserialize(from)? {
        Texts::One(text) => vec![text],
        Texts::Several(texts) => texts,
    })
}
