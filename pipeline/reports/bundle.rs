//! A bundle: one zip for an auditor, from which a published figure can be recomputed without this program and without a person in it.
//!
//! It stands beside its revision as `reports/PERIOD/bundle-rN.zip`, since what is published never changes. The members and their bytes are
//! decided by the revision's inputs: times are fixed, order is bytewise, and nothing is compressed by the zip itself (Parquet and xlsx
//! are already), so that no compressor's version has a say. Events come from the models of `queries/bundle/`, which name no key.
use super::Request;
use super::manifest::{Manifest, sha256};
use super::recipients::Recipient;
use crate::durable::{lock, replace, sync};
use crate::error::{Context, Error, Result};
use crate::models::{Engine, Layer, marts};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What a model's name begins with beyond the event type whose events it hands on.
const PREFIX: &str = "bundled_";

/// A bundle that is there: now, or already before.
pub struct Bundle {
    /// `reports/PERIOD/bundle-rN.zip`; its SHA-256 stands beside it, in the form of `sha256sum`.
    pub path: PathBuf,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// False: it had been written before.
    pub new: bool,
}

/// A member's content: small ones are in memory, events are files of the session.
enum Content {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Content {
    fn sha256(&self) -> Result<String> {
        match self {
            Content::Bytes(bytes) => Ok(sha256(bytes)),
            Content::File(path) => file_sha256(path),
        }
    }

    fn size(&self) -> Result<u64> {
        match self {
            Content::Bytes(bytes) => Ok(bytes.len() as u64),
            Content::File(path) => path.metadata().map(|m| m.len()).context(|| unread(path)),
        }
    }
}

fn unread(path: &Path) -> String {
    format!("file {} can't be read", path.display())
}

/// SHA-256 of a file, hex; a piece at a time is in memory.
fn file_sha256(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    File::open(path).and_then(|mut f| io::copy(&mut f, &mut hash)).context(|| unread(path))?;
    Ok(format!("{:x}", hash.finalize()))
}

/// Whether a recipient's version may be bundled: only one that shows table 1 and whole tables, since the events behind them are in the
/// bundle whole. Error (usage): it shows less.
pub fn suits(to: &Recipient) -> Result<()> {
    if to.sees("table_1") && to.whole() {
        return Ok(());
    }
    let hint = "a bundle holds the events behind all tables: bundle the report itself, or a version that shows as much";
    Err(Error::usage(format!("the version of {} can't be bundled: it shows less than a bundle does", to.code)).hint(hint))
}

/// Writes the bundle of the revision in `dir` (`reports/PERIOD/rN`), unless it is there. The engine must be open at the revision's pin, on
/// its SQL and reference data. Errors: a published file, or a bundle from before, is no longer what was written; the SQL has no models for
/// a bundle; storage.
pub async fn write(engine: &mut Engine, r: &Request<'_>, dir: &Path) -> Result<Bundle> {
    let home = dir.parent().unwrap_or(dir);
    let revision = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = format!("bundle-{revision}.zip");
    let (path, beside) = (home.join(&name), home.join(format!("{name}.sha256")));
    if path.exists() {
        return there(path, &beside);
    }
    let members = members(engine, r, dir).await?;
    let made = engine.scratch().join(&name);
    pack(&members, &made)?;
    let sha256 = file_sha256(&made)?;
    let _lock = lock(&home.join(".lock"))?;
    if path.exists() {
        return there(path, &beside);
    }
    // The zip comes last: where it is, its SHA-256 is.
    replace(&beside, format!("{sha256}  {name}\n").as_bytes())?;
    sync(&made)?;
    std::fs::rename(&made, &path).context(|| format!("bundle can't be put at {}", path.display()))?;
    sync(&path)?;
    Ok(Bundle { path, sha256, new: true })
}

/// The bundle from before. Error: it is not what was written.
fn there(path: PathBuf, beside: &Path) -> Result<Bundle> {
    let text = std::fs::read_to_string(beside).context(|| unread(beside))?;
    let sha256 = file_sha256(&path)?;
    if text.split_whitespace().next() != Some(sha256.as_str()) {
        let hint = "put it aside, and the next --bundle writes it anew";
        return Err(Error::new(format!("bundle {} is not what was written: its SHA-256 is another", path.display())).hint(hint));
    }
    Ok(Bundle { path, sha256, new: false })
}

/// All members by path; `SHA256SUMS` is of all others.
async fn members(engine: &mut Engine, r: &Request<'_>, dir: &Path) -> Result<BTreeMap<String, Content>> {
    let mut all = BTreeMap::new();
    let manifest = published(dir, &mut all)?;
    for (kind, tree) in [("queries", r.queries), ("schemas", r.schemas)] {
        all.extend(tree.files.iter().map(|(path, text)| (format!("{kind}/{path}"), Content::Bytes(text.clone().into_bytes()))));
    }
    let names = engine.dag.layer(Layer::Bundle);
    if names.is_empty() {
        let hint = "each of its models hands on the events of one type";
        return Err(Error::new(format!("folder {}/{} has no models", r.queries.name, Layer::Bundle.folder())).hint(hint));
    }
    engine.prepare(&names).await?;
    for name in &names {
        let file = engine.scratch().join(format!("{name}.parquet"));
        marts::write(engine, name, &file).await?;
        all.insert(format!("events/{}.parquet", name.strip_prefix(PREFIX).unwrap_or(name)), Content::File(file));
    }
    let told = |text: &str| {
        let revision = manifest.revision.to_string();
        let words = [("{{ period }}", &manifest.period), ("{{ revision }}", &revision), ("{{ plan }}", &manifest.plan)];
        words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value)).into_bytes()
    };
    all.insert("README.md".into(), Content::Bytes(told(include_str!("bundle/README.md"))));
    all.insert("recompute_table_1.py".into(), Content::Bytes(include_bytes!("bundle/recompute_table_1.py").to_vec()));
    let sums =
        all.iter().map(|(path, content)| content.sha256().map(|digest| format!("{digest}  {path}\n"))).collect::<Result<String>>()?;
    all.insert("SHA256SUMS".into(), Content::Bytes(sums.into_bytes()));
    Ok(all)
}

/// The published files, as they are on disk. Error: one is not what its manifest says.
fn published(dir: &Path, all: &mut BTreeMap<String, Content>) -> Result<Manifest> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path).context(|| unread(&path))
    };
    let bytes = read("manifest.json")?;
    let manifest = Manifest::from_bytes(&bytes)?;
    all.insert("report/manifest.json".into(), Content::Bytes(bytes));
    for (name, output) in &manifest.outputs {
        let bytes = read(name)?;
        if sha256(&bytes) != output.sha256 {
            let what = format!("published file {} is not what its manifest says: its SHA-256 is another", dir.join(name).display());
            return Err(Error::new(what).hint("bring the folder back from a backup: what is published never changes"));
        }
        all.insert(format!("report/{name}"), Content::Bytes(bytes));
    }
    Ok(manifest)
}

/// The members as a zip, bytewise by path, without times and without compression.
fn pack(members: &BTreeMap<String, Content>, path: &Path) -> Result<()> {
    let failed = || format!("bundle {} can't be written", path.display());
    let mut zip = ZipWriter::new(BufWriter::new(File::create(path).context(failed)?));
    for (name, content) in members {
        // From 4 GiB on the format has a longer header.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644)
            .large_file(content.size()? >= u64::from(u32::MAX));
        zip.start_file(name.as_str(), options).context(failed)?;
        match content {
            Content::Bytes(bytes) => zip.write_all(bytes).context(failed)?,
            Content::File(file) => drop(File::open(file).and_then(|mut f| io::copy(&mut f, &mut zip)).context(failed)?),
        }
    }
    zip.finish().context(failed)?.flush().context(failed)
}
