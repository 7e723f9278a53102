//! `build`: every mart as one plain Parquet file, replaced by rename, so that a reader finds the old one or the new one, whole.
use super::dag::Layer;
use super::engine::{Engine, plain, plain_schema};
use super::pin::Pinned;
use crate::durable::{Aside, replace};
use crate::error::{Context, Error, Result};
use crate::lake::write::CREATED_BY;
use arrow::datatypes::{Schema, SchemaRef};
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::path::Path;

/// One mart as built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: usize,
}

/// How every figure's Parquet file is written: the same rows give the same bytes.
pub fn writer_options() -> Result<ArrowWriterOptions> {
    let zstd = ZstdLevel::try_new(3).context(|| "Parquet's compression level is wrong".into())?;
    let properties = WriterProperties::builder().set_created_by(CREATED_BY.into()).set_compression(Compression::ZSTD(zstd)).build();
    // Without Arrow's own schema in it the file is plain Parquet, with the types that every reader derives alike.
    Ok(ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true))
}

/// Runs every mart, in the order of the DAG, into `dir`.
pub async fn build(engine: &mut Engine, dir: &Path) -> Result<Vec<Built>> {
    std::fs::create_dir_all(dir).context(|| format!("folder {} can't be made", dir.display()))?;
    let marts = engine.dag.layer(Layer::Marts);
    let steps = engine.dag.needed(&marts);
    let mut built = vec![];
    for (at, name) in steps.iter().enumerate() {
        let begun = std::time::Instant::now();
        if marts.contains(name) {
            let path = dir.join(format!("{name}.parquet"));
            let (schema, rows) = write(engine, name, &path).await?;
            engine.serve(name, &path, schema, rows)?;
            built.push(Built { name: name.clone(), rows });
        } else {
            engine.provide_among(name, &steps).await?;
        }
        engine.release(steps.get(at + 1..).unwrap_or_default());
        tracing::debug!(model = name.as_str(), ms = begun.elapsed().as_millis() as u64, "model ran");
    }
    Ok(built)
}

/// Writes one mart beside its place and renames it there.
async fn write(engine: &Engine, name: &str, path: &Path) -> Result<(SchemaRef, usize)> {
    let failed = || format!("mart {} can't be written", path.display());
    let mut stream = engine.stream(name).await?;
    let schema = plain_schema(&stream.schema());
    let aside = Aside::beside(path);
    let file = std::fs::File::create(aside.path()).context(failed)?;
    let mut writer = ArrowWriter::try_new_with_options(file, schema.clone(), writer_options()?).context(failed)?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|e| Error::new(format!("model {name} can't be run")).detail(e.strip_backtrace()))?;
        rows += batch.num_rows();
        writer.write(&plain(&schema, &batch)?).context(failed)?;
    }
    writer.close().context(failed)?;
    aside.into_place(path)?;
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

/// `marts/build.json`: which pin the marts are of, and when they were built.
pub fn note(dir: &Path, pinned: &Pinned, built: &[Built]) -> Result<()> {
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
