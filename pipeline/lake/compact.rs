//! Compaction: many small files of one partition become one, in offset order, while ingest and readers go on.
//!
//! Our own compaction, never the crate's: two of its OPTIMIZE from one snapshot double the rows. Ours swaps files in one commit that
//! lands only if nobody committed since the snapshot on which every input was seen live.
use super::scan::{Bounds, bounds};
use super::table::{LiveFile, Outcome, Table, Tries};
use super::write::{CREATED_BY, add, properties, store};
use super::{Lake, Partition, blocking};
use crate::error::{Context, Error, Result};
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::statistics::Statistics as ChunkStatistics;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A file this large is left alone; a merged one grows to about it.
pub const TARGET_BYTES: i64 = 64 << 20;

/// What a compaction did.
#[derive(Debug, Default)]
pub struct Compacted {
    /// Files before and after, of those it touched.
    pub files: (usize, usize),
    /// Rows moved.
    pub rows: usize,
}

/// Merges the small files of both tables.
pub async fn compact(lake: &mut Lake) -> Result<Compacted> {
    let mut total = Compacted::default();
    for table in [&mut lake.events, &mut lake.rejects] {
        table.refresh().await?;
        for group in groups(table)? {
            let (rows, files) = (group.iter().map(|(_, b)| b.rows).sum::<usize>(), group.len());
            if merge(table, group).await? {
                total.files.0 += files;
                total.files.1 += 1;
                total.rows += rows;
            }
        }
    }
    Ok(total)
}

/// Runs of neighbouring files of one partition that together stay below the target.
fn groups(table: &Table) -> Result<Vec<Vec<(LiveFile, Bounds)>>> {
    let mut by_partition: BTreeMap<Partition, Vec<(LiveFile, Bounds)>> = BTreeMap::new();
    for file in table.files()? {
        let b = bounds(&file)?;
        by_partition.entry(b.partition.clone()).or_default().push((file, b));
    }
    let mut groups = vec![];
    for (_, mut files) in by_partition {
        files.sort_by_key(|(_, b)| b.low);
        let (mut run, mut size) = (vec![], 0);
        for (file, b) in files {
            if size + file.add.size > TARGET_BYTES {
                groups.push(std::mem::take(&mut run));
                size = 0;
            }
            size += file.add.size;
            run.push((file, b));
        }
        groups.push(run);
    }
    Ok(groups.into_iter().filter(|g| g.len() > 1).collect())
}

/// Swaps the group for one file. False if another took one of its files away first: then it is that one's work.
async fn merge(table: &mut Table, group: Vec<(LiveFile, Bounds)>) -> Result<bool> {
    let mut inputs = vec![];
    for (file, _) in &group {
        let read =
            table.store().get(&Path::from(file.add.path.as_str())).await.context(|| format!("file {} can't be read", file.add.path))?;
        inputs.push(read.bytes().await.context(|| format!("file {} can't be read", file.add.path))?);
    }
    let rows: usize = group.iter().map(|(_, b)| b.rows).sum();
    let bytes = blocking(move || rewrite(&inputs, rows)).await?;
    let Some((_, first)) = group.first() else { return Ok(false) };
    let path = format!("{}/{}/{:020}-{}.parquet", first.partition.0, first.partition.1, first.low, uuid::Uuid::new_v4());
    let added = add(path.clone(), bytes.len() as i64, merged_statistics(&group)?, false);
    store(table, &path, bytes).await?;
    let mut tries = Tries::default();
    loop {
        let live: HashMap<String, LiveFile> = table.files()?.into_iter().map(|f| (f.add.path.clone(), f)).collect();
        let out: Option<Vec<_>> = group.iter().map(|(f, _)| live.get(&f.add.path).map(|f| f.remove.clone())).collect();
        let Some(out) = out else { return Ok(false) };
        match table.swap(out, vec![added.clone()]).await? {
            Outcome::Landed(_) => return Ok(true),
            Outcome::Unsure(why) => {
                tries.again(table, &why).await?;
                // An unknown end may have landed after all.
                if table.files()?.iter().any(|f| f.add.path == path) {
                    return Ok(true);
                }
            }
        }
    }
}

/// The files' rows as one file: by event type, then by offset, each type's rows in row groups of their own.
fn rewrite(inputs: &[Bytes], rows: usize) -> Result<Bytes> {
    let failed = || "compaction can't read a file of the lake".to_owned();
    let (mut kinds, mut fields) = (BTreeMap::<String, Vec<(usize, usize)>>::new(), vec![]);
    for (at, input) in inputs.iter().enumerate() {
        let reader = ParquetRecordBatchReaderBuilder::try_new(input.clone()).context(failed)?;
        for field in reader.schema().fields() {
            if !fields.iter().any(|f: &Arc<arrow::datatypes::Field>| f.name() == field.name()) {
                fields.push(field.clone());
            }
        }
        let column = reader.schema().column_with_name("type").map(|(i, _)| i);
        for (group, meta) in reader.metadata().row_groups().iter().enumerate() {
            let kind = match column.and_then(|c| meta.column(c).statistics()) {
                Some(ChunkStatistics::ByteArray(s)) => {
                    s.min_opt().map(|v| String::from_utf8_lossy(v.data()).into_owned()).unwrap_or_default()
                }
                _ => String::new(),
            };
            kinds.entry(kind).or_default().push((at, group));
        }
    }
    let schema: SchemaRef = Arc::new(Schema::new(order(fields)));
    let options = ArrowWriterOptions::new().with_properties(properties(&schema)?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options).context(failed)?;
    let mut written = 0;
    for groups in kinds.values() {
        for (at, group) in groups {
            let input = inputs.get(*at).cloned().unwrap_or_default();
            let reader =
                ParquetRecordBatchReaderBuilder::try_new(input).context(failed)?.with_row_groups(vec![*group]).build().context(failed)?;
            for batch in reader {
                let batch = batch.context(failed)?;
                written += batch.num_rows();
                writer.write(&super::write::fill(&schema, &batch)?).context(failed)?;
            }
        }
        writer.flush().context(failed)?;
    }
    if written != rows {
        return Err(Error::new("compaction read another number of rows than the lake's log names")
            .detail(format!("{written} for {rows}, by {CREATED_BY}")));
    }
    Ok(Bytes::from(writer.into_inner().context(failed)?))
}

/// Positions and envelope first, as they came; the data columns of several files by name.
fn order(mut fields: Vec<Arc<arrow::datatypes::Field>>) -> Vec<Arc<arrow::datatypes::Field>> {
    let fixed = fields.iter().position(|f| f.name() == "data_hash").map_or(fields.len(), |i| i + 1);
    if let Some(data) = fields.get_mut(fixed..) {
        data.sort_by(|a, b| a.name().cmp(b.name()));
    }
    fields
}

/// The inputs' statistics as one: a column that a file lacks is null in all its rows.
fn merged_statistics(group: &[(LiveFile, Bounds)]) -> Result<String> {
    let (mut low, mut high, mut nulls, mut rows) = (Map::new(), Map::new(), Map::new(), 0u64);
    for (file, b) in group {
        let stats: Value =
            serde_json::from_str(file.add.stats.as_deref().unwrap_or_default()).context(|| "a file's statistics can't be read".into())?;
        let side = |name: &str| stats.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let of = side("nullCount");
        for name in nulls.keys().cloned().chain(of.keys().cloned()).collect::<std::collections::BTreeSet<String>>() {
            let before = nulls.get(&name).and_then(Value::as_u64).unwrap_or(rows);
            let here = of.get(&name).and_then(Value::as_u64).unwrap_or(b.rows as u64);
            nulls.insert(name, Value::from(before + here));
        }
        rows += b.rows as u64;
        for (name, v) in side("minValues") {
            if low.get(&name).is_none_or(|old| super::write::less(&v, old)) {
                low.insert(name, v);
            }
        }
        for (name, v) in side("maxValues") {
            if high.get(&name).is_none_or(|old| super::write::less(old, &v)) {
                high.insert(name, v);
            }
        }
    }
    Ok(serde_json::json!({ "numRecords": rows, "minValues": low, "maxValues": high, "nullCount": nulls }).to_string())
}
