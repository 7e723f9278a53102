//! Record batches on the terminal, as CSV and as JSON: what every command's `--format` prints.
//!
//! Chinese text takes two cells a character, so columns are padded by display width, never by the count of characters. Nothing is
//! rounded on the way: a decimal keeps its digits (in JSON as a string, which no reader turns into a float), an instant is RFC 3339 in UTC.
use crate::error::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use unicode_width::UnicodeWidthStr;

/// How results go to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// RFC 4180, a header row of column names, UTF-8 without a BOM, lines end in LF.
    Csv,
    /// One array, one object a line; integers are numbers, decimals are strings.
    Json,
}

/// Where text stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Codes and marks.
    Centre,
    /// Numbers.
    Right,
}

/// The most rows that a table shows: it is laid out by its widest cells, so its rows are held.
const SHOWN: usize = 10_000;

/// Rows on their way out in the form asked for. CSV and JSON pass through; of a table the first rows are shown, and the others counted.
pub struct Printer<'a>(Form<'a>);

enum Form<'a> {
    Table { schema: SchemaRef, shown: Vec<RecordBatch>, room: usize, more: usize, out: &'a mut dyn Write },
    Csv(Box<csv::Writer<&'a mut dyn Write>>),
    Json { schema: SchemaRef, next: &'static str, out: &'a mut dyn Write },
}

impl<'a> Printer<'a> {
    /// Begins a result; without rows it is its header alone (JSON: `[]`). Error: `out` fails.
    pub fn new(format: Format, schema: SchemaRef, out: &'a mut dyn Write) -> Result<Printer<'a>> {
        Ok(Printer(match format {
            Format::Table => Form::Table { schema, shown: vec![], room: SHOWN, more: 0, out },
            Format::Csv => Form::Csv(Box::new(csv_writer(&schema, None, csv::Terminator::Any(b'\n'), out)?)),
            Format::Json => Form::Json { schema, next: "[\n", out },
        }))
    }

    /// Takes further rows. Error: `out` fails.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match &mut self.0 {
            Form::Table { shown, room, more, .. } => {
                let taken = batch.num_rows().min(*room);
                if taken > 0 {
                    shown.push(batch.slice(0, taken));
                }
                *room -= taken;
                *more += batch.num_rows() - taken;
                Ok(())
            }
            Form::Csv(writer) => each_row(std::slice::from_ref(batch), |cells| writer.write_record(cells).context(written)),
            Form::Json { schema, next, out } => json(schema, batch, next, *out),
        }
    }

    /// Ends the result. Error: `out` fails.
    pub fn finish(self) -> Result<()> {
        match self.0 {
            Form::Table { schema, shown, more, out, .. } => {
                boxed(&schema, &shown, out)?;
                if more > 0 {
                    writeln!(out, "… and {more} more rows: --format csv or json gives them all").context(written)?;
                }
                out.flush().context(written)
            }
            Form::Csv(mut writer) => writer.flush().context(written),
            Form::Json { next, out, .. } => {
                out.write_all(if next == "[\n" { b"[]\n" } else { b"\n]\n" }).and_then(|()| out.flush()).context(written)
            }
        }
    }
}

/// Writes the rows of `batches` in the form asked for. Error: `out` fails.
pub fn print(format: Format, schema: &Schema, batches: &[RecordBatch], out: &mut dyn Write) -> Result<()> {
    let mut printer = Printer::new(format, SchemaRef::new(schema.clone()), out)?;
    batches.iter().try_for_each(|b| printer.write(b))?;
    printer.finish()
}

/// RFC 4180 with a header row of column names and, where labels are given, a second row of them (a column without one repeats its
/// name). Null is empty. Error: `out` fails.
pub fn csv(
    schema: &Schema,
    batches: &[RecordBatch],
    labels: Option<&BTreeMap<String, String>>,
    end: csv::Terminator,
    out: &mut dyn Write,
) -> Result<()> {
    let mut writer = csv_writer(schema, labels, end, out)?;
    each_row(batches, |cells| writer.write_record(cells).context(written))?;
    writer.flush().context(written)
}

fn csv_writer<'a>(
    schema: &Schema,
    labels: Option<&BTreeMap<String, String>>,
    end: csv::Terminator,
    out: &'a mut dyn Write,
) -> Result<csv::Writer<&'a mut dyn Write>> {
    let mut writer = csv::WriterBuilder::new().terminator(end).from_writer(out);
    let names = || schema.fields().iter().map(|f| f.name());
    writer.write_record(names()).context(written)?;
    if let Some(labels) = labels {
        writer.write_record(names().map(|n| labels.get(n).unwrap_or(n))).context(written)?;
    }
    Ok(writer)
}

/// Standard output. Once its reader has gone, as in `| head`, what is written is dropped: the command's own exit code stands.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

static CLOSED: AtomicBool = AtomicBool::new(false);

impl Stdout {
    /// Nobody reads it any more.
    pub fn closed() -> bool {
        CLOSED.load(Ordering::Relaxed)
    }

    fn unless_closed<T>(all: T, done: io::Result<T>) -> io::Result<T> {
        match done {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                CLOSED.store(true, Ordering::Relaxed);
                Ok(all)
            }
            done => done,
        }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if Stdout::closed() { Ok(bytes.len()) } else { Stdout::unless_closed(bytes.len(), io::stdout().write(bytes)) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Stdout::unless_closed((), io::stdout().flush())
    }
}

/// Writes one line to standard output. Error: it can't be written, for another reason than that nobody reads it.
pub fn say(line: impl Display) -> Result<()> {
    writeln!(Stdout, "{line}").context(written)
}

/// Each row's values as every result shows them; `None` is null.
pub fn texts(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>> {
    let columns = columns(batch)?;
    let formatters = columns.iter().map(formatter).collect::<Result<Vec<_>>>()?;
    let cell = |(c, f): (&ArrayRef, &ArrayFormatter<'_>), row| {
        let null = c.is_null(row) || *c.data_type() == DataType::Null;
        if null { Ok(None) } else { f.value(row).try_to_string().context(shown).map(Some) }
    };
    (0..batch.num_rows()).map(|row| columns.iter().zip(&formatters).map(|column| cell(column, row)).collect()).collect()
}

/// `text` in a field of `width` cells; longer text stays whole.
pub fn pad(text: &str, width: usize, align: Align) -> String {
    let space = width.saturating_sub(text.width());
    let left = match align {
        Align::Left => 0,
        Align::Centre => space / 2,
        Align::Right => space,
    };
    format!("{}{text}{}", " ".repeat(left), " ".repeat(space - left))
}

/// A column as values that print: dictionaries undone, instants in UTC (an offset, since a zone's name needs a zone database).
pub fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    let name = || format!("column of type {} can't be shown", array.data_type());
    match array.data_type() {
        DataType::Dictionary(_, value) => plain(&cast(array, value).context(name)?),
        DataType::Timestamp(unit, Some(_)) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            Ok(make_array(array.to_data().into_builder().data_type(utc).build().context(name)?))
        }
        _ => Ok(array.clone()),
    }
}

/// Thin rules, numbers to the right. Two passes (widths, then lines), so that no second copy of the result is held.
fn boxed(schema: &Schema, batches: &[RecordBatch], out: &mut dyn Write) -> Result<()> {
    let names: Vec<String> = schema.fields().iter().map(|f| visible(f.name()).into_owned()).collect();
    let right: Vec<Align> = schema.fields().iter().map(|f| if f.data_type().is_numeric() { Align::Right } else { Align::Left }).collect();
    let mut widths: Vec<usize> = names.iter().map(|n| n.width()).collect();
    each_row(batches, |cells| {
        widths.iter_mut().zip(cells).for_each(|(w, c)| *w = (*w).max(visible(c).width()));
        Ok(())
    })?;
    let rule = |ends: [&str; 3]| {
        let bars: Vec<String> = widths.iter().map(|w| "─".repeat(w + 2)).collect();
        format!("{}{}{}\n", ends[0], bars.join(ends[1]), ends[2])
    };
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(&right).map(|((c, w), a)| pad(&visible(c), *w, *a));
        format!("│ {} │\n", padded.collect::<Vec<_>>().join(" │ "))
    };
    let mut put = |text: String| out.write_all(text.as_bytes()).context(written);
    put(rule(["┌", "┬", "┐"]) + &line(&names) + &rule(["├", "┼", "┤"]))?;
    each_row(batches, |cells| put(line(cells)))?;
    put(rule(["└", "┴", "┘"]))
}

fn json(schema: &Schema, batch: &RecordBatch, next: &mut &'static str, out: &mut dyn Write) -> Result<()> {
    let columns = columns(batch)?;
    for row in 0..batch.num_rows() {
        let mut line = String::from(std::mem::replace(next, ",\n"));
        for (i, (field, column)) in schema.fields().iter().zip(&columns).enumerate() {
            let (before, name) = (if i == 0 { "{" } else { "," }, serde_json::Value::from(field.name().as_str()));
            line.extend([before, &name.to_string(), ":", &json_cell(column, row)?]);
        }
        out.write_all((line + "}").as_bytes()).context(written)?;
    }
    Ok(())
}

fn json_cell(array: &ArrayRef, row: usize) -> Result<String> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Ok("null".to_owned());
    }
    if let DataType::List(_) = array.data_type() {
        let items = plain(&array.as_list::<i32>().value(row))?;
        let items = (0..items.len()).map(|i| json_cell(&items, i)).collect::<Result<Vec<_>>>()?;
        return Ok(format!("[{}]", items.join(",")));
    }
    let text = formatter(array)?.value(row).try_to_string().context(shown)?;
    let literal = match array.data_type() {
        DataType::Boolean => true,
        t if t.is_floating() => text.parse().is_ok_and(f64::is_finite),
        t => t.is_integer(),
    };
    Ok(if literal { text } else { serde_json::Value::from(text).to_string() })
}

fn each_row(batches: &[RecordBatch], mut f: impl FnMut(&[String]) -> Result<()>) -> Result<()> {
    for batch in batches {
        let columns = columns(batch)?;
        let formatters = columns.iter().map(formatter).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let cells = formatters.iter().map(|f| f.value(row).try_to_string().context(shown));
            f(&cells.collect::<Result<Vec<_>>>()?)?;
        }
    }
    Ok(())
}

fn columns(batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    batch.columns().iter().map(plain).collect()
}

fn formatter(array: &ArrayRef) -> Result<ArrayFormatter<'_>> {
    static OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(false);
    ArrayFormatter::try_new(array, &OPTIONS).context(shown)
}

/// Control characters escaped: a text of an event must not steer a terminal, nor break a line.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

fn written() -> String {
    "result can't be written".to_owned()
}

fn shown() -> String {
    "value can't be shown".to_owned()
}
