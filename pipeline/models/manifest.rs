//! `manifest.json`: what a published report was made from, and what its files must be.
//!
//! The pin, the SQL and the reference data decide every byte (contract §5), so a manifest is enough to make the report again and
//! compare (`verify`), and its inputs' digest tells whether a report would say anything new. A closing signs a manifest by its digest, so
//! models that compare with what was signed read it too.
use crate::error::{Context, Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The version of this file's form.
pub const FORMAT: u32 = 1;

/// The manifest; unknown keys are refused, since their meaning would go unverified.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// `2021-06` or `2021`.
    pub period: String,
    /// Whose version it is, a code of `recipients.csv`; none: the office's own, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// N of `rN`.
    pub revision: u32,
    /// The plan reported on.
    pub plan: String,
    /// The log position of every figure (contract §5).
    pub pin: String,
    /// The instant the pin was found for, RFC 3339, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Whether the log's end was not seen.
    pub provisional: bool,
    /// The version of the program that published; like the next, for information, it decides nothing.
    pub tool: String,
    /// The versions of the libraries that had a hand in the bytes, by name: where to look if they can't be made again.
    pub libraries: BTreeMap<String, String>,
    /// SHA-256 of each SQL file and form used, by path.
    pub queries: BTreeMap<String, String>,
    /// SHA-256 of each schema and reference file, by path.
    pub schemas: BTreeMap<String, String>,
    /// Each published file but this, by name.
    pub outputs: BTreeMap<String, Output>,
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// A published file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// SHA-256, hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

impl Output {
    /// Describes a file's content.
    pub fn of(content: &[u8]) -> Output {
        Output { sha256: sha256(content), bytes: content.len() as u64 }
    }
}

impl Manifest {
    /// Reads a manifest. Errors: it is no JSON of this form, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Manifest> {
        let failed = || "manifest can't be read".to_owned();
        // First the version alone: another one's keys are others.
        let Version { format } = serde_json::from_slice(bytes).context(failed)?;
        if format != FORMAT {
            let detail = format!("its format is {format}, this program knows {FORMAT}");
            return Err(Error::new(failed()).detail(detail).hint("use the version of kangyang that its `tool` names"));
        }
        let manifest: Manifest = serde_json::from_slice(bytes).context(failed)?;
        // A name is one of the folder's own files, never a way out of it.
        if let Some(name) = manifest.outputs.keys().find(|n| n.is_empty() || n.starts_with('.') || n.contains(['/', '\\'])) {
            return Err(Error::new(failed()).detail(format!("{name:?} is no file of its folder")));
        }
        Ok(manifest)
    }

    /// The content of one of its files in a report's folder. Error: it lists none of that name, or the file is not what it says.
    pub fn content(&self, dir: &Path, name: &str) -> Result<Vec<u8>> {
        let path = dir.join(name);
        let output = self.outputs.get(name).ok_or_else(|| Error::new(format!("report {} has no file {name}", dir.display())))?;
        let bytes = std::fs::read(&path).context(|| format!("file {} can't be read", path.display()))?;
        if Output::of(&bytes) != *output {
            let hint = "what is published never changes: take the folder back from a backup";
            return Err(Error::new(format!("file {} is not what its manifest says", path.display())).hint(hint));
        }
        Ok(bytes)
    }

    /// The one way to write it: keys in the order above, files bytewise, two spaces, LF.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self).context(|| "manifest can't be written".to_owned())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// SHA-256 of what decides the figures: period, plan, pin, SQL, schemas and reference data, and whether they are provisional (so
    /// that a final report can follow a provisional one of the same pin). Two manifests that agree in it say the same.
    pub fn inputs_digest(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n{}\n", self.period, self.plan, self.pin, self.provisional);
        text.extend(self.recipient.iter().map(|r| format!("for {r}\n")));
        for (kind, files) in [("queries", &self.queries), ("schemas", &self.schemas)] {
            text.extend(files.iter().map(|(path, digest)| format!("{digest}  {kind}/{path}\n")));
        }
        sha256(text.as_bytes())
    }
}

/// The libraries that compute, encode and compress what is published.
const LIBRARIES: [&str; 8] = ["arrow", "datafusion", "flate2", "minijinja", "parquet", "rust_xlsxwriter", "zlib-rs", "zstd-sys"];

/// Their versions in this build.
pub fn libraries() -> BTreeMap<String, String> {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let (_, after) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
        Some((name.to_owned(), after.split_once('"')?.0.to_owned()))
    };
    LIBRARIES.into_iter().filter_map(version).collect()
}

/// A period's published revisions below `reports/PERIOD`, by number. Error: a folder that is there can't be read.
pub fn revisions(home: &Path) -> Result<BTreeMap<u32, PathBuf>> {
    let failed = || format!("folder {} can't be read", home.display());
    if !home.exists() {
        return Ok(BTreeMap::new());
    }
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(home).context(failed)? {
        let path = entry.context(failed)?.path();
        let number = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix('r')).and_then(|n| n.parse::<u32>().ok());
        found.extend(number.map(|n| (n, path)));
    }
    Ok(found)
}

/// SHA-256 in lower-case hex.
pub fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}
