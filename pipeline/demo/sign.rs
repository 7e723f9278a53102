//! What offices sign: a closing names a report, so the report is published when the log has come as far as the closing.
use super::generate::Event;
use super::{Session, session};
use crate::error::{Context, Error, Result};
use crate::models::{Period, manifest};
use crate::reports;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Stands in a closing until the report that it signs is there.
pub const NO_PIN: &str = "unknown/0=0";

/// Whether an event is a closing whose report is not published yet.
pub fn signs(e: &Event) -> bool {
    e.key.starts_with("period/") && String::from_utf8_lossy(&e.payload).contains(NO_PIN)
}

/// Closings as they were sent, by what they said before: one that is told twice says the same twice.
#[derive(Default)]
pub struct Signed(BTreeMap<Vec<u8>, Vec<u8>>);

impl Signed {
    /// The closing with pin and digest of its period's report, which is published on the lake as it is now. Errors: a check that does
    /// not hold, as `report` has it.
    pub async fn closing(&mut self, e: &Event, at: &Session<'_>, plan: &str) -> Result<Vec<u8>> {
        if let Some(before) = self.0.get(&e.payload) {
            return Ok(before.clone());
        }
        let unread = || format!("closing {} of the demo can't be read", e.key);
        let mut event: Json = serde_json::from_slice(&e.payload).context(unread)?;
        let period = e.key.trim_start_matches("period/");
        let period = Period::new(plan, period)?;
        let (mut engine, pinned) = session(at).await?;
        let done = reports::publish(&mut engine, &at.request(&period, &pinned)).await?;
        let place = done.dir.join("manifest.json");
        let bytes = std::fs::read(&place).context(|| format!("file {} can't be read", place.display()))?;
        let data = event.get_mut("data").and_then(Json::as_object_mut).ok_or_else(|| Error::new(unread()))?;
        data.insert("pin".into(), pinned.pin.to_string().into());
        data.insert("digest".into(), manifest::sha256(&bytes).into());
        let payload = event.to_string().into_bytes();
        self.0.insert(e.payload.clone(), payload.clone());
        Ok(payload)
    }
}
