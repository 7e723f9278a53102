//! The figures against an independent fold in plain loops: thousands of random logs, each with every rule of the contract's fold,
//! through Kafka, lake and SQL.
use super::support::command::Kangyang;
use super::support::fold::{Cell, Log, Reference, expect};
use super::support::{kafka, root};
use std::collections::BTreeMap;

/// Random logs, and events in each.
const LOGS: u64 = 2_000;
const EVENTS: usize = 55;
const PARTITIONS: i32 = 6;

/// A mart's columns and its rows as they are printed, in any order.
type Printed = (Vec<&'static str>, Vec<Vec<String>>);

#[test]
fn every_mart_equals_an_independent_fold_of_two_thousand_random_logs() {
    let broker = kafka::broker();
    let prefix = kafka::prefix("fold");
    let k = Kangyang::on(broker, "fold", &prefix);
    k.ok(["topics", "create"]);
    let (mut all, mut sizes) = (Log::default(), vec![]);
    for seed in 0..LOGS {
        let log = Log::random(seed, EVENTS, seed % 2 == 0);
        sizes.push(log.messages.len());
        all.messages.extend(log.messages);
    }
    all.place(PARTITIONS);
    let producer = broker.producer();
    for m in &all.messages {
        producer.send(&format!("{prefix}.{}", m.topic), &m.key, &m.value);
    }
    producer.flush();
    k.ok(["ingest", "--until-caught-up"]);
    k.ok(["build"]);

    let mut expected = folded_one_by_one(all, &sizes, &prefix);
    for (name, (columns, want)) in &mut expected {
        let mut got = k.sql(&format!("SELECT {} FROM {name}", columns.join(", ")));
        got.sort();
        want.sort();
        assert!(!want.is_empty(), "mart {name} has rows to compare");
        if let Some(i) = got.iter().zip(want.iter()).position(|(g, w)| g != w) {
            panic!("mart {name}, row {i}\n  got      {:?}\n  expected {:?}", got[i], want[i]);
        }
        assert_eq!(got.len(), want.len(), "rows of mart {name}");
    }
    // What a random allocation breaks aside, the checks hold on any log.
    let text = k.run(["check"]).to_string();
    for name in ["ledger_balances", "offsets_accounted", "position_held_once", "in_force_once", "subject_in_one_partition"] {
        assert!(!text.contains(name), "{text}");
    }
}

/// Logs share no subject and no plan, so each is folded alone; the ledger alone counts over all.
fn folded_one_by_one(all: Log, sizes: &[usize], prefix: &str) -> BTreeMap<&'static str, Printed> {
    let reference = Reference::read(root());
    let mut messages = all.messages.into_iter();
    let mut printed: BTreeMap<&'static str, Printed> = BTreeMap::new();
    let mut ledger: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    for size in sizes {
        let log = Log { messages: messages.by_ref().take(*size).collect() };
        for (name, table) in expect(&log, &reference, prefix, PARTITIONS).marts {
            let rows = table.rows.iter().map(|r| r.iter().map(|c| Cell::printed(c).unwrap_or_default()).collect::<Vec<_>>());
            let (columns, all) = printed.entry(name).or_insert_with(|| (table.columns.clone(), vec![]));
            if name != "ledger" {
                all.extend(rows);
                continue;
            }
            assert_eq!(columns[..2], ["kafka_topic", "kafka_partition"]);
            for row in rows {
                let counts: Vec<i64> = row[2..].iter().map(|c| c.parse().expect("the ledger counts")).collect();
                let sums = ledger.entry((row[0].clone(), row[1].clone())).or_insert_with(|| vec![0; counts.len()]);
                sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
        }
    }
    if let Some((_, rows)) = printed.get_mut("ledger") {
        let row = |((topic, partition), sums): ((String, String), Vec<i64>)| {
            [topic, partition].into_iter().chain(sums.iter().map(i64::to_string)).collect()
        };
        rows.extend(ledger.into_iter().map(row));
    }
    printed
}
