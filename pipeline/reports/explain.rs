//! `explain`: from a figure to the events behind it. One mechanism for every mart and table: a model's header tells what its columns
//! count (`-- counts …`), and a cell is explained by the rows of those units that agree with it, each with its event. As many lines as
//! the cell says, or the program itself says that something is wrong.
use crate::error::{Context, Error, Result};
use crate::models::engine::Answer;
use crate::models::{Count, Engine, Layer, Model};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, Schema};
use arrow::util::display::array_value_to_string;

/// Which figure.
#[derive(Clone, Debug)]
pub struct Question {
    /// The mart or table.
    pub mart: String,
    /// The column of counts.
    pub metric: String,
    /// What the row is known by: column and value as text; no value: null.
    pub keys: Vec<(String, Option<String>)>,
    /// A district's code, `CITY` for the city's row.
    pub district: Option<String>,
}

/// A figure with what is behind it.
pub struct Explained {
    /// The figure, in words: `completion_by_district_year.completed = 304 where …`.
    pub title: String,
    /// The figure.
    pub figure: i64,
    /// One row for each unit that counts.
    pub units: Answer,
    model: Model,
    count: Count,
    cell: RecordBatch,
}

/// The names of the city's row.
const CITY: &str = "CITY";

/// Columns that stand beside what counts, where a mart has them.
const BESIDE: [&str; 2] = ["held", "withdrawn"];

/// Explains one figure. Errors: usage, if mart, column or row are not to be found, with what there is; exit 3, if the units are not as
/// many as the figure.
pub async fn explain(engine: &mut Engine, q: &Question) -> Result<Explained> {
    let model = model(engine, q)?;
    let count = count(&model, &q.metric)?.clone();
    let cell = cell(engine, &model, q).await?;
    let column = cell.column_by_name(&count.column).and_then(|c| c.as_primitive_opt::<Int64Type>());
    let column = column.ok_or_else(|| Error::new(format!("model {}: column {} is no BIGINT", model.path, count.column)))?;
    let figure = column.iter().flatten().next().unwrap_or(0);
    let units = units(engine, &model, &count, &cell, None).await?;
    // Below zero a figure counts what is taken off.
    if units.rows() as u64 != figure.unsigned_abs() {
        let what = format!("{}.{} is {figure}, and {} units are behind it", model.name, count.column, units.rows());
        return Err(Error::refused(what).detail(known_by(&model, &cell)?).hint(format!(
            "what it counts is told by the headers of {} and of {}",
            model.path,
            engine.dag.get(&count.units)?.path
        )));
    }
    let title = format!("{}.{} = {figure} where {}", model.name, count.column, known_by(&model, &cell)?);
    Ok(Explained { title, figure, units, model, count, cell })
}

impl Explained {
    /// What was held, withdrawn or in conflict beside the figure: the columns of its units, and which of these.
    pub async fn beside(&self, engine: &mut Engine) -> Result<Answer> {
        let mut parts = vec![];
        for name in BESIDE.iter().filter(|b| **b != self.count.column) {
            if let Some(other) = self.model.counts.iter().find(|c| c.column == *name) {
                parts.push(units(engine, &self.model, other, &self.cell, Some(name)).await?);
            }
        }
        let mut subjects = vec![];
        for (i, told) in parts.iter().chain([&self.units]).enumerate() {
            engine.remember(&format!("explained_{i}"), told)?;
            subjects.push(format!("SELECT subject FROM explained_{i}"));
        }
        let of_these = subjects.join(" UNION ALL ");
        let conflicts = format!("SELECT {POSITION}, kind AS why FROM conflicts WHERE subject IN ({of_these})");
        parts.push(told(engine, &conflicts, None, Some("conflict")).await?);
        let schema = parts.first().map_or_else(|| self.units.schema.clone(), |p| p.schema.clone());
        Ok(Answer { schema, batches: parts.into_iter().flat_map(|p| p.batches).collect() })
    }
}

/// Where an event stands.
const POSITION: &str = "kafka_topic, kafka_partition, kafka_offset";

/// The messages at the positions that a query gives, as an auditor may see them, each with what the query says of it (`why`); `of` is
/// the one type of event that they all are of, if that is known, else some may have been refused. The positions first and alone:
/// knowing how few they are and where, the reader of events passes by what holds none of them.
async fn told(engine: &mut Engine, positions: &str, of: Option<&str>, beside: Option<&str>) -> Result<Answer> {
    let positions = engine.query(positions).await?;
    engine.remember("explained_positions", &positions)?;
    let role = beside.map(|b| format!("{} AS beside, ", quoted(b))).unwrap_or_default();
    let (join, of) = match of {
        Some(name) => ("INNER", format!("(SELECT * FROM told WHERE type = (SELECT type FROM event_types WHERE name = {}))", quoted(name))),
        None => ("LEFT", "told".to_owned()),
    };
    let sql = format!(
        "SELECT {role}unit.kafka_topic, unit.kafka_partition, unit.kafka_offset, told.id, told.source, told.subject, told.type,
            told.recorded_at, told.origin, unit.why
        FROM explained_positions AS unit
        {join} JOIN {of} AS told ON told.kafka_topic = unit.kafka_topic
            AND told.kafka_partition = unit.kafka_partition AND told.kafka_offset = unit.kafka_offset
        ORDER BY unit.kafka_topic, unit.kafka_partition, unit.kafka_offset"
    );
    engine.query(&sql).await
}

fn model(engine: &Engine, q: &Question) -> Result<Model> {
    let told = |m: &&Model| matches!(m.layer, Layer::Marts | Layer::Reports) && !m.counts.is_empty();
    engine.dag.models.get(&q.mart).filter(told).cloned().ok_or_else(|| {
        let all = engine.dag.models.values().filter(told).map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
        Error::usage(format!("there is no mart {} with counts to explain", q.mart)).hint(format!("there are: {all}"))
    })
}

fn count<'a>(model: &'a Model, metric: &str) -> Result<&'a Count> {
    model.counts.iter().find(|c| c.column == metric).ok_or_else(|| {
        let all = model.counts.iter().map(|c| c.column.as_str()).collect::<Vec<_>>().join(", ");
        Error::usage(format!("{metric} is no count of {}", model.name)).hint(format!("its counts are: {all}"))
    })
}

/// The one row that is meant; among several, the one that sums up the rest.
async fn cell(engine: &mut Engine, model: &Model, q: &Question) -> Result<RecordBatch> {
    let columns = engine.columns(&model.name).await?;
    let known = |name: &str| columns.column_with_name(name).is_some();
    let mut conditions = vec![];
    for (name, value) in &q.keys {
        if !known(name) {
            let all = columns.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ");
            return Err(Error::usage(format!("{} has no column {name}", model.name)).hint(format!("its columns are: {all}")));
        }
        conditions.push(match value {
            Some(v) => format!("CAST({name} AS VARCHAR) = {}", quoted(v)),
            None => format!("{name} IS NULL"),
        });
    }
    if let Some(code) = &q.district {
        let (column, value) = match (known("district_code"), known("position")) {
            (true, _) => ("district_code", quoted(code)),
            (false, true) => ("position", format!("(SELECT position FROM districts WHERE district_code = {})", quoted(code))),
            _ => return Err(Error::usage(format!("{} tells no districts apart", model.name)).hint("leave --district out")),
        };
        conditions.push(if code == CITY { format!("{column} IS NULL") } else { format!("{column} = {value}") });
    }
    let chosen = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let rows = engine.query(&format!("SELECT * FROM {}{chosen}", model.name)).await?.batch()?;
    let nulls =
        |row: usize| rows.columns().iter().zip(rows.schema().fields()).filter(|(c, f)| key(model, f.name()) && c.is_null(row)).count();
    let most = (0..rows.num_rows()).map(nulls).max().unwrap_or(0);
    let summing: Vec<usize> = (0..rows.num_rows()).filter(|r| nulls(*r) == most).collect();
    match (rows.num_rows(), summing.as_slice()) {
        (0, _) => {
            Err(Error::usage(format!("{} has no such row", model.name))
                .hint(format!("see them with: kangyang sql \"FROM {}\"", model.name)))
        }
        (_, [one]) => Ok(rows.slice(*one, 1)),
        (n, _) => {
            let some: Vec<String> = (0..n.min(5)).map(|r| known_by(model, &rows.slice(r, 1))).collect::<Result<_>>()?;
            let hint = "say which with --district, --year, --month or --key COLUMN=VALUE";
            Err(Error::usage(format!("{n} rows of {} are meant", model.name)).detail(some.join("; ") + " …").hint(hint))
        }
    }
}

/// Whether a column tells rows apart; figures and names don't.
fn key(model: &Model, name: &str) -> bool {
    let of_grain = model.grain.split(" with ").next().unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '_');
    !model.counts.iter().any(|c| c.column == name)
        && (name.ends_with("_code") || of_grain.into_iter().any(|w| w == name) || name == "position")
}

fn known_by(model: &Model, row: &RecordBatch) -> Result<String> {
    let schema = row.schema();
    let fields = schema.fields().iter().zip(row.columns()).filter(|(f, _)| key(model, f.name()) || f.name() == "district");
    let shown = fields.map(|(f, c)| {
        let value = if c.is_null(0) { "null".to_owned() } else { array_value_to_string(c, 0).context(|| "a key can't be shown".into())? };
        Ok(format!("{} = {value}", f.name()))
    });
    Ok(shown.collect::<Result<Vec<_>>>()?.join(", "))
}

/// A count's units: the rows that agree with the cell, each with its event and what it says of itself.
async fn units(engine: &mut Engine, model: &Model, count: &Count, cell: &RecordBatch, beside: Option<&str>) -> Result<Answer> {
    let columns = engine.columns(&count.units).await?;
    let condition = count.condition.as_deref().map(|c| with_cell(c, model, cell)).transpose()?;
    let mut conditions: Vec<String> = condition.into_iter().map(|c| format!("({c})")).collect();
    for (field, value) in cell.schema().fields().iter().zip(cell.columns()) {
        let name = field.name();
        let figure = model.counts.iter().any(|c| c.column == *name);
        let label = cell.schema().column_with_name(&format!("{name}_code")).is_some();
        let said = count.condition.as_deref().is_some_and(|c| names(c, name));
        if columns.column_with_name(name).is_some() && !figure && !label && !said && value.is_valid(0) {
            conditions.push(format!("{name} = {}", literal(value)?));
        }
    }
    let chosen = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    // A key of a person is for telling persons apart, never shown.
    let schema = cell.schema();
    let new = |name: &str| !name.starts_with("kafka_") && schema.column_with_name(name).is_none_or(|_| !key(model, name));
    let shown = columns.fields().iter().filter(|f| new(f.name()) && *f.data_type() != DataType::Binary && f.name() != "district");
    let why = shown.map(|f| format!("'{0}=' || CAST({0} AS VARCHAR)", f.name())).collect::<Vec<_>>().join(", ");
    let (one, order) = match &count.one_per {
        Some(k) => (format!("DISTINCT ON ({k}) "), format!(" ORDER BY {k}, {POSITION}")),
        None => Default::default(),
    };
    let positions = format!("SELECT {one}{POSITION}, concat_ws(', ', {why}) AS why FROM {}{chosen}{order}", count.units);
    let of = engine.dag.get(&count.units)?.events.clone();
    told(engine, &positions, of.as_deref(), beside).await
}

/// Whether a condition speaks of `cell.NAME`.
fn names(condition: &str, name: &str) -> bool {
    let whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    condition.split("cell.").skip(1).any(|rest| rest.strip_prefix(name).is_some_and(whole))
}

/// The condition with the cell's own values for `cell.NAME`.
fn with_cell(condition: &str, model: &Model, cell: &RecordBatch) -> Result<String> {
    let mut parts = condition.split("cell.");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        let value = cell
            .column_by_name(name)
            .ok_or_else(|| Error::new(format!("model {}: counts name cell.{name}, which it lacks", model.path)))?;
        text += &literal(value)?;
        text += rest;
    }
    Ok(text)
}

/// A one-row column's value in SQL.
fn literal(value: &arrow::array::ArrayRef) -> Result<String> {
    if value.is_null(0) {
        return Ok("NULL".into());
    }
    let text = array_value_to_string(value, 0).context(|| "a key can't be read".into())?;
    Ok(match value.data_type() {
        t if t.is_integer() || *t == DataType::Boolean => text,
        DataType::Date32 => format!("DATE {}", quoted(&text)),
        _ => quoted(&text),
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Every count that is explained, for who checks them all: mart, column.
pub fn explained(engine: &Engine) -> Vec<(String, String)> {
    let models = engine.dag.models.values().filter(|m| matches!(m.layer, Layer::Marts | Layer::Reports));
    models.flat_map(|m| m.counts.iter().map(|c| (m.name.clone(), c.column.clone()))).collect()
}

/// Columns of a mart or table that hold whole numbers.
pub fn numbers(schema: &Schema) -> Vec<String> {
    schema.fields().iter().filter(|f| *f.data_type() == DataType::Int64).map(|f| f.name().clone()).collect()
}
