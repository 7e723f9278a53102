//! A report table's form, as data: title, header, columns, notes (`queries/reports/NAME.toml`, beside its `NAME.sql`).
//!
//! A new table, or another wording, needs SQL and a form, no Rust. Every text of a form is a minijinja template over [`Vars`], so that
//! the city and its office come from reference data. A [`Sheet`] is a form filled with rows; all renderers show the same sheet.
use crate::error::{Context, Error, Result};
use crate::table::{Align, plain};
use crate::tree::Tree;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use chrono::{Datelike, Months, NaiveDate};
use minijinja::{Value as Var, context};
use serde::Deserialize;
use std::collections::BTreeMap;

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
    /// The table's title.
    pub title: String,
    /// One sentence for the page's head; may name `total` and `rows` (column → text as shown).
    pub summary: Option<String>,
    /// The line under the title: who, until when, in what units.
    pub unit_line: Vec<Part>,
    /// The column whose null marks the row of totals.
    pub total: String,
    /// What stands where there is no value.
    #[serde(default = "dash")]
    pub null: String,
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The notes below the table.
    pub notes: Vec<String>,
    /// The line of signatures.
    pub sign_off: String,
    /// Bars of completion against target, where the table has them.
    pub chart: Option<Chart>,
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
    /// The heading over it; neighbours of the same group share one.
    pub group: Option<String>,
    /// Its number in the row of numbers: 甲, 1, `5=3÷1×100`.
    #[serde(default)]
    pub mark: String,
    /// How its values are shown.
    pub format: Format,
    /// Its width in the spreadsheet, in characters.
    pub width: u16,
    /// What stands for null here, if not the form's.
    pub null: Option<String>,
}

/// How a value is shown, and which type the SQL must give.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `0`; an integer.
    Integer,
    /// A rank or a running number: an integer, not compared by its digits.
    Ordinal,
    /// `0.00`; a decimal of scale 2.
    Rate,
    /// `+0.00;-0.00;0.00`; a decimal of scale 2.
    Difference,
    /// Text.
    Text,
    /// 绿 黄 红: a light's word.
    Light,
}

impl Format {
    /// Numbers right, text left, the rest in the middle.
    pub fn align(self) -> Align {
        match self {
            Format::Text => Align::Left,
            Format::Light | Format::Ordinal => Align::Centre,
            _ => Align::Right,
        }
    }
}

/// Which columns the chart draws.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// Its heading.
    pub title: String,
    /// Names the bars: text.
    pub label: String,
    /// The bar's length: integers.
    pub done: String,
    /// The length of the track behind it: integers.
    pub target: String,
    /// Where the bar should be by now, in per cent of the target.
    pub pace: String,
    /// The figure beside the bar.
    pub rate: String,
    /// The light beside the bar.
    pub light: String,
}

/// A heading: `span` columns from `first` on; `deep` ones reach over both header rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it says, in lines.
    pub lines: Vec<String>,
    /// Its first column, from 0.
    pub first: usize,
    /// How many columns it spans.
    pub span: usize,
    /// Whether it stands in both rows.
    pub deep: bool,
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
        let chart = form.chart.iter().flat_map(|c| [&c.label, &c.done, &c.target, &c.pace, &c.rate, &c.light]);
        for name in chart.chain([&form.total]) {
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

    /// The two header rows.
    pub fn header(&self) -> [Vec<Head>; 2] {
        let (mut top, mut below) = (Vec::<Head>::new(), Vec::new());
        let mut open = None;
        for (first, c) in self.columns.iter().enumerate() {
            let head = |text: &str, deep| Head { lines: text.lines().map(str::to_owned).collect(), first, span: 1, deep };
            match (&c.group, top.last_mut()) {
                (Some(group), Some(last)) if open == Some(group) => last.span += 1,
                (Some(group), _) => top.push(head(group, false)),
                (None, _) => top.push(head(&c.label, true)),
            }
            if c.group.is_some() {
                below.push(head(&c.label, false));
            }
            open = c.group.as_ref();
        }
        [top, below]
    }

    /// The notes as one paragraph: 注：1.…；2.…。
    pub fn notes(&self) -> String {
        let numbered: Vec<String> = self.notes.iter().enumerate().map(|(i, n)| format!("{}.{n}", i + 1)).collect();
        if numbered.is_empty() { String::new() } else { format!("注：{}。", numbered.join("；")) }
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
        let texts = texts.chain(self.unit_line.iter_mut().map(|p| &mut p.text)).chain(self.chart.iter_mut().map(|c| &mut c.title));
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
    /// Fills the form with the result of its SQL; further columns of the SQL are not shown.
    /// Errors, naming form and column: it is missing; its type doesn't fit its format; a light has another word; a number is too
    /// long for a spreadsheet to hold it exactly (15 digits).
    pub fn new(form: Form, batch: &RecordBatch, vars: &Vars) -> Result<Sheet> {
        let form = form.filled(vars)?;
        let total = form.index(&form.total)?;
        let columns = form.columns.iter().map(|c| {
            let wrong = |detail: String| Error::new(format!("form {}, column {}", form.path, c.name)).detail(detail);
            let array = batch.column_by_name(&c.name).ok_or_else(|| wrong("its SQL has no such column".to_owned()))?;
            cells(c.format, array, c.null.as_ref().unwrap_or(&form.null)).map_err(wrong)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let row = |i: usize| {
            let cells: Vec<Cell> = columns.iter().filter_map(|c| c.get(i).cloned()).collect();
            Row { total: cells.get(total).is_some_and(|c| c.value == Value::Null), cells }
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
    let array = plain(array).map_err(|e| e.to_string())?;
    let (wanted, as_type) = match (format, array.data_type()) {
        (Format::Integer | Format::Ordinal, t) => (t.is_integer(), DataType::Int64),
        (Format::Rate | Format::Difference, t) => (matches!(t, DataType::Decimal128(_, 2)), DataType::Decimal128(38, 2)),
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
            Format::Integer | Format::Ordinal => {
                let n = array.as_primitive::<Int64Type>().value(row);
                (n.to_string(), Value::Integer(n))
            }
            Format::Rate | Format::Difference => {
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
