//! From a segment's rows to a Parquet file and the line that adds it to the table.
//!
//! A file holds one partition. Each of its row groups holds one event type, so that a query on completions reads completions alone, and
//! the file has the columns of its types alone: what is absent costs nothing.
use super::blocking;
use super::table::{Table, now_ms};
use crate::durable::sync_below;
use crate::error::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use bytes::Bytes;
use deltalake::kernel::Add;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// What our Parquet files say wrote them: no version, so that the same rows are the same bytes after an upgrade.
pub const CREATED_BY: &str = "kangyang";

/// Columns that hardly repeat: a dictionary would cost time and save nothing.
const UNIQUE: [&str; 8] = ["id", "subject", "series_hash", "event_hash", "data_hash", "person_key", "holder_key", "origin"];
/// Numbers that rise with the offset: differences are small.
const RISING: [&str; 3] = ["kafka_offset", "recorded_at", "time"];

/// How the lake's files are written: zstd, a dictionary where values repeat, differences where they rise.
pub fn properties(schema: &Schema) -> Result<WriterProperties> {
    let zstd = ZstdLevel::try_new(1).context(|| "Parquet's compression level is wrong".into())?;
    let mut p = WriterProperties::builder()
        .set_created_by(CREATED_BY.into())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(zstd))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(1 << 20));
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        if UNIQUE.contains(&field.name().as_str()) {
            p = p.set_column_dictionary_enabled(path.clone(), false).set_column_statistics_enabled(path, EnabledStatistics::None);
        } else if RISING.contains(&field.name().as_str()) {
            p = p.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(p.build())
}

/// Writes batches, each as row groups of its own, as one Parquet file in memory. `schema` has every column of every batch.
pub fn encode(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Bytes> {
    let failed = || "Parquet file can't be written".to_owned();
    let options = ArrowWriterOptions::new().with_properties(properties(schema)?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options).context(failed)?;
    for batch in batches {
        writer.write(&fill(schema, batch)?).context(failed)?;
        writer.flush().context(failed)?;
    }
    Ok(Bytes::from(writer.into_inner().context(failed)?))
}

/// The batch with all columns of `schema`; those it lacks are null.
pub fn fill(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = schema
        .fields()
        .iter()
        .map(|f| batch.column_by_name(f.name()).cloned().unwrap_or_else(|| new_null_array(f.data_type(), batch.num_rows())));
    RecordBatch::try_new(schema.clone(), columns.collect()).context(|| "rows don't have the table's columns".into())
}

/// The columns of `whole` that any of the batches has, in its order.
pub fn union(whole: &SchemaRef, batches: &[RecordBatch]) -> SchemaRef {
    let used = whole.fields().iter().filter(|f| batches.iter().any(|b| b.schema_ref().column_with_name(f.name()).is_some()));
    Arc::new(Schema::new(used.cloned().collect::<Vec<_>>()))
}

/// Puts one partition's rows into a new file below the table and returns the line that adds it; the file is safe on disk.
pub async fn put(table: &Table, topic: &str, partition: i32, start: i64, schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<Add> {
    let schema = union(schema, &batches);
    let stats = statistics(&batches)?;
    // On the worker's own thread, for some 20 ms a file: a pool's threads take turns, and each would keep the memory of its largest file.
    let encoded = encode(&schema, &batches)?;
    let path = format!("{topic}/{partition}/{start:020}-{}.parquet", uuid::Uuid::new_v4());
    let size = encoded.len() as i64;
    store(table, &path, encoded).await?;
    Ok(add(path, size, stats, true))
}

/// Writes a file whole and makes it last.
pub async fn store(table: &Table, path: &str, bytes: Bytes) -> Result<()> {
    table.store().put(&Path::from(path), bytes.into()).await.context(|| format!("file {path} can't be written"))?;
    let Some(dir) = table.dir() else { return Ok(()) };
    let file = dir.join(path);
    blocking(move || sync_below(&dir, &file)).await
}

/// The line that adds a file. `change` is false where its rows were in the table before.
pub fn add(path: String, size: i64, stats: String, change: bool) -> Add {
    Add {
        path,
        partition_values: HashMap::new(),
        size,
        modification_time: now_ms(),
        data_change: change,
        stats: Some(stats),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

/// Columns whose smallest and greatest value the table's log holds, beside every date: they prune.
const BOUNDED: [&str; 6] = ["kafka_topic", "kafka_partition", "kafka_offset", "end_offset", "recorded_at", "type"];

/// Whether the table's log holds a column's bounds.
pub fn bounded(field: &Field) -> bool {
    BOUNDED.contains(&field.name().as_str()) || field.data_type() == &DataType::Date32
}

/// A file's statistics as Delta writes them. `numRecords` answers `count(*)`, the bounds prune.
pub fn statistics(batches: &[RecordBatch]) -> Result<String> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    let mut names: Vec<(String, DataType)> = vec![];
    for field in batches.iter().flat_map(|b| b.schema_ref().fields().iter().cloned().collect::<Vec<_>>()) {
        if bounded(&field) && !names.iter().any(|(n, _)| n == field.name()) {
            names.push((field.name().clone(), field.data_type().clone()));
        }
    }
    for (name, _) in &names {
        let columns: Vec<&ArrayRef> = batches.iter().filter_map(|b| b.column_by_name(name)).collect();
        let present: usize = columns.iter().map(|c| c.len() - c.null_count()).sum();
        nulls.insert(name.clone(), Value::from(rows - present));
        let bounds = columns.iter().filter_map(|c| bounds(c.as_ref()));
        if let Some((lo, hi)) = bounds.reduce(|(a, b), (c, d)| (if less(&c, &a) { c } else { a }, if less(&b, &d) { d } else { b })) {
            low.insert(name.clone(), lo);
            high.insert(name.clone(), hi);
        }
    }
    let stats = serde_json::json!({ "numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls });
    Ok(stats.to_string())
}

/// Order of two bounds of one column. Both are: numbers, or texts whose order is their values' order.
pub fn less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_i64() < b.as_i64(),
        (Value::String(a), Value::String(b)) => a < b,
        _ => false,
    }
}

fn bounds(array: &dyn Array) -> Option<(Value, Value)> {
    match array.data_type() {
        DataType::Utf8 => {
            let a = array.as_string::<i32>();
            Some((min_string(a)?.into(), max_string(a)?.into()))
        }
        DataType::Int32 => {
            let a = array.as_primitive::<Int32Type>();
            Some((min(a)?.into(), max(a)?.into()))
        }
        DataType::Int64 => {
            let a = array.as_primitive::<Int64Type>();
            Some((min(a)?.into(), max(a)?.into()))
        }
        DataType::Date32 => {
            let a = array.as_primitive::<Date32Type>();
            let day = |d: i32| Date32Type::to_naive_date_opt(d).map(|d| Value::from(d.format("%Y-%m-%d").to_string()));
            Some((day(min(a)?)?, day(max(a)?)?))
        }
        DataType::Timestamp(_, _) => {
            let a = array.as_primitive::<TimestampMicrosecondType>();
            let text =
                |t: i64| chrono::DateTime::from_timestamp_micros(t).map(|t| Value::from(t.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()));
            Some((text(min(a)?)?, text(max(a)?)?))
        }
        _ => None,
    }
}
