//! What offices signed, as tables of the session: the reports whose closings are in the lake, their figures, and what counted at their pins
//! by the rules of today.
//!
//! A closing names a manifest by its digest, so a report that was altered since is not the one signed, and is not here. What counted at a
//! pin comes from a session of its own, cut there. It is kept below the data root, like the lake it is made from: 36 closings cost
//! their sessions once, as long as neither the SQL nor the reference data behind it change. All of it is made when a model first reads it.
use super::dag::Dag;
use super::engine::{Engine, Opening, Period};
use super::manifest::{Manifest, revisions, sha256};
use super::marts::{self, Figures};
use super::pin::{Pin, Pinned};
use crate::contract::Contract;
use crate::durable::{Aside, lock, sweep, sync};
use crate::error::{Context, Error, Result};
use crate::lake::Lake;
use crate::lake::scan::Files;
use crate::tree::Tree;
use arrow::array::{ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{DataFrame, SessionContext, col, lit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The report's model whose rows a closing signs, and the name of its file.
pub const FIGURES: &str = "report_figures";
/// The model whose rows are kept for each pin that was signed.
const COMPLETIONS: &str = "reported_completions";
/// Where they are kept, below the data root.
const FOLDER: &str = ".signed";

/// The tables that this module gives to a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Reports,
    Figures,
    Pins,
    Completions,
}

impl Part {
    pub(super) const ALL: [Part; 4] = [Part::Reports, Part::Figures, Part::Pins, Part::Completions];

    /// The table's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Reports => "signed_reports",
            Part::Figures => "signed_figures",
            Part::Pins => "signed_pins",
            Part::Completions => "pinned_completions",
        }
    }

    fn schema(self) -> SchemaRef {
        use DataType::{Binary, Boolean, Date32, Int32, Int64, Utf8};
        let columns: &[(&str, DataType)] = match self {
            Part::Reports => &[
                ("digest", Binary),
                ("period", Utf8),
                ("plan", Utf8),
                ("provisional", Boolean),
                ("pin", Utf8),
                ("pin_id", Utf8),
                ("year", Int64),
                ("month", Int64),
                ("last_day", Date32),
            ],
            Part::Figures => &[("digest", Binary), ("district_code", Utf8), ("metric", Utf8), ("figure", Int64)],
            Part::Pins => &[("pin_id", Utf8), ("kafka_topic", Utf8), ("kafka_partition", Int32), ("kafka_offset", Int64)],
            Part::Completions => &[
                ("pin_id", Utf8),
                ("plan", Utf8),
                ("year", Int64),
                ("district_code", Utf8),
                ("class_id", Utf8),
                ("person_key", Binary),
                ("completed_on", Date32),
                ("counted", Boolean),
            ],
        };
        Arc::new(Schema::new(columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>()))
    }
}

/// All that the tables are made from; they are made when first asked for.
#[derive(Debug)]
pub(super) struct Signed {
    contract: Arc<Contract>,
    queries: Tree,
    root: PathBuf,
    /// The lake as the session reads it.
    events: Arc<Files>,
    /// How far that is: what was signed above it is not known in it.
    pin: Pin,
    memory: u64,
    /// What decides which completions are reported, beside the pin: SQL and reference data, each with its name.
    rules: Vec<(String, Rule)>,
    reports: OnceCell<BTreeMap<Digest, Report>>,
    completions: OnceCell<(Files, Option<File>)>,
}

#[derive(Debug)]
enum Rule {
    Model(String),
    Table(RecordBatch),
}

/// SHA-256 of a manifest, as the lake has it.
type Digest = Vec<u8>;

/// A published report that a closing names.
#[derive(Debug)]
struct Report {
    period: Period,
    provisional: bool,
    pin: Pin,
    figures: RecordBatch,
}

/// A pin's short name; the pin itself would be repeated in every row.
fn id(pin: &Pin) -> String {
    sha256(pin.to_string().as_bytes()).chars().take(16).collect()
}

impl Signed {
    pub(super) fn new(o: &Opening<'_>, dag: &Dag, base: &BTreeMap<String, RecordBatch>, events: Arc<Files>) -> Signed {
        let needed = dag.needed(&[COMPLETIONS.to_owned()], &BTreeSet::new());
        let models: Vec<_> = needed.iter().filter_map(|n| dag.models.get(n)).collect();
        let read: BTreeSet<&String> = models.iter().flat_map(|m| &m.reads).collect();
        // The pin is named beside the rules; a report's period is nothing to these models.
        let tables = base.iter().filter(|(name, _)| read.contains(name) && name.as_str() != "pin");
        let rules = models.iter().map(|m| (m.name.clone(), Rule::Model(m.sql.clone())));
        Signed {
            contract: o.contract.clone(),
            queries: o.queries.clone(),
            root: o.scratch.to_owned(),
            events,
            pin: o.pinned.pin.clone(),
            memory: o.memory,
            rules: rules.chain(tables.map(|(name, batch)| (name.clone(), Rule::Table(batch.clone())))).collect(),
            reports: OnceCell::new(),
            completions: OnceCell::new(),
        }
    }

    async fn reports(&self) -> Result<&BTreeMap<Digest, Report>> {
        self.reports.get_or_try_init(|| self.read_reports()).await
    }

    /// The signed reports below the data root, by digest. One that isn't there, or isn't what was signed, is left out: a check
    /// tells of its closing.
    async fn read_reports(&self) -> Result<BTreeMap<Digest, Report>> {
        let digests = self.digests().await?;
        let mut found = BTreeMap::new();
        let home = self.root.join("reports");
        if digests.is_empty() || !home.exists() {
            return Ok(found);
        }
        let failed = || format!("folder {} can't be read", home.display());
        for entry in std::fs::read_dir(&home).context(failed)? {
            for dir in revisions(&entry.context(failed)?.path())?.into_values() {
                let Ok(bytes) = std::fs::read(dir.join("manifest.json")) else { continue };
                let digest = Sha256::digest(&bytes).to_vec();
                if digests.contains(&digest) {
                    match self.report(&dir, &bytes) {
                        Ok(report) => drop(found.insert(digest, report)),
                        Err(e) => tracing::warn!("report {} is left out though it was signed: {e}", dir.display()),
                    }
                }
            }
        }
        Ok(found)
    }

    fn report(&self, dir: &Path, manifest: &[u8]) -> Result<Report> {
        let manifest = Manifest::from_bytes(manifest)?;
        let pin: Pin = manifest.pin.parse()?;
        if !pin.within(&self.pin) {
            return Err(Error::new("its pin is above what is read, or of another lake"));
        }
        let name = format!("{FIGURES}.parquet");
        let wrong = || format!("file {} can't be read", dir.join(&name).display());
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(manifest.content(dir, &name)?)).context(wrong)?;
        let schema = reader.schema().clone();
        let batches = reader.build().context(wrong)?.collect::<Result<Vec<_>, _>>().context(wrong)?;
        let all = arrow::compute::concat_batches(&schema, &batches).context(wrong)?;
        let wanted = Part::Figures.schema();
        let columns = wanted.fields().iter().skip(1).map(|f| {
            let column =
                all.column_by_name(f.name()).ok_or_else(|| Error::new(wrong()).detail(format!("it has no column {}", f.name())))?;
            Ok::<_, Error>((f.name(), cast(column, f.data_type()).context(wrong)?, true))
        });
        let figures = RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?).context(wrong)?;
        Ok(Report { period: Period::new(&manifest.plan, &manifest.period)?, provisional: manifest.provisional, pin, figures })
    }

    /// The digests that closings name, whether they have an effect or not.
    async fn digests(&self) -> Result<BTreeSet<Digest>> {
        let failed = || "closings can't be read".to_owned();
        let events = SessionContext::new().read_table(self.events.clone()).context(failed)?;
        let closings = events.filter(col("type").eq(lit("kangyang.period_closed.v1"))).context(failed)?;
        let frame = closings.select_columns(&["digest"]).and_then(DataFrame::distinct).context(failed)?;
        let mut all = BTreeSet::new();
        for batch in frame.collect().await.context(failed)? {
            let digest = batch.columns().first().map(|c| cast(c, &DataType::Binary)).transpose().context(failed)?;
            all.extend(digest.iter().flat_map(|c| c.as_binary::<i32>().iter().flatten().map(<[u8]>::to_vec)));
        }
        Ok(all)
    }

    /// A table that is small.
    async fn batch(&self, part: Part) -> Result<RecordBatch> {
        let reports = self.reports().await?;
        let failed = || format!("table {} can't be built", part.name());
        let text = |f: &dyn Fn(&Report) -> String| Arc::new(reports.values().map(|r| Some(f(r))).collect::<StringArray>()) as ArrayRef;
        let int = |f: &dyn Fn(&Report) -> i64| Arc::new(reports.values().map(|r| Some(f(r))).collect::<Int64Array>()) as ArrayRef;
        let pins: BTreeMap<String, &Pin> = reports.values().map(|r| (id(&r.pin), &r.pin)).collect();
        let places =
            || pins.iter().flat_map(|(id, pin)| pin.0.iter().map(move |((topic, partition), offset)| (id, topic, *partition, *offset)));
        let columns: Vec<ArrayRef> = match part {
            Part::Reports => vec![
                Arc::new(BinaryArray::from_iter_values(reports.keys())),
                text(&|r| r.period.name.clone()),
                text(&|r| r.period.plan.clone()),
                Arc::new(reports.values().map(|r| Some(r.provisional)).collect::<BooleanArray>()),
                text(&|r| r.pin.to_string()),
                text(&|r| id(&r.pin)),
                int(&|r| r.period.year),
                int(&|r| r.period.month),
                Arc::new(reports.values().map(|r| Some(Date32Type::from_naive_date(r.period.last_day))).collect::<Date32Array>()),
            ],
            Part::Pins => vec![
                Arc::new(places().map(|p| Some(p.0.as_str())).collect::<StringArray>()),
                Arc::new(places().map(|p| Some(p.1.as_str())).collect::<StringArray>()),
                Arc::new(places().map(|p| Some(p.2)).collect::<Int32Array>()),
                Arc::new(places().map(|p| Some(p.3)).collect::<Int64Array>()),
            ],
            Part::Figures | Part::Completions => {
                let schema = Part::Figures.schema();
                let signed = reports.iter().map(|(digest, r)| {
                    let named = Arc::new(BinaryArray::from(vec![digest.as_slice(); r.figures.num_rows()])) as ArrayRef;
                    RecordBatch::try_new(schema.clone(), [named].into_iter().chain(r.figures.columns().iter().cloned()).collect())
                });
                let signed = signed.collect::<Result<Vec<_>, _>>().context(failed)?;
                arrow::compute::concat_batches(&schema, &signed).context(failed)?.columns().to_vec()
            }
        };
        RecordBatch::try_new(part.schema(), columns).context(failed)
    }

    /// What counted or was held at each signed pin in the years of its reports, by the rules of today: a file for each, made if missing.
    async fn read_completions(&self) -> Result<(Files, Option<File>)> {
        let mut wanted: BTreeMap<String, (&Pin, BTreeSet<i64>)> = BTreeMap::new();
        for report in self.reports().await?.values() {
            wanted.entry(id(&report.pin)).or_insert_with(|| (&report.pin, BTreeSet::new())).1.insert(report.period.year);
        }
        if wanted.is_empty() {
            return Ok((Files::of_files(&[], Part::Completions.schema())?, None));
        }
        let lake = Lake::open(&self.root).await?;
        let (dir, kept) = self.folder(&lake)?;
        let mut files = vec![];
        for (id, (pin, years)) in wanted {
            let mut engine = None;
            for year in years {
                let path = dir.join(format!("{id}-{year}.parquet"));
                let rows = match (rows(&path), &mut engine) {
                    (Some(rows), _) => rows,
                    (None, Some(engine)) => make(engine, &path, &id, year).await?,
                    (None, none) => make(none.insert(self.engine(&lake, pin).await?), &path, &id, year).await?,
                };
                files.push((path, rows));
            }
        }
        Ok((Files::of_files(&files, Part::Completions.schema())?, Some(kept)))
    }

    /// A session cut at a signed pin.
    async fn engine(&self, lake: &Lake, pin: &Pin) -> Result<Engine> {
        let pinned = Pinned { pin: pin.clone(), as_of: None, provisional: false };
        // The session that asks holds a quarter of its own, and runs nothing meanwhile.
        let memory = self.memory / 2;
        let opening = Opening { lake, contract: &self.contract, queries: &self.queries, pinned: &pinned, memory, scratch: &self.root };
        Engine::open(&opening).await
    }

    /// The folder of these rules, and the lock that keeps it as long as it is held. Folders of other rules go, unless a session reads them.
    fn folder(&self, lake: &Lake) -> Result<(PathBuf, File)> {
        let home = self.root.join(FOLDER);
        let failed = || format!("folder {} can't be made", home.display());
        std::fs::create_dir_all(&home).context(failed)?;
        let _gate = lock(&home.join(".lock"))?;
        let dir = home.join(self.rules(lake)?);
        if !dir.exists() {
            for other in std::fs::read_dir(&home).context(failed)?.flatten().map(|e| e.path()).filter(|p| p.is_dir()) {
                if File::open(other.join(".lock")).map_or(true, |f| f.try_lock().is_ok()) {
                    std::fs::remove_dir_all(&other).context(|| format!("folder {} can't be removed", other.display()))?;
                }
            }
            std::fs::create_dir(&dir).context(failed)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(dir.join(".lock")).context(failed)?;
        if file.try_lock().is_ok() {
            sweep(&dir)?;
            file.unlock().context(failed)?;
        }
        file.lock_shared().context(failed)?;
        Ok((dir, file))
    }

    /// What names the folder: this program, the lake, the SQL and the reference data that decide what is reported.
    fn rules(&self, lake: &Lake) -> Result<String> {
        let mut text = format!("{}\n{}\n", env!("CARGO_PKG_VERSION"), lake.events.id()?);
        for (name, rule) in &self.rules {
            let digest = match rule {
                Rule::Model(sql) => sha256(sql.as_bytes()),
                Rule::Table(batch) => sha256(&marts::parquet(&batch.schema(), std::slice::from_ref(batch))?),
            };
            text.push_str(&format!("{digest}  {name}\n"));
        }
        Ok(sha256(text.as_bytes()).chars().take(16).collect())
    }
}

/// Writes what counts or is held in a year; returns the rows.
async fn make(engine: &mut Engine, path: &Path, id: &str, year: i64) -> Result<usize> {
    let begun = std::time::Instant::now();
    let failed = || format!("file {} can't be written", path.display());
    let schema = Part::Completions.schema();
    let columns: Vec<&str> = schema.fields().iter().skip(1).map(|f| f.name().as_str()).collect();
    let sql = format!("SELECT '{id}' AS pin_id, {} FROM {COMPLETIONS} WHERE year = {year}", columns.join(", "));
    let mut stream = engine.rows(&sql).await?;
    let aside = Aside::beside(path);
    let mut writer = Figures::new(File::create(aside.path()).context(failed)?, schema.clone())?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await? {
        let columns = batch.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>().context(failed)?;
        rows += batch.num_rows();
        writer.write(RecordBatch::try_new(schema.clone(), columns).context(failed)?)?;
    }
    writer.finish()?;
    sync(aside.path())?;
    aside.into_place(path)?;
    tracing::debug!(rows, ms = begun.elapsed().as_millis() as u64, "what counted at a signed pin is kept");
    Ok(rows)
}

/// The rows of a Parquet file; none if it isn't there or isn't whole.
fn rows(path: &Path) -> Option<usize> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).ok()?).ok()?;
    usize::try_from(reader.metadata().file_metadata().num_rows()).ok()
}

/// One of the tables.
#[derive(Debug)]
pub(super) struct SignedTable {
    signed: Arc<Signed>,
    part: Part,
    schema: SchemaRef,
}

impl SignedTable {
    pub(super) fn new(signed: Arc<Signed>, part: Part) -> SignedTable {
        SignedTable { signed, part, schema: part.schema() }
    }
}

#[async_trait]
impl TableProvider for SignedTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let foreign = |e: Error| DataFusionError::External(Box::new(e));
        match self.part {
            Part::Completions => {
                let completions = self.signed.completions.get_or_try_init(|| self.signed.read_completions()).await.map_err(foreign)?;
                completions.0.scan(state, projection, filters, limit).await
            }
            part => {
                let batch = self.signed.batch(part).await.map_err(foreign)?;
                MemTable::try_new(self.schema(), vec![vec![batch]])?.scan(state, projection, filters, limit).await
            }
        }
    }
}
