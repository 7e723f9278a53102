//! The lake below a pin, as a table of the query engine.
//!
//! A file holds one range of one partition's offsets, so the pin cuts by file: those below it are read whole, those above it never, and
//! only a file that straddles it is filtered row by row. Bounds from the table's log prune files before their footers are opened.
use super::Partition;
use super::table::{LiveFile, Table};
use crate::error::{Context, Error, Result};
use arrow::datatypes::{DataType, Date32Type, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as EngineResult;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::union::UnionExec;
use object_store::ObjectMeta;
use object_store::path::Path;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One Parquet file, or one of a table's: where it is and what is known of it.
#[derive(Clone, Debug)]
struct File {
    path: Path,
    size: u64,
    statistics: Arc<Statistics>,
    /// Rows at or above this offset are above the pin.
    cut: Option<i64>,
}

impl File {
    fn part(&self) -> PartitionedFile {
        // Made from its parts: made from a text, a path that is not ASCII would be escaped a second time. When it was written is
        // not asked, since a file of ours never changes.
        let (location, last_modified) = (self.path.clone(), chrono::DateTime::UNIX_EPOCH);
        let meta = ObjectMeta { location, last_modified, size: self.size, e_tag: None, version: None };
        PartitionedFile::new_from_meta(meta).with_statistics(self.statistics.clone())
    }
}

/// Parquet files of one schema, read in the order given.
#[derive(Debug)]
pub struct Files {
    schema: SchemaRef,
    store: ObjectStoreUrl,
    files: Vec<File>,
}

/// A file's bounds as the table's log tells them.
#[derive(Debug)]
pub struct Bounds {
    /// The partition all its rows are of.
    pub partition: Partition,
    /// Its smallest offset.
    pub low: i64,
    /// Its greatest offset.
    pub high: i64,
    /// Its rows.
    pub rows: usize,
    stats: Value,
}

/// Reads a file's bounds. Error: the log lacks them, so a foreign writer has been at the table.
pub fn bounds(file: &LiveFile) -> Result<Bounds> {
    let path = &file.add.path;
    let missing = || Error::new(format!("file {path} of the lake has no statistics")).hint("only kangyang may write to the lake's tables");
    let stats: Value = serde_json::from_str(file.add.stats.as_deref().unwrap_or_default()).map_err(|_| missing())?;
    let of = |side: &str, column: &str| stats.get(side).and_then(|s| s.get(column)).cloned().ok_or_else(missing);
    let int = |side: &str, column: &str| of(side, column)?.as_i64().ok_or_else(missing);
    let topic = of("minValues", "kafka_topic")?.as_str().ok_or_else(missing)?.to_owned();
    let partition = (topic, int("minValues", "kafka_partition")? as i32);
    let (low, high) = (int("minValues", "kafka_offset")?, int("maxValues", "kafka_offset")?);
    let rows = stats.get("numRecords").and_then(Value::as_u64).ok_or_else(missing)? as usize;
    Ok(Bounds { partition, low, high, rows, stats })
}

impl Files {
    /// A table's rows below the pin (offsets exclusive); without a pin, all.
    pub fn of_table(table: &Table, schema: SchemaRef, pin: Option<&BTreeMap<Partition, i64>>) -> Result<Files> {
        let base = base(table.url());
        let mut ordered = vec![];
        for file in table.files()? {
            let b = bounds(&file)?;
            let cut = match pin {
                None => None,
                Some(pin) => {
                    let end = pin.get(&b.partition).copied().unwrap_or(0);
                    if b.low >= end {
                        continue;
                    }
                    (b.high >= end).then_some(end)
                }
            };
            let path =
                Path::parse(format!("{base}{}", file.add.path)).context(|| format!("file {} of the lake has a bad path", file.add.path))?;
            let statistics = Arc::new(statistics(&schema, &b));
            ordered.push((b.partition, b.low, File { path, size: file.add.size as u64, statistics, cut }));
        }
        ordered.sort_by(|a, b| (&a.0, a.1, &a.2.path).cmp(&(&b.0, b.1, &b.2.path)));
        Ok(Files { schema, store: store_url(table.url())?, files: ordered.into_iter().map(|(_, _, f)| f).collect() })
    }

    /// Local files of our own making, with their rows.
    pub fn of_files(list: &[(std::path::PathBuf, usize)], schema: SchemaRef) -> Result<Files> {
        let mut files = vec![];
        for (path, rows) in list {
            let name = || format!("file {} can't be read", path.display());
            let size = std::fs::metadata(path).context(name)?.len();
            let statistics = Arc::new(Statistics { num_rows: Precision::Exact(*rows), ..Statistics::new_unknown(&schema) });
            files.push(File { path: Path::from_absolute_path(path).context(name)?, size, statistics, cut: None });
        }
        Ok(Files { store: ObjectStoreUrl::local_filesystem(), files, schema })
    }

    fn plan(
        &self,
        state: &dyn Session,
        files: &[&File],
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let options = state.table_options().parquet.clone();
        let source = ParquetSource::new(self.schema.clone()).with_table_parquet_options(options);
        let parts: Vec<PartitionedFile> = files.iter().map(|f| f.part()).collect();
        let statistics = Statistics::try_merge_iter(files.iter().map(|f| f.statistics.as_ref()), &self.schema)?;
        // Neighbours stay together, so that a group reads whole ranges of a partition's offsets.
        let each = parts.len().div_ceil(state.config().target_partitions().max(1)).max(1);
        let groups = parts.chunks(each).map(|c| FileGroup::new(c.to_vec())).collect();
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// A file that straddles the pin: its rows below it.
    fn plan_cut(
        &self,
        state: &dyn Session,
        file: &File,
        end: i64,
        projection: Option<&Vec<usize>>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let offset = self.schema.index_of("kafka_offset")?;
        let mut read = wanted.clone();
        let at = read.iter().position(|i| *i == offset).unwrap_or_else(|| {
            read.push(offset);
            read.len() - 1
        });
        let input = self.plan(state, &[file], Some(&read), None)?;
        let end = Arc::new(Literal::new(ScalarValue::Int64(Some(end))));
        let below = Arc::new(BinaryExpr::new(Arc::new(Column::new("kafka_offset", at)), Operator::Lt, end));
        let filter = FilterExecBuilder::new(below, input).apply_projection(Some((0..wanted.len()).collect()))?.build()?;
        Ok(Arc::new(filter))
    }
}

#[async_trait]
impl TableProvider for Files {
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
        _: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let (cut, whole): (Vec<&File>, Vec<&File>) = self.files.iter().partition(|f| f.cut.is_some());
        let mut plans = vec![];
        if !whole.is_empty() {
            plans.push(self.plan(state, &whole, projection, limit)?);
        }
        for file in cut {
            plans.push(self.plan_cut(state, file, file.cut.unwrap_or_default(), projection)?);
        }
        match plans.len() {
            0 => {
                let schema = projection.map_or_else(|| Ok(self.schema.clone()), |p| self.schema.project(p).map(Arc::new))?;
                Ok(Arc::new(EmptyExec::new(schema)))
            }
            1 => Ok(plans.remove(0)),
            _ => UnionExec::try_new(plans),
        }
    }
}

/// The path of the table's folder below its store, with a slash at its end.
fn base(url: &url::Url) -> String {
    let path = url.path().trim_start_matches('/');
    percent_decode(path)
}

/// A local path's address escapes what a file's name does not.
fn percent_decode(path: &str) -> String {
    url::Url::parse(&format!("file:///{path}")).ok().and_then(|u| u.to_file_path().ok()).map_or_else(
        || path.to_owned(),
        |p| {
            let text = p.to_string_lossy().trim_start_matches('/').to_owned();
            if text.ends_with('/') { text } else { format!("{text}/") }
        },
    )
}

fn store_url(url: &url::Url) -> Result<ObjectStoreUrl> {
    let text =
        if url.scheme() == "file" { "file://".to_owned() } else { format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()) };
    ObjectStoreUrl::parse(&text).context(|| format!("address {url} can't be used"))
}

fn statistics(schema: &SchemaRef, b: &Bounds) -> Statistics {
    let column = |name: &str, kind: &DataType| -> Option<ColumnStatistics> {
        let side = |s: &str| b.stats.get(s).and_then(|m| m.get(name)).and_then(|v| scalar(v, kind));
        let nulls = b.stats.get("nullCount").and_then(|m| m.get(name)).and_then(Value::as_u64)? as usize;
        let exact = |v: Option<ScalarValue>| v.map_or(Precision::Absent, Precision::Exact);
        Some(ColumnStatistics {
            null_count: Precision::Exact(nulls),
            min_value: exact(side("minValues")),
            max_value: exact(side("maxValues")),
            ..ColumnStatistics::new_unknown()
        })
    };
    let columns = schema.fields().iter().map(|f| column(f.name(), f.data_type()).unwrap_or_else(ColumnStatistics::new_unknown));
    Statistics { num_rows: Precision::Exact(b.rows), total_byte_size: Precision::Absent, column_statistics: columns.collect() }
}

fn scalar(v: &Value, kind: &DataType) -> Option<ScalarValue> {
    match kind {
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(v.as_str()?.to_owned()))),
        DataType::Int32 => Some(ScalarValue::Int32(Some(v.as_i64()? as i32))),
        DataType::Int64 => Some(ScalarValue::Int64(Some(v.as_i64()?))),
        DataType::Date32 => {
            let day = chrono::NaiveDate::parse_from_str(v.as_str()?, "%Y-%m-%d").ok()?;
            Some(ScalarValue::Date32(Some(Date32Type::from_naive_date(day))))
        }
        DataType::Timestamp(_, zone) => {
            let t = chrono::DateTime::parse_from_rfc3339(v.as_str()?).ok()?;
            Some(ScalarValue::TimestampMicrosecond(Some(t.timestamp_micros()), zone.clone()))
        }
        _ => None,
    }
}
