//! `close` and `reopen`: an office signs a period's published report, or opens the period for a revision. Both are events of the log, so
//! what was signed, when and by whom is known as of any pin; the report itself stays where it is and is never changed.
use super::manifest::{Manifest, revisions, sha256};
use crate::contract::{Contract, Decoder};
use crate::error::{Context, Error, Result};
use crate::log::Log;
use crate::log::produce::Producer;
use crate::models::{Engine, Pin, Pinned};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who states closings: a city type (contract §2), and one source for all offices, so that a period's n-th closing has one id.
const SOURCE: &str = "/city/closings";

/// What an office does to a period.
pub struct Act<'a> {
    /// `2021-06` or `2021`.
    pub period: &'a str,
    /// The office's code.
    pub signer: &'a str,
}

/// A closing that is to be sent, or has been.
#[derive(Clone, Debug)]
pub struct Closing {
    /// 1, 2, …: how often the period will have been closed.
    pub revision: i64,
    /// The report's folder.
    pub report: PathBuf,
    /// The report's pin.
    pin: String,
    /// SHA-256 of the report's manifest.
    pub digest: String,
}

/// Finds what there is to sign: the period's latest published report (of the plan, if one is named). Errors: there is none; it is
/// provisional; one of its files is not as published; it is not of this lake; the period is closed.
pub async fn closing(engine: &mut Engine, pinned: &Pinned, root: &Path, act: &Act<'_>, plan: Option<&str>) -> Result<Closing> {
    let period = act.period;
    let home = root.join("reports").join(period);
    let mut latest: Option<(PathBuf, Vec<u8>, Manifest)> = None;
    for dir in revisions(&home)?.into_values() {
        let file = dir.join("manifest.json");
        let bytes = std::fs::read(&file).context(|| format!("file {} can't be read", file.display()))?;
        let manifest = Manifest::from_bytes(&bytes)?;
        match &latest {
            _ if plan.is_some_and(|p| p != manifest.plan) => {}
            Some((_, _, other)) if other.plan != manifest.plan => {
                let hint = format!("choose with --plan: {}, {}", other.plan, manifest.plan);
                return Err(Error::usage(format!("period {period} has reports of more than one plan")).hint(hint));
            }
            _ => latest = Some((dir, bytes, manifest)),
        }
    }
    let Some((report, bytes, manifest)) = latest else {
        let hint = format!("publish it first: kangyang report --period {period}");
        return Err(Error::new(format!("period {period} has no published report")).hint(hint));
    };
    if manifest.provisional {
        let hint = format!("publish it when the log's end has been seen: kangyang report --period {period}");
        return Err(Error::new(format!("report {} is provisional, which nobody signs", report.display())).hint(hint));
    }
    manifest.outputs.keys().try_for_each(|name| manifest.content(&report, name).map(drop))?;
    if !manifest.pin.parse::<Pin>()?.within(&pinned.pin) {
        return Err(Error::new(format!("report {} is not of this lake, or of more than it has", report.display())));
    }
    let stands = standing(engine, period).await?;
    if stands.closed {
        let hint = format!("to sign another: kangyang reopen {period} --signer OFFICE --reason TEXT");
        let detail = format!("revision {} was signed by {}", stands.revision, stands.signer);
        return Err(Error::new(format!("period {period} is closed already")).detail(detail).hint(hint));
    }
    Ok(Closing { revision: stands.revision + 1, report, pin: manifest.pin, digest: sha256(&bytes) })
}

/// Sends a closing. Sent twice before it is taken in, the second is a duplicate. Errors: Kafka; a signer that is no code.
pub fn close(log: &Log, contract: Arc<Contract>, act: &Act<'_>, closing: &Closing) -> Result<()> {
    let data = json!({ "period": act.period, "pin": closing.pin, "digest": closing.digest, "signer": act.signer });
    send(log, contract, act.period, "period_closed", format!("closed-{}", closing.revision), data)
}

/// Opens a closed period again; returns which revision it opens. Errors: it is not closed; Kafka; a reason that is none.
pub async fn reopen(engine: &mut Engine, log: &Log, contract: Arc<Contract>, act: &Act<'_>, reason: &str) -> Result<i64> {
    let period = act.period;
    let stands = standing(engine, period).await?;
    if !stands.closed {
        let hint = "a closing that was just sent counts once it is taken in: kangyang ingest --until-caught-up";
        return Err(Error::new(format!("period {period} is not closed")).hint(hint));
    }
    let data = json!({ "period": period, "reason": reason, "signer": act.signer });
    send(log, contract, period, "period_reopened", format!("reopened-{}", stands.revision), data)?;
    Ok(stands.revision)
}

/// How a period stands: its latest closing, or revision 0.
#[derive(Default)]
struct Standing {
    revision: i64,
    signer: String,
    closed: bool,
}

async fn standing(engine: &mut Engine, period: &str) -> Result<Standing> {
    let sql = format!("SELECT revision, signer, closed FROM closings WHERE period = '{}'", period.replace('\'', "''"));
    let rows = engine.query(&sql).await?.batch()?;
    let wrong = || Error::new("model closings: its columns have other types than they should");
    let [revision, signer, closed] = rows.columns() else { return Err(wrong()) };
    let revision = revision.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
    let (signer, closed) = (signer.as_string_opt::<i32>().ok_or_else(wrong)?, closed.as_boolean_opt().ok_or_else(wrong)?);
    let row = |i| Standing { revision: revision.value(i), signer: signer.value(i).to_owned(), closed: closed.value(i) };
    Ok((0..rows.num_rows()).map(row).max_by_key(|s| s.revision).unwrap_or_default())
}

fn send(log: &Log, contract: Arc<Contract>, period: &str, kind: &str, id: String, data: serde_json::Value) -> Result<()> {
    let subject = format!("period/{period}");
    let event = json!({
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": format!("kangyang.{kind}.v1"),
        "subject": subject,
        "time": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "data": data,
    });
    let bytes = event.to_string().into_bytes();
    let mut decoder = Decoder::new(contract);
    let topic = decoder.check(&bytes).map_err(|r| Error::usage(format!("period {period} can't be signed so")).detail(r))?.topic;
    let mut producer = Producer::new(log)?;
    producer.send(topic, &subject, &bytes, None)?;
    producer.finish().map(drop)
}
