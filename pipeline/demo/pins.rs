//! The pins in periods' closings: they name the log before them, so the partition of each key must be known here too.
use super::generate::Event;
use crate::contract::Topic;
use crate::log::topics::PARTITIONS;
use std::collections::BTreeMap;

/// Stands in a period's closing until the order of the log, and so the pin, is known.
pub const NO_PIN: &str = "unknown/0=0";

/// The topics' prefix in pins: the setting's default.
pub const PREFIX: &str = "kangyang";

/// Writes into each closing the pin of the log before it.
pub fn pins(events: &mut [Event]) {
    let partitions = PARTITIONS.unsigned_abs().max(1);
    let mut offsets: BTreeMap<(&str, u32), i64> = Topic::ALL.iter().flat_map(|t| (0..partitions).map(|p| ((t.name(), p), 0))).collect();
    for e in events {
        if e.key.starts_with("period/") {
            let pin = offsets.iter().map(|((topic, p), offset)| format!("{PREFIX}.{topic}/{p}={offset}")).collect::<Vec<_>>().join(",");
            e.payload = String::from_utf8_lossy(&e.payload).replace(NO_PIN, &pin).into_bytes();
        }
        *offsets.entry((e.topic.name(), (murmur2(e.key.as_bytes()) & 0x7fff_ffff) % partitions)).or_default() += 1;
    }
}

/// Kafka's murmur2, which chooses the partition of a key (contract §1).
pub fn murmur2(key: &[u8]) -> u32 {
    pub const M: u32 = 0x5bd1_e995;
    let (words, rest) = key.as_chunks::<4>();
    let mut h = 0x9747_b28c ^ key.len() as u32;
    for word in words {
        let k = u32::from_le_bytes(*word).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        h = (rest.iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b)) ^ h).wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}
