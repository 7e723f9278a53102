//! What the program says of itself: log lines on stderr and Prometheus metrics, each event told in one place.
use crate::error::{Context, Result};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

/// Sends log lines to stderr; `KANGYANG_LOG` filters them (default `info`, the engines' own from `warn` up).
pub fn logs() {
    let filter = EnvFilter::try_from_env("KANGYANG_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,kangyang=info,buoyant_kernel=off,delta_kernel=off"));
    // A second call, as in tests, keeps the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).with_ansi(false).try_init();
}

/// Serves the metrics at `addr` until the process ends. Error: the address is taken.
pub fn serve(addr: SocketAddr) -> Result<()> {
    metrics_exporter_prometheus::PrometheusBuilder::new()
        .with_http_listener(addr)
        .install()
        .context(|| format!("metrics address {addr} can't be served"))?;
    describe_counter!("kangyang_messages_total", "messages read from the log");
    describe_counter!("kangyang_rejects_total", "messages set aside, by reason code");
    describe_counter!("kangyang_commits_total", "commits of the lake by this process");
    describe_counter!("kangyang_rows_total", "events committed by this process");
    describe_counter!("kangyang_lost_segments_total", "segments another process committed first, read again from the lake's position");
    describe_gauge!("kangyang_lag", "messages between the lake's position and the log's end, by topic and partition");
    Ok(())
}

/// One commit of the lake.
pub struct Commit<'a> {
    /// The table's new version.
    pub version: u64,
    /// Events in it.
    pub rows: u64,
    /// Messages set aside in it.
    pub rejects: u64,
    /// How many partitions it moves.
    pub partitions: usize,
    /// Milliseconds for encoding and writing the files.
    pub encode_ms: u128,
    /// Milliseconds for the commit itself.
    pub commit_ms: u128,
    /// `partition:start..end` of each, by topic.
    pub ranges: &'a str,
}

/// Tells of a commit.
pub fn committed(c: &Commit<'_>) {
    counter!("kangyang_commits_total").increment(1);
    counter!("kangyang_rows_total").increment(c.rows);
    info!(
        version = c.version,
        rows = c.rows,
        rejects = c.rejects,
        partitions = c.partitions,
        encode_ms = c.encode_ms,
        commit_ms = c.commit_ms,
        ranges = c.ranges,
        "committed"
    );
}

/// Tells of a segment that another process committed first.
pub fn lost(topic: &str, partition: i32, start: i64, end: i64, table: i64) {
    counter!("kangyang_lost_segments_total").increment(1);
    warn!(topic, partition, start, end, table, "lost segment: the lake moved on, reading again from its position");
}

/// Tells of a buffer that was given up uncommitted; its messages are read again by whoever owns the partition.
pub fn dropped(topic: &str, partition: i32, start: i64, end: i64, why: &str) {
    info!(topic, partition, start, end, why, "dropped buffer");
}

/// Counts messages read.
pub fn received(n: u64) {
    counter!("kangyang_messages_total").increment(n);
}

/// Counts messages set aside and committed.
pub fn rejected(reason: &'static str, n: u64) {
    counter!("kangyang_rejects_total", "reason" => reason).increment(n);
}

/// Tells how reading goes: messages since the last such line, and how many are left in the log.
pub fn reading(messages: u64, during: Duration, lag: i64) {
    let per_second = u128::from(messages) * 1000 / during.as_millis().max(1);
    info!(per_second, lag, "reading");
}

/// Tells how far the lake is behind the log.
pub fn lag(topic: &str, partition: i32, messages: i64) {
    gauge!("kangyang_lag", "topic" => topic.to_owned(), "partition" => partition.to_string()).set(messages as f64);
}

/// How long a Kafka client's words of one kind are only counted once one was told: it tells of a broker that is away at every attempt.
const QUIET: Duration = Duration::from_secs(10);

/// Tells what a Kafka client says of itself: of each kind the first, then one every ten seconds with how many came in between.
pub fn kafka(kind: &str, message: &str) {
    static TOLD: Mutex<BTreeMap<String, (Option<Instant>, u64)>> = Mutex::new(BTreeMap::new());
    let Ok(mut told) = TOLD.lock() else { return };
    let (at, between) = told.entry(kind.to_owned()).or_default();
    if at.is_some_and(|at| at.elapsed() < QUIET) {
        *between += 1;
    } else {
        *at = Some(Instant::now());
        warn!(kind, between = std::mem::take(between), "Kafka client: {message}");
    }
}
