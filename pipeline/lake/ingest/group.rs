//! What the polling thread and the rebalance callback share: the segments being read, the commit in flight, taking partitions over.
use super::commit::{Done, Fate, commit};
use super::segment::Segment;
use super::{Options, Summary};
use crate::contract::{Contract, Topic};
use crate::error::{Context, Error, Result};
use crate::lake::recall::{Known, decided, last_messages};
use crate::lake::{Lake, Partition, app};
use crate::log::{Log, Told};
use crate::telemetry;
use arrow::datatypes::SchemaRef;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

/// How long one question to the broker may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// A commit must end well below `max.poll.interval.ms` (5 minutes), or the group gives our partitions away while we hold them.
const COMMIT_LIMIT: Duration = Duration::from_secs(120);

#[derive(Default)]
pub struct State {
    pub segments: Vec<Segment>,
    /// Where in `segments` the last message's was: messages come in runs.
    last: usize,
    pub inflight: Option<JoinHandle<Result<Vec<Done>>>>,
    pub inflight_bytes: u64,
    /// Ranges that the log no longer has, and that are not accepted as lost.
    pub losses: Vec<Segment>,
    pub fatal: Option<Error>,
    pub summary: Summary,
}

impl State {
    pub fn segment(&mut self, topic: &str, partition: i32) -> Option<&mut Segment> {
        let is = |s: &Segment| s.part.1 == partition && s.part.0 == topic;
        if !self.segments.get(self.last).is_some_and(is) {
            self.last = self.segments.iter().position(is)?;
        }
        self.segments.get_mut(self.last)
    }

    /// What is ready to be committed; empty segments only where the sight of the log's end is due.
    pub fn take(&mut self) -> Vec<Segment> {
        self.segments.iter_mut().filter(|s| s.seek.is_none() && (!s.is_empty() || s.end_due())).map(Segment::take).collect()
    }
}

pub struct Group {
    pub log: Log,
    pub contract: Arc<Contract>,
    pub schema: SchemaRef,
    pub lake: Arc<tokio::sync::Mutex<Lake>>,
    pub runtime: Handle,
    pub options: Options,
    /// Asked for the log's ends alone. To a reader of committed data the log ends before an open transaction, whose messages have their
    /// append times already: such an end would make an as-of final too early.
    pub written: BaseConsumer<Told>,
    pub state: Mutex<State>,
}

impl Group {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn topic_of(&self, name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|t| self.log.topic(*t) == name)
    }

    /// Starts a commit of these segments.
    pub fn start(&self, st: &mut State, segments: Vec<Segment>) {
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
    pub fn reap(&self, st: &mut State, consumer: &BaseConsumer<Group>) {
        let Some(handle) = st.inflight.take() else { return };
        st.inflight_bytes = 0;
        let done = match self.runtime.block_on(handle) {
            Ok(Ok(done)) => done,
            Ok(Err(e)) => {
                st.fatal.get_or_insert(e);
                return;
            }
            Err(e) => {
                st.fatal.get_or_insert(Error::new("commit ended badly").detail(e));
                return;
            }
        };
        let mut landed = vec![];
        for d in done {
            let segment = st.segments.iter_mut().find(|s| s.part == d.part);
            match d.fate {
                Fate::Landed { rows, rejects } => {
                    st.summary.rows += rows;
                    st.summary.rejects += rejects.values().sum::<u64>();
                    rejects.into_iter().for_each(|(reason, n)| telemetry::rejected(reason, n));
                    if let (Some(s), Some(at)) = (segment, d.seen_end) {
                        s.recorded_end = Some(at);
                    }
                    landed.push((d.part, d.start, d.end));
                }
                Fate::Already => landed.push((d.part, d.start, d.end)),
                Fate::Lost(at) => {
                    telemetry::lost(&d.part.0, d.part.1, d.start, d.end, at);
                    begin_again(segment, at, None);
                }
                Fate::Ahead(decided) => {
                    telemetry::dropped(&d.part.0, d.part.1, d.start, d.end, "rejects hold decisions on it that were not known");
                    begin_again(segment, d.start, Some(decided));
                }
            }
        }
        landed.retain(|(_, start, end)| end > start);
        st.summary.commits += u64::from(!landed.is_empty());
        if !self.options.until_caught_up {
            hint(consumer, &landed);
        }
    }

    /// The lake's positions of these partitions, from its newest version, and what `rejects` holds beyond them.
    fn positions(&self, parts: &[Partition]) -> Result<Vec<(Partition, i64, Known)>> {
        self.runtime.block_on(async {
            let mut lake = self.lake.lock().await;
            lake.events.refresh().await?;
            lake.rejects.refresh().await?;
            let mut all = vec![];
            for part in parts {
                let at = lake.events.transaction(&app(&part.0, part.1)).await?.unwrap_or(0);
                all.push((part.clone(), at, decided(&mut lake, part, at).await?));
            }
            Ok(all)
        })
    }

    /// Takes partitions over at the lake's positions, after a look at whether the log still has them.
    pub fn take_over(&self, st: &mut State, consumer: &BaseConsumer<Group>, parts: &[Partition]) -> Result<TopicPartitionList> {
        let positions = self.positions(parts)?;
        self.same_log(parts)?;
        let mut list = TopicPartitionList::new();
        for (part, at, decided) in positions {
            let topic = self.topic_of(&part.0).ok_or_else(|| Error::new(format!("topic {} is not ours", part.0)))?;
            let (low, high) = watermarks(consumer, &part)?;
            if at > high {
                return Err(recreated(&part, &format!("the lake stands at offset {at}, the log ends at {high}")));
            }
            let mut segment = Segment::at(topic, part.clone(), at, decided);
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
    pub fn lose(&self, st: &mut State, segment: &mut Segment, low: i64) {
        let (topic, partition, from) = (&segment.part.0, segment.part.1, segment.end);
        // The client reports at its first fetch what the look before the assignment has found already.
        if st.losses.iter().any(|s| s.part == segment.part) {
            return;
        }
        error!(topic, partition, from, to = low, "the log no longer has these offsets");
        if self.options.accept_loss {
            segment.lose(low);
        } else {
            let mut lost = Segment::at(segment.topic, segment.part.clone(), from, segment.decided.clone());
            lost.lose(low);
            st.losses.push(lost);
        }
    }

    /// A topic that was deleted and made again would be read as if it went on: the lake's last message must still be where it was.
    fn same_log(&self, parts: &[Partition]) -> Result<()> {
        if self.log.embedded {
            return Ok(());
        }
        let mut expected: HashMap<Partition, (i64, i64)> = self.runtime.block_on(async {
            let lake = self.lake.lock().await;
            last_messages(&lake.events, &self.schema, parts).await
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
        let reader: BaseConsumer<Told> =
            self.log.client(&[], &fixed).create_with_context(Told).context(|| "Kafka consumer can't be made".into())?;
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
        let until = Instant::now() + 3 * PATIENCE;
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
                // A broker that is away for a moment comes back; one that is not ends the wait above.
                Some(Err(e)) => warn!(%e, "Kafka client"),
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
        self.reap(st, consumer);
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let taken = self.take_over(st, consumer, &parts);
            info!(partitions = parts.len(), "assigned");
            // The client waits for an answer even where there is nothing to say but an error.
            let nothing = TopicPartitionList::new();
            let list = taken.as_ref().unwrap_or(&nothing);
            let done = if cooperative { consumer.incremental_assign(list) } else { consumer.assign(list) };
            taken?;
            return done.context(|| "partitions can't be assigned".into());
        }
        if !lost {
            let ready = st.segments.iter_mut().filter(|s| parts.contains(&s.part) && s.seek.is_none() && !s.is_empty());
            let segments: Vec<Segment> = ready.map(Segment::take).collect();
            if !segments.is_empty() && st.fatal.is_none() {
                self.start(st, segments);
                self.reap(st, consumer);
            }
        }
        for s in st.segments.extract_if(.., |s| parts.contains(&s.part)) {
            telemetry::lag(&s.part.0, s.part.1, 0);
            if !s.is_empty() {
                telemetry::dropped(&s.part.0, s.part.1, s.start, s.end, if lost { "assignment lost" } else { "revoked" });
            }
        }
        info!(partitions = parts.len(), lost, "revoked");
        let done = if cooperative { consumer.incremental_unassign(list) } else { consumer.unassign() };
        done.context(|| "partitions can't be given back".into())
    }
}

/// Drops what a partition has read since; it is read again from `at`.
fn begin_again(segment: Option<&mut Segment>, at: i64, decided: Known) {
    let Some(s) = segment else { return };
    if !s.is_empty() {
        telemetry::dropped(&s.part.0, s.part.1, s.start, s.end, "follows a void segment");
    }
    *s = Segment::at(s.topic, s.part.clone(), at, decided);
    s.seek = Some(at);
}

/// Tells the group's offsets to lag tools; nothing rests on them.
fn hint(consumer: &BaseConsumer<Group>, landed: &[(Partition, i64, i64)]) {
    let mut list = TopicPartitionList::new();
    let added = landed.iter().try_for_each(|(part, _, end)| list.add_partition_offset(&part.0, part.1, Offset::Offset(*end)));
    if landed.is_empty() || added.is_err() {
        return;
    }
    if let Err(e) = consumer.commit(&list, CommitMode::Async) {
        info!(%e, "the group's offsets were not updated; the lake's own position stands");
    }
}

impl ClientContext for Group {
    fn error(&self, e: KafkaError, reason: &str) {
        Told.error(e, reason);
    }

    fn log(&self, level: RDKafkaLogLevel, kind: &str, message: &str) {
        Told.log(level, kind, message);
    }
}

impl ConsumerContext for Group {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if let Err(e) = self.rebalanced(consumer, code, list) {
            self.state().fatal.get_or_insert(e);
        }
    }
}

/// A partition's first offset and its end. Asks three times: a broker may be away for a moment.
pub fn watermarks<C: ConsumerContext>(consumer: &BaseConsumer<C>, part: &Partition) -> Result<(i64, i64)> {
    let ask = || consumer.fetch_watermarks(&part.0, part.1, PATIENCE);
    ask().or_else(|_| ask()).or_else(|_| ask()).context(|| format!("partition {}/{}: the broker does not tell its ends", part.0, part.1))
}

/// The topic is another than the one the lake was filled from.
pub fn recreated(part: &Partition, why: &str) -> Error {
    let hint = "was the topic deleted and made again? a lake never mixes two logs: give another --data, or restore the topic";
    Error::new(format!("topic {} is not the one this lake was filled from (partition {})", part.0, part.1)).detail(why).hint(hint)
}
