//! `build`: every mart as one plain Parquet file, replaced by rename, so that a reader finds the old one or the new one, whole; all of
//! them at the end and under a lock, so that two builds never leave marts of two pins.
use super::engine::Engine;
use super::pin::Pinned;
use crate::durable::{Aside, lock, replace, sweep, sync};
use crate::error::{Context, Result};
use crate::lake::write::CREATED_BY;
use crate::tree::Tree;
use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One model as built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// Not a mart, but what is kept beside them.
    pub kept: bool,
    /// Its rows.
    pub rows: usize,
    /// Its file, which the session reads and keeps: [`note`] puts the mart into its place.
    file: PathBuf,
}

/// The folder beside the marts for what is kept of the units that figures count. It may be removed: explain makes them itself.
const UNITS: &str = ".units";

/// Where a model's file lies; `dir` is the marts' folder.
fn place(dir: &Path, name: &str, kept: bool) -> PathBuf {
    let folder = if kept { dir.with_file_name(UNITS) } else { dir.to_owned() };
    folder.join(format!("{name}.parquet"))
}

/// How every figure's Parquet file is written: the same rows give the same bytes.
pub fn writer_options() -> Result<ArrowWriterOptions> {
    let zstd = ZstdLevel::try_new(3).context(|| "Parquet's compression level is wrong".into())?;
    let properties = WriterProperties::builder().set_created_by(CREATED_BY.into()).set_compression(Compression::ZSTD(zstd)).build();
    // Without Arrow's own schema in it the file is plain Parquet, with the types that every reader derives alike.
    Ok(ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true))
}

/// Runs every mart, and what is kept beside them, in the order of the DAG. Their files are the session's until [`note`] puts them into
/// place.
pub async fn build(engine: &mut Engine, dir: &Path) -> Result<Vec<Built>> {
    for folder in [dir.to_owned(), dir.with_file_name(UNITS)] {
        std::fs::create_dir_all(&folder).context(|| format!("folder {} can't be made", folder.display()))?;
    }
    let wanted = engine.dag.built();
    let steps = engine.dag.needed(&wanted.keys().cloned().collect::<Vec<_>>(), &BTreeSet::new());
    let mut built = vec![];
    for (at, name) in steps.iter().enumerate() {
        let begun = std::time::Instant::now();
        if let Some(kept) = wanted.get(name) {
            let file = engine.scratch().join(format!("{name}.parquet"));
            let (schema, rows) = write(engine, name, &file).await?;
            engine.serve(name, &file, schema, rows)?;
            built.push(Built { name: name.clone(), kept: *kept, rows, file });
        } else {
            engine.provide_among(name, &steps).await?;
        }
        engine.release(steps.get(at + 1..).unwrap_or_default());
        tracing::debug!(model = name.as_str(), ms = begun.elapsed().as_millis() as u64, "model ran");
    }
    Ok(built)
}

/// A model's rows as a Parquet file, after `prepare`; its columns, and how many rows.
pub async fn write(engine: &Engine, name: &str, path: &Path) -> Result<(SchemaRef, usize)> {
    let mut stream = engine.stream(name).await?;
    let file = std::fs::File::create(path).context(|| format!("file {} can't be written", path.display()))?;
    let mut figures = Figures::new(file, stream.schema.clone())?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await? {
        rows += batch.num_rows();
        figures.write(batch)?;
    }
    figures.finish()?;
    Ok((stream.schema, rows))
}

/// Rows as Parquet bytes, deterministic.
pub fn parquet(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let mut figures = Figures::new(Vec::new(), Arc::new(schema.clone()))?;
    batches.iter().try_for_each(|b| figures.write(b.clone()))?;
    figures.finish()
}

/// A writer of figures. Parquet's pages end where a batch handed over does: rows are handed over in batches of one size, so that
/// neither memory nor threads decide the bytes.
pub(super) struct Figures<W: Write + Send> {
    even: BatchCoalescer,
    writer: ArrowWriter<W>,
}

/// Rows of a batch handed over: a whole number of them fills a row group.
const STEP: usize = 32_768;

fn unwritten() -> String {
    "Parquet file can't be written".to_owned()
}

impl<W: Write + Send> Figures<W> {
    pub(super) fn new(out: W, schema: SchemaRef) -> Result<Figures<W>> {
        let writer = ArrowWriter::try_new_with_options(out, schema.clone(), writer_options()?).context(unwritten)?;
        Ok(Figures { even: BatchCoalescer::new(schema, STEP), writer })
    }

    pub(super) fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.even.push_batch(batch).context(unwritten)?;
        while let Some(batch) = self.even.next_completed_batch() {
            self.writer.write(&batch).context(unwritten)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W> {
        self.even.finish_buffered_batch().context(unwritten)?;
        if let Some(rest) = self.even.next_completed_batch() {
            self.writer.write(&rest).context(unwritten)?;
        }
        self.writer.into_inner().context(unwritten)
    }
}

/// What marts were computed from beside the lake: SQL, event types, reference data.
pub fn inputs(queries: &Tree, schemas: &Tree) -> String {
    format!("{} {}", queries.digest(), schemas.digest())
}

/// Lets the session read marts that are built already, if they are of the same pin and inputs, under names of its own: a build may
/// replace them meanwhile. False: there are none such, and the session makes them itself.
pub fn built(engine: &mut Engine, dir: &Path, pinned: &Pinned, inputs: &str) -> Result<bool> {
    let told = dir.join("build.json");
    if !told.exists() {
        return Ok(false);
    }
    let _lock = lock(&dir.join(".lock"))?;
    let text = std::fs::read(&told).context(|| format!("file {} can't be read", told.display()))?;
    let note: serde_json::Value = serde_json::from_slice(&text).context(|| format!("file {} can't be read", told.display()))?;
    let says = |key: &str, value: &str| note.get(key).and_then(serde_json::Value::as_str) == Some(value);
    if !says("pin", &pinned.pin.to_string()) || !says("inputs", inputs) {
        return Ok(false);
    }
    let models = engine.dag.built();
    if models.iter().any(|(name, kept)| !kept && !place(dir, name, false).exists()) {
        return Ok(false);
    }
    for (name, kept) in models {
        let (there, file) = (place(dir, &name, kept), engine.scratch().join(format!("{name}.parquet")));
        if kept && !there.exists() {
            continue;
        }
        let unread = || format!("mart {} can't be read", there.display());
        second_name(&there, &file).context(unread)?;
        let opened = std::fs::File::open(&file).context(unread)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(opened).context(unread)?;
        let rows = reader.metadata().file_metadata().num_rows() as usize;
        engine.serve(&name, &file, reader.schema().clone(), rows)?;
    }
    Ok(true)
}

/// A second name for a file, whose reader goes on reading it whatever becomes of the first; a copy where files have one name only.
fn second_name(file: &Path, name: &Path) -> std::io::Result<()> {
    std::fs::hard_link(file, name).or_else(|_| std::fs::copy(file, name).map(drop))
}

/// Puts the models into their places, and `build.json` beside the marts: which pin they are of, and when they were built. One at a time
/// does so. What they were computed from is told last: a crash in the middle leaves marts that no session takes for those of a pin.
pub fn note(dir: &Path, pinned: &Pinned, inputs: &str, built: &[Built]) -> Result<()> {
    let _lock = lock(&dir.join(".lock"))?;
    sweep(dir)?;
    sweep(&dir.with_file_name(UNITS))?;
    let mut ready = vec![];
    for b in built {
        let place = place(dir, &b.name, b.kept);
        let aside = Aside::beside(&place);
        second_name(&b.file, aside.path()).context(|| format!("mart {} can't be written", place.display()))?;
        sync(aside.path())?;
        ready.push((aside, place));
    }
    let marts = built.iter().filter(|b| !b.kept).map(|b| (b.name.clone(), json!({ "rows": b.rows })));
    let (marts, built_at) =
        (marts.collect::<serde_json::Map<_, _>>(), chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    let tell = |inputs: Option<&str>| {
        let text = json!({
            "pin": pinned.pin.to_string(),
            "as_of": pinned.as_of.map(|t| t.to_rfc3339()),
            "provisional": pinned.provisional,
            "inputs": inputs,
            "built_at": built_at,
            "marts": marts,
        });
        replace(&dir.join("build.json"), format!("{text:#}\n").as_bytes())
    };
    tell(None)?;
    for (aside, place) in ready {
        aside.into_place(&place)?;
        sync(&place)?;
    }
    tell(Some(inputs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    #[test]
    fn the_same_rows_give_the_same_bytes_however_they_were_cut_into_batches() {
        let rows = 100_000;
        let codes = (0..rows).map(|i| (i % 7 > 0).then(|| format!("code {}", i % 40_000)));
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from_iter_values(0..rows)) as _),
            ("code", Arc::new(codes.collect::<StringArray>()) as _),
        ]);
        let batch = batch.unwrap_or_else(|_| RecordBatch::new_empty(SchemaRef::new(Schema::empty())));
        let cut = |size: usize| {
            let batches: Vec<_> = (0..batch.num_rows()).step_by(size).map(|at| batch.slice(at, size.min(batch.num_rows() - at))).collect();
            parquet(&batch.schema(), &batches).unwrap_or_default()
        };
        let whole = cut(batch.num_rows());
        assert!(whole.len() > 10_000);
        for size in [777, 8_192, STEP, STEP + 1] {
            assert!(cut(size) == whole, "batches of {size} rows give other bytes");
        }
    }
}
