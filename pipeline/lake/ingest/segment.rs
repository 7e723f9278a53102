//! What one partition has read and not yet handed to a commit.
use crate::contract::{Code, Contract, Message as Incoming, Reject, Rows, Topic};
use crate::error::{Context, Result};
use crate::lake::recall::Known;
use crate::lake::{Partition, rejects_schema};
use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Contract §5: on an idle log the sight of its end is recorded at least hourly.
const END_RECORDED_EVERY: i64 = 3_600_000;

/// A message refused, or a range of offsets without one (`end_offset` exclusive).
struct Refused {
    offset: i64,
    end_offset: i64,
    /// Milliseconds UTC.
    recorded_at: Option<i64>,
    /// Bytes of the message; none: a range.
    size: Option<i64>,
    reject: Reject,
}

/// Offsets [start, end) of one partition.
pub struct Segment {
    pub topic: Topic,
    pub part: Partition,
    pub start: i64,
    pub end: i64,
    rows: Option<Rows>,
    refused: Vec<Refused>,
    pub bytes: u64,
    pub since: Instant,
    /// When the log's end was last seen at or below `end`, milliseconds UTC; and when that was last committed.
    pub seen_end: Option<i64>,
    pub recorded_end: Option<i64>,
    /// Where to seek once it may be done; until then messages are passed by, and nothing is committed.
    pub seek: Option<i64>,
    /// What `rejects` held beyond the lake's position when the segment was begun.
    pub decided: Known,
}

impl Segment {
    /// An empty one.
    pub fn at(topic: Topic, part: Partition, start: i64, decided: Known) -> Segment {
        Segment {
            topic,
            part,
            start,
            end: start,
            rows: None,
            refused: vec![],
            bytes: 0,
            since: Instant::now(),
            seen_end: None,
            recorded_end: None,
            seek: None,
            decided,
        }
    }

    /// The sight of the log's end is worth a commit of its own: the first, and then hourly.
    pub fn end_due(&self) -> bool {
        self.seek.is_none() && self.seen_end.is_some_and(|at| self.recorded_end.is_none_or(|r| at - r >= END_RECORDED_EVERY))
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Leaves an empty segment behind that begins where this one ends.
    pub fn take(&mut self) -> Segment {
        let mut next = Segment::at(self.topic, self.part.clone(), self.end, self.decided.clone());
        next.recorded_end = self.recorded_end;
        std::mem::replace(self, next)
    }

    /// The accepted rows, taken out.
    pub fn take_rows(&mut self) -> Option<Rows> {
        self.rows.take().filter(|r| !r.is_empty())
    }

    /// Offsets up to `end` held no message: control records, aborted transactions.
    pub fn pass(&mut self, end: i64) {
        self.range(end, Code::OffsetsAbsent, "these offsets never held a message for readers of committed data");
    }

    /// The log no longer has the offsets up to `end`.
    pub fn lose(&mut self, end: i64) {
        self.range(end, Code::OffsetsLost, "the log no longer had these offsets when they were to be read");
    }

    fn range(&mut self, end: i64, code: Code, detail: &str) {
        if end <= self.end {
            return;
        }
        let from = self.reach(end);
        match self.refused.last_mut() {
            Some(r) if r.end_offset == from && r.reject.code == code && r.size.is_none() => r.end_offset = end,
            _ => {
                let reject = Reject::new(code, "", detail);
                self.refused.push(Refused { offset: from, end_offset: end, recorded_at: None, size: None, reject });
            }
        }
    }

    /// Moves the end; returns where it was.
    fn reach(&mut self, end: i64) -> i64 {
        if self.is_empty() {
            self.since = Instant::now();
        }
        std::mem::replace(&mut self.end, end)
    }

    /// Takes a message in: as a row, or as one refused.
    pub fn push(&mut self, contract: &Arc<Contract>, m: &BorrowedMessage<'_>, embedded: bool) {
        let offset = m.offset();
        self.pass(offset);
        self.reach(offset + 1);
        if self.decided.as_ref().is_some_and(|d| d.refused.contains(&offset)) {
            return;
        }
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
            self.refused.push(Refused { offset, end_offset: offset + 1, recorded_at, size: Some(size), reject });
        }
    }

    /// How many messages it refuses, by reason code.
    pub fn reasons(&self) -> BTreeMap<&'static str, u64> {
        self.refused.iter().filter(|r| r.size.is_some()).fold(BTreeMap::new(), |mut all, r| {
            *all.entry(r.reject.code.name()).or_default() += 1;
            all
        })
    }

    /// What it refuses as rows of `rejects`, but for what `rejects` has, which stands at `written`.
    pub fn refused(&self, written: i64) -> Result<Option<RecordBatch>> {
        // A message that was refused is never taken in again; of ranges the part that is there is cut off.
        let keep: Vec<&Refused> = self.refused.iter().filter(|r| r.size.is_some() || r.end_offset > written).collect();
        if keep.is_empty() {
            return Ok(None);
        }
        let from = |r: &Refused| if r.size.is_some() { r.offset } else { r.offset.max(written) };
        let instant = |r: &Refused| r.recorded_at.map(|t| t.saturating_mul(1000));
        let text = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(keep.iter().map(|_| &self.part.0))),
            Arc::new(Int32Array::from_iter_values(keep.iter().map(|_| self.part.1))),
            Arc::new(Int64Array::from_iter_values(keep.iter().map(|r| from(r)))),
            Arc::new(Int64Array::from_iter_values(keep.iter().map(|r| r.end_offset))),
            Arc::new(TimestampMicrosecondArray::from_iter(keep.iter().map(|r| instant(r))).with_timezone("UTC")),
            Arc::new(Int64Array::from_iter(keep.iter().map(|r| r.size))),
            Arc::new(StringArray::from_iter_values(keep.iter().map(|r| r.reject.code.name()))),
            Arc::new(StringArray::from_iter(keep.iter().map(|r| text(&r.reject.json_path)))),
            Arc::new(StringArray::from_iter(keep.iter().map(|r| text(&r.reject.detail)))),
        ];
        RecordBatch::try_new(rejects_schema(), columns).map(Some).context(|| "rejects can't be written".into())
    }
}
