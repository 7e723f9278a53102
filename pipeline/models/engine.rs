//! The one way to open a query session, and to run models in it: held tables for steps that several models share, views for the rest.
use super::dag::{Dag, Layer, Model, tables};
use super::pin::Pinned;
use super::signed::{Part, Signed, SignedTable};
use crate::contract::Contract;
use crate::durable::lock;
use crate::error::{Context, Error, Result};
use crate::lake::scan::Files;
use crate::lake::write::CREATED_BY;
use crate::lake::{Lake, rejects_schema};
use crate::tree::Tree;
use arrow::array::{ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::{col, lit};
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The span a report is about: a month or a year of a plan (table `report_period`).
#[derive(Clone, Debug)]
pub struct Period {
    /// The plan.
    pub plan: String,
    /// `2021-06` or `2021`.
    pub name: String,
    /// The year.
    pub year: i64,
    /// The month; 12 for a year.
    pub month: i64,
    /// The first day of the month or year.
    pub first_day: NaiveDate,
    /// The last day of the month or year.
    pub last_day: NaiveDate,
}

impl Period {
    /// Reads `2021-06` or `2021`.
    pub fn new(plan: &str, name: &str) -> Result<Period> {
        let bad = || Error::usage(format!("period {name:?} is no month and no year")).hint("write 2021-06 or 2021");
        let (year, month) = name.split_once('-').map_or((name, None), |(y, m)| (y, Some(m)));
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || month.is_some_and(|m| !digits(m, 2)) {
            return Err(bad());
        }
        let year: i32 = year.parse().map_err(|_| bad())?;
        let first: u32 = month.map_or(Ok(1), str::parse).map_err(|_| bad())?;
        let last = month.map_or(12, |_| first);
        let first_day = NaiveDate::from_ymd_opt(year, first, 1).ok_or_else(bad)?;
        let next = if last == 12 { NaiveDate::from_ymd_opt(year + 1, 1, 1) } else { NaiveDate::from_ymd_opt(year, last + 1, 1) };
        let last_day = next.and_then(|d| d.pred_opt()).ok_or_else(bad)?;
        Ok(Period { plan: plan.to_owned(), name: name.to_owned(), year: year.into(), month: last.into(), first_day, last_day })
    }

    fn batch(period: Option<&Period>) -> Result<RecordBatch> {
        let text = |f: fn(&Period) -> &str| Arc::new(period.iter().map(|p| Some(f(p))).collect::<StringArray>()) as ArrayRef;
        let int = |f: fn(&Period) -> i64| Arc::new(period.iter().map(|p| Some(f(p))).collect::<Int64Array>()) as ArrayRef;
        let day = |f: fn(&Period) -> NaiveDate| {
            Arc::new(period.iter().map(|p| Some(Date32Type::from_naive_date(f(p)))).collect::<Date32Array>()) as ArrayRef
        };
        RecordBatch::try_from_iter_with_nullable([
            ("plan", text(|p| &p.plan), false),
            ("period", text(|p| &p.name), false),
            ("year", int(|p| p.year), false),
            ("month", int(|p| p.month), false),
            ("first_day", day(|p| p.first_day), false),
            ("last_day", day(|p| p.last_day), false),
        ])
        .context(|| "table report_period can't be built".into())
    }
}

/// What a session is opened on.
pub struct Opening<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// Event types and reference data.
    pub contract: &'a Arc<Contract>,
    /// The models.
    pub queries: &'a Tree,
    /// How far the lake is read.
    pub pinned: &'a Pinned,
    /// The most memory in bytes.
    pub memory: u64,
    /// The data root: where to spill to, and below which published reports are.
    pub scratch: &'a Path,
}

/// A query session on the lake below a pin, with every model at hand.
pub struct Engine {
    session: SessionContext,
    /// The models.
    pub dag: Dag,
    ready: BTreeSet<String>,
    hold_limit: u64,
    held_bytes: Arc<AtomicU64>,
    held: BTreeMap<String, Held>,
    scratch: Scratch,
}

/// What a held table takes: bytes of memory, files of the scratch folder.
#[derive(Default)]
struct Held {
    bytes: u64,
    files: Vec<PathBuf>,
}

/// A folder for what does not fit in memory; it goes with the session, or with the next one if the process crashed.
struct Scratch {
    path: PathBuf,
    _lock: File,
}

/// Removes the scratch folders that crashed sessions left below a data root. While the value lives, no new one is made.
pub fn sweep(root: &Path) -> Result<File> {
    // One process at a time, so that none takes a folder for a dead one's that is just being made.
    let gate = lock(&root.join(".scratch.lock"))?;
    for entry in std::fs::read_dir(root).context(|| format!("folder {} can't be read", root.display()))?.flatten() {
        let path = entry.path();
        let dead = || File::open(path.join("lock")).map_or(true, |f| f.try_lock().is_ok());
        if entry.file_name().to_string_lossy().starts_with(".scratch-") && dead() {
            tracing::info!("removing {}, which a crash left", path.display());
            let _ = std::fs::remove_dir_all(&path);
        }
    }
    Ok(gate)
}

impl Scratch {
    fn new(root: &Path) -> Result<Scratch> {
        let _gate = sweep(root)?;
        let path = root.join(format!(".scratch-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).context(|| format!("folder {} can't be made", path.display()))?;
        Ok(Scratch { _lock: lock(&path.join("lock"))?, path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The rows of a model or a query as they come, in the plain types.
pub struct Rows {
    /// The columns.
    pub schema: SchemaRef,
    stream: SendableRecordBatchStream,
    failed: String,
}

impl Rows {
    fn new(stream: SendableRecordBatchStream, failed: String) -> Rows {
        Rows { schema: plain_schema(&stream.schema()), stream, failed }
    }

    /// The next ones; `None` after the last. Error: the model or query fails.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.stream.next().await {
            None => Ok(None),
            Some(Err(e)) => Err(Error::new(&self.failed).detail(brief(&e))),
            Some(Ok(batch)) => plain(&self.schema, &batch).map(Some),
        }
    }

    async fn all(mut self) -> Result<Answer> {
        let mut batches = vec![];
        while let Some(batch) = self.next().await? {
            batches.push(batch);
        }
        Ok(Answer { schema: self.schema, batches })
    }
}

/// A check that found bad rows.
pub struct Finding {
    /// The check.
    pub model: Model,
    /// How many it found.
    pub rows: usize,
    /// The first of them.
    pub first: Answer,
}

/// The most bytes that held tables take in memory, however much there is: beyond it a file is as fast to read.
const HELD: u64 = 256 << 20;

/// The most bad rows of a check that are kept.
const FIRST: usize = 20;

/// A model's whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows, in the model's order.
    pub batches: Vec<RecordBatch>,
}

impl Answer {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// All rows as one batch.
    pub fn batch(&self) -> Result<RecordBatch> {
        arrow::compute::concat_batches(&self.schema, &self.batches).context(|| "rows can't be joined".into())
    }
}

impl Engine {
    /// Opens the session. Errors: a model that can't be read, a lake that can't.
    pub async fn open(o: &Opening<'_>) -> Result<Engine> {
        let scratch = Scratch::new(o.scratch)?;
        let session = session(o.memory, &scratch.path)?;
        let failed = || "query session can't be opened".to_owned();
        let mut base: BTreeMap<String, RecordBatch> = o.contract.reference().clone();
        base.insert("pin".into(), o.pinned.pin.batch()?);
        base.insert("event_types".into(), o.contract.event_types_batch()?);
        base.insert("report_period".into(), Period::batch(None)?);
        for (name, batch) in &base {
            let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]).context(failed)?;
            session.register_table(name.as_str(), Arc::new(table)).context(failed)?;
        }
        let pin = Some(&o.pinned.pin.0);
        let events = Arc::new(Files::of_table(&o.lake.events, o.contract.lake_schema(), pin)?);
        session.register_table("events", events.clone()).context(failed)?;
        // A range of offsets that crosses the pin ends at it.
        session.register_table("lake_rejects", Arc::new(Files::of_table(&o.lake.rejects, rejects_schema(), pin)?)).context(failed)?;
        let rejects = session.sql(REJECTS).await.context(failed)?;
        session.register_table("rejects", rejects.into_view()).context(failed)?;
        let mut names: BTreeSet<String> = base.keys().cloned().chain(["events".to_owned(), "rejects".to_owned()]).collect();
        names.extend(Part::ALL.map(|p| p.name().to_owned()));
        for kind in o.contract.types() {
            let columns: Vec<_> = kind.schema().fields().iter().map(|f| col(f.name())).collect();
            let frame = session.table("events").await.context(failed)?;
            let view = frame.filter(col("type").eq(lit(&kind.type_name))).and_then(|f| f.select(columns)).context(failed)?;
            session.register_table(kind.name.as_str(), view.into_view()).context(failed)?;
            names.insert(kind.name.clone());
        }
        let dag = Dag::read(o.queries, &names)?;
        let signed = Arc::new(Signed::new(o, &dag, &base, events));
        for part in Part::ALL {
            session.register_table(part.name(), Arc::new(SignedTable::new(signed.clone(), part))).context(failed)?;
        }
        Ok(Engine {
            session,
            dag,
            ready: BTreeSet::new(),
            hold_limit: (o.memory / 4).min(HELD),
            held_bytes: Arc::default(),
            held: BTreeMap::new(),
            scratch,
        })
    }

    /// The session's folder on disk: what is in it goes with the session.
    pub fn scratch(&self) -> &Path {
        &self.scratch.path
    }

    /// Sets the span that the models of `reports/` are about.
    pub fn set_period(&mut self, period: &Period) -> Result<()> {
        let batch = Period::batch(Some(period))?;
        self.remember("report_period", &Answer { schema: batch.schema(), batches: vec![batch] })
    }

    /// The plans that have targets, bytewise.
    pub async fn plans(&mut self) -> Result<Vec<String>> {
        let batch = self.query("SELECT DISTINCT plan FROM target_set_in_force ORDER BY plan").await?.batch()?;
        let plans = batch.columns().first().and_then(|c| c.as_string_opt::<i32>());
        let plans = plans.ok_or_else(|| Error::new("model target_set_in_force: column plan is no text"))?;
        Ok(plans.iter().flatten().map(str::to_owned).collect())
    }

    /// Makes ready all that the targets read.
    pub async fn prepare(&mut self, targets: &[String]) -> Result<()> {
        let needed = self.dag.needed(targets, &self.ready);
        for name in needed.iter().filter(|n| !targets.contains(n)) {
            self.provide_among(name, &needed).await?;
        }
        Ok(())
    }

    /// Makes one model ready: held as a table if `steps` read it more than once or its header says so, else a view. Leads are held too:
    /// each is much work for few rows, and as views of the one mart that reads them all would run at once.
    pub async fn provide_among(&mut self, name: &str, steps: &[String]) -> Result<()> {
        if self.ready.contains(name) {
            return Ok(());
        }
        let models = || steps.iter().filter_map(|n| self.dag.models.get(n));
        let readers = models().filter(|m| m.reads.contains(name)).count();
        let reread = readers > 1 || models().any(|m| m.rereads.contains(name));
        let held = self.dag.models.get(name).is_some_and(|m| m.held || m.layer == Layer::Leads);
        self.provide(name, reread || held).await
    }

    /// Lets go of models that none of the steps ahead reads, and of what they hold.
    pub fn release(&mut self, ahead: &[String]) {
        let (mut read, mut open) = (BTreeSet::new(), ahead.to_vec());
        while let Some(name) = open.pop() {
            for r in self.dag.models.get(&name).iter().flat_map(|m| &m.reads) {
                // A view reads what it is made of whenever it is read itself.
                if read.insert(r.clone()) && self.is_step(r) && self.ready.contains(r) && !self.held.contains_key(r) {
                    open.push(r.clone());
                }
            }
        }
        // Marts stay: they are files, and a report reads them.
        let done: Vec<String> = self.ready.iter().filter(|r| !read.contains(*r) && self.is_step(r)).cloned().collect();
        for name in done {
            if self.session.deregister_table(name.as_str()).is_ok() {
                self.ready.remove(&name);
                let held = self.held.remove(&name).unwrap_or_default();
                self.held_bytes.fetch_sub(held.bytes, Ordering::Relaxed);
                // A file that stays goes with the folder.
                held.files.iter().for_each(|f| drop(std::fs::remove_file(f)));
            }
        }
    }

    /// Whether a model is a step on the way: no file keeps it.
    fn is_step(&self, name: &str) -> bool {
        self.dag.models.get(name).is_some_and(|m| matches!(m.layer, Layer::State | Layer::Leads))
    }

    async fn provide(&mut self, name: &str, hold: bool) -> Result<()> {
        let model = self.dag.get(name)?.clone();
        let frame = self.plan(&model).await?;
        let failed = || format!("model {} can't be run", model.path);
        if hold {
            self.hold(&model, frame).await?;
        } else {
            self.session.register_table(name, frame.into_view()).context(failed)?;
        }
        self.ready.insert(name.to_owned());
        Ok(())
    }

    async fn plan(&self, model: &Model) -> Result<DataFrame> {
        self.session
            .sql(&model.sql)
            .await
            .map_err(|e| Error::new(format!("model {}: SQL does not fit its tables", model.path)).detail(brief(&e)))
    }

    /// Runs a model and keeps its rows: in memory, or beyond the limit in files of the scratch folder.
    async fn hold(&mut self, model: &Model, frame: DataFrame) -> Result<()> {
        let failed = || format!("model {} can't be run", model.path);
        let streams = frame.execute_stream_partitioned().await.map_err(|e| Error::new(failed()).detail(brief(&e)))?;
        // Whether a column may be null differs between a plan and its batches: a held table promises nothing.
        let Some(schema) = streams.first().map(|s| nullable(&s.schema())) else {
            return Err(Error::new(failed()).detail("the plan has no output"));
        };
        let tasks: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(i, stream)| {
                let path = self.scratch.path.join(format!("{}-{i}.parquet", model.name));
                tokio::spawn(keep(stream, schema.clone(), path, self.held_bytes.clone(), self.hold_limit))
            })
            .collect();
        let (mut memory, mut files, mut bytes) = (vec![], vec![], 0);
        for task in tasks {
            match task.await.context(failed)?.map_err(|e| Error::new(failed()).detail(e))? {
                Kept::Memory(batches, size) => {
                    memory.push(batches);
                    bytes += size;
                }
                Kept::File(path, rows) => files.push((path, rows)),
            }
        }
        let provider: Arc<dyn datafusion::catalog::TableProvider> = if files.is_empty() {
            Arc::new(MemTable::try_new(schema, memory).context(failed)?)
        } else {
            for (i, batches) in memory.into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
                let path = self.scratch.path.join(format!("{}-m{i}.parquet", model.name));
                let rows = spill(&path, &schema, batches)?;
                files.push((path, rows));
            }
            self.held_bytes.fetch_sub(std::mem::take(&mut bytes), Ordering::Relaxed);
            Arc::new(Files::of_files(&files, schema)?)
        };
        self.held.insert(model.name.clone(), Held { bytes, files: files.into_iter().map(|(path, _)| path).collect() });
        self.session.register_table(model.name.as_str(), provider).context(failed)?;
        Ok(())
    }

    /// Makes a mart's file known as its table, so that models that read it read the file.
    pub fn serve(&mut self, name: &str, path: &Path, schema: SchemaRef, rows: usize) -> Result<()> {
        let failed = || format!("mart {name} can't be read back");
        self.session.register_table(name, Arc::new(Files::of_files(&[(path.to_owned(), rows)], schema)?)).context(failed)?;
        self.ready.insert(name.to_owned());
        Ok(())
    }

    /// A model's rows, after `prepare`.
    pub async fn stream(&self, name: &str) -> Result<Rows> {
        let model = self.dag.get(name)?;
        let failed = format!("model {} can't be run", model.path);
        let stream = self.plan(model).await?.execute_stream().await;
        Ok(Rows::new(stream.map_err(|e| Error::new(&failed).detail(brief(&e)))?, failed))
    }

    /// A model's rows, after `prepare`: for what is small.
    pub async fn answer(&self, name: &str) -> Result<Answer> {
        self.stream(name).await?.all().await
    }

    /// A query of a user: reads whatever it names, changes nothing.
    pub async fn rows(&mut self, sql: &str) -> Result<Rows> {
        let reads = tables(sql).map_err(|e| Error::new("query can't be read").detail(e))?;
        let models: Vec<String> = reads.iter().filter(|r| self.dag.models.contains_key(*r)).cloned().collect();
        let needed = self.dag.needed(&models, &self.ready);
        for name in &needed {
            self.provide_among(name, &needed).await?;
        }
        let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let failed = |e: DataFusionError| Error::new("query can't be run").detail(brief(&e));
        let frame = self.session.sql_with_options(sql, options).await.map_err(failed)?;
        Ok(Rows::new(frame.execute_stream().await.map_err(failed)?, "query can't be run".into()))
    }

    /// Makes models ready and keeps their rows: for who asks many things of them.
    pub async fn keep(&mut self, names: &[String]) -> Result<()> {
        let needed = self.dag.needed(names, &self.ready);
        for name in &needed {
            if names.contains(name) {
                self.provide(name, true).await?;
            } else {
                self.provide_among(name, &needed).await?;
            }
        }
        Ok(())
    }

    /// Makes a query's answer known under a name, in place of the one that had it before.
    pub fn remember(&mut self, name: &str, answer: &Answer) -> Result<()> {
        let failed = || format!("rows can't be kept as {name}");
        let table = MemTable::try_new(answer.schema.clone(), vec![answer.batches.clone()]).context(failed)?;
        self.session.deregister_table(name).context(failed)?;
        self.session.register_table(name, Arc::new(table)).context(failed)?;
        Ok(())
    }

    /// The columns of a model.
    pub async fn columns(&mut self, name: &str) -> Result<SchemaRef> {
        Ok(self.rows(&format!("SELECT * FROM {name} LIMIT 0")).await?.schema)
    }

    /// A query's rows: for what is small.
    pub async fn query(&mut self, sql: &str) -> Result<Answer> {
        self.rows(sql).await?.all().await
    }

    /// Runs every check; returns those that found bad rows.
    pub async fn checks(&mut self) -> Result<Vec<Finding>> {
        let names = self.dag.layer(Layer::Checks);
        self.prepare(&names).await?;
        let mut bad = vec![];
        for name in &names {
            let mut stream = self.stream(name).await?;
            let (mut rows, mut first) = (0, vec![]);
            while let Some(batch) = stream.next().await? {
                first.push(batch.slice(0, batch.num_rows().min(FIRST.saturating_sub(rows))));
                first.retain(|b| b.num_rows() > 0);
                rows += batch.num_rows();
            }
            if rows > 0 {
                bad.push(Finding { model: self.dag.get(name)?.clone(), rows, first: Answer { schema: stream.schema, batches: first } });
            }
        }
        Ok(bad)
    }
}

const REJECTS: &str = "
SELECT r.kafka_topic, r.kafka_partition, r.kafka_offset, least(r.end_offset, pin.kafka_offset) AS end_offset,
    r.recorded_at, r.size_bytes, r.reason, r.json_path, r.detail
FROM lake_rejects AS r
JOIN pin ON pin.kafka_topic = r.kafka_topic AND pin.kafka_partition = r.kafka_partition";

/// The first line of an engine's error: what follows is its own backtrace of plans.
fn brief(e: &DataFusionError) -> String {
    e.strip_backtrace().lines().next().unwrap_or_default().to_owned()
}

fn session(memory: u64, scratch: &Path) -> Result<SessionContext> {
    let mut config = SessionConfig::new().with_batch_size(32768).with_information_schema(true);
    let options = config.options_mut();
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.schema_force_view_types = false;
    // The small side of a join is collected, the big one not moved between threads. Where only rows are known, the default stays: beside
    // a side of unknown size, millions of rows would be collected as the small one.
    options.optimizer.hash_join_single_partition_threshold = 64 << 20;
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![scratch.to_owned()]));
    let runtime = RuntimeEnvBuilder::new()
        // First come, first served: shared out evenly among the many sorts of one model, each part is too small to merge in.
        .with_memory_pool(Arc::new(GreedyMemoryPool::new((memory / 10 * 6) as usize)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .context(|| "query session can't be opened".into())?;
    let state = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_default_features().build();
    Ok(SessionContext::new_with_state(state))
}

enum Kept {
    /// Batches and their bytes, which are counted as held.
    Memory(Vec<RecordBatch>, u64),
    File(PathBuf, usize),
}

async fn keep(mut stream: SendableRecordBatchStream, schema: SchemaRef, path: PathBuf, held: Arc<AtomicU64>, limit: u64) -> Result<Kept> {
    let as_held = |batch: Result<RecordBatch, DataFusionError>| {
        let batch = batch.map_err(|e| Error::new(brief(&e)))?;
        batch.with_schema(schema.clone()).context(|| "rows can't be held".into())
    };
    let (mut batches, mut bytes) = (vec![], 0);
    while let Some(batch) = stream.next().await {
        let batch = as_held(batch)?;
        let size = batch.get_array_memory_size() as u64;
        batches.push(batch);
        bytes += size;
        if held.fetch_add(size, Ordering::Relaxed) + size > limit {
            let mut file = SpillFile::create(&path, &schema)?;
            for batch in batches.drain(..) {
                file.write(&batch)?;
            }
            held.fetch_sub(bytes, Ordering::Relaxed);
            while let Some(batch) = stream.next().await {
                file.write(&as_held(batch)?)?;
            }
            let rows = file.finish()?;
            return Ok(Kept::File(path, rows));
        }
    }
    Ok(Kept::Memory(batches, bytes))
}

fn spill(path: &Path, schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<usize> {
    let mut file = SpillFile::create(path, schema)?;
    batches.iter().try_for_each(|b| file.write(b))?;
    file.finish()
}

struct SpillFile {
    writer: ArrowWriter<File>,
    rows: usize,
}

impl SpillFile {
    fn create(path: &Path, schema: &SchemaRef) -> Result<SpillFile> {
        let failed = || format!("file {} can't be written", path.display());
        let file = File::create(path).context(failed)?;
        let properties = WriterProperties::builder().set_created_by(CREATED_BY.into()).set_compression(Compression::SNAPPY).build();
        Ok(SpillFile { writer: ArrowWriter::try_new(file, schema.clone(), Some(properties)).context(failed)?, rows: 0 })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        self.writer.write(batch).context(|| "spill file can't be written".into())
    }

    fn finish(self) -> Result<usize> {
        self.writer.close().context(|| "spill file can't be written".into())?;
        Ok(self.rows)
    }
}

fn nullable(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true)).collect::<Vec<_>>()))
}

/// The types that every reader knows: no views, no dictionaries.
fn plain_schema(schema: &Schema) -> SchemaRef {
    let plain = |t: &DataType| match t {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, v) if **v == DataType::Utf8 => DataType::Utf8,
        t => t.clone(),
    };
    Arc::new(Schema::new(schema.fields().iter().map(|f| Field::new(f.name(), plain(f.data_type()), f.is_nullable())).collect::<Vec<_>>()))
}

/// A batch in the plain types.
fn plain(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>().context(|| "rows can't be written".into())?;
    RecordBatch::try_new(schema.clone(), columns).context(|| "rows can't be written".into())
}

#[cfg(test)]
mod tests {
    use super::super::{Pin, marts};
    use super::*;

    #[tokio::test]
    async fn what_a_model_held_is_given_back_once_nothing_reads_it_any_more() -> Result<()> {
        let model = |name: &str, sql: &str| (format!("{name}.sql"), format!("-- A model of this test.\n-- grain: a number\n{sql}\n"));
        let files = BTreeMap::from([
            model("state/numbers", "SELECT column1 AS n FROM (VALUES (1), (2), (3)) AS v"),
            model("state/a_view", "SELECT n * 10 AS n FROM numbers"),
            model("marts/b", "SELECT n FROM numbers"),
            model("marts/c", "SELECT n FROM b"),
            model("marts/d", "SELECT v.n FROM a_view AS v JOIN c ON c.n * 10 = v.n ORDER BY v.n"),
            model("state/few", "-- held: a join must know how few\nSELECT n FROM numbers WHERE n > 2"),
            model("marts/e", "SELECT n FROM few"),
        ]);
        let (contract, queries) = (Arc::new(Contract::compile(&Tree::schemas(None)?)?), Tree { name: "test".into(), files });
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = Lake::create(root.path(), &contract, "test").await?;
        let pinned = Pin::newest(&mut lake).await?;
        let opening =
            Opening { lake: &lake, contract: &contract, queries: &queries, pinned: &pinned, memory: 1 << 30, scratch: root.path() };
        for limit in [0, 1 << 20] {
            let mut engine = Engine::open(&opening).await?;
            engine.hold_limit = limit;
            let steps = engine.dag.needed(&engine.dag.layer(Layer::Marts), &BTreeSet::new());
            engine.provide_among("numbers", &steps).await?;
            let (bytes, files) = (engine.held_bytes.load(Ordering::Relaxed), engine.held.get("numbers").map_or(0, |h| h.files.len()));
            assert!(if limit == 0 { files == 1 && bytes == 0 } else { files == 0 && bytes > 0 }, "{files} files, {bytes} bytes");
            engine.provide_among("few", &steps).await?;
            assert!(engine.held.contains_key("few"), "its header asks for it, though it is read once");
            marts::build(&mut engine, &root.path().join("marts")).await?;
            assert_eq!(engine.query("SELECT * FROM d").await?.rows(), 3, "the view was read after its own source's last reader");
            assert_eq!(engine.held_bytes.load(Ordering::Relaxed), 0);
            let left: Vec<_> = std::fs::read_dir(engine.scratch()).into_iter().flatten().flatten().map(|e| e.file_name()).collect();
            assert!(!left.iter().any(|f| f.to_string_lossy().starts_with("numbers")), "{left:?}");
        }
        Ok(())
    }
}
