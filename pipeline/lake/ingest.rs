//! Kafka → lake, exactly once: the loop that reads, decodes, and hands segments to commits.
//!
//! One thread polls and decodes; a commit runs beside it, at most one at a time. What makes it exact is in `commit`: a segment lands
//! only on a snapshot whose position equals the segment's start, and its files and its new position are one commit. The consumer group
//! only divides the work; two members that both believe they own a partition can't both land it.
use super::table::{Outcome, Tries, now_ms};
use super::write::put;
use super::{Lake, Partition, app, end_app, partitions_app, rejects_schema};
use crate::contract::{Code, Contract, Message as Incoming, Reject, Rows, Topic};
use crate::error::{Context, Error, Result};
use crate::log::{Log, topics};
use crate::telemetry;
use arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Timestamp};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

const PATIENCE: Duration = Duration::from_secs(10);
/// A commit must end well below `max.poll.interval.ms` (5 minutes), or the group gives our partitions away while we hold them.
const COMMIT_LIMIT: Duration = Duration::from_secs(120);
/// How often the log's end is asked for: it feeds the lag and says whether an as-of date is final.
const END_EVERY: Duration = Duration::from_secs(5);
/// Contract §5: on an idle log the sight of its end is recorded at least hourly.
const END_RECORDED_EVERY: i64 = 3_600_000;

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

/// A message refused, or a range of offsets without one (`end_offset` exclusive).
struct Refused {
    offset: i64,
    end_offset: i64,
    /// Milliseconds UTC.
    recorded_at: Option<i64>,
    size: Option<i64>,
    reject: Reject,
}

/// What one partition has read and not yet handed to a commit: offsets [start, end).
struct Segment {
    topic: Topic,
    part: Partition,
    start: i64,
    end: i64,
    rows: Option<Rows>,
    refused: Vec<Refused>,
    bytes: u64,
    since: Instant,
    /// When the log's end was last seen at or below `end`, milliseconds UTC; and when that was last committed.
    seen_end: Option<i64>,
    recorded_end: Option<i64>,
    /// Where to seek once it may be done; until then messages are passed by, and nothing is committed.
    seek: Option<i64>,
}

impl Segment {
    fn at(topic: Topic, part: Partition, start: i64) -> Segment {
        let (seen_end, recorded_end, seek) = (None, None, None);
        Segment {
            topic,
            part,
            start,
            end: start,
            rows: None,
            refused: vec![],
            bytes: 0,
            since: Instant::now(),
            seen_end,
            recorded_end,
            seek,
        }
    }

    /// The sight of the log's end is worth a commit of its own: the first, and then hourly.
    fn end_due(&self) -> bool {
        self.seek.is_none() && self.seen_end.is_some_and(|at| self.recorded_end.is_none_or(|r| at - r >= END_RECORDED_EVERY))
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Leaves an empty segment behind that begins where this one ends.
    fn take(&mut self) -> Segment {
        let mut next = Segment::at(self.topic, self.part.clone(), self.end);
        next.recorded_end = self.recorded_end;
        std::mem::replace(self, next)
    }

    /// Offsets up to `end` held no message: control records, aborted transactions.
    fn pass(&mut self, end: i64) {
        self.range(end, Code::OffsetsAbsent, "these offsets never held a message for readers of committed data");
    }

    fn range(&mut self, end: i64, code: Code, detail: &str) {
        if end <= self.end {
            return;
        }
        if self.is_empty() {
            self.since = Instant::now();
        }
        let from = self.end;
        self.end = end;
        match self.refused.last_mut() {
            Some(r) if r.end_offset == from && r.reject.code == code && r.size.is_none() => r.end_offset = end,
            _ => self.refused.push(Refused {
                offset: from,
                end_offset: end,
                recorded_at: None,
                size: None,
                reject: Reject::new(code, "", detail),
            }),
        }
    }

    fn push(&mut self, contract: &Arc<Contract>, m: &BorrowedMessage<'_>, embedded: bool) {
        let offset = m.offset();
        self.pass(offset);
        if self.is_empty() {
            self.since = Instant::now();
        }
        self.end = offset + 1;
        let size = m.payload().map_or(0, <[u8]>::len) as i64;
        // A message of no bytes takes some all the same.
        self.bytes += size as u64 + m.key().map_or(0, <[u8]>::len) as u64 + 64;
        let recorded_at = match m.timestamp() {
            Timestamp::LogAppendTime(t) => Some(t),
            Timestamp::CreateTime(t) if embedded => Some(t),
            _ => None,
        };
        let outcome = match recorded_at {
            None => Err(Reject::new(Code::ProducerTimestamp, "$", "the message carries its producer's time, not the broker's")),
            Some(recorded_at) => {
                let rows = self.rows.get_or_insert_with(|| Rows::new(contract.clone(), &self.part.0, self.part.1));
                let message =
                    Incoming { topic: self.topic, key: m.key(), payload: m.payload(), partition: self.part.1, offset, recorded_at };
                rows.append(&message).map(|_| ())
            }
        };
        if let Err(reject) = outcome {
            telemetry::rejected(reject.code.name());
            self.refused.push(Refused { offset, end_offset: offset + 1, recorded_at, size: Some(size), reject });
        }
    }
}

/// The refused of one partition at or above `from`, as rows of `rejects`; a range that begins below it is cut.
fn refused_batch(part: &Partition, refused: &[Refused], from: i64) -> Result<Option<RecordBatch>> {
    let keep: Vec<&Refused> = refused.iter().filter(|r| r.end_offset > from).collect();
    if keep.is_empty() {
        return Ok(None);
    }
    let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    let columns: Vec<arrow::array::ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(keep.iter().map(|_| &part.0))),
        Arc::new(Int32Array::from_iter_values(keep.iter().map(|_| part.1))),
        Arc::new(Int64Array::from_iter_values(keep.iter().map(|r| r.offset.max(from)))),
        Arc::new(Int64Array::from_iter_values(keep.iter().map(|r| r.end_offset))),
        Arc::new(TimestampMicrosecondArray::from_iter(keep.iter().map(|r| r.recorded_at.map(|t| t * 1000))).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter(keep.iter().map(|r| r.size))),
        Arc::new(StringArray::from_iter_values(keep.iter().map(|r| r.reject.code.name()))),
        Arc::new(StringArray::from_iter(keep.iter().map(|r| text(&r.reject.json_path)))),
        Arc::new(StringArray::from_iter(keep.iter().map(|r| text(&r.reject.detail)))),
    ];
    RecordBatch::try_new(rejects_schema(), columns).map(Some).context(|| "rejects can't be written".into())
}

/// Writes what was refused, before the events: rows below the table's own position are there already, by us or by another.
async fn commit_rejects(lake: &mut Lake, segments: &[(Partition, &[Refused], i64)]) -> Result<()> {
    let schema = rejects_schema();
    let mut tries = Tries::default();
    loop {
        let (mut files, mut moves) = (vec![], vec![]);
        for (part, refused, end) in segments {
            let id = app(&part.0, part.1);
            let from = lake.rejects.transaction(&id).await?.unwrap_or(0);
            if let Some(batch) = refused_batch(part, refused, from)? {
                files.push(put(&lake.rejects, &part.0, part.1, from, &schema, vec![batch]).await?);
                moves.push((id, *end));
            }
        }
        if files.is_empty() {
            return Ok(());
        }
        match lake.rejects.append(files, &moves).await? {
            Outcome::Landed(_) => return Ok(()),
            Outcome::Unsure(why) => tries.again(&mut lake.rejects, &why).await?,
        }
    }
}

/// How a segment ended.
enum Fate {
    Landed {
        rows: u64,
        rejects: u64,
    },
    /// The table's position is this segment's end: it landed, as ours or as a rival's same rows.
    Already,
    /// The table's position is another: the segment is void.
    Lost(i64),
}

struct Done {
    part: Partition,
    start: i64,
    end: i64,
    seen_end: Option<i64>,
    fate: Fate,
}

struct Pending {
    part: Partition,
    start: i64,
    end: i64,
    rows: u64,
    rejects: u64,
    seen_end: Option<i64>,
    add: Option<deltalake::kernel::Add>,
}

impl Pending {
    fn done(self, fate: Fate) -> Done {
        Done { part: self.part, start: self.start, end: self.end, seen_end: self.seen_end, fate }
    }
}

/// The protocol. Rejects first, then the files, then one commit on the very snapshot whose positions equal the segments' starts.
async fn commit(lake: &mut Lake, schema: &SchemaRef, segments: Vec<Segment>) -> Result<Vec<Done>> {
    let begun = Instant::now();
    // Only what the table waits for may write anything: rejects beyond a hole would hide those that come when the hole is read.
    let (mut waited_for, mut done) = (vec![], vec![]);
    for s in segments {
        let at = lake.events.transaction(&app(&s.part.0, s.part.1)).await?.unwrap_or(0);
        if at == s.start {
            waited_for.push(s);
        } else {
            let fate = if at == s.end { Fate::Already } else { Fate::Lost(at) };
            done.push(Done { part: s.part, start: s.start, end: s.end, seen_end: s.seen_end, fate });
        }
    }
    let with_refused = waited_for.iter().filter(|s| !s.refused.is_empty());
    let refused: Vec<_> = with_refused.map(|s| (s.part.clone(), s.refused.as_slice(), s.end)).collect();
    commit_rejects(lake, &refused).await?;
    let mut pending = vec![];
    for s in waited_for {
        let rejects = s.refused.iter().filter(|r| r.size.is_some()).count() as u64;
        let mut p = Pending { part: s.part, start: s.start, end: s.end, rows: 0, rejects, seen_end: s.seen_end, add: None };
        if let Some(rows) = s.rows.filter(|r| !r.is_empty()) {
            p.rows = rows.len() as u64;
            let batches = rows.finish()?.into_iter().map(|(_, b)| b).collect();
            p.add = Some(put(&lake.events, &p.part.0, p.part.1, p.start, schema, batches).await?);
        }
        pending.push(p);
    }
    let encode_ms = begun.elapsed().as_millis();
    let mut tries = Tries::default();
    loop {
        let mut keep = vec![];
        for p in pending {
            let at = lake.events.transaction(&app(&p.part.0, p.part.1)).await?.unwrap_or(0);
            if at == p.start {
                keep.push(p);
            } else {
                let fate = if at == p.end { Fate::Already } else { Fate::Lost(at) };
                done.push(p.done(fate));
            }
        }
        pending = keep;
        if pending.is_empty() {
            return Ok(done);
        }
        let positions = pending.iter().filter(|p| p.end > p.start).map(|p| (app(&p.part.0, p.part.1), p.end));
        let ends = pending.iter().filter_map(|p| Some((end_app(&p.part.0, p.part.1), p.seen_end?)));
        let moves: Vec<(String, i64)> = positions.chain(ends).collect();
        let begun = Instant::now();
        match lake.events.append(pending.iter().filter_map(|p| p.add.clone()).collect(), &moves).await? {
            Outcome::Landed(version) => {
                let ranges =
                    pending.iter().map(|p| format!("{}/{}:{}..{}", p.part.0, p.part.1, p.start, p.end)).collect::<Vec<_>>().join(" ");
                telemetry::committed(&telemetry::Commit {
                    version,
                    rows: pending.iter().map(|p| p.rows).sum(),
                    rejects: pending.iter().map(|p| p.rejects).sum(),
                    partitions: pending.len(),
                    encode_ms,
                    commit_ms: begun.elapsed().as_millis(),
                    ranges: &ranges,
                });
                done.extend(pending.into_iter().map(|p| {
                    let fate = Fate::Landed { rows: p.rows, rejects: p.rejects };
                    p.done(fate)
                }));
                return Ok(done);
            }
            // Whatever it was, also an unknown end: the table knows.
            Outcome::Unsure(why) => tries.again(&mut lake.events, &why).await?,
        }
    }
}

#[derive(Default)]
struct State {
    segments: Vec<Segment>,
    /// Where in `segments` the last message's was: messages come in runs.
    last: usize,
    inflight: Option<JoinHandle<Result<Vec<Done>>>>,
    inflight_bytes: u64,
    losses: Vec<(Partition, i64, i64)>,
    fatal: Option<Error>,
    summary: Summary,
}

impl State {
    fn segment(&mut self, topic: &str, partition: i32) -> Option<&mut Segment> {
        let is = |s: &Segment| s.part.1 == partition && s.part.0 == topic;
        if !self.segments.get(self.last).is_some_and(is) {
            self.last = self.segments.iter().position(is)?;
        }
        self.segments.get_mut(self.last)
    }

    /// What is ready to be committed; empty segments only where the sight of the log's end is due.
    fn take(&mut self) -> Vec<Segment> {
        self.segments.iter_mut().filter(|s| s.seek.is_none() && (!s.is_empty() || s.end_due())).map(Segment::take).collect()
    }
}

struct Group {
    log: Log,
    contract: Arc<Contract>,
    schema: SchemaRef,
    lake: Arc<tokio::sync::Mutex<Lake>>,
    runtime: Handle,
    options: Options,
    /// Asked for the log's ends alone. To a reader of committed data the log ends before an open transaction, whose messages have their
    /// append times already: such an end would make an as-of final too early.
    written: BaseConsumer,
    state: Mutex<State>,
}

impl Group {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn topic_of(&self, name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|t| self.log.topic(*t) == name)
    }

    /// Starts a commit of these segments.
    fn start(&self, st: &mut State, segments: Vec<Segment>) {
        st.inflight_bytes = segments.iter().map(|s| s.bytes).sum();
        let (lake, schema) = (self.lake.clone(), self.schema.clone());
        st.inflight = Some(self.runtime.spawn(async move {
            let mut lake = lake.lock().await;
            match tokio::time::timeout(COMMIT_LIMIT, commit(&mut lake, &schema, segments)).await {
                Ok(done) => done,
                Err(_) => Err(Error::new("commit took too long")
                    .detail(format!("over {} s", COMMIT_LIMIT.as_secs()))
                    .hint("is the lake's storage stuck?")),
            }
        }));
    }

    /// Waits for the commit in flight and takes in how it ended. Safe in the rebalance callback: it never seeks, it notes where to.
    fn reap(&self, st: &mut State) -> Vec<(Partition, i64)> {
        let Some(handle) = st.inflight.take() else { return vec![] };
        st.inflight_bytes = 0;
        let done = match self.runtime.block_on(handle) {
            Ok(Ok(done)) => done,
            Ok(Err(e)) => {
                st.fatal.get_or_insert(e);
                return vec![];
            }
            Err(e) => {
                st.fatal.get_or_insert(Error::new("commit ended badly").detail(e));
                return vec![];
            }
        };
        let mut landed = vec![];
        for d in done {
            let segment = st.segments.iter_mut().find(|s| s.part == d.part);
            match d.fate {
                Fate::Landed { .. } | Fate::Already => {
                    if let Fate::Landed { rows, rejects } = d.fate {
                        st.summary.rows += rows;
                        st.summary.rejects += rejects;
                    }
                    if let (Some(s), Some(at), Fate::Landed { .. }) = (segment, d.seen_end, &d.fate) {
                        s.recorded_end = Some(at);
                    }
                    if d.end > d.start {
                        landed.push((d.part, d.end));
                    }
                }
                Fate::Lost(at) => {
                    telemetry::lost(&d.part.0, d.part.1, d.start, d.end, at);
                    if let Some(s) = segment {
                        if !s.is_empty() {
                            telemetry::dropped(&d.part.0, d.part.1, s.start, s.end, "follows a lost segment");
                        }
                        *s = Segment::at(s.topic, d.part, at);
                        s.seek = Some(at);
                    }
                }
            }
        }
        st.summary.commits += u64::from(!landed.is_empty());
        landed
    }

    /// The lake's positions of these partitions, from its newest version.
    fn positions(&self, parts: &[Partition]) -> Result<Vec<(Partition, i64)>> {
        self.runtime.block_on(async {
            let mut lake = self.lake.lock().await;
            lake.events.refresh().await?;
            lake.rejects.refresh().await?;
            let mut all = vec![];
            for part in parts {
                all.push((part.clone(), lake.events.transaction(&app(&part.0, part.1)).await?.unwrap_or(0)));
            }
            Ok(all)
        })
    }

    /// Takes partitions over at the lake's positions, after a look at whether the log still has them.
    fn take_over(&self, st: &mut State, consumer: &BaseConsumer<Group>, parts: &[Partition]) -> Result<TopicPartitionList> {
        let positions = self.positions(parts)?;
        self.same_log(&positions)?;
        let mut list = TopicPartitionList::new();
        for (part, at) in positions {
            let topic = self.topic_of(&part.0).ok_or_else(|| Error::new(format!("topic {} is not ours", part.0)))?;
            let (low, high) = watermarks(consumer, &part)?;
            if at > high {
                return Err(recreated(&part, &format!("the lake stands at offset {at}, the log ends at {high}")));
            }
            let mut segment = Segment::at(topic, part.clone(), at);
            if at < low {
                self.lose(st, &mut segment, low);
            }
            let begin = Offset::Offset(segment.end);
            list.add_partition_offset(&part.0, part.1, begin).context(|| format!("partition {}/{} can't be assigned", part.0, part.1))?;
            st.segments.retain(|s| s.part != part);
            st.segments.push(segment);
        }
        Ok(list)
    }

    /// The log no longer has offsets from the segment's end to `low`.
    fn lose(&self, st: &mut State, segment: &mut Segment, low: i64) {
        let (topic, partition, from) = (&segment.part.0, segment.part.1, segment.end);
        // The client reports at its first fetch what the look before the assignment has found already.
        if st.losses.iter().any(|(part, _, _)| *part == segment.part) {
            return;
        }
        error!(topic, partition, from, to = low, "the log no longer has these offsets");
        if self.options.accept_loss {
            segment.range(low, Code::OffsetsLost, "the log no longer had these offsets when they were to be read");
        } else {
            st.losses.push((segment.part.clone(), from, low));
        }
    }

    /// A topic that was deleted and made again would be read as if it went on: the lake's last message must still be where it was.
    fn same_log(&self, positions: &[(Partition, i64)]) -> Result<()> {
        if self.log.embedded {
            return Ok(());
        }
        let mut expected: HashMap<Partition, (i64, i64)> = self.runtime.block_on(async {
            let lake = self.lake.lock().await;
            super::maintain::last_messages(&lake.events, &self.schema, positions).await
        })?;
        if expected.is_empty() {
            return Ok(());
        }
        let group = format!("{}-check", self.options.group);
        let fixed = [
            ("group.id", group.as_str()),
            ("enable.auto.commit", "false"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "earliest"),
        ];
        let reader: BaseConsumer = self.log.client(&[], &fixed).create().context(|| "Kafka consumer can't be made".into())?;
        let mut list = TopicPartitionList::new();
        for (part, (offset, _)) in &expected {
            list.add_partition_offset(&part.0, part.1, Offset::Offset(*offset)).context(|| "partition can't be assigned".into())?;
        }
        // What aged out can't be compared; only what is still within the log is waited for.
        for part in expected.keys().cloned().collect::<Vec<_>>() {
            let (low, high) = watermarks(&reader, &part)?;
            let Some((offset, _)) = expected.get(&part).copied() else { continue };
            if offset >= high {
                return Err(recreated(&part, &format!("the lake has a message at offset {offset}, the log ends at {high}")));
            }
            if offset < low {
                expected.remove(&part);
            }
        }
        reader.assign(&list).context(|| "partitions can't be assigned".into())?;
        let until = Instant::now() + PATIENCE;
        while !expected.is_empty() {
            if Instant::now() > until {
                let left = expected.keys().map(|p| format!("{}/{}", p.0, p.1)).collect::<Vec<_>>().join(", ");
                return Err(Error::new("the lake's last messages can't be read again")
                    .detail(left)
                    .hint("is the broker up? start ingest again"));
            }
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(m)) => {
                    let part = (m.topic().to_owned(), m.partition());
                    if let Some((offset, recorded_at)) = expected.remove(&part) {
                        let same = m.offset() == offset && m.timestamp().to_millis() == Some(recorded_at);
                        if !same {
                            return Err(recreated(&part, &format!("the message at offset {offset} is not the one the lake holds")));
                        }
                    }
                }
                Some(Err(e)) => return Err(Error::new("the lake's last messages can't be read again").detail(e)),
                None => {}
            }
        }
        Ok(())
    }

    /// The rebalance, on the polling thread.
    fn rebalanced(&self, consumer: &BaseConsumer<Group>, code: RDKafkaRespErr, list: &mut TopicPartitionList) -> Result<()> {
        let mut guard = self.state();
        let st = &mut *guard;
        let parts: Vec<Partition> = list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect();
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let lost = consumer.assignment_lost();
        self.reap(st);
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let list = self.take_over(st, consumer, &parts)?;
            info!(partitions = parts.len(), "assigned");
            let done = if cooperative { consumer.incremental_assign(&list) } else { consumer.assign(&list) };
            return done.context(|| "partitions can't be assigned".into());
        }
        if !lost {
            let ready = st.segments.iter_mut().filter(|s| parts.contains(&s.part) && s.seek.is_none() && !s.is_empty());
            let segments: Vec<Segment> = ready.map(Segment::take).collect();
            if !segments.is_empty() && st.fatal.is_none() {
                self.start(st, segments);
                self.reap(st);
            }
        }
        for s in st.segments.extract_if(.., |s| parts.contains(&s.part)).filter(|s| !s.is_empty()) {
            telemetry::dropped(&s.part.0, s.part.1, s.start, s.end, if lost { "assignment lost" } else { "revoked" });
        }
        info!(partitions = parts.len(), lost, "revoked");
        let done = if cooperative { consumer.incremental_unassign(list) } else { consumer.unassign() };
        done.context(|| "partitions can't be given back".into())
    }
}

impl ClientContext for Group {
    fn error(&self, e: KafkaError, reason: &str) {
        warn!(%e, reason, "Kafka client");
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, message: &str) {
        warn!(message, "Kafka client");
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if let Err(e) = self.rebalanced(consumer, code, list) {
            self.state().fatal.get_or_insert(e);
        }
    }
}

fn watermarks<C: ConsumerContext>(consumer: &BaseConsumer<C>, part: &Partition) -> Result<(i64, i64)> {
    consumer
        .fetch_watermarks(&part.0, part.1, PATIENCE)
        .context(|| format!("partition {}/{}: the broker does not tell its ends", part.0, part.1))
}

fn recreated(part: &Partition, why: &str) -> Error {
    let hint = "was the topic deleted and made again? a lake never mixes two logs: give another --data, or restore the topic";
    Error::new(format!("topic {} is not the one this lake was filled from (partition {})", part.0, part.1)).detail(why).hint(hint)
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
    let written = log.client(&[], &looks).create().context(|| "Kafka consumer can't be made".into())?;
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
    // Leaving the group calls the rebalance once more, inside drop: it commits what is left.
    drop(consumer);
    let mut st = group.state();
    group.reap(&mut st);
    outcome?;
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
    let (mut counted, mut told) = (0u64, 0u64);
    let (mut looked, mut asked) = (Instant::now(), Instant::now());
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
            let landed = group.reap(st);
            hint(consumer, &landed, target.is_some());
        }
        if let Some(e) = &st.fatal {
            return Err(e.clone());
        }
        for s in st.segments.iter_mut() {
            if let Some(at) = s.seek
                && consumer.seek(&s.part.0, s.part.1, Offset::Offset(at), PATIENCE).is_ok()
            {
                s.seek = None;
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
            let landed = group.reap(st);
            hint(consumer, &landed, target.is_some());
            if let Some(e) = &st.fatal {
                return Err(e.clone());
            }
            let losses = std::mem::take(&mut st.losses);
            if !losses.is_empty() {
                return Err(record_losses(group, &losses)?);
            }
            // A lost segment is read again before a run to the log's end is over.
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
fn look_at_ends(st: &mut State, written: &BaseConsumer) -> i64 {
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
fn record_losses(group: &Group, losses: &[(Partition, i64, i64)]) -> Result<Error> {
    let refused: Vec<(Partition, Vec<Refused>, i64)> = losses
        .iter()
        .map(|(part, from, to)| {
            let reject = Reject::new(Code::OffsetsLost, "", "the log no longer had these offsets when they were to be read");
            (part.clone(), vec![Refused { offset: *from, end_offset: *to, recorded_at: None, size: None, reject }], *to)
        })
        .collect();
    group.runtime.block_on(async {
        let mut lake = group.lake.lock().await;
        lake.rejects.refresh().await?;
        let list: Vec<_> = refused.iter().map(|(p, r, e)| (p.clone(), r.as_slice(), *e)).collect();
        commit_rejects(&mut lake, &list).await
    })?;
    let text = losses.iter().map(|(p, from, to)| format!("{}/{} offsets {from} to {}", p.0, p.1, to - 1)).collect::<Vec<_>>().join(", ");
    let hint = "they are listed in rejects as offsets_lost; to go on without them: kangyang ingest --accept-loss";
    Ok(Error::new("the log no longer has messages that were not read").detail(text).hint(hint))
}

/// Tells the group's offsets to lag tools; nothing rests on them.
fn hint(consumer: &BaseConsumer<Group>, landed: &[(Partition, i64)], without_group: bool) {
    if without_group || landed.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::new();
    for (part, end) in landed {
        if list.add_partition_offset(&part.0, part.1, Offset::Offset(*end)).is_err() {
            return;
        }
    }
    if let Err(e) = consumer.commit(&list, CommitMode::Async) {
        info!(%e, "the group's offsets were not updated; the lake's own position stands");
    }
}
