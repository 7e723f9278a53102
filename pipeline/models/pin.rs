//! A pin names every topic and partition with an offset: what a figure was computed from (contract §5).
//!
//! `--as-of T` is turned into a pin from the lake alone: a broker's own answer would differ where offsets aged out or its clock stepped.
use crate::error::{Context, Error, Result};
use crate::lake::scan::Files;
use crate::lake::{Lake, Partition, end_app, rejects_schema};
use arrow::array::{AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::prelude::{SessionContext, col, lit};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// For each topic and partition the first offset that is not in; topics bytewise, partitions by number.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pin(pub BTreeMap<Partition, i64>);

/// A pin and how it came about.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The pin: what is published.
    pub pin: Pin,
    /// The instant it was resolved from, if any.
    pub as_of: Option<DateTime<Utc>>,
    /// Later events may still fall before the instant.
    pub provisional: bool,
}

/// The end of the log must have been seen this long after T, microseconds, for T to be final.
const MARGIN: i64 = 60_000_000;

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, ((topic, partition), offset)) in self.0.iter().enumerate() {
            write!(f, "{}{topic}/{partition}={offset}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for Pin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Pin> {
        let bad = |part: &str| {
            Error::usage(format!("pin can't be read at {part:?}"))
                .hint("a pin is topic/partition=offset,…, as build.json and manifest.json have it")
        };
        let mut all = BTreeMap::new();
        for part in text.split(',') {
            let (place, offset) = part.split_once('=').ok_or_else(|| bad(part))?;
            let (topic, partition) = place.rsplit_once('/').ok_or_else(|| bad(part))?;
            let key = (topic.to_owned(), partition.parse().map_err(|_| bad(part))?);
            let offset: i64 = offset.parse().ok().filter(|o| *o >= 0).ok_or_else(|| bad(part))?;
            if all.insert(key, offset).is_some() {
                return Err(bad(part));
            }
        }
        Ok(Pin(all))
    }
}

impl Pin {
    /// Whether it names the same partitions as another and is nowhere above it.
    pub fn within(&self, other: &Pin) -> bool {
        self.0.keys().eq(other.0.keys()) && self.0.values().zip(other.0.values()).all(|(a, b)| a <= b)
    }

    /// Where the lake stands.
    pub async fn newest(lake: &mut Lake) -> Result<Pinned> {
        Ok(Pinned { pin: Pin(lake.positions().await?), as_of: None, provisional: false })
    }

    /// The same pin, if the lake has all of it. Error: it names other partitions, or offsets that the lake has not reached.
    pub async fn checked(self, lake: &mut Lake) -> Result<Pinned> {
        let have = lake.positions().await?;
        if have.keys().ne(self.0.keys()) {
            return Err(Error::new("pin names other topics or partitions than the lake has").hint("is it the pin of another lake?"));
        }
        for (part, offset) in &self.0 {
            let at = have.get(part).copied().unwrap_or(0);
            if *offset > at {
                let hint = "let ingest catch up first: kangyang ingest --until-caught-up";
                return Err(Error::new(format!("pin {}/{}={offset} is above the lake, which stands at {at}", part.0, part.1)).hint(hint));
            }
        }
        Ok(Pinned { pin: self, as_of: None, provisional: false })
    }

    /// The pin of an instant: in each partition the smallest offset, accepted or rejected, with append time ≥ T; where there is none,
    /// the lake's next offset, final only if the log's end was seen at T + 60 s or later.
    pub async fn as_of(lake: &mut Lake, schema: &SchemaRef, at: DateTime<Utc>) -> Result<Pinned> {
        let failed = || "as-of date can't be resolved".to_owned();
        let mut pin = lake.positions().await?;
        // Append times are whole milliseconds and the lake's instants whole microseconds: what lies between two counts as the next.
        let from = at.timestamp_micros() + i64::from(!at.timestamp_subsec_nanos().is_multiple_of(1000));
        let later = col("recorded_at").gt_eq(lit(ScalarValue::TimestampMicrosecond(Some(from), Some("UTC".into()))));
        let session = SessionContext::new();
        let mut found: BTreeMap<Partition, i64> = BTreeMap::new();
        for (table, schema) in [(&lake.events, schema.clone()), (&lake.rejects, rejects_schema())] {
            let rows = session.read_table(Arc::new(Files::of_table(table, schema, None)?)).context(failed)?;
            let by = vec![col("kafka_topic"), col("kafka_partition")];
            let first = rows.filter(later.clone()).and_then(|rows| rows.aggregate(by, vec![min(col("kafka_offset"))])).context(failed)?;
            for batch in first.collect().await.context(failed)? {
                let topic = arrow::compute::cast(batch.column(0), &DataType::Utf8).context(failed)?;
                let (partition, offset) = (batch.column(1).as_primitive::<Int32Type>(), batch.column(2).as_primitive::<Int64Type>());
                for i in 0..batch.num_rows() {
                    let place = found.entry((topic.as_string::<i32>().value(i).to_owned(), partition.value(i))).or_insert(i64::MAX);
                    *place = offset.value(i).min(*place);
                }
            }
        }
        let mut provisional = false;
        for (part, position) in &mut pin {
            // Rejects are written before the events beside them: one above the position says nothing of those.
            match found.get(part).filter(|offset| **offset < *position) {
                Some(offset) => *position = *offset,
                None => {
                    let seen = lake.events.transaction(&end_app(&part.0, part.1)).await?;
                    provisional |= seen.is_none_or(|s| s.saturating_mul(1000) < from + MARGIN);
                }
            }
        }
        Ok(Pinned { pin: Pin(pin), as_of: Some(at), provisional })
    }

    /// The pin as the table `pin` that models read.
    pub fn batch(&self) -> Result<RecordBatch> {
        let topics: StringArray = self.0.keys().map(|(t, _)| Some(t.as_str())).collect();
        let partitions: Int32Array = self.0.keys().map(|(_, p)| Some(*p)).collect();
        let offsets: Int64Array = self.0.values().map(|o| Some(*o)).collect();
        RecordBatch::try_from_iter_with_nullable([
            ("kafka_topic", Arc::new(topics) as arrow::array::ArrayRef, false),
            ("kafka_partition", Arc::new(partitions), false),
            ("kafka_offset", Arc::new(offsets), false),
        ])
        .context(|| "table pin can't be built".into())
    }
}

/// An instant of the command line: RFC 3339 with offset.
pub fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|t| t.with_timezone(&Utc))
        .map_err(|_| "an instant like 2021-07-05T18:00:00+08:00 is wanted".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;
    use crate::lake::by_hand::{append, lake};
    use crate::tree::Tree;

    /// The offsets of an instant's pin in the two partitions, and whether it is provisional.
    async fn at(lake: &mut Lake, contract: &Contract, instant: &str) -> Result<(i64, i64, bool)> {
        let instant = super::instant(instant).map_err(Error::new)?;
        let pinned = Pin::as_of(lake, &contract.lake_schema(), instant).await?;
        let of = |partition| pinned.pin.0.get(&("test.training".to_owned(), partition)).copied().unwrap_or(-1);
        Ok((of(0), of(1), pinned.provisional))
    }

    const MINUTE: i64 = 60_000;
    /// 2021-07-01T00:00:00Z.
    const MIDNIGHT: i64 = 1_625_097_600_000;

    #[tokio::test]
    async fn a_clock_that_steps_back_moves_no_pin() -> Result<()> {
        let contract = Contract::compile(&Tree::schemas(None)?)?;
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = lake(root.path(), &contract).await?;
        append(&mut lake, &contract, 0, &[0, 10, 20, 30].map(|m| MIDNIGHT + m * MINUTE), None).await?;
        append(&mut lake, &contract, 1, &[5].map(|m| MIDNIGHT + m * MINUTE), Some(MIDNIGHT + 40 * MINUTE)).await?;
        let before = at(&mut lake, &contract, "2021-07-01T00:15:00Z").await?;
        assert_eq!(before, (2, 1, false));
        // A new leader's clock is 25 minutes behind: what it appends lies before the instant by its time, and after it in the log.
        append(&mut lake, &contract, 0, &[5, 12, 35].map(|m| MIDNIGHT + m * MINUTE), None).await?;
        append(&mut lake, &contract, 1, &[50].map(|m| MIDNIGHT + m * MINUTE), None).await?;
        assert_eq!(at(&mut lake, &contract, "2021-07-01T00:15:00Z").await?, before);
        // The first that reaches the instant ends the pin, whatever steps back behind it.
        assert_eq!(at(&mut lake, &contract, "2021-07-01T00:32:00Z").await?, (6, 1, false));
        Ok(())
    }

    #[tokio::test]
    async fn what_was_appended_in_one_millisecond_is_in_or_out_together() -> Result<()> {
        let contract = Contract::compile(&Tree::schemas(None)?)?;
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = lake(root.path(), &contract).await?;
        append(&mut lake, &contract, 0, &[MIDNIGHT - 1, MIDNIGHT, MIDNIGHT, MIDNIGHT + 1], None).await?;
        append(&mut lake, &contract, 1, &[MIDNIGHT], Some(MIDNIGHT + MINUTE)).await?;
        for (instant, pin) in [
            ("2021-06-30T23:59:59.999Z", (0, 0, false)),
            ("2021-06-30T23:59:59.9991Z", (1, 0, false)),
            ("2021-07-01T08:00:00+08:00", (1, 0, false)),
            // A nanosecond later they had been appended, and the end was not yet seen a minute after that.
            ("2021-07-01T00:00:00.000000001Z", (3, 1, true)),
            ("2021-07-01T00:00:00.0005Z", (3, 1, true)),
            ("2021-07-01T00:00:00.001Z", (3, 1, true)),
            ("2021-07-01T00:00:00.002Z", (4, 1, true)),
        ] {
            assert_eq!(at(&mut lake, &contract, instant).await?, pin, "{instant}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn instants_beyond_the_log_on_either_side_have_pins() -> Result<()> {
        let contract = Contract::compile(&Tree::schemas(None)?)?;
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = lake(root.path(), &contract).await?;
        assert_eq!(at(&mut lake, &contract, "2021-07-01T00:00:00Z").await?, (0, 0, true), "nothing was ever read");
        append(&mut lake, &contract, 0, &[MIDNIGHT, MIDNIGHT + 1], Some(MIDNIGHT + 2)).await?;
        append(&mut lake, &contract, 1, &[], Some(MIDNIGHT + 2)).await?;
        for (instant, pin) in [
            ("0001-01-01T00:00:00+14:00", (0, 0, false)),
            ("1969-12-31T23:59:59Z", (0, 0, false)),
            ("2300-01-01T00:00:00Z", (2, 0, true)),
            ("9999-12-31T23:59:60Z", (2, 0, true)),
        ] {
            assert_eq!(at(&mut lake, &contract, instant).await?, pin, "{instant}");
        }
        Ok(())
    }
}
