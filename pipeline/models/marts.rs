//! `build`: every mart as one plain Parquet file, replaced by rename, so that a reader finds the old one or the new one, whole; all of
//! them at the end and under a lock, so that two builds never leave marts of two pins.
use super::dag::Layer;
use super::engine::{Engine, plain, plain_schema};
use super::pin::Pinned;
use crate::durable::{Aside, lock, replace, sweep, sync};
use crate::error::{Context, Error, Result};
use crate::lake::write::CREATED_BY;
use arrow::datatypes::{Schema, SchemaRef};
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::path::{Path, PathBuf};

/// One mart as built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: usize,
    /// Its file, which the session reads and keeps: [`note`] puts the mart into its place.
    file: PathBuf,
}

/// How every figure's Parquet file is written: the same rows give the same bytes.
pub fn writer_options() -> Result<ArrowWriterOptions> {
    let zstd = ZstdLevel::try_new(3).context(|| "Parquet's compression level is wrong".into())?;
    let properties = WriterProperties::builder().set_created_by(CREATED_BY.into()).set_compression(Compression::ZSTD(zstd)).build();
    // Without Arrow's own schema in it the file is plain Parquet, with the types that every reader derives alike.
    Ok(ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true))
}

/// Runs every mart, in the order of the DAG. Their files are the session's until [`note`] puts them into `dir`.
pub async fn build(engine: &mut Engine, dir: &Path) -> Result<Vec<Built>> {
    std::fs::create_dir_all(dir).context(|| format!("folder {} can't be made", dir.display()))?;
    let marts = engine.dag.layer(Layer::Marts);
    let steps = engine.dag.needed(&marts);
    let mut built = vec![];
    for (at, name) in steps.iter().enumerate() {
        let begun = std::time::Instant::now();
        if marts.contains(name) {
            let file = engine.scratch().join(format!("{name}.parquet"));
            let (schema, rows) = write(engine, name, &file).await?;
            engine.serve(name, &file, schema, rows)?;
            built.push(Built { name: name.clone(), rows, file });
        } else {
            engine.provide_among(name, &steps).await?;
        }
        engine.release(steps.get(at + 1..).unwrap_or_default());
        tracing::debug!(model = name.as_str(), ms = begun.elapsed().as_millis() as u64, "model ran");
    }
    Ok(built)
}

async fn write(engine: &Engine, name: &str, path: &Path) -> Result<(SchemaRef, usize)> {
    let failed = || format!("mart {} can't be written", path.display());
    let mut stream = engine.stream(name).await?;
    let schema = plain_schema(&stream.schema());
    let file = std::fs::File::create(path).context(failed)?;
    let mut writer = ArrowWriter::try_new_with_options(file, schema.clone(), writer_options()?).context(failed)?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| Error::new(format!("model {name} can't be run")).detail(e.strip_backtrace()))?;
        rows += batch.num_rows();
        writer.write(&plain(&schema, &batch)?).context(failed)?;
    }
    writer.close().context(failed)?;
    Ok((schema, rows))
}

/// Rows as Parquet bytes, deterministic.
pub fn parquet(schema: &Schema, batches: &[arrow::array::RecordBatch]) -> Result<Vec<u8>> {
    let failed = || "Parquet file can't be written".to_owned();
    let mut writer =
        ArrowWriter::try_new_with_options(Vec::new(), std::sync::Arc::new(schema.clone()), writer_options()?).context(failed)?;
    batches.iter().try_for_each(|b| writer.write(b)).context(failed)?;
    writer.into_inner().context(failed)
}

/// Puts the marts into their places, and last `build.json`: which pin they are of, and when they were built. One at a time does so.
pub fn note(dir: &Path, pinned: &Pinned, built: &[Built]) -> Result<()> {
    let _lock = lock(&dir.join(".lock"))?;
    sweep(dir)?;
    let mut ready = vec![];
    for b in built {
        let place = dir.join(format!("{}.parquet", b.name));
        let aside = Aside::beside(&place);
        // A second name for the session's file, which goes on reading it; a copy where files have one name only.
        std::fs::hard_link(&b.file, aside.path())
            .or_else(|_| std::fs::copy(&b.file, aside.path()).map(drop))
            .context(|| format!("mart {} can't be written", place.display()))?;
        sync(aside.path())?;
        ready.push((aside, place));
    }
    ready.into_iter().try_for_each(|(aside, place)| aside.into_place(&place))?;
    let marts: serde_json::Map<String, serde_json::Value> = built.iter().map(|b| (b.name.clone(), json!({ "rows": b.rows }))).collect();
    let text = json!({
        "pin": pinned.pin.to_string(),
        "as_of": pinned.as_of.map(|t| t.to_rfc3339()),
        "provisional": pinned.provisional,
        "built_at": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "marts": marts,
    });
    replace(&dir.join("build.json"), format!("{text:#}\n").as_bytes())
}
