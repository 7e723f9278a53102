//! What the lake remembers of a partition that is about to be read: its last message, and what was refused beyond its position.
use super::scan::{Files, bounds};
use super::table::Table;
use super::{Lake, Partition, app, rejects_schema};
use crate::error::{Context, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, SchemaRef, TimestampMicrosecondType};
use datafusion::prelude::SessionContext;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What `rejects` holds beyond the lake's position: a crash came between its commit and the one of `events`.
pub struct Decided {
    /// Where `rejects` stands.
    pub to: i64,
    /// The messages refused, by offset.
    pub refused: HashSet<i64>,
}

/// Decisions that are known, if there are any.
pub type Known = Option<Arc<Decided>>;

async fn rows(table: &Table, schema: SchemaRef, columns: &str, condition: &str) -> Result<Vec<RecordBatch>> {
    let failed = || format!("table {} can't be read", table.url());
    let session = SessionContext::new();
    session.register_table("t", Arc::new(Files::of_table(table, schema, None)?)).context(failed)?;
    let frame = session.sql(&format!("SELECT {columns} FROM t WHERE {condition}")).await.context(failed)?;
    frame.collect().await.context(failed)
}

fn within(part: &Partition) -> String {
    format!("kafka_topic = '{}' AND kafka_partition = {}", part.0.replace('\'', "''"), part.1)
}

/// The decisions on a partition's offsets from `at` on; none if `rejects` stands at or below it.
pub async fn decided(lake: &mut Lake, part: &Partition, at: i64) -> Result<Known> {
    let Some(to) = lake.rejects.transaction(&app(&part.0, part.1)).await?.filter(|to| *to > at) else { return Ok(None) };
    let condition = format!("{} AND kafka_offset >= {at} AND size_bytes IS NOT NULL", within(part));
    let batches = rows(&lake.rejects, rejects_schema(), "kafka_offset", &condition).await?;
    let offsets = batches.iter().filter_map(|b| b.columns().first().and_then(|c| c.as_primitive_opt::<Int64Type>()));
    let refused = offsets.flat_map(|c| c.iter().flatten()).collect();
    Ok(Some(Arc::new(Decided { to, refused })))
}

/// Of each partition the lake's last event: its offset and append time in milliseconds UTC.
pub async fn last_messages(events: &Table, schema: &SchemaRef, partitions: &[Partition]) -> Result<HashMap<Partition, (i64, i64)>> {
    let mut high: HashMap<Partition, i64> = HashMap::new();
    for file in events.files()? {
        let b = bounds(&file)?;
        if partitions.contains(&b.partition) {
            let h = high.entry(b.partition).or_insert(b.high);
            *h = b.high.max(*h);
        }
    }
    if high.is_empty() {
        return Ok(HashMap::new());
    }
    let any = high.iter().map(|(p, o)| format!("({} AND kafka_offset = {o})", within(p))).collect::<Vec<_>>().join(" OR ");
    let mut found = HashMap::new();
    for batch in rows(events, schema.clone(), "kafka_topic, kafka_partition, kafka_offset, recorded_at", &any).await? {
        let [topic, partition, offset, at] = batch.columns() else { continue };
        let topic = cast(topic, &DataType::Utf8).context(|| "a topic's name can't be read".into())?;
        let (topic, partition) = (topic.as_string::<i32>(), partition.as_primitive::<Int32Type>());
        let (offset, at) = (offset.as_primitive::<Int64Type>(), at.as_primitive::<TimestampMicrosecondType>());
        for i in 0..batch.num_rows() {
            found.insert((topic.value(i).to_owned(), partition.value(i)), (offset.value(i), at.value(i) / 1000));
        }
    }
    Ok(found)
}
