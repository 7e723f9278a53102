//! One Delta table and the one way to commit to it: files and positions together, from the very snapshot whose positions were checked.
use super::blocking;
use super::write::bounded;
use crate::durable::{sync, sync_below};
use crate::error::{Context, Error, Result};
use arrow::datatypes::Schema;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitConflictError, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, Remove, StructType, Transaction};
use deltalake::protocol::{DeltaOperation, OutputMode};
use deltalake::{DeltaTable, DeltaTableError};
use object_store::ObjectStore;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A Delta table as of one version, and the application transactions known of that version.
pub struct Table {
    inner: DeltaTable,
    url: Url,
    known: HashMap<String, Option<i64>>,
}

/// How a commit ended.
pub enum Outcome {
    /// It is version so-and-so.
    Landed(u64),
    /// Somebody else committed in between, or the end is unknown: refresh, look at the positions, decide again.
    Unsure(String),
}

/// Takes a commit up again, later each time; gives up where it is no contention.
#[derive(Default)]
pub struct Tries {
    since_it_moved: u32,
}

impl Tries {
    /// After an unsure end: moves to the newest version and waits a little. Error: nobody else moved the table either, ten times.
    pub async fn again(&mut self, table: &mut Table, why: &str) -> Result<()> {
        let before = table.version();
        table.refresh().await?;
        if table.version() != before {
            self.since_it_moved = 0;
            return Ok(());
        }
        self.since_it_moved += 1;
        if self.since_it_moved > 10 {
            let hint = "is its folder writable, is its disk full?";
            return Err(Error::new(format!("table {} can't be committed to", table.url)).detail(why).hint(hint));
        }
        tracing::info!(why, "commit is taken up again");
        tokio::time::sleep(Duration::from_millis(10 << self.since_it_moved.min(7))).await;
        Ok(())
    }
}

/// The reading side of a table's one live file.
#[derive(Clone, Debug)]
pub struct LiveFile {
    /// As the log names it: path below the table, size, statistics.
    pub add: Add,
    /// What takes it out again.
    pub remove: Remove,
}

impl Table {
    /// Opens a table, making it if need be, and adds missing columns.
    pub async fn create(url: Url, schema: &Schema, settings: &[(&str, &str)]) -> Result<Table> {
        let name = url.to_string();
        if let Some(dir) = local(&url) {
            std::fs::create_dir_all(&dir).context(|| format!("folder {} can't be made", dir.display()))?;
            mend(&dir.join(LOG))?;
        }
        let struct_type: StructType = schema.try_into_kernel().context(|| format!("table {name}: its columns don't suit Delta"))?;
        let table = DeltaTable::try_from_url(url.clone()).await.context(|| format!("table {name} can't be opened"))?;
        if table.version().is_none() {
            let mut configuration = vec![
                ("delta.appendOnly".to_owned(), Some("true".to_owned())),
                ("delta.checkpointInterval".to_owned(), Some("50".to_owned())),
                ("delta.enableExpiredLogCleanup".to_owned(), Some("false".to_owned())),
            ];
            // Readers parse the bounds of these alone; by default it would be the first 32 columns, most of which have none.
            let bounded: Vec<&str> = schema.fields().iter().filter(|f| bounded(f)).map(|f| f.name().as_str()).collect();
            configuration.push(("delta.dataSkippingStatsColumns".to_owned(), Some(bounded.join(","))));
            configuration.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned()))));
            let made = table
                .create()
                .with_columns(struct_type.fields().cloned())
                .with_configuration(configuration)
                .with_raise_if_key_not_exists(false)
                .await;
            // Another process may make it at the same moment: whoever loses opens the winner's.
            if let Err(e) = made
                && Table::open(url.clone()).await.is_err()
            {
                return Err(Error::new(format!("table {name} can't be made")).detail(e));
            }
        }
        let mut table = Table::open(url).await?;
        let have = table.inner.snapshot().context(|| format!("table {name} can't be read"))?.schema();
        let other = struct_type.fields().find(|f| have.field(f.name()).is_some_and(|h| h.data_type() != f.data_type()));
        if let Some(f) = other {
            let is = have.field(f.name()).map(|h| h.data_type().to_string()).unwrap_or_default();
            let hint = "a field's type never changes: give the new meaning a new name, in a new version of the event type";
            return Err(Error::new(format!("table {name}: column {} is {is}, the schemas say {}", f.name(), f.data_type())).hint(hint));
        }
        let missing: Vec<_> = struct_type.fields().filter(|f| have.field(f.name()).is_none()).cloned().collect();
        if !missing.is_empty() {
            let inner = table.inner.clone();
            let changed = inner.add_columns().with_fields(missing).await.context(|| format!("table {name}: columns can't be added"))?;
            table.inner = changed;
        }
        table.sync_log(table.version(), false).await?;
        Ok(table)
    }

    /// Opens a table. Error: there is none.
    pub async fn open(url: Url) -> Result<Table> {
        let inner = deltalake::open_table(url.clone()).await.context(|| format!("table {url} can't be opened"))?;
        Ok(Table { inner, url, known: HashMap::new() })
    }

    /// The version that this is a view of.
    pub fn version(&self) -> u64 {
        self.inner.version().unwrap_or_default()
    }

    /// The object store below the table's folder.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.inner.log_store().object_store(None)
    }

    /// The table's folder on this machine, if it is on this machine.
    pub fn dir(&self) -> Option<PathBuf> {
        local(&self.url)
    }

    /// The table's address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What tells it from every other table, also from one made later in its place.
    pub fn id(&self) -> Result<String> {
        let snapshot = self.inner.snapshot().context(|| format!("table {} can't be read", self.url))?;
        Ok(snapshot.metadata().id().to_owned())
    }

    /// A property of the table.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.inner.snapshot().ok()?.metadata().configuration().get(key).cloned()
    }

    /// Moves to the newest version.
    pub async fn refresh(&mut self) -> Result<()> {
        let before = self.inner.version();
        self.inner.update_incremental(None).await.context(|| format!("table {} can't be read", self.url))?;
        if self.inner.version() != before {
            self.known.clear();
        }
        Ok(())
    }

    /// An application transaction's version in this very snapshot.
    pub async fn transaction(&mut self, app: &str) -> Result<Option<i64>> {
        if let Some(v) = self.known.get(app) {
            return Ok(*v);
        }
        let snapshot = self.inner.snapshot().context(|| format!("table {} can't be read", self.url))?;
        let log = self.inner.log_store();
        let v = snapshot
            .transaction_version(log.as_ref(), app)
            .await
            .context(|| format!("table {}: position {app} can't be read", self.url))?;
        self.known.insert(app.to_owned(), v);
        Ok(v)
    }

    /// The files that make up this version.
    pub fn files(&self) -> Result<Vec<LiveFile>> {
        let snapshot = self.inner.snapshot().context(|| format!("table {} can't be read", self.url))?;
        #[expect(deprecated, reason = "the Arrow form of the log lacks what a Remove needs")]
        Ok(snapshot.log_data().iter().map(|f| LiveFile { add: f.add_action(), remove: f.remove_action(false) }).collect())
    }

    /// Appends files and moves positions in one commit on this snapshot. The caller has read those positions from this snapshot.
    pub async fn append(&mut self, files: Vec<Add>, moves: &[(String, i64)]) -> Result<Outcome> {
        let now = now_ms();
        let transactions = moves.iter().map(|(app, v)| Transaction::new_with_last_update(app, *v, Some(now))).collect();
        let properties = CommitProperties::default().with_application_transactions(transactions).with_cleanup_expired_logs(Some(false));
        let operation = DeltaOperation::StreamingUpdate { output_mode: OutputMode::Append, query_id: "ingest".into(), epoch_id: 0 };
        self.commit(files.into_iter().map(Action::Add).collect(), properties, operation, moves).await
    }

    /// Swaps files for one that holds the same rows: only if nobody committed since this snapshot.
    pub async fn swap(&mut self, out: Vec<Remove>, into: Vec<Add>) -> Result<Outcome> {
        let actions = out.into_iter().map(Action::Remove).chain(into.into_iter().map(Action::Add)).collect();
        let properties = CommitProperties::default().with_max_retries(0).with_cleanup_expired_logs(Some(false));
        self.commit(actions, properties, DeltaOperation::Optimize { predicate: None, target_size: 1 << 28 }, &[]).await
    }

    /// Makes a version last: its commit, and the checkpoint where it made one.
    async fn sync_log(&self, version: u64, checkpoint: bool) -> Result<()> {
        let Some(dir) = self.dir() else { return Ok(()) };
        blocking(move || {
            let log = dir.join(LOG);
            sync_below(dir.parent().unwrap_or(&dir), &log.join(format!("{version:020}.json")))?;
            if checkpoint {
                checkpoints(&log).iter().max().map_or(Ok(()), |last| sync(last))?;
                sync(&log.join(LAST_CHECKPOINT))?;
            }
            Ok(())
        })
        .await
    }

    async fn commit(
        &mut self,
        actions: Vec<Action>,
        properties: CommitProperties,
        operation: DeltaOperation,
        moves: &[(String, i64)],
    ) -> Result<Outcome> {
        let base = self.version();
        let waits = |a: &Add| u128::try_from(now_ms() - a.modification_time).is_ok_and(|ms| ms > WAITS_AT_MOST.as_millis());
        if let Some(add) = actions.iter().find_map(|a| if let Action::Add(add) = a { Some(add).filter(|a| waits(a)) } else { None }) {
            let hint = "was the process suspended? start it again: what it held is read again";
            return Err(Error::new(format!("file {} waited too long for its commit, and is given up", add.path)).hint(hint));
        }
        let snapshot = self.inner.snapshot().context(|| format!("table {} can't be read", self.url))?;
        let done = CommitBuilder::from(properties).with_actions(actions).build(Some(snapshot), self.inner.log_store(), operation).await;
        match done {
            Ok(c) => {
                let version = c.version();
                self.sync_log(version, c.metrics.new_checkpoint_created).await?;
                if c.metrics.new_checkpoint_created {
                    // Commit latency grows with the log behind a snapshot; one opened anew begins at the checkpoint.
                    self.inner = deltalake::open_table(self.url.clone()).await.context(|| format!("table {} can't be opened", self.url))?;
                    self.known.clear();
                } else {
                    self.inner.state = Some(c.snapshot());
                    if version == base + 1 {
                        self.known.extend(moves.iter().map(|(app, v)| (app.clone(), Some(*v))));
                    } else {
                        self.known.clear();
                    }
                }
                Ok(Outcome::Landed(version))
            }
            Err(DeltaTableError::Transaction { source: TransactionError::CommitConflict(CommitConflictError::ConcurrentTransaction) }) => {
                Ok(Outcome::Unsure("another process moved one of the positions".into()))
            }
            Err(e) => Ok(Outcome::Unsure(e.to_string())),
        }
    }
}

/// Milliseconds UTC by this machine's clock: for the table's own records, never for a figure.
pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// The folder behind a `file://` address.
pub fn local(url: &Url) -> Option<PathBuf> {
    (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten()
}

/// The folder of a table's log.
pub const LOG: &str = "_delta_log";
/// The log's file that names its newest checkpoint.
pub const LAST_CHECKPOINT: &str = "_last_checkpoint";
/// How a checkpoint's name ends, after its version.
pub const CHECKPOINT: &str = ".checkpoint.parquet";

/// How long a file waits for its commit at most. One that waited longer, as in a process that was suspended, may have been taken for
/// what a crash left, and is never committed.
pub const WAITS_AT_MOST: Duration = Duration::from_secs(30 * 60);

/// Sets aside what a loss of power left torn: the last commit (its messages are read again from the position before it), the last
/// checkpoint (the commits that it sums up are all kept).
fn mend(log: &Path) -> Result<()> {
    if let Some(last) = files(log, |n| n.len() == 25 && n.ends_with(".json")).into_iter().max() {
        let text = std::fs::read(&last).context(|| format!("file {} can't be read", last.display()))?;
        let mut lines = text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).peekable();
        let sound = lines.peek().is_some() && lines.all(|l| serde_json::from_slice::<serde::de::IgnoredAny>(l).is_ok());
        if !sound {
            set_aside(&last)?;
        }
    }
    if let Some(last) = checkpoints(log).into_iter().max()
        && !sound_checkpoint(&last)?
    {
        set_aside(&last)?;
        set_aside(&log.join(LAST_CHECKPOINT))?;
    }
    let pointer = log.join(LAST_CHECKPOINT);
    if std::fs::read(&pointer).is_ok_and(|text| serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err()) {
        set_aside(&pointer)?;
    }
    Ok(())
}

/// Whether a checkpoint is whole. Error: it can't be opened.
pub fn sound_checkpoint(file: &Path) -> Result<bool> {
    let open = std::fs::File::open(file).context(|| format!("file {} can't be read", file.display()))?;
    Ok(ParquetRecordBatchReaderBuilder::try_new(open).is_ok())
}

fn set_aside(file: &Path) -> Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".torn");
    let what = "a file of the lake's log is torn, as after a loss of power: it is set aside, what it held is made again";
    tracing::warn!(file = %file.display(), "{what}");
    match std::fs::rename(file, file.with_file_name(name)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done.context(|| format!("file {} can't be renamed", file.display())),
    }
}

fn checkpoints(log: &Path) -> Vec<PathBuf> {
    files(log, |n| n.contains(".checkpoint.") && n.ends_with(".parquet"))
}

fn files(dir: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(list) = std::fs::read_dir(dir) else { return vec![] };
    let paths = list.filter_map(|e| Some(e.ok()?.path()));
    paths.filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(&wanted)).collect()
}
