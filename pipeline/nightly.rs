//! The night's work, one line for cron: catch up, build, check, report, compact, vacuum (contract §8).
//!
//! Each step is what the command of its name does, and can be done again: a night that was cut off is made good by the next one, or by
//! hand. A step that fails keeps no other from its work: figures of what is there can still be built while Kafka is away, and a check
//! that does not hold keeps the report from being published, not the lake from its good order.
//!
//! The report is of the month of the day before, as of that night's midnight in Shanghai: at what hour, how late and how often the work
//! is done makes no difference, and on the first of a month the report is of the month that has just ended.
use crate::cli::At;
use crate::{build, existing, open, plan, stop_on_signal, take_in};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveTime, Utc};
use kangyang::config::{self, Settings};
use kangyang::contract::Contract;
use kangyang::durable;
use kangyang::error::{Error, Exit, Result};
use kangyang::lake::{Lake, compact, vacuum};
use kangyang::log::Log;
use kangyang::models::Period;
use kangyang::models::engine::sweep;
use kangyang::reports;
use kangyang::table::say;
use kangyang::tree::Tree;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tracing::{error, info};

/// Hours by which Shanghai is before UTC.
const SHANGHAI: i32 = 8;

/// How long vacuum leaves what compaction replaced: longer than any reader keeps one version open.
const RETAIN: Duration = Duration::from_secs(7 * 24 * 3600);

/// Does the work of the night before a day (today, if none is given), and tells it on stdout in one line. Errors: no brokers are set
/// (exit 2); a step failed or was not reached (exit 1); a check does not hold, the report would be provisional, or another run is at work
/// on this data root (exit 3).
pub fn run(settings: &Settings, contract: &Arc<Contract>, schemas: &Tree, runtime: &Runtime, date: Option<NaiveDate>) -> Result<()> {
    let night = Night::before(date.unwrap_or_else(today), cut_off_day(contract))?;
    Log::new(settings)?;
    let root = config::folder(settings.data())?;
    let Some(_lock) = durable::try_lock(&root.join(".nightly.lock"))? else {
        let hint = "it is not waited for; if it hangs, end it: what it left undone the next run does";
        return Err(Error::refused(format!("another nightly is at work on {}", settings.data())).hint(hint));
    };
    let stop = stop_on_signal(runtime);
    let mut work = Work { stop: stop.clone(), begun: Instant::now(), told: vec![], failed: vec![] };
    work.step("catch up", || {
        let s = take_in(settings, contract, runtime, stop, true, false)?;
        Ok(format!("{} messages, {} events, {} rejects", s.messages, s.rows, s.rejects))
    });
    let newest = At::default();
    // The check reads what was just built.
    let mut engine = None;
    work.step("build", || {
        let (built, marts) = runtime.block_on(build(settings, contract, schemas, &existing(settings)?, &newest))?;
        engine = Some(built);
        Ok(format!("{} marts", marts.len()))
    });
    work.step("check", || {
        let bad = runtime.block_on(async {
            let mut engine = match engine.take() {
                Some(engine) => engine,
                None => open(settings, contract, &existing(settings)?, &newest).await?.0,
            };
            engine.checks().await
        })?;
        if bad.is_empty() { Ok("all hold".into()) } else { Err(reports::failed_checks(&bad)) }
    });
    work.step("report", || runtime.block_on(report(settings, contract, schemas, &night)));
    work.step("compact", || {
        runtime.block_on(async {
            let done = compact::compact(&mut Lake::open(&existing(settings)?).await?).await?;
            Ok(format!("{} files became {}", done.files.0, done.files.1))
        })
    });
    work.step("vacuum", || {
        runtime.block_on(async {
            let root = existing(settings)?;
            let gone = vacuum::vacuum(&mut Lake::open(&root).await?, RETAIN).await?;
            sweep(&root)?;
            reports::sweep(&root)?;
            Ok(format!("{} files removed", gone.files + gone.log))
        })
    });
    work.end(&night)
}

/// Publishes the night's report, or finds it published.
async fn report(settings: &Settings, contract: &Arc<Contract>, schemas: &Tree, night: &Night) -> Result<String> {
    let root = existing(settings)?;
    let (mut engine, pinned) = open(settings, contract, &root, &At { as_of: Some(night.as_of), pin: None }).await?;
    if pinned.provisional {
        let hint = "let ingest see the log's end a minute after midnight: that of the next night will be final";
        return Err(Error::refused(format!("report {} would be provisional", night.period)).hint(hint));
    }
    if settings.plan.is_none() && engine.plans().await?.is_empty() {
        // As on the first night of a new lake: there is nothing to report on, and nothing to mend.
        return Ok("none, no plan had targets yet".into());
    }
    let period = Period::new(&plan(settings, &mut engine).await?, &night.period)?;
    let queries = Tree::queries(settings.queries.as_deref())?;
    let request = reports::Request { recipient: None, period: &period, pinned: &pinned, contract, schemas, queries: &queries, root: &root };
    let done = reports::publish(&mut engine, &request).await?;
    let place = done.dir.strip_prefix(&root).unwrap_or(&done.dir);
    let place = Path::new(settings.data()).join(place).display().to_string();
    Ok(if done.new { format!("published {place}") } else { format!("nothing new after {place}") })
}

/// What a night is about.
struct Night {
    /// The day it belongs to: the one that begins with it.
    date: NaiveDate,
    /// That day's midnight in Shanghai.
    as_of: DateTime<Utc>,
    /// The report's month, that of the day before.
    period: String,
}

impl Night {
    /// With a cut-off day the days after it are the next month's, within the year.
    fn before(date: NaiveDate, cut_off_day: Option<i64>) -> Result<Night> {
        let out = || Error::usage(format!("date {date} is out of the calendar"));
        let day = date.checked_sub_days(Days::new(1)).ok_or_else(out)?;
        let zone = FixedOffset::east_opt(SHANGHAI * 3600).ok_or_else(out)?;
        let as_of = date.and_time(NaiveTime::MIN).and_local_timezone(zone).earliest().ok_or_else(out)?.to_utc();
        let late = cut_off_day.is_some_and(|cut| i64::from(day.day()) > cut);
        let month = (day.month() + u32::from(late)).min(12);
        Ok(Night { date, as_of, period: format!("{:04}-{month:02}", day.year()) })
    }
}

/// The last day of a report's month, from reference data; none: the calendar's.
fn cut_off_day(contract: &Contract) -> Option<i64> {
    let column = contract.reference().get("report_month")?.column_by_name("cut_off_day")?;
    column.as_primitive_opt::<Int64Type>()?.iter().next().flatten()
}

fn today() -> NaiveDate {
    (Utc::now() + chrono::Duration::hours(SHANGHAI.into())).date_naive()
}

/// The steps so far.
struct Work {
    stop: Arc<AtomicBool>,
    begun: Instant,
    told: Vec<String>,
    failed: Vec<(&'static str, Exit)>,
}

impl Work {
    /// Does one step, unless the run was told to stop; what it did, or why it failed, is told and kept for the end.
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<String>) {
        if self.stop.load(Ordering::Relaxed) {
            self.told.push(format!("{name}: not reached"));
            self.failed.push((name, Exit::Failed));
            return;
        }
        let begun = Instant::now();
        let done = work();
        let took = seconds(begun.elapsed());
        match done {
            Ok(text) => {
                info!(took, "{name}: {text}");
                self.told.push(format!("{name}: {text} ({took})"));
            }
            Err(e) => {
                error!(took, "{name} failed: {e}");
                let first = e.to_string().lines().next().unwrap_or_default().to_owned();
                self.told.push(format!("{name} FAILED: {first} ({took})"));
                self.failed.push((name, e.exit()));
            }
        }
    }

    /// Tells all of it in one line. Error: a step failed; what only a refusal stopped is one itself.
    fn end(self, night: &Night) -> Result<()> {
        let (day, took) = (night.date, seconds(self.begun.elapsed()));
        say(format!("nightly {day}, {took}: {}", self.told.join("; ")))?;
        if self.failed.is_empty() {
            return Ok(());
        }
        let names = self.failed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let what = format!("of the night's steps {names} did not succeed");
        let refused = self.failed.iter().all(|(_, exit)| *exit == Exit::Refused);
        Err(if refused { Error::refused(what) } else { Error::new(what) })
    }
}

/// As `12.3 s`.
fn seconds(took: Duration) -> String {
    format!("{}.{} s", took.as_secs(), took.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_of_the_month_of_the_day_before_as_of_midnight() -> Result<()> {
        let of = |date: &str, cut| {
            let date = date.parse().map_err(|e| Error::new(format!("{e}")))?;
            Night::before(date, cut).map(|n| (n.period, n.as_of.to_rfc3339()))
        };
        assert_eq!(of("2021-07-01", None)?, ("2021-06".into(), "2021-06-30T16:00:00+00:00".into()));
        assert_eq!(of("2021-07-02", None)?.0, "2021-07");
        assert_eq!(of("2022-01-01", None)?.0, "2021-12");
        // With the 25th as cut-off day, the 26th is the next month's; the year's last month ends with the year.
        assert_eq!(of("2021-06-26", Some(25))?.0, "2021-06");
        assert_eq!(of("2021-06-27", Some(25))?.0, "2021-07");
        assert_eq!(of("2021-12-31", Some(25))?.0, "2021-12");
        Ok(())
    }
}
