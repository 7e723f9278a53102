//! Kafka → lake, exactly once: the loop that reads, decodes, and hands segments to commits.
//!
//! One thread polls and decodes; a commit runs beside it, at most one at a time. What makes it exact is in `commit`: a segment lands
//! only on a snapshot whose position equals the segment's start, and its files and its new position are one commit. The consumer group
//! only divides the work; two members that both believe they own a partition can't both land it.
mod commit;
mod group;
mod segment;

use super::table::{Outcome, Tries, now_ms};
use super::{Lake, Partition, partitions_app};
use crate::contract::{Contract, Topic};
use crate::error::{Context, Error, Result};
use crate::log::{Log, Told, topics};
use crate::telemetry;
use commit::commit_rejects;
use group::{Group, PATIENCE, State, recreated, watermarks};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message, Offset};
use segment::Segment;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::warn;

/// How often the log's end is asked for: it feeds the lag and says whether an as-of date is final.
const END_EVERY: Duration = Duration::from_secs(5);
/// A run to the log's end that has read nothing for so long asks whether the broker is still there.
const STANDSTILL: Duration = Duration::from_secs(30);
/// Seeks that may fail in a row.
const SEEKS: u32 = 10;

/// How ingest runs.
#[derive(Clone)]
pub struct Options {
    /// The consumer group.
    pub group: String,
    /// The longest an event waits for its commit.
    pub interval: Duration,
    /// The most bytes of messages that wait.
    pub bytes: u64,
    /// Ends at the log's end as it was at the start; partitions are then assigned without the group.
    pub until_caught_up: bool,
    /// Goes on where the log no longer has what was not read, and says so in `rejects`.
    pub accept_loss: bool,
    /// Set to stop: commits and leaves.
    pub stop: Arc<AtomicBool>,
}

/// What a run did.
#[derive(Debug, Default, Clone)]
pub struct Summary {
    /// Messages read.
    pub messages: u64,
    /// Events committed by this process.
    pub rows: u64,
    /// Messages set aside in its commits.
    pub rejects: u64,
    /// Its commits.
    pub commits: u64,
}

/// A name for this process that its successor on this machine gets again, so that a restart does not wait for a session to end:
/// the host's name and the first free place. The lock on the place ends with the process.
fn instance(group: &str) -> Option<(String, std::fs::File)> {
    let host = std::fs::read_to_string("/etc/hostname").ok()?;
    (0..64).find_map(|slot| {
        let path = std::env::temp_dir().join(format!("kangyang-{group}-{slot}.lock"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path).ok()?;
        file.try_lock().ok()?;
        Some((format!("{}-{slot}", host.trim()), file))
    })
}

/// Runs until stopped, or until caught up. Blocks; call it off the runtime's own threads.
/// Errors: wrong topic settings, a re-created topic, lost offsets that are not accepted, storage or broker that can't be used.
pub fn ingest(log: &Log, contract: Arc<Contract>, lake: Lake, runtime: &Handle, options: Options) -> Result<Summary> {
    runtime.block_on(topics::verify(log))?;
    let place = if options.until_caught_up { None } else { instance(&options.group) };
    let name = options.group.clone();
    let mut ours = vec![
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("session.timeout.ms", "10000"),
        // The default, a second, starves a bounded queue.
        ("fetch.queue.backoff.ms", "10"),
        ("queued.max.messages.kbytes", "16384"),
    ];
    if let Some((name, _)) = &place {
        ours.push(("group.instance.id", name));
    }
    let fixed = [
        ("group.id", name.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        ("isolation.level", "read_committed"),
        ("check.crcs", "true"),
    ];
    let schema = contract.lake_schema();
    let looks = [("group.id", name.as_str()), ("enable.auto.commit", "false"), ("isolation.level", "read_uncommitted")];
    let written = log.client(&[], &looks).create_with_context(Told).context(|| "Kafka consumer can't be made".into())?;
    let group = Group {
        written,
        log: log.clone(),
        contract,
        schema,
        lake: Arc::new(tokio::sync::Mutex::new(lake)),
        runtime: runtime.clone(),
        options,
        state: Mutex::default(),
    };
    let consumer: BaseConsumer<Group> =
        log.client(&ours, &fixed).create_with_context(group).context(|| "Kafka consumer can't be made".into())?;
    let group = consumer.context().clone();
    let partitions = topics::partitions(log, &consumer)?;
    register(&group, &partitions)?;
    let target = if group.options.until_caught_up { Some(assign_all(&group, &consumer, &partitions)?) } else { None };
    if target.is_none() {
        let names: Vec<String> = Topic::ALL.iter().map(|t| log.topic(*t)).collect();
        consumer.subscribe(&names.iter().map(String::as_str).collect::<Vec<_>>()).context(|| "topics can't be subscribed".into())?;
    }
    let outcome = run(&group, &consumer, target.as_ref());
    group.reap(&mut group.state(), &consumer);
    // Leaving the group calls the rebalance once more, inside drop: it commits what is left.
    drop(consumer);
    outcome?;
    let st = group.state();
    match &st.fatal {
        Some(e) => Err(e.clone()),
        None => Ok(st.summary.clone()),
    }
}

/// Records how many partitions each topic has: a pin names them all. Error: the count changed, so subjects moved between partitions.
fn register(group: &Group, partitions: &[(Topic, i32)]) -> Result<()> {
    group.runtime.block_on(async {
        let mut lake = group.lake.lock().await;
        let mut tries = Tries::default();
        loop {
            let mut moves = vec![];
            for (topic, count) in partitions {
                let name = group.log.topic(*topic);
                match lake.events.transaction(&partitions_app(&name)).await? {
                    None => moves.push((partitions_app(&name), i64::from(*count))),
                    Some(n) if n == i64::from(*count) => {}
                    Some(n) => {
                        let hint =
                            "a topic's partition count may never change: a subject's events would no longer be in one partition, in order";
                        return Err(Error::new(format!("topic {name} has {count} partitions, had {n}")).hint(hint));
                    }
                }
            }
            if moves.is_empty() {
                return Ok(());
            }
            match lake.events.append(vec![], &moves).await? {
                Outcome::Landed(_) => return Ok(()),
                Outcome::Unsure(why) => tries.again(&mut lake.events, &why).await?,
            }
        }
    })
}

/// How far to read, and when the log ended there, milliseconds UTC.
struct Target {
    /// The last stable offsets: what can be read.
    ends: BTreeMap<Partition, i64>,
    /// Everything written so far, that of open transactions too.
    written: BTreeMap<Partition, i64>,
    at: i64,
}

impl Target {
    fn reached(&self, st: &State, position: impl Fn(&Segment) -> i64) -> bool {
        st.segments.iter().all(|s| s.seek.is_none() && self.ends.get(&s.part).is_none_or(|end| position(s) >= *end))
    }
}

/// Takes all partitions without the group; returns how far to read.
fn assign_all(group: &Group, consumer: &BaseConsumer<Group>, partitions: &[(Topic, i32)]) -> Result<Target> {
    let parts: Vec<Partition> = partitions.iter().flat_map(|(t, n)| (0..*n).map(|p| (group.log.topic(*t), p))).collect();
    let mut target = Target { ends: BTreeMap::new(), written: BTreeMap::new(), at: now_ms() };
    let mut st = group.state();
    for part in &parts {
        target.written.insert(part.clone(), watermarks(&group.written, part)?.1);
        target.ends.insert(part.clone(), watermarks(consumer, part)?.1);
    }
    let list = group.take_over(&mut st, consumer, &parts)?;
    consumer.assign(&list).context(|| "partitions can't be assigned".into())?;
    Ok(target)
}

fn run(group: &Group, consumer: &BaseConsumer<Group>, target: Option<&Target>) -> Result<()> {
    let options = &group.options;
    let (mut counted, mut told, mut failed_seeks) = (0u64, 0u64, 0u32);
    let (mut looked, mut asked, mut moved) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        let stopping = options.stop.load(Ordering::Relaxed);
        let mut quiet = false;
        match consumer.poll(Duration::from_millis(if stopping { 0 } else { 50 })) {
            Some(Ok(m)) => {
                counted += 1;
                let mut st = group.state();
                if let Some(s) = st.segment(m.topic(), m.partition()).filter(|s| s.seek.is_none() && m.offset() >= s.end) {
                    s.push(&group.contract, &m, group.log.embedded);
                }
                if !counted.is_multiple_of(256) && !stopping {
                    continue;
                }
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => aged_out(group, consumer)?,
            // What can't be read would be passed by and booked as if it had never been.
            Some(Err(e @ KafkaError::MessageConsumption(RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::BadCompression))) => {
                return Err(Error::new("messages of the log can't be read")
                    .detail(e)
                    .hint("the log is damaged: nothing after them was taken"));
            }
            Some(Err(e @ KafkaError::MessageConsumptionFatal(_))) => {
                return Err(Error::new("Kafka client can't go on").detail(e).hint("does another process use the same group.instance.id?"));
            }
            Some(Err(e)) => {
                warn!(%e, "Kafka client");
                quiet = true;
            }
            None => quiet = true,
        }
        let mut guard = group.state();
        let st = &mut *guard;
        if counted > 0 {
            moved = Instant::now();
        }
        st.summary.messages += counted;
        telemetry::received(std::mem::take(&mut counted));
        let finished = st.inflight.as_ref().is_some_and(JoinHandle::is_finished);
        let buffered: u64 = st.segments.iter().map(|s| s.bytes).sum();
        let caught = target.is_some_and(|t| t.reached(st, |s| s.end));
        if let Some(t) = target.filter(|_| caught) {
            let at_end = st.segments.iter_mut().filter(|s| t.written.get(&s.part).is_some_and(|end| s.end >= *end));
            at_end.for_each(|s| s.seen_end = Some(t.at));
        }
        let leaving = stopping || caught || !st.losses.is_empty();
        // The buffer is full while a commit is in flight: wait for the commit, not for more messages.
        if finished || leaving || buffered + st.inflight_bytes >= options.bytes {
            group.reap(st, consumer);
        }
        if let Some(e) = &st.fatal {
            return Err(e.clone());
        }
        for s in st.segments.iter_mut() {
            let Some(at) = s.seek else { continue };
            match consumer.seek(&s.part.0, s.part.1, Offset::Offset(at), PATIENCE) {
                Ok(()) => (s.seek, failed_seeks) = (None, 0),
                Err(_) if failed_seeks < SEEKS => failed_seeks += 1,
                Err(e) => {
                    let what = format!("partition {}/{} can't be read from offset {at}", s.part.0, s.part.1);
                    return Err(Error::new(what).detail(e).hint("is the broker up? start ingest again: it goes on where the lake stands"));
                }
            }
        }
        if quiet || looked.elapsed() > Duration::from_millis(200) {
            looked = Instant::now();
            follow_position(st, consumer)?;
        }
        if target.is_none() && asked.elapsed() > END_EVERY {
            let lag = look_at_ends(st, &group.written);
            let messages = st.summary.messages - told;
            if messages > 0 || lag > 0 {
                telemetry::reading(messages, asked.elapsed(), lag);
            }
            told = st.summary.messages;
            asked = Instant::now();
        }
        if target.is_some() && moved.elapsed() > STANDSTILL {
            moved = Instant::now();
            if let Some(s) = st.segments.first() {
                watermarks(&group.written, &s.part)?;
            }
        }
        // Half of the bytes fill while the other half is being committed.
        let full = buffered * 2 >= options.bytes;
        let due = full || st.segments.iter().any(|s| !s.is_empty() && s.since.elapsed() >= options.interval);
        let end_due = target.is_none() && st.segments.iter().any(Segment::end_due);
        if st.inflight.is_none() && (leaving || due || end_due) {
            let segments = st.take();
            if !segments.is_empty() {
                group.start(st, segments);
            }
        }
        if leaving {
            group.reap(st, consumer);
            if let Some(e) = &st.fatal {
                return Err(e.clone());
            }
            let losses = std::mem::take(&mut st.losses);
            if !losses.is_empty() {
                return Err(record_losses(group, &losses)?);
            }
            // A void segment is read again before a run to the log's end is over.
            let read = target.is_some_and(|t| t.reached(st, |s| s.start));
            if stopping || read {
                return Ok(());
            }
        }
    }
}

/// The consumer's position also passes control records and aborted messages. It is not valid before the first message.
fn follow_position(st: &mut State, consumer: &BaseConsumer<Group>) -> Result<()> {
    let position = consumer.position().context(|| "Kafka client does not tell its position".into())?;
    for e in position.elements() {
        if let Offset::Offset(at) = e.offset()
            && let Some(s) = st.segment(e.topic(), e.partition()).filter(|s| s.seek.is_none())
        {
            s.pass(at);
        }
    }
    Ok(())
}

/// Asks for the log's ends: notes the instant at which a partition's end was seen, returns how many messages are left to read.
fn look_at_ends(st: &mut State, written: &BaseConsumer<Told>) -> i64 {
    let now = now_ms();
    let mut lag = 0;
    for s in &mut st.segments {
        match watermarks(written, &s.part) {
            Ok((_, high)) => {
                telemetry::lag(&s.part.0, s.part.1, (high - s.start).max(0));
                lag += (high - s.end).max(0);
                if s.end >= high && s.seek.is_none() {
                    s.seen_end = Some(now);
                }
            }
            Err(e) => {
                warn!(%e, "the log's end is not known");
                break;
            }
        }
    }
    lag
}

/// Some partition's position aged out of the log while it was read; the client does not say which.
fn aged_out(group: &Group, consumer: &BaseConsumer<Group>) -> Result<()> {
    let mut guard = group.state();
    let st = &mut *guard;
    for mut s in std::mem::take(&mut st.segments) {
        let (low, high) = watermarks(consumer, &s.part)?;
        if s.end > high {
            return Err(recreated(&s.part, &format!("the lake stands at offset {}, the log ends at {high}", s.end)));
        }
        if s.end < low {
            group.lose(st, &mut s, low);
        }
        // The client is silent for ever on the partition that it does not name: all begin again where they stand.
        s.seek = s.seek.or(Some(s.end));
        st.segments.push(s);
    }
    Ok(())
}

/// Writes what is gone into `rejects` and says so; the positions stay, so that only `--accept-loss` goes on.
fn record_losses(group: &Group, losses: &[Segment]) -> Result<Error> {
    group.runtime.block_on(async {
        let mut lake = group.lake.lock().await;
        lake.rejects.refresh().await?;
        commit_rejects(&mut lake, &losses.iter().collect::<Vec<_>>()).await
    })?;
    let range = |s: &Segment| format!("{}/{} offsets {} to {}", s.part.0, s.part.1, s.start, s.end - 1);
    let text = losses.iter().map(range).collect::<Vec<_>>().join(", ");
    let hint = "they are listed in rejects as offsets_lost; to go on without them: kangyang ingest --accept-loss";
    Ok(Error::new("the log no longer has messages that were not read").detail(text).hint(hint))
}
