//! The rows of a segment: checked events, column by column, with the hashes that let SQL find groups fast.
use super::column::Column;
use super::decode::{Decoder, Event, Slot};
use super::reject::{Code, Reject};
use super::schema::{Contract, EventType, Topic};
use super::value::Kind;
use crate::error::{Context, Result};
use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::buffer::OffsetBuffer;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// A Kafka message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The topic, without its prefix.
    pub topic: Topic,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value; `None` is a tombstone.
    pub payload: Option<&'a [u8]>,
    /// The partition, that of the rows it goes to.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The broker's append time, milliseconds since 1970 in UTC.
    pub recorded_at: i64,
}

/// The rows of one segment of one partition: columns for each event type, made when the first of it comes.
pub struct Rows {
    decoder: Decoder,
    bytes: Vec<u8>,
    topic: String,
    partition: i32,
    types: Vec<Option<TypeRows>>,
    len: usize,
}

struct TypeRows {
    offset: Vec<i64>,
    recorded_at: Vec<i64>,
    id: Column,
    source: Column,
    subject: Column,
    time: Column,
    supersedes: Column,
    origin: Column,
    hashes: [Vec<i64>; 3],
    fields: Vec<Column>,
}

impl Rows {
    /// No rows yet; `kafka_topic` with its prefix.
    pub fn new(contract: Arc<Contract>, kafka_topic: &str, partition: i32) -> Rows {
        let types = contract.types().iter().map(|_| None).collect();
        Rows { decoder: Decoder::new(contract), bytes: Vec::new(), topic: kafka_topic.to_owned(), partition, types, len: 0 }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Checks a message and appends its row; tells its type's place in `Contract::types`. A refused one leaves no trace.
    pub fn append(&mut self, message: &Message<'_>) -> Result<usize, Reject> {
        let payload = message.payload.ok_or_else(|| Reject::new(Code::Tombstone, "$", "a record without a value"))?;
        let event = self.decoder.read(payload, Some((message.topic, message.key)))?;
        let index = event.index;
        if let Some(rows) = self.types.get_mut(index) {
            rows.get_or_insert_with(|| TypeRows::new(event.event_type)).push(&event, message, &mut self.bytes);
        }
        self.len += 1;
        Ok(index)
    }

    /// A batch for each type that came, in the types' order, with the type's columns. Error: 2 GiB of text in a column.
    pub fn finish(self) -> Result<Vec<(usize, RecordBatch)>> {
        let contract = self.decoder.contract;
        let typed = contract.types().iter().zip(self.types).enumerate();
        typed
            .filter_map(|(i, (t, rows))| Some((i, t, rows?)))
            .map(|(i, t, rows)| Ok((i, rows.finish(t, &self.topic, self.partition)?)))
            .collect()
    }
}

impl TypeRows {
    fn new(t: &EventType) -> TypeRows {
        let text = || Column::new(Kind::Text);
        TypeRows {
            offset: Vec::new(),
            recorded_at: Vec::new(),
            id: text(),
            source: text(),
            subject: text(),
            time: Column::new(Kind::Instant),
            supersedes: text(),
            origin: text(),
            hashes: Default::default(),
            fields: t.data.members.iter().map(|m| Column::new(m.value.kind)).collect(),
        }
    }

    fn push(&mut self, event: &Event<'_>, message: &Message<'_>, bytes: &mut Vec<u8>) {
        let at = &event.contract.at;
        self.offset.push(message.offset);
        self.recorded_at.push(message.recorded_at.saturating_mul(1000));
        // No byte of UTF-8 is 0xff: the parts of what is hashed can't run together.
        bytes.clear();
        for (column, i) in [(&mut self.subject, at.subject), (&mut self.source, at.source), (&mut self.id, at.id)] {
            if let Slot::Text(span) = event.attribute(i) {
                column.text(event.bytes(span));
                bytes.extend_from_slice(event.bytes(span));
                bytes.push(0xff);
            }
        }
        for (column, i) in [(&mut self.time, at.time), (&mut self.supersedes, at.supersedes), (&mut self.origin, at.origin)] {
            match event.attribute(i) {
                Slot::Text(span) => column.text(event.bytes(span)),
                Slot::Timed(_, number) => column.number(number),
                _ => column.null(),
            }
        }
        let series = xxh3_64(event.subject.as_bytes()) << 16 | u64::from(event.about.tag);
        let hashes = [series, xxh3_64(bytes), self.fields(event, bytes)];
        for (column, hash) in self.hashes.iter_mut().zip(hashes) {
            column.push(hash as i64);
        }
    }

    /// Appends the data; tells their hash, which neither the order of keys nor the way an instant is written changes.
    #[inline]
    fn fields(&mut self, event: &Event<'_>, bytes: &mut Vec<u8>) -> u64 {
        let mut sum = 0_u64;
        for ((member, column), slot) in event.event_type.data.members.iter().zip(&mut self.fields).zip(event.fields()) {
            let hash = match *slot {
                Slot::Absent => {
                    column.null();
                    continue;
                }
                Slot::Text(span) => {
                    column.text(event.bytes(span));
                    xxh3_64_with_seed(event.bytes(span), member.seed)
                }
                Slot::Timed(_, number) | Slot::Number(number) => {
                    column.number(number);
                    xxh3_64_with_seed(&number.to_le_bytes(), member.seed)
                }
                Slot::List(from, to) => {
                    let items = event.items(from, to);
                    bytes.clear();
                    for item in items.clone() {
                        bytes.extend_from_slice(item);
                        bytes.push(0xff);
                    }
                    column.list(items);
                    xxh3_64_with_seed(bytes, member.seed)
                }
            };
            sum = sum.wrapping_add(hash);
        }
        sum
    }

    fn finish(self, t: &EventType, topic: &str, partition: i32) -> Result<RecordBatch> {
        let n = self.offset.len();
        let instants = |micros: Vec<i64>| {
            let mut column = Column::new(Kind::Instant);
            micros.into_iter().for_each(|m| column.number(m));
            column.finish()
        };
        let integers = |v: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(v)) };
        let [series, event, data] = self.hashes;
        let mut arrays: Vec<ArrayRef> = vec![
            constant(topic, n)?,
            Arc::new(Int32Array::from_value(partition, n)),
            integers(self.offset),
            instants(self.recorded_at)?,
            self.id.finish()?,
            self.source.finish()?,
            constant(&t.type_name, n)?,
            self.subject.finish()?,
            self.time.finish()?,
            self.supersedes.finish()?,
            self.origin.finish()?,
            integers(series),
            integers(event),
            integers(data),
        ];
        let mut fields: Vec<Option<Column>> = self.fields.into_iter().map(Some).collect();
        for i in &t.columns {
            if let Some(column) = fields.get_mut(*i).and_then(Option::take) {
                arrays.push(column.finish()?);
            }
        }
        RecordBatch::try_new(t.batch.clone(), arrays).context(|| format!("rows of {} can't be built", t.type_name))
    }
}

/// One text in each of `n` rows.
fn constant(text: &str, n: usize) -> Result<ArrayRef> {
    let ends = OffsetBuffer::from_repeated_length(text.len(), n);
    let array = StringArray::try_new(ends, text.repeat(n).into_bytes().into(), None);
    array.map(|a| Arc::new(a) as ArrayRef).context(|| "column can't be built".to_owned())
}
