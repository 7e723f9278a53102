//! The lake makes the log a table, exactly once: two Delta Lake tables, `events` and `rejects`, that are a pure function of the log.
//!
//! Each offset below a partition's position is one row of `events`, one row of `rejects`, or in a named range of `rejects`. Positions
//! live in the commits of `events` themselves, as Delta application transactions `topic/partition`; there is no other checkpoint.
pub mod compact;
pub mod ingest;
pub mod recall;
pub mod scan;
pub mod table;
pub mod vacuum;
pub mod write;

use crate::contract::{Contract, Topic};
use crate::error::{Error, Result};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use table::Table;
use url::Url;

/// The lake below one data root.
pub struct Lake {
    /// `events/`: every accepted event, one row each.
    pub events: Table,
    /// `rejects/`: what was refused, and ranges of offsets without a message.
    pub rejects: Table,
    prefix: String,
}

/// A partition of a topic, by the topic's whole name.
pub type Partition = (String, i32);

/// Microseconds UTC, as every instant of the lake.
pub fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The columns of `rejects` (contract §6): never the payload.
pub fn rejects_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("kafka_topic", DataType::Utf8, false),
        Field::new("kafka_partition", DataType::Int32, false),
        Field::new("kafka_offset", DataType::Int64, false),
        Field::new("end_offset", DataType::Int64, false),
        Field::new("recorded_at", instant(), true),
        Field::new("size_bytes", DataType::Int64, true),
        Field::new("reason", DataType::Utf8, false),
        Field::new("json_path", DataType::Utf8, true),
        Field::new("detail", DataType::Utf8, true),
    ]))
}

/// Where the tables of a data root are.
pub fn url(root: &Path, table: &str) -> Result<Url> {
    let dir = root.join(table);
    Url::from_directory_path(&dir).map_err(|()| Error::new(format!("folder {} is no absolute path", dir.display())))
}

const PREFIX: &str = "kangyang.topicPrefix";

impl Lake {
    /// Opens the lake to write to it: makes it if it isn't there, adds columns that the schemas have since gained.
    /// Error: it holds another topic prefix.
    pub async fn create(root: &Path, contract: &Contract, prefix: &str) -> Result<Lake> {
        let settings = [(PREFIX, prefix)];
        let events = Table::create(url(root, "events")?, &contract.lake_schema(), &settings).await?;
        let rejects = Table::create(url(root, "rejects")?, &rejects_schema(), &settings).await?;
        let found = events.setting(PREFIX);
        if found.as_deref() != Some(prefix) {
            let found = found.unwrap_or_default();
            let hint = "one lake holds one log: give another --data, or the prefix it was made with";
            return Err(Error::new(format!("lake {} holds topics {found}.*, not {prefix}.*", root.display())).hint(hint));
        }
        Ok(Lake { events, rejects, prefix: prefix.to_owned() })
    }

    /// Opens the lake to read it. Error: there is none.
    pub async fn open(root: &Path) -> Result<Lake> {
        let hint = "fill one with: kangyang ingest, or see one with: kangyang demo";
        if let Some(missing) = ["events", "rejects"].iter().find(|t| !root.join(t).join("_delta_log").is_dir()) {
            return Err(Error::new(format!("there is no lake below {}", root.display()))
                .detail(format!("{missing}/ is missing"))
                .hint(hint));
        }
        let events = Table::open(url(root, "events")?).await?;
        let rejects = Table::open(url(root, "rejects")?).await?;
        let prefix = events.setting(PREFIX).unwrap_or_default();
        Ok(Lake { events, rejects, prefix })
    }

    /// A topic's whole name in this lake.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}.{}", self.prefix, topic.name())
    }

    /// Where the lake stands: for every topic and partition the next offset to read.
    pub async fn positions(&mut self) -> Result<BTreeMap<Partition, i64>> {
        let mut all = BTreeMap::new();
        for topic in Topic::ALL {
            let name = self.topic(topic);
            let count = self.events.transaction(&partitions_app(&name)).await?.unwrap_or(0);
            for partition in 0..count as i32 {
                let at = self.events.transaction(&app(&name, partition)).await?.unwrap_or(0);
                all.insert((name.clone(), partition), at);
            }
        }
        Ok(all)
    }
}

/// Runs what would hold up the runtime's threads on one that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::new("work on the lake's files ended badly").detail(e))?
}

/// The application id whose version is a partition's position.
pub fn app(topic: &str, partition: i32) -> String {
    format!("{topic}/{partition}")
}

/// The application id whose version is when ingest last saw a partition's end, milliseconds UTC.
pub fn end_app(topic: &str, partition: i32) -> String {
    format!("end/{topic}/{partition}")
}

/// The application id whose version is a topic's number of partitions.
pub fn partitions_app(topic: &str) -> String {
    format!("partitions/{topic}")
}

/// Lakes made by hand, for tests of what reads and keeps them: one topic, rows of a place and an append time alone.
#[cfg(test)]
pub mod by_hand {
    use super::*;
    use crate::error::Context;
    use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
    use table::Outcome;

    /// An empty lake of two partitions, with a checkpoint every five commits.
    pub async fn lake(root: &Path, contract: &Contract) -> Result<Lake> {
        let settings = [(PREFIX, "test"), ("delta.checkpointInterval", "5")];
        Table::create(url(root, "events")?, &contract.lake_schema(), &settings).await?;
        let mut lake = Lake::create(root, contract, "test").await?;
        commit(&mut lake.events, vec![], &[(partitions_app("test.training"), 2)]).await?;
        Ok(lake)
    }

    /// Appends a partition's next rows, by their append times in milliseconds; and when its end was seen.
    pub async fn append(lake: &mut Lake, contract: &Contract, partition: i32, times: &[i64], seen: Option<i64>) -> Result<()> {
        let id = app("test.training", partition);
        let start = lake.events.transaction(&id).await?.unwrap_or(0);
        let end = start + times.len() as i64;
        let columns: [(&str, ArrayRef); 5] = [
            ("kafka_topic", Arc::new(StringArray::from_iter_values(times.iter().map(|_| "test.training")))),
            ("kafka_partition", Arc::new(Int32Array::from_iter_values(times.iter().map(|_| partition)))),
            ("kafka_offset", Arc::new(Int64Array::from_iter_values(start..end))),
            ("recorded_at", Arc::new(TimestampMicrosecondArray::from_iter_values(times.iter().map(|t| t * 1000)).with_timezone("UTC"))),
            ("type", Arc::new(StringArray::from_iter_values(times.iter().map(|_| "kangyang.trainee_completed.v1")))),
        ];
        let batch = RecordBatch::try_from_iter(columns).context(|| "rows".into())?;
        let rows = (!times.is_empty()).then_some(batch);
        let mut files = vec![];
        if let Some(rows) = rows {
            files.push(write::put(&lake.events, "test.training", partition, start, &contract.lake_schema(), vec![rows]).await?);
        }
        let seen = seen.map(|at| (end_app("test.training", partition), at));
        let moves: Vec<(String, i64)> = std::iter::once((id, end)).chain(seen).collect();
        commit(&mut lake.events, files, &moves).await
    }

    async fn commit(table: &mut Table, files: Vec<deltalake::kernel::Add>, moves: &[(String, i64)]) -> Result<()> {
        match table.append(files, moves).await? {
            Outcome::Landed(_) => Ok(()),
            Outcome::Unsure(why) => Err(Error::new(why)),
        }
    }
}
