//! `manifest.json`: what a published report was made from, and what its files must be.
//!
//! The pin, the SQL and the reference data decide every byte (contract §5), so a manifest is enough to make the report again and
//! compare (`verify`), and its inputs' digest tells whether a report would say anything new.
use crate::error::{Context, Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

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
    /// The version of the program that published; for information, it decides nothing.
    pub tool: String,
    /// SHA-256 of each SQL file and form used, by path.
    pub queries: BTreeMap<String, String>,
    /// SHA-256 of each schema and reference file, by path.
    pub schemas: BTreeMap<String, String>,
    /// Each published file but this, by name.
    pub outputs: BTreeMap<String, Output>,
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
        let manifest: Manifest = serde_json::from_slice(bytes).context(|| "manifest can't be read".to_owned())?;
        if manifest.format != FORMAT {
            let detail = format!("its format is {}, this program knows {FORMAT}", manifest.format);
            return Err(Error::new("manifest can't be read").detail(detail).hint("use the version of kangyang that its `tool` names"));
        }
        Ok(manifest)
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

/// SHA-256 in lower-case hex.
pub fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}
