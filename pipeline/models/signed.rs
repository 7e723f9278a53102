//! What offices signed, as tables of the session: the reports that closings name, their figures as published, and what counted at their
//! pins by the rules of today.
//!
//! A closing names a manifest by its digest, so a report that was altered since is not the one signed. What counted at a pin comes from a
//! session of its own, cut there. It is kept below the data root, like the lake it is made from: 36 closings cost their sessions once, as
//! long as neither the SQL nor the reference data behind it change. All of it is made when a model first reads it.
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
const COMPLETIONS: &str = "standing_completions";
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
                ("period", Utf8),
                ("pin", Utf8),
                ("digest", Binary),
                ("pin_id", Utf8),
                ("year", Int64),
                ("month", Int64),
                ("last_day", Date32),
                ("report", Utf8),
                ("plan", Utf8),
                ("provisional", Boolean),
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
    closings: OnceCell<Vec<Closing>>,
    completions: OnceCell<(Files, Option<File>)>,
}

#[derive(Debug)]
enum Rule {
    Model(String),
    Table(RecordBatch),
}

/// SHA-256 of a manifest, as the lake has it.
type Digest = Vec<u8>;

/// What a closing names, where that can be read.
#[derive(Debug)]
struct Closing {
    /// Of no plan: the closing does not say.
    period: Period,
    pin: Pin,
    digest: Digest,
    report: Found,
}

/// A closing's report below the data root.
#[derive(Debug)]
enum Found {
    AsSigned(Report),
    Altered,
    Missing,
}

#[derive(Debug)]
struct Report {
    plan: String,
    provisional: bool,
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
            closings: OnceCell::new(),
            completions: OnceCell::new(),
        }
    }

    async fn closings(&self) -> Result<&Vec<Closing>> {
        self.closings.get_or_try_init(|| self.read_closings()).await
    }

    /// What closings name, whether they have an effect or not. One whose period or pin says nothing here is left out: only
    /// `close` checks both.
    async fn read_closings(&self) -> Result<Vec<Closing>> {
        let failed = || "closings can't be read".to_owned();
        let events = SessionContext::new().read_table(self.events.clone()).context(failed)?;
        let closings = events.filter(col("type").eq(lit("kangyang.period_closed.v1"))).context(failed)?;
        let frame = closings.select_columns(&["period", "pin", "digest"]).and_then(DataFrame::distinct).context(failed)?;
        let mut all = BTreeMap::new();
        for batch in frame.collect().await.context(failed)? {
            let columns = batch.columns().iter().zip([DataType::Utf8, DataType::Utf8, DataType::Binary]).map(|(c, t)| cast(c, &t));
            let columns = columns.collect::<Result<Vec<_>, _>>().context(failed)?;
            let [period, pin, digest] = columns.as_slice() else { continue };
            let (period, pin, digest) = (period.as_string::<i32>(), pin.as_string::<i32>(), digest.as_binary::<i32>());
            for i in 0..batch.num_rows() {
                let named = Period::new("", period.value(i)).ok().zip(pin.value(i).parse::<Pin>().ok());
                // A pin above the session's is of a time that it does not know.
                if let Some((period, pin)) = named.filter(|(_, pin)| pin.within(&self.pin)) {
                    let report = self.find(&period, &pin, digest.value(i))?;
                    let digest = digest.value(i).to_vec();
                    all.insert((period.name.clone(), pin.to_string(), digest.clone()), Closing { period, pin, digest, report });
                }
            }
        }
        Ok(all.into_values().collect())
    }

    /// A closing's report among those published of its period.
    fn find(&self, period: &Period, pin: &Pin, digest: &[u8]) -> Result<Found> {
        let mut found = Found::Missing;
        for dir in revisions(&self.root.join("reports").join(&period.name))?.into_values() {
            let bytes = std::fs::read(dir.join("manifest.json")).unwrap_or_default();
            let manifest = Manifest::from_bytes(&bytes);
            let of_closing = |m: &Manifest| m.period == period.name && m.pin == pin.to_string();
            match manifest {
                Ok(m) if of_closing(&m) && Sha256::digest(&bytes).as_slice() == digest => {
                    return Ok(figures(&m, &dir).map_or_else(
                        |e| {
                            tracing::warn!("signed report {} was altered: {e}", dir.display());
                            Found::Altered
                        },
                        |figures| Found::AsSigned(Report { plan: m.plan, provisional: m.provisional, figures }),
                    ));
                }
                // One of another pin is another report; one that says nothing may be any.
                Ok(m) if !of_closing(&m) => {}
                _ => found = Found::Altered,
            }
        }
        Ok(found)
    }

    /// A table that is small.
    async fn batch(&self, part: Part) -> Result<RecordBatch> {
        let closings = self.closings().await?;
        let failed = || format!("table {} can't be built", part.name());
        let text = |f: &dyn Fn(&Closing) -> Option<String>| Arc::new(closings.iter().map(f).collect::<StringArray>()) as ArrayRef;
        let int = |f: &dyn Fn(&Closing) -> i64| Arc::new(closings.iter().map(|c| Some(f(c))).collect::<Int64Array>()) as ArrayRef;
        let columns: Vec<ArrayRef> = match part {
            Part::Reports => vec![
                text(&|c| Some(c.period.name.clone())),
                text(&|c| Some(c.pin.to_string())),
                Arc::new(BinaryArray::from_iter_values(closings.iter().map(|c| &c.digest))),
                text(&|c| Some(id(&c.pin))),
                int(&|c| c.period.year),
                int(&|c| c.period.month),
                Arc::new(closings.iter().map(|c| Some(Date32Type::from_naive_date(c.period.last_day))).collect::<Date32Array>()),
                text(&|c| Some(c.report.code().to_owned())),
                text(&|c| c.report.as_signed().map(|r| r.plan.clone())),
                Arc::new(closings.iter().map(|c| c.report.as_signed().map(|r| r.provisional)).collect::<BooleanArray>()),
            ],
            Part::Pins => {
                let pins: BTreeMap<String, &Pin> = closings.iter().map(|c| (id(&c.pin), &c.pin)).collect();
                let places: Vec<_> =
                    pins.iter().flat_map(|(id, pin)| pin.0.iter().map(move |(place, offset)| (id, place, *offset))).collect();
                vec![
                    Arc::new(StringArray::from_iter_values(places.iter().map(|(id, ..)| id))),
                    Arc::new(StringArray::from_iter_values(places.iter().map(|(_, (topic, _), _)| topic))),
                    Arc::new(Int32Array::from_iter_values(places.iter().map(|(_, (_, partition), _)| *partition))),
                    Arc::new(Int64Array::from_iter_values(places.iter().map(|(.., offset)| *offset))),
                ]
            }
            Part::Figures | Part::Completions => {
                let schema = Part::Figures.schema();
                let reports: BTreeMap<_, _> = closings.iter().filter_map(|c| Some((&c.digest, c.report.as_signed()?))).collect();
                let signed = reports.into_iter().map(|(digest, r)| {
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
        for closing in self.closings().await? {
            wanted.entry(id(&closing.pin)).or_insert_with(|| (&closing.pin, BTreeSet::new())).1.insert(closing.period.year);
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

impl Found {
    /// As the models name it.
    fn code(&self) -> &'static str {
        match self {
            Found::AsSigned(_) => "as_signed",
            Found::Altered => "altered",
            Found::Missing => "missing",
        }
    }

    fn as_signed(&self) -> Option<&Report> {
        if let Found::AsSigned(report) = self { Some(report) } else { None }
    }
}

/// The figures that a report's closing signs. Error: their file is not as published.
fn figures(manifest: &Manifest, dir: &Path) -> Result<RecordBatch> {
    let name = format!("{FIGURES}.parquet");
    let wrong = || format!("file {} can't be read", dir.join(&name).display());
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(manifest.content(dir, &name)?)).context(wrong)?;
    let schema = reader.schema().clone();
    let batches = reader.build().context(wrong)?.collect::<Result<Vec<_>, _>>().context(wrong)?;
    let all = arrow::compute::concat_batches(&schema, &batches).context(wrong)?;
    let wanted = Part::Figures.schema();
    let columns = wanted.fields().iter().skip(1).map(|f| {
        let column = all.column_by_name(f.name()).ok_or_else(|| Error::new(wrong()).detail(format!("it has no column {}", f.name())))?;
        Ok::<_, Error>((f.name(), cast(column, f.data_type()).context(wrong)?, true))
    });
    RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?).context(wrong)
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
