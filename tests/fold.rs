//! The figures against an independent fold in plain loops: thousands of random logs, each with every rule of the contract's fold,
//! through Kafka, lake and SQL.
use super::support::command::Kangyang;
use super::support::fold::{Cell, Log, Reference, expect};
use super::support::{kafka, root};

/// Random logs, and events in each.
const LOGS: u64 = 2_000;
const EVENTS: usize = 55;
const PARTITIONS: i32 = 6;

#[test]
fn every_mart_equals_an_independent_fold_of_two_thousand_random_logs() {
    let broker = kafka::broker();
    let prefix = kafka::prefix("fold");
    let k = Kangyang::on(broker, "fold", &prefix);
    k.ok(["topics", "create"]);
    let mut log = Log::default();
    for seed in 0..LOGS {
        log.messages.extend(Log::random(seed, EVENTS, seed % 2 == 0).messages);
    }
    log.place(PARTITIONS);
    let producer = broker.producer();
    for m in &log.messages {
        producer.send(&format!("{prefix}.{}", m.topic), &m.key, &m.value);
    }
    producer.flush();
    k.ok(["ingest", "--until-caught-up"]);
    k.ok(["build"]);

    let expected = expect(&log, &Reference::read(root()), &prefix, PARTITIONS);
    for (name, table) in &expected.marts {
        let columns = table.columns.join(", ");
        let got = k.sql(&format!("SELECT {columns} FROM {name}"));
        let want: Vec<Vec<String>> = table.rows.iter().map(|r| r.iter().map(|c| Cell::printed(c).unwrap_or_default()).collect()).collect();
        let differs = got.iter().zip(&want).position(|(g, w)| g != w);
        if let Some(i) = differs {
            panic!("mart {name}, row {i}\n  got      {:?}\n  expected {:?}", got[i], want[i]);
        }
        assert_eq!(got.len(), want.len(), "rows of mart {name}");
        assert!(!want.is_empty(), "mart {name} has rows to compare");
    }
    // The checks hold on whatever the log holds, but for allocations that random targets don't make add up.
    let out = k.run(["check"]);
    let text = out.to_string();
    for name in ["ledger_balances", "offsets_accounted", "position_held_once", "in_force_once", "subject_in_one_partition"] {
        assert!(!text.contains(name), "{text}");
    }
}
