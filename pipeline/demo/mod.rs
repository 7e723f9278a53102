//! The whole path on the embedded broker: generated events → log → lake → marts → report, every figure compared with the generator's
//! own count.
mod generate;
mod mishaps;
mod offices;
mod pins;
mod random;
mod tell;
mod time;
mod training;
mod truth;
mod world;

use crate::config::{self, Settings};
use crate::contract::Contract;
use crate::error::{Context, Error, Result};
use crate::lake::{Lake, ingest};
use crate::log::embedded::{Embedded, IN_FLIGHT};
use crate::log::produce::Producer;
use crate::models::engine::Answer;
use crate::models::{Engine, Opening, Period, Pin, marts};
use crate::reports;
use crate::table::{self, Format};
use crate::tree::Tree;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::runtime::Handle;
use truth::{Cell, Truth};

/// How much is generated.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The generator's seed.
    pub seed: u64,
    /// About how many trainees.
    pub trainees: usize,
}

/// What a data root that a demo made is known by: it may be replaced.
const MARK: &str = ".kangyang-demo";

/// Runs the demo. Errors: a data root that is another's; any figure that differs from the generator's own count (exit 3).
pub fn run(settings: &Settings, contract: Arc<Contract>, schemas: &Tree, runtime: &Handle, size: Size) -> Result<()> {
    let place = settings.data.as_deref().unwrap_or("./data-demo").trim_end_matches('/');
    clear(Path::new(place))?;
    let root = config::folder(place)?;
    std::fs::write(root.join(MARK), "made by kangyang demo, which may replace all of it\n")
        .context(|| format!("folder {place} can't be written"))?;
    let demo = generate::generate(&contract, size.seed, size.trainees)?;
    println!("{} events of {} districts, through an embedded broker into {place}\n", demo.events.len(), districts(&demo.truth));
    let broker = Embedded::start(&settings.topic_prefix)?;
    let read = flow(settings, &contract, &broker, &root, runtime, &demo.events)?;
    if read != demo.events.len() as u64 {
        return Err(Error::new("the embedded broker lost messages").detail(format!("{} sent, {read} read", demo.events.len())));
    }
    runtime.block_on(show(settings, &contract, schemas, &root, place, &demo.truth))
}

/// Removes what an earlier demo left. Error: the folder is not a demo's.
fn clear(place: &Path) -> Result<()> {
    let Ok(mut entries) = std::fs::read_dir(place) else { return Ok(()) };
    if place.join(MARK).exists() {
        return std::fs::remove_dir_all(place).context(|| format!("folder {} can't be removed", place.display()));
    }
    match entries.next() {
        None => Ok(()),
        Some(_) => {
            let hint = "a demo replaces its own data root and no other: give an empty folder with --data";
            Err(Error::new(format!("folder {} holds something else", place.display())).hint(hint))
        }
    }
}

fn districts(truth: &Truth) -> usize {
    truth.districts.keys().map(|(_, d)| d).collect::<BTreeSet<_>>().len()
}

/// Sends a bounded number of events, lets ingest catch up, and so on: the broker never holds more than it keeps.
fn flow(
    settings: &Settings,
    contract: &Arc<Contract>,
    broker: &Embedded,
    root: &Path,
    runtime: &Handle,
    events: &[generate::Event],
) -> Result<u64> {
    let mut read = 0;
    for part in events.chunks(IN_FLIGHT) {
        let mut producer = Producer::new(broker.log())?;
        for e in part {
            producer.send(e.topic, &e.key, &e.payload, Some(e.recorded_at))?;
        }
        producer.finish()?;
        let lake = runtime.block_on(Lake::create(root, contract, &settings.topic_prefix))?;
        let options = ingest::Options {
            group: settings.group.clone(),
            interval: settings.commit_interval,
            bytes: settings.commit_bytes,
            until_caught_up: true,
            accept_loss: false,
            stop: Arc::new(AtomicBool::new(false)),
        };
        read += ingest::ingest(broker.log(), contract.clone(), lake, runtime, options)?.messages;
    }
    Ok(read)
}

async fn show(settings: &Settings, contract: &Contract, schemas: &Tree, root: &Path, place: &str, truth: &Truth) -> Result<()> {
    let queries = Tree::queries(settings.queries.as_deref())?;
    let mut lake = Lake::open(root).await?;
    let pinned = Pin::newest(&mut lake).await?;
    let memory = settings.memory_limit.unwrap_or_else(config::half_of_memory);
    let mut engine = Engine::open(&Opening { lake: &lake, contract, queries: &queries, pinned: &pinned, memory, scratch: root }).await?;
    let dir = root.join("marts");
    let built = marts::build(&mut engine, &dir).await?;
    marts::note(&dir, &pinned, &built)?;

    let districts = engine.query("SELECT * FROM completion_by_district_year ORDER BY plan, position, year").await?;
    let city = engine.query("SELECT * FROM completion_by_year ORDER BY plan, year").await?;
    let (table, compared, wrong) = compare(&districts, &city, truth)?;
    table::print(Format::Table, &table.schema(), std::slice::from_ref(&table), &mut std::io::stdout().lock())?;
    let ledger = engine
        .query("SELECT CAST(sum(accepted) AS BIGINT) AS accepted, CAST(sum(rejected) AS BIGINT) AS rejected FROM ledger")
        .await?
        .batch()?;
    let (accepted, rejected) = (ints(&ledger, "accepted")?.value(0), ints(&ledger, "rejected")?.value(0));
    let counted = (accepted as u64, rejected as u64) == (truth.accepted, truth.rejected);
    if !wrong.is_empty() || !counted {
        let lists = wrong.join("\n");
        let detail = format!("accepted {accepted} for {}, rejected {rejected} for {}\n{lists}", truth.accepted, truth.rejected);
        return Err(Error::refused("figures differ from the generator's own count").detail(detail));
    }
    println!("\n{compared} figures equal the generator's own count; {accepted} events accepted, {rejected} refused, none lost.");
    let planted = truth.planted.iter().map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", ");
    println!("Planted among them: {planted}.\n");

    let last = truth.city.keys().last().copied().unwrap_or_default();
    let name = format!("{last}-12");
    let period = Period::new(&truth.plan, &name)?;
    let request = reports::Request { period: &period, pinned: &pinned, contract, schemas, queries: &queries, root };
    let done = reports::publish(&mut engine, &request).await?;
    let report = done.dir.strip_prefix(root).map(|p| Path::new(place).join(p)).unwrap_or_else(|_| done.dir.clone());
    println!("The lake is in {place}/events, the figures in {place}/marts/*.parquet, the report for {name} in {}.\n", report.display());
    println!("Try next:");
    println!("  kangyang --data {place} sql \"SELECT * FROM conflicts LIMIT 5\"");
    println!("  kangyang --data {place} report --period {}-06 --as-of {}-07-05T18:00:00+08:00", last - 1, last - 1);
    println!("  open {}/report.html", report.display());
    Ok(())
}

fn ints<'a>(batch: &'a RecordBatch, column: &str) -> Result<&'a Int64Array> {
    let found = batch.column_by_name(column).and_then(|c| c.as_primitive_opt::<Int64Type>());
    found.ok_or_else(|| Error::new(format!("column {column} is missing or no count")))
}

fn text<'a>(batch: &'a RecordBatch, column: &str) -> Result<&'a StringArray> {
    let found = batch.column_by_name(column).and_then(|c| c.as_string_opt::<i32>());
    found.ok_or_else(|| Error::new(format!("column {column} is missing or no text")))
}

/// A row's figures that the generator counts too.
fn cell(batch: &RecordBatch, row: usize) -> Result<Cell> {
    let of = |column| Ok::<i64, Error>(ints(batch, column)?.value(row));
    Ok(Cell {
        completed: of("completed")?,
        persons: of("persons")?,
        held: of("held")?,
        withdrawn: of("withdrawn")?,
        subsidised: of("subsidised")?,
    })
}

/// The completion table by district for each year and the city; how many figures were compared; those that differ.
fn compare(districts: &Answer, city: &Answer, truth: &Truth) -> Result<(RecordBatch, usize, Vec<String>)> {
    let (districts, city) = (districts.batch()?, city.batch()?);
    let (mut compared, mut wrong) = (0, vec![]);
    let mut check = |place: String, got: Cell, want: Option<&Cell>| {
        compared += 5;
        if want != Some(&got) {
            wrong.push(format!("{place}: lake {got:?}, generator {want:?}"));
        }
    };
    let mut names = vec![];
    let mut figures: BTreeMap<i64, Vec<(i64, i64, Option<String>)>> = BTreeMap::new();
    let mut rows = 0;
    for (batch, is_city) in [(&districts, false), (&city, true)] {
        let years = ints(batch, "year")?;
        let rate = arrow::compute::cast(
            batch.column_by_name("completion_rate").ok_or_else(|| Error::new("column completion_rate is missing"))?,
            &arrow::datatypes::DataType::Utf8,
        );
        let rate = rate.context(|| "rates can't be shown".into())?;
        let rate = rate.as_string::<i32>();
        for row in 0..batch.num_rows() {
            let year = years.value(row);
            let name = if is_city { "全市".to_owned() } else { text(batch, "district")?.value(row).to_owned() };
            let want = if is_city {
                truth.city.get(&year)
            } else {
                truth.districts.get(&(year, text(batch, "district_code")?.value(row).to_owned()))
            };
            check(format!("{name} {year}"), cell(batch, row)?, want);
            if names.last() != Some(&name) {
                names.push(name);
            }
            let shown = rate.is_valid(row).then(|| rate.value(row).to_owned());
            figures.entry(year).or_default().push((ints(batch, "target")?.value(row), ints(batch, "completed")?.value(row), shown));
            rows += 1;
        }
    }
    if rows != truth.districts.len() + truth.city.len() {
        wrong.push(format!("{rows} rows for {}", truth.districts.len() + truth.city.len()));
    }
    let mut columns: Vec<(String, ArrayRef)> = vec![("单位".into(), Arc::new(StringArray::from(names)))];
    for (year, list) in figures {
        columns.push((format!("{year} 任务"), Arc::new(list.iter().map(|f| Some(f.0)).collect::<Int64Array>())));
        columns.push((format!("{year} 完成"), Arc::new(list.iter().map(|f| Some(f.1)).collect::<Int64Array>())));
        columns.push((format!("{year} 完成率%"), Arc::new(list.into_iter().map(|f| f.2).collect::<StringArray>())));
    }
    let table = RecordBatch::try_from_iter(columns).context(|| "completion table can't be shown".into())?;
    Ok((table, compared, wrong))
}
