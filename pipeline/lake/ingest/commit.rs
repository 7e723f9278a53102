//! The commit protocol. Rejects first, then the files, then one commit on the very snapshot whose positions equal the segments' starts.
//!
//! A segment is void when the lake has moved on (another process read the same offsets), and when `rejects` holds decisions on its
//! offsets that it did not know: those stand, whatever the schemas say by now, so that each offset is in one of the two tables.
use super::segment::Segment;
use crate::error::Result;
use crate::lake::recall::{Decided, decided};
use crate::lake::table::{Outcome, Tries};
use crate::lake::write::put;
use crate::lake::{Lake, Partition, app, end_app, rejects_schema};
use crate::telemetry;
use arrow::datatypes::SchemaRef;
use deltalake::kernel::Add;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// How a segment ended.
pub enum Fate {
    /// It is in the lake.
    Landed {
        /// Accepted messages.
        rows: u64,
        /// Refused messages by reason code.
        rejects: BTreeMap<&'static str, u64>,
    },
    /// The table's position is this segment's end: it landed, as ours or as a rival's same rows.
    Already,
    /// The table's position is another: the segment is void, reading goes on there.
    Lost(i64),
    /// `rejects` is ahead of what the segment knew: it is void, its offsets are read again knowing this.
    Ahead(Arc<Decided>),
}

/// A segment that has ended.
pub struct Done {
    pub part: Partition,
    pub start: i64,
    pub end: i64,
    pub seen_end: Option<i64>,
    pub fate: Fate,
}

struct Pending {
    segment: Segment,
    rows: u64,
    add: Option<Add>,
}

impl Pending {
    fn done(self, fate: Fate) -> Done {
        let Segment { part, start, end, seen_end, .. } = self.segment;
        Done { part, start, end, seen_end, fate }
    }

    fn landed(self) -> Done {
        let fate = Fate::Landed { rows: self.rows, rejects: self.segment.reasons() };
        self.done(fate)
    }
}

/// Keeps what the lake waits for, in its newest known version; the rest is done.
async fn waited_for(lake: &mut Lake, pending: Vec<Pending>, done: &mut Vec<Done>) -> Result<Vec<Pending>> {
    let mut keep = vec![];
    for p in pending {
        let at = lake.events.transaction(&app(&p.segment.part.0, p.segment.part.1)).await?.unwrap_or(0);
        if at == p.segment.start {
            keep.push(p);
        } else {
            let fate = if at == p.segment.end { Fate::Already } else { Fate::Lost(at) };
            done.push(p.done(fate));
        }
    }
    Ok(keep)
}

/// Writes what the segments refuse. Returns those that `rejects` is ahead of, by their place.
pub async fn commit_rejects(lake: &mut Lake, segments: &[&Segment]) -> Result<BTreeMap<usize, Arc<Decided>>> {
    let schema = rejects_schema();
    let mut tries = Tries::default();
    loop {
        let (mut ahead, mut files, mut moves) = (BTreeMap::new(), vec![], vec![]);
        for (i, s) in segments.iter().enumerate() {
            let id = app(&s.part.0, s.part.1);
            let written = lake.rejects.transaction(&id).await?.unwrap_or(0);
            if written > s.start && s.decided.as_ref().is_none_or(|d| d.to != written) {
                if let Some(d) = decided(lake, &s.part, s.start).await? {
                    ahead.insert(i, d);
                }
            } else if let Some(batch) = s.refused(written)? {
                files.push(put(&lake.rejects, &s.part.0, s.part.1, s.start, &schema, vec![batch]).await?);
                moves.push((id, s.end.max(written)));
            }
        }
        if files.is_empty() {
            return Ok(ahead);
        }
        match lake.rejects.append(files, &moves).await? {
            Outcome::Landed(_) => return Ok(ahead),
            Outcome::Unsure(why) => tries.again(&mut lake.rejects, &why).await?,
        }
    }
}

/// Commits the segments: all that are not void, in one commit.
pub async fn commit(lake: &mut Lake, schema: &SchemaRef, segments: Vec<Segment>) -> Result<Vec<Done>> {
    let begun = Instant::now();
    let mut done = vec![];
    // Only what the table waits for may write anything: rejects beyond a hole would hide those that come when the hole is read.
    let pending = segments.into_iter().map(|segment| Pending { segment, rows: 0, add: None }).collect();
    let pending = waited_for(lake, pending, &mut done).await?;
    let mut ahead = commit_rejects(lake, &pending.iter().map(|p| &p.segment).collect::<Vec<_>>()).await?;
    let mut ready = vec![];
    for (i, mut p) in pending.into_iter().enumerate() {
        if let Some(d) = ahead.remove(&i) {
            done.push(p.done(Fate::Ahead(d)));
            continue;
        }
        if let Some(rows) = p.segment.take_rows() {
            p.rows = rows.len() as u64;
            let batches = rows.finish()?.into_iter().map(|(_, b)| b).collect();
            p.add = Some(put(&lake.events, &p.segment.part.0, p.segment.part.1, p.segment.start, schema, batches).await?);
        }
        ready.push(p);
    }
    let encode_ms = begun.elapsed().as_millis();
    let mut tries = Tries::default();
    loop {
        ready = waited_for(lake, ready, &mut done).await?;
        if ready.is_empty() {
            return Ok(done);
        }
        let moves = moves(lake, &ready).await?;
        let begun = Instant::now();
        match lake.events.append(ready.iter().filter_map(|p| p.add.clone()).collect(), &moves).await? {
            Outcome::Landed(version) => {
                let range = |s: &Segment| format!("{}/{}:{}..{}", s.part.0, s.part.1, s.start, s.end);
                telemetry::committed(&telemetry::Commit {
                    version,
                    rows: ready.iter().map(|p| p.rows).sum(),
                    rejects: ready.iter().flat_map(|p| p.segment.reasons().into_values()).sum(),
                    partitions: ready.len(),
                    encode_ms,
                    commit_ms: begun.elapsed().as_millis(),
                    ranges: &ready.iter().map(|p| range(&p.segment)).collect::<Vec<_>>().join(" "),
                });
                done.extend(ready.into_iter().map(Pending::landed));
                return Ok(done);
            }
            // Whatever it was, also an unknown end: the table knows.
            Outcome::Unsure(why) => tries.again(&mut lake.events, &why).await?,
        }
    }
}

/// The positions, and the sights of the log's end, which never step back.
async fn moves(lake: &mut Lake, ready: &[Pending]) -> Result<Vec<(String, i64)>> {
    let mut moves = vec![];
    for s in ready.iter().map(|p| &p.segment) {
        if s.end > s.start {
            moves.push((app(&s.part.0, s.part.1), s.end));
        }
        let id = end_app(&s.part.0, s.part.1);
        if let Some(at) = s.seen_end
            && lake.events.transaction(&id).await?.is_none_or(|before| before < at)
        {
            moves.push((id, at));
        }
    }
    Ok(moves)
}
