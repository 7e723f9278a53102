//! The whole path on the embedded broker: generated events → log → lake → marts → report, every figure compared with the generator's
//! own count.
mod compare;
mod generate;
mod mishaps;
mod offices;
mod outcomes;
mod plant;
mod random;
mod schedule;
mod sign;
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
use crate::models::{Engine, Opening, Period, Pin, Pinned, marts};
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
    let queries = Tree::queries(settings.queries.as_deref())?;
    let at = Session { settings, contract: &contract, schemas, queries: &queries, root: &root };
    let read = flow(&at, &broker, runtime, &demo)?;
    if read != demo.events.len() as u64 {
        return Err(Error::new("the embedded broker lost messages").detail(format!("{} sent, {read} read", demo.events.len())));
    }
    runtime.block_on(show(&at, place, &demo.truth))
}

/// What a query session of the demo is opened on.
struct Session<'a> {
    settings: &'a Settings,
    contract: &'a Arc<Contract>,
    schemas: &'a Tree,
    queries: &'a Tree,
    root: &'a Path,
}

impl<'a> Session<'a> {
    fn request(&'a self, period: &'a Period, pinned: &'a Pinned) -> reports::Request<'a> {
        let Session { contract, schemas, queries, root, .. } = self;
        reports::Request { recipient: None, period, pinned, contract, schemas, queries, root }
    }
}

/// A session on the lake as it is now.
async fn session(at: &Session<'_>) -> Result<(Engine, Pinned)> {
    let mut lake = Lake::open(at.root).await?;
    let pinned = Pin::newest(&mut lake).await?;
    let memory = at.settings.memory_limit.unwrap_or_else(config::half_of_memory);
    let opening = Opening { lake: &lake, contract: at.contract, queries: at.queries, pinned: &pinned, memory, scratch: at.root };
    Ok((Engine::open(&opening).await?, pinned))
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

/// Sends a bounded number of events, lets ingest catch up, and so on: the broker never holds more than it keeps. Before a closing is
/// sent, the report that it signs is published.
fn flow(at: &Session<'_>, broker: &Embedded, runtime: &Handle, demo: &generate::Demo) -> Result<u64> {
    let (mut read, mut signed) = (0, sign::Signed::default());
    for until_signed in demo.events.chunk_by(|_, next| !sign::signs(next)) {
        for part in until_signed.chunks(IN_FLIGHT) {
            let mut producer = Producer::new(broker.log())?;
            for e in part {
                match sign::signs(e) {
                    true => {
                        let payload = runtime.block_on(signed.closing(e, at, &demo.truth.plan))?;
                        producer.send(e.topic, &e.key, &payload, Some(e.recorded_at))?;
                    }
                    false => producer.send(e.topic, &e.key, &e.payload, Some(e.recorded_at))?,
                }
            }
            producer.finish()?;
            let lake = runtime.block_on(Lake::create(at.root, at.contract, &at.settings.topic_prefix))?;
            let options = ingest::Options {
                group: at.settings.group.clone(),
                interval: at.settings.commit_interval,
                bytes: at.settings.commit_bytes,
                until_caught_up: true,
                accept_loss: false,
                stop: Arc::new(AtomicBool::new(false)),
            };
            read += ingest::ingest(broker.log(), at.contract.clone(), lake, runtime, options)?.messages;
        }
    }
    Ok(read)
}

async fn show(at: &Session<'_>, place: &str, truth: &Truth) -> Result<()> {
    let (mut engine, pinned) = session(at).await?;
    let dir = at.root.join("marts");
    let built = marts::build(&mut engine, &dir).await?;
    marts::note(&dir, &pinned, &marts::inputs(at.queries, at.schemas), &built)?;

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
    let done = reports::publish(&mut engine, &at.request(&period, &pinned)).await?;
    let report = done.dir.strip_prefix(at.root).map(|p| Path::new(place).join(p)).unwrap_or_else(|_| done.dir.clone());
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
