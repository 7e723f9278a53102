//! The whole path on the embedded broker: generated events → log → lake → marts → report, every figure compared with the generator's
//! own count.
mod compare;
mod generate;
mod mishaps;
mod offices;
mod outcomes;
mod pins;
mod plant;
mod random;
mod schedule;
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
use crate::models::{Engine, Opening, Period, Pin, marts};
use crate::reports;
use crate::table::{self, Format, Stdout, say};
use crate::tree::Tree;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::runtime::Handle;
use truth::Truth;

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
    say(format!("{} events of {} districts, through an embedded broker into {place}\n", demo.events.len(), demo.truth.districts))?;
    let broker = Embedded::start(&settings.topic_prefix)?;
    let read = flow(settings, &contract, &broker, &root, runtime, &demo.events)?;
    if read != demo.events.len() as u64 {
        return Err(Error::new("the embedded broker lost messages").detail(format!("{} sent, {read} read", demo.events.len())));
    }
    runtime.block_on(show(settings, &contract, schemas, &root, place, &demo.truth))
}

/// Removes what an earlier demo left, all but its mark, so that it stays a demo's own if this is stopped half-way. Error: the folder is
/// not a demo's.
fn clear(place: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(place) else { return Ok(()) };
    let entries: Vec<_> = entries.collect::<std::io::Result<_>>().context(|| format!("folder {} can't be read", place.display()))?;
    if !entries.is_empty() && !place.join(MARK).exists() {
        let hint = "a demo replaces its own data root and no other: give an empty folder with --data";
        return Err(Error::new(format!("folder {} holds something else", place.display())).hint(hint));
    }
    for path in entries.iter().map(|e| e.path()).filter(|p| !p.ends_with(MARK)) {
        let removed = if path.is_dir() && !path.is_symlink() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.context(|| format!("{} can't be removed", path.display()))?;
    }
    Ok(())
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

async fn show(settings: &Settings, contract: &Arc<Contract>, schemas: &Tree, root: &Path, place: &str, truth: &Truth) -> Result<()> {
    let queries = Tree::queries(settings.queries.as_deref())?;
    let mut lake = Lake::open(root).await?;
    let pinned = Pin::newest(&mut lake).await?;
    let memory = settings.memory_limit.unwrap_or_else(config::half_of_memory);
    let mut engine = Engine::open(&Opening { lake: &lake, contract, queries: &queries, pinned: &pinned, memory, scratch: root }).await?;
    let dir = root.join("marts");
    let built = marts::build(&mut engine, &dir).await?;
    marts::note(&dir, &pinned, &marts::inputs(&queries, schemas), &built)?;

    let table = compare::table(&mut engine, truth).await?;
    table::print(Format::Table, &table.schema(), std::slice::from_ref(&table), &mut Stdout)?;
    let (found, (leads, others, missing)) = (compare::figures(&mut engine, truth).await?, compare::leads(&mut engine, truth).await?);
    let wrong = [found.wrong, missing.wrong].concat();
    if !wrong.is_empty() {
        return Err(Error::refused("figures differ from the generator's own count").detail(wrong.join("\n")));
    }
    let (accepted, rejected) = (truth.accepted, truth.rejected);
    say(format!(
        "\n{} figures equal the generator's own count; {accepted} events accepted, {rejected} refused, none lost.",
        found.compared
    ))?;
    say(format!("leads: {} planted, {leads} found; {others} others", missing.compared))?;
    let (kinds, mishaps) = (truth.planted.len(), truth.planted.values().sum::<u64>());
    say(format!(
        "{mishaps} mishaps of {kinds} kinds are among them: duplicates, corrections, withdrawals, conflicts, late and bad events.\n"
    ))?;

    let last = truth.years.last().copied().unwrap_or_default();
    let name = format!("{last}-12");
    let period = Period::new(&truth.plan, &name)?;
    let request = reports::Request { recipient: None, period: &period, pinned: &pinned, contract, schemas, queries: &queries, root };
    let done = reports::publish(&mut engine, &request).await?;
    let report = done.dir.strip_prefix(root).map(|p| Path::new(place).join(p)).unwrap_or_else(|_| done.dir.clone());
    say(format!(
        "The lake is in {place}/events, the figures in {place}/marts/*.parquet, the report for {name} in {}.\n",
        report.display()
    ))?;
    say("Try next:")?;
    say(format!("  kangyang --data {place} explain --mart completion_by_year --metric held --year {last}"))?;
    say(format!("  kangyang --data {place} report --period {}-06 --as-of {}-07-05T18:00:00+08:00", last - 1, last - 1))?;
    say(format!("  open {}/report.html", report.display()))?;
    Ok(())
}
