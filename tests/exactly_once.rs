//! Each offset of the log ends up in the lake exactly once, whatever happens to the processes, the group and the broker in between.
//!
//! A real Kafka, real processes, real kills. What must be there is told by the producer's own delivery reports and by reading the
//! topics with a plain consumer, never by the program itself.
use super::support::command::{Kangyang, Output, Running, free_port, metric};
use super::support::kafka::{Broker, Position, Producer, TOPIC_SETTINGS, broker, prefix};
use super::support::{Scratch, copy, python, root};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Topic (without prefix), partition, offset.
type Place = (String, i32, i64);

// ---- the stories

#[test]
fn kills_lose_nothing_and_double_nothing() {
    // A full run is KANGYANG_TEST_KILLS=50, with 300,000 events.
    let kills: usize = setting("KANGYANG_TEST_KILLS", 10);
    let events: usize = setting("KANGYANG_TEST_EVENTS", if kills >= 50 { 300_000 } else { 100_000 });
    let mut k = lake("kills");
    k.set("KANGYANG_COMMIT_INTERVAL", "100ms");
    k.folder.write("kangyang.toml", "[kafka]\n\"session.timeout.ms\" = 6000\n\"heartbeat.interval.ms\" = 1000\n");
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", allocation().as_str()]);
    let producer = broker().producer();
    let mut members = [0, 1].map(|_| Member::start(&k));
    let (mut commits, mut losing, mut lost) = (0, 0, 0);
    let begun = Instant::now();
    for round in 0..kills {
        let victim = round % 2;
        let (from, to) = (round * events / kills, (round + 1) * events / kills);
        for m in &mut members {
            m.process.drain();
        }
        send(&k, &producer, from..(from + to) / 2);
        // Three moments to die at: with messages read since a commit, at a commit of the other's (likely in the midst of its own), and
        // as its own commit is told.
        let seen = if round % 3 == 1 { 1 - victim } else { victim };
        members[seen].process.line("a commit of this round", |l| l.contains("committed"));
        if round % 3 == 0 {
            members[victim].reads_on(|| send(&k, &producer, (from + to) / 2..to));
        } else {
            send(&k, &producer, (from + to) / 2..to);
        }
        let dead = std::mem::replace(&mut members[victim], Member::start(&k)).kill();
        commits += dead.commits;
        losing += usize::from(dead.lost > 0);
        lost += dead.lost;
    }
    let fates = fates(&producer.flush());
    for m in members {
        commits += m.stop().commits;
    }
    k.ok(["ingest", "--until-caught-up"]);
    println!(
        "{events} events, {kills} kills in {:.0} s: {commits} commits seen, {losing} kills lost a buffer, {lost} messages in them; \
         {} files were written and never committed",
        begun.elapsed().as_secs_f32(),
        orphans(&k)
    );
    holds_exactly(&k, &fates);
    k.ok(["build"]);
    k.ok(["check"]);
    let refused = k.sql("SELECT reason, count(*) FROM rejects GROUP BY reason ORDER BY reason");
    let refused: Vec<_> = refused.iter().map(|r| r[0].as_str()).collect();
    assert_eq!(refused, ["key_not_subject", "not_json", "unknown_field", "wrong_type"]);
}

#[test]
fn a_zombie_wakes_to_find_its_partitions_gone() {
    let mut k = lake("zombie");
    k.set("KANGYANG_COMMIT_INTERVAL", "100ms");
    k.folder.write("kangyang.toml", "[kafka]\n\"session.timeout.ms\" = 3000\n\"heartbeat.interval.ms\" = 500\n");
    k.ok(["topics", "create"]);
    let producer = broker().producer();
    let (mut a, mut b) = (Member::start(&k), Member::start(&k));
    // Both have partitions once both commit.
    send(&k, &producer, 0..3000);
    a.process.line("a commit", |l| l.contains("committed"));
    b.process.line("a commit", |l| l.contains("committed"));
    send(&k, &producer, 3000..9000);
    a.process.freeze();
    // The broker gives the frozen one's partitions away when its session ends.
    b.process.drain();
    b.process.line("the other's partitions", |l| l.contains(" assigned") && !l.contains("partitions=0"));
    send(&k, &producer, 9000..12000);
    b.process.line("a commit", |l| l.contains("committed"));
    a.process.drain();
    a.process.thaw();
    // It learns that its session ended, gives up what it held, and works again: no stall.
    a.process.line("the zombie's partitions taken from it", |l| l.contains("revoked"));
    a.process.line("new partitions", |l| l.contains(" assigned") && !l.contains("partitions=0"));
    a.process.drain();
    send(&k, &producer, 12000..15000);
    a.process.line("a commit of the woken one", |l| l.contains("committed"));
    let fates = fates(&producer.flush());
    let (a, b) = (a.stop(), b.stop());
    println!("the zombie gave up {} messages; commits {} and {}", a.lost, a.commits, b.commits);
    k.ok(["ingest", "--until-caught-up"]);
    holds_exactly(&k, &fates);
}

#[test]
fn rivals_on_the_same_partitions_land_each_row_once() {
    // As a nightly catch-up beside a running group: all read the same partitions, and only the table decides who lands what.
    let mut k = lake("rivals");
    k.set("KANGYANG_COMMIT_INTERVAL", "20ms");
    k.ok(["topics", "create"]);
    let producer = broker().producer();
    send(&k, &producer, 0..20_000);
    producer.flush();
    let rivals = [0, 1, 2].map(|_| k.start(["ingest", "--until-caught-up"]));
    let group = Member::start(&k);
    let mut conflicts = 0;
    for r in rivals {
        let end = r.wait().exits(0);
        conflicts += end.stderr.lines().filter(|l| l.contains("lost segment")).count();
    }
    let fates = fates(&producer.flush());
    group.stop();
    println!("{conflicts} segments were another's already");
    k.ok(["ingest", "--until-caught-up"]);
    holds_exactly(&k, &fates);
    every_offset_is_accounted_for(&k);
}

#[test]
fn aborted_transactions_are_not_in_the_lake_and_do_not_stall_it() {
    let k = lake("transactions");
    k.ok(["topics", "create"]);
    let producer = broker().transactions(&topic(&k, "training"));
    let mut next = 0;
    // The last one is aborted: the log then ends in messages that nobody may read.
    for round in 0..20 {
        producer.begin();
        send(&k, &producer, next..next + 50);
        next += 50;
        if round % 2 == 0 {
            producer.commit();
        } else {
            producer.abort();
        }
    }
    let sent = producer.flush();
    k.ok(["ingest", "--until-caught-up"]);
    let committed = |i: &usize| (i / 50).is_multiple_of(2);
    let all = fates(&sent);
    let wanted = Fates {
        accepted: all.accepted.iter().filter(|(_, i)| committed(i)).map(|(p, i)| (p.clone(), *i)).collect(),
        refused: all.refused.iter().filter(|(_, (_, i))| committed(i)).map(|(p, r)| (p.clone(), *r)).collect(),
    };
    holds_exactly(&k, &wanted);
    let absent = k.number("SELECT sum(end_offset - kafka_offset) FROM rejects WHERE reason = 'offsets_absent'");
    // 500 messages were aborted, and each transaction left a marker in every partition it wrote to.
    assert!(absent > 500, "{absent} offsets are told as absent");
    every_offset_is_accounted_for(&k);
    k.ok(["build"]);
    k.ok(["check"]);
    // A second run has nothing to do and says so at once.
    let before = k.number("SELECT count(*) FROM events");
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.number("SELECT count(*) FROM events"), before);
}

#[test]
fn a_topic_set_otherwise_is_refused_by_the_settings_name() {
    let k = lake("settings");
    k.ok(["topics", "create"]);
    let topic = topic(&k, "training");
    let wrong = [
        ("message.timestamp.type", "CreateTime"),
        ("cleanup.policy", "compact"),
        ("retention.ms", "604800000"),
        ("unclean.leader.election.enable", "true"),
    ];
    for (name, value) in wrong {
        let settings: Vec<_> = TOPIC_SETTINGS.iter().map(|(n, v)| (*n, if *n == name { value } else { *v })).collect();
        broker().alter_topic(&topic, &settings);
        let out = k.run(["ingest", "--until-caught-up"]).exits(1);
        assert!(out.stderr.contains(&topic) && out.stderr.contains(name) && out.stderr.contains(value), "{out}");
    }
    broker().alter_topic(&topic, &TOPIC_SETTINGS);
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.number("SELECT count(*) FROM events"), 0);
}

#[test]
fn a_topic_that_is_missing_is_told_with_the_way_to_make_it() {
    let k = lake("missing");
    k.run(["ingest", "--until-caught-up"]).exits(1).says("kangyang topics create");
}

#[test]
fn a_topic_that_was_made_again_is_refused() {
    // With as many messages as before, or more, only their content and time tell; with fewer the log ends before the lake does.
    for (name, again) in [("recreated-same", 100), ("recreated-more", 150), ("recreated-fewer", 10)] {
        let k = lake(name);
        k.ok(["topics", "create"]);
        let topic = topic(&k, "training");
        let fates = fates(&sent(&k, 0..100));
        k.ok(["ingest", "--until-caught-up"]);
        broker().delete_topic(&topic);
        k.ok(["topics", "create"]);
        sent(&k, 0..again);
        k.run(["ingest", "--until-caught-up"]).exits(1).says(&topic);
        let running = k.start(["ingest"]).wait().exits(1);
        assert!(running.stderr.contains(&topic), "{running}");
        holds_exactly(&k, &fates);
    }
}

#[test]
fn deleted_records_are_told_and_stop_ingest_unless_accepted() {
    let k = lake("deleted");
    k.ok(["topics", "create"]);
    let topic = topic(&k, "training");
    let first = sent(&k, 0..300);
    k.ok(["ingest", "--until-caught-up"]);
    let second = sent(&k, 300..600);
    // Ten of one partition that were not read yet.
    let training = second.iter().zip(300..).filter(|(_, i)| topic_of(*i) == "training");
    let (partition, from) = training.filter_map(|(p, _)| *p).min().expect("a delivered message");
    broker().delete_records(&topic, partition, from + 10);
    let ranges = "SELECT kafka_partition, kafka_offset, end_offset FROM rejects WHERE reason = 'offsets_lost'";
    for _ in 0..2 {
        let out = k.run(["ingest", "--until-caught-up"]).exits(1);
        assert!(out.stderr.contains(&topic) && out.stderr.contains("--accept-loss"), "{out}");
    }
    k.start(["ingest"]).wait().exits(1).says("--accept-loss");
    k.ok(["ingest", "--until-caught-up", "--accept-loss"]);
    let lost = [[partition.to_string(), from.to_string(), (from + 10).to_string()]];
    assert_eq!(k.sql(ranges), lost, "the range is told once");
    let gone = |p: &Place| p.0 == "training" && p.1 == partition && (from..from + 10).contains(&p.2);
    let mut left = fates(&first.into_iter().chain(second).collect::<Vec<_>>());
    left.accepted.retain(|p, _| !gone(p));
    left.refused.retain(|p, _| !gone(p));
    holds_exactly(&k, &left);
    every_offset_is_accounted_for(&k);
    k.ok(["build"]);
    k.ok(["check"]);
    // Once accepted it is the past.
    k.ok(["ingest", "--until-caught-up"]);
}

#[test]
fn records_deleted_before_a_first_start_are_lost_from_offset_zero() {
    let k = lake("first-start");
    k.ok(["topics", "create"]);
    let topic = topic(&k, "training");
    let sent = sent(&k, 0..200);
    let partition = sent.iter().flatten().next().expect("a delivered message").0;
    broker().delete_records(&topic, partition, 5);
    k.run(["ingest", "--until-caught-up"]).exits(1).says("--accept-loss");
    k.ok(["ingest", "--until-caught-up", "--accept-loss"]);
    let lost = k.sql("SELECT kafka_partition, kafka_offset, end_offset FROM rejects WHERE reason = 'offsets_lost'");
    assert_eq!(lost, [[partition.to_string(), "0".to_owned(), "5".to_owned()]]);
    every_offset_is_accounted_for(&k);
}

#[test]
fn no_message_whatever_it_holds_stalls_ingest() {
    let k = lake("anything");
    k.ok(["topics", "create"]);
    let (topic, producer) = (topic(&k, "training"), broker().producer());
    let good = (0..20).map(event).find(|e| e.topic == "training").expect("an event of training");
    let long = format!("{}{}", String::from_utf8_lossy(&good.value), " ".repeat(70_000));
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    type Strange<'a> = (Option<&'a str>, Option<&'a [u8]>, &'a str);
    let strange: [Strange; 9] = [
        (Some("k"), None, "tombstone"),
        (None, None, "tombstone"),
        (Some("k"), Some(b""), "not_json"),
        (Some("k"), Some(b"\xff\xfe\x00"), "not_utf8"),
        (Some("k"), Some(b"\0\0\0\0\0"), "not_json"),
        (Some("k"), Some(deep.as_bytes()), "not_json"),
        (Some(&good.key), Some(long.as_bytes()), "too_large"),
        (Some("k"), Some(&good.value), "key_not_subject"),
        (None, Some(&good.value), "key_not_subject"),
    ];
    for (key, value, _) in &strange {
        producer.send_to(&topic, Some(0), *key, *value);
    }
    producer.send_to(&topic, Some(0), Some(&good.key), Some(&good.value));
    producer.flush();
    k.ok(["ingest", "--until-caught-up"]);
    let got: Vec<_> = k.sql("SELECT reason FROM rejects ORDER BY kafka_offset").into_iter().flatten().collect();
    assert_eq!(got, strange.map(|(_, _, reason)| reason));
    assert_eq!(k.number("SELECT count(*) FROM events"), 1);
    every_offset_is_accounted_for(&k);
}

#[test]
fn a_message_with_its_producers_time_is_refused() {
    // A topic that was set otherwise for a while and is set right again: what came in between has no append time to pin it by.
    let k = lake("stamped");
    k.ok(["topics", "create"]);
    let (topic, producer) = (topic(&k, "training"), broker().producer());
    let stamps = |value| TOPIC_SETTINGS.map(|(n, v)| (n, if n == "message.timestamp.type" { value } else { v }));
    let e = (0..20).map(event).find(|e| e.topic == "training").expect("an event of training");
    broker().alter_topic(&topic, &stamps("CreateTime"));
    producer.send_to(&topic, Some(0), Some(&e.key), Some(&e.value));
    producer.flush();
    broker().alter_topic(&topic, &stamps("LogAppendTime"));
    producer.send_to(&topic, Some(0), Some(&e.key), Some(&e.value));
    producer.flush();
    k.ok(["ingest", "--until-caught-up"]);
    let refused = k.sql("SELECT reason, kafka_offset, recorded_at IS NULL FROM rejects");
    assert_eq!(refused, [["producer_timestamp", "0", "true"]]);
    assert_eq!(k.sql("SELECT kafka_offset FROM events"), [["1"]], "its second telling is the one that counts");
    every_offset_is_accounted_for(&k);
    k.ok(["check"]);
}

#[test]
fn what_was_refused_before_a_crash_stays_refused_under_new_schemas() {
    // A crash between the commit of rejects and that of events, and an upgrade before the restart: the new schemas would take what the
    // old ones refused, and refuse what they took. Each offset must still be in one table, and in one only.
    let schemas_without = |name: &str| {
        let folder = Scratch::new("schemas");
        copy(&root().join("schemas"), folder.path());
        std::fs::remove_file(folder.path().join("events").join(name)).expect("the event type is there");
        folder
    };
    let (before, after) = (schemas_without("contest_awarded.json"), schemas_without("credit_recorded.json"));
    let mut k = lake("upgrade");
    k.ok(["topics", "create"]);
    let (topic, producer) = (topic(&k, "certification"), broker().producer());
    for name in ["contest_awarded", "credit_recorded"] {
        let text = std::fs::read_to_string(root().join("schemas/events").join(name).with_extension("json")).expect("a schema");
        let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let (key, value) = (schema["examples"][0]["subject"].as_str(), schema["examples"][0].to_string());
        producer.send_to(&topic, Some(0), key, Some(value.as_bytes()));
    }
    producer.flush();
    k.set("KANGYANG_SCHEMAS", &before.path().display().to_string());
    k.ok(["ingest", "--until-caught-up"]);
    k.env.pop();
    assert_eq!(k.sql("SELECT kafka_offset FROM rejects"), [["0"]]);
    let log = k.data().join("events/_delta_log");
    let commits = std::fs::read_dir(&log).expect("the table's log").flatten().map(|e| e.path());
    let last = commits.filter(|p| p.extension().is_some_and(|x| x == "json")).max().expect("a commit");
    std::fs::remove_file(last).expect("the commit can be taken away");
    k.set("KANGYANG_SCHEMAS", &after.path().display().to_string());
    k.ok(["ingest", "--until-caught-up"]);
    k.env.pop();
    assert_eq!(k.sql("SELECT kafka_offset, reason FROM rejects ORDER BY kafka_offset"), [["0", "unknown_type"], ["1", "unknown_type"]]);
    assert_eq!(k.number("SELECT count(*) FROM events"), 0);
    every_offset_is_accounted_for(&k);
    // The way is free again.
    let fates = fates(&sent(&k, 0..50));
    k.ok(["ingest", "--until-caught-up"]);
    assert_eq!(k.number("SELECT count(*) FROM events"), fates.accepted.len() as i64);
    every_offset_is_accounted_for(&k);
}

#[test]
fn a_log_that_a_loss_of_power_left_torn_is_mended() {
    let mut k = lake("torn");
    k.set("KANGYANG_COMMIT_INTERVAL", "10ms");
    k.ok(["topics", "create"]);
    // Commits enough for a checkpoint, every fiftieth.
    let (mut m, producer) = (Member::start(&k), broker().producer());
    for i in 0..60 {
        send(&k, &producer, i..i + 1);
        producer.flush();
        m.process.line("the one event's commit", |l| l.contains("committed") && (l.contains("rows=1 ") || l.contains("rejects=1 ")));
    }
    m.stop();
    let fates = fates(&producer.flush());
    let log = k.data().join("events/_delta_log");
    let last = |end: &str| {
        let files = std::fs::read_dir(&log).expect("the table's log").flatten().map(|e| e.path());
        files.filter(|p| p.display().to_string().ends_with(end)).max().unwrap_or_else(|| panic!("a file …{end}"))
    };
    let tear = |file: &std::path::Path| {
        let size = std::fs::metadata(file).expect("a file").len();
        std::fs::OpenOptions::new().write(true).open(file).and_then(|f| f.set_len(size / 2)).expect("it can be cut");
    };
    for end in ["_last_checkpoint", ".checkpoint.parquet", ".json"] {
        tear(&last(end));
        let out = k.run(["ingest", "--until-caught-up"]).exits(0);
        assert!(out.stderr.contains("torn"), "{end}: {out}");
        holds_exactly(&k, &fates);
    }
}

#[test]
fn sigterm_commits_what_was_read_and_ends_well() {
    let mut k = lake("sigterm");
    // Neither time nor bytes would commit by themselves.
    k.set("KANGYANG_COMMIT_INTERVAL", "1h");
    k.ok(["topics", "create"]);
    let fates = fates(&sent(&k, 0..1000));
    let mut m = Member::start(&k);
    m.process.line("its partitions", |l| l.contains(" assigned") && !l.contains("partitions=0"));
    m.has_read(1000);
    let end = m.process.stop().exits(0);
    assert!(end.stderr.contains("committed"), "{end}");
    holds_exactly(&k, &fates);
}

#[test]
fn a_quiet_topic_is_flushed_by_the_interval() {
    let mut k = lake("quiet");
    k.set("KANGYANG_COMMIT_INTERVAL", "500ms");
    k.ok(["topics", "create"]);
    let mut m = Member::start(&k);
    m.process.line("its partitions", |l| l.contains(" assigned") && !l.contains("partitions=0"));
    m.process.drain();
    // One event after another for longer than the five seconds after which ingest asks for the log's ends: that must not make them wait.
    let (producer, begun, mut longest) = (broker().producer(), Instant::now(), Duration::ZERO);
    for i in 0.. {
        let since = Instant::now();
        send(&k, &producer, i..i + 1);
        producer.flush();
        m.process.line("the one event's commit", |l| l.contains("committed") && (l.contains("rows=1 ") || l.contains("rejects=1 ")));
        longest = longest.max(since.elapsed());
        if begun.elapsed() > Duration::from_secs(12) {
            break;
        }
    }
    println!("the longest wait for a commit was {longest:?}");
    assert!(longest < Duration::from_secs(3), "one event on a quiet topic waited {longest:?} at an interval of 0.5 s");
    let fates = fates(&producer.flush());
    holds_exactly(&k, &fates);
    m.process.stop().exits(0);
}

#[test]
fn compaction_beside_ingest_changes_no_row() {
    let mut k = lake("compact");
    k.set("KANGYANG_COMMIT_INTERVAL", "50ms");
    k.ok(["topics", "create"]);
    let producer = broker().producer();
    let mut m = Member::start(&k);
    for round in 0..8 {
        m.process.drain();
        send(&k, &producer, round * 1000..(round + 1) * 1000);
        m.process.line("a commit", |l| l.contains("committed"));
        k.ok(["compact"]);
        k.ok(["vacuum", "--retain", "1h"]);
    }
    let fates = fates(&producer.flush());
    m.process.stop().exits(0);
    k.ok(["ingest", "--until-caught-up"]);
    holds_exactly(&k, &fates);
    k.ok(["compact"]);
    holds_exactly(&k, &fates);
    // Two at once from one snapshot must not double what they merge.
    sent(&k, 8000..9000);
    k.ok(["ingest", "--until-caught-up"]);
    let before = k.sql("SELECT kafka_partition, count(*), sum(kafka_offset) FROM events GROUP BY kafka_partition ORDER BY kafka_partition");
    let both = [0, 1].map(|_| k.start(["compact"]));
    both.into_iter().for_each(|c| drop(c.wait().exits(0)));
    let after = k.sql("SELECT kafka_partition, count(*), sum(kafka_offset) FROM events GROUP BY kafka_partition ORDER BY kafka_partition");
    assert_eq!(before, after);
    let live = python("readers.py").arg("lake").arg(k.data()).output().expect("Python can be started");
    assert!(live.status.success(), "{}", String::from_utf8_lossy(&live.stderr));
    let counts: i64 = after.iter().map(|r| r[1].parse::<i64>().expect("a count")).sum();
    assert!(String::from_utf8_lossy(&live.stdout).starts_with(&format!("events {counts} ")), "{}", String::from_utf8_lossy(&live.stdout));
}

#[test]
fn a_broker_that_restarts_is_waited_for() {
    let own = Broker::start("restarting");
    let name = prefix("restart");
    let mut k = Kangyang::on(&own, "restart", &name);
    k.set("KANGYANG_COMMIT_INTERVAL", "100ms");
    k.ok(["topics", "create"]);
    let producer = own.producer();
    let mut m = Member::start(&k);
    for round in 0..2 {
        send(&k, &producer, round * 500..(round + 1) * 500);
        producer.flush();
        m.process.line("a commit", |l| l.contains("committed"));
        m.process.drain();
        if round == 0 {
            own.restart();
        }
    }
    m.process.stop().exits(0);
    k.ok(["ingest", "--until-caught-up"]);
    let fates = fates(&producer.flush());
    holds_exactly_on(&own, &k, &fates);
}

#[test]
fn a_reader_of_marts_never_meets_a_missing_or_half_file() {
    // A full run is KANGYANG_TEST_REBUILDS=200.
    let rebuilds: usize = setting("KANGYANG_TEST_REBUILDS", 15);
    let k = lake("readers");
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", allocation().as_str()]);
    sent(&k, 0..2000);
    k.ok(["ingest", "--until-caught-up"]);
    k.ok(["build"]);
    let mut watch = python("readers.py");
    watch.arg("watch").arg(k.data()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut reader = super::support::spawn(watch).expect("Python can be started");
    let mut said = BufReader::new(reader.stdout.take().expect("a piped stream"));
    let mut ready = String::new();
    said.read_line(&mut ready).expect("the reader says when it reads");
    for _ in 0..rebuilds {
        k.ok(["build"]);
    }
    drop(reader.stdin.take());
    let mut summary = String::new();
    said.read_line(&mut summary).expect("the reader says what it read");
    let end = reader.wait_with_output().expect("the reader ends");
    println!("{rebuilds} rebuilds beside {}", summary.trim());
    assert!(end.status.success(), "{ready}{summary}{}", String::from_utf8_lossy(&end.stderr));
    let marts = python("readers.py").arg("marts").arg(k.data()).output().expect("Python can be started");
    assert!(marts.status.success(), "{}", String::from_utf8_lossy(&marts.stderr));
}

// ---- what is sent, and what must become of it

/// An event: its topic, without prefix, its key and value.
struct Event {
    topic: &'static str,
    key: String,
    value: Vec<u8>,
}

/// Event `i`: of four one is of `certification`, three of `training`, so that each member of a group has work; one in 64 files a class, one
/// in twelve is refused for one of four reasons, one in fifty tells of the person before again: the lake takes it and the fold judges.
fn event(i: usize) -> Event {
    let person = if i % 50 == 49 { i - 1 } else { i };
    let class = person % 997;
    let class_id = format!("K{class:05}");
    let district = format!("JZ{:02}", class % 12 + 1);
    let key = format!("{:032x}", (person as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let day = format!("2021-03-{:02}", person % 28 + 1);
    let topic = topic_of(i);
    let (kind, subject, mut data) = if topic == "certification" {
        // Of two tellings of one person the second differs, every other time.
        let day = if i % 100 == 99 { "2021-04-01".to_owned() } else { day };
        (
            "credit_recorded",
            format!("credit/national/person/{key}"),
            json!({ "platform": "national", "person_key": key, "established_on": day }),
        )
    } else if refusal(i).is_none() && i.is_multiple_of(64) {
        let data = json!({
            "class_id": class_id, "plan": "kangyang-2020-2022", "institution_id": "91410800TE5T00008T", "district_code": district,
            "occupation": "elderly_caregiver", "level": "5", "training_kind": "pre_employment", "subsidised": true, "schooling": false,
            "planned_total_minutes": 3600, "planned_practical_minutes": 2400, "starts_on": "2021-03-01", "ends_on": "2021-03-28",
            "capacity": 45
        });
        ("class_filed", format!("class/{class_id}"), data)
    } else {
        let result = if i.is_multiple_of(11) { "failed" } else { "passed" };
        let data = json!({ "class_id": class_id, "person_key": key, "result": result, "completed_on": day });
        ("trainee_completed", format!("class/{class_id}/person/{key}"), data)
    };
    match refusal(i) {
        Some("unknown_field") => data["remark"] = json!("x"),
        Some("wrong_type") => data["person_key"] = json!(1),
        _ => {}
    }
    let value = json!({
        "specversion": "1.0", "id": format!("e{i}"), "source": format!("/districts/{district}/rosters"),
        "type": format!("kangyang.{kind}.v1"), "subject": subject, "time": "2021-03-28T09:12:00+08:00", "data": data
    });
    let mut value = value.to_string();
    if refusal(i) == Some("not_json") {
        value.truncate(value.len() / 2);
    }
    let key = if refusal(i) == Some("key_not_subject") { format!("{subject}/x") } else { subject };
    Event { topic, key, value: value.into_bytes() }
}

fn topic_of(i: usize) -> &'static str {
    // The two tellings of one person are of one type.
    if (i - usize::from(i % 50 == 49)) % 4 == 3 { "certification" } else { "training" }
}

fn refusal(i: usize) -> Option<&'static str> {
    match i % 50 {
        7 => Some("not_json"),
        17 => Some("unknown_field"),
        27 => Some("key_not_subject"),
        37 => Some("wrong_type"),
        _ => None,
    }
}

/// What must be in the lake of the events sent: where, and which event; and of the refused also why.
struct Fates {
    accepted: BTreeMap<Place, usize>,
    refused: BTreeMap<Place, (&'static str, usize)>,
}

fn fates(sent: &[Position]) -> Fates {
    let mut f = Fates { accepted: BTreeMap::new(), refused: BTreeMap::new() };
    for (i, position) in sent.iter().enumerate() {
        let (partition, offset) = position.unwrap_or_else(|| panic!("event {i} was not delivered"));
        let place = (topic_of(i).to_owned(), partition, offset);
        match refusal(i) {
            None => drop(f.accepted.insert(place, i)),
            Some(why) => drop(f.refused.insert(place, (why, i))),
        }
    }
    f
}

/// Sends these events to the lake's topics.
fn send(k: &Kangyang, producer: &Producer, which: std::ops::Range<usize>) {
    for i in which {
        let e = event(i);
        producer.send(&topic(k, e.topic), &e.key, &e.value);
    }
}

/// Sends these events, the first of this lake, and waits until they are in the log.
fn sent(k: &Kangyang, which: std::ops::Range<usize>) -> Vec<Position> {
    let producer = broker().producer();
    send(k, &producer, which);
    producer.flush()
}

// ---- the lake and its members

fn lake(test: &str) -> Kangyang {
    Kangyang::on(broker(), test, &prefix(test))
}

fn topic(k: &Kangyang, name: &str) -> String {
    let prefix = k.env.iter().find(|(n, _)| n == "KANGYANG_TOPIC_PREFIX").map_or("kangyang", |(_, v)| v);
    format!("{prefix}.{name}")
}

fn allocation() -> String {
    root().join("schemas/reference/allocation.csv").display().to_string()
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var_os(name)
        .map_or(default, |v| v.to_str().and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("{name} is no number: {v:?}")))
}

/// One `ingest` of a group, with its metrics.
struct Member {
    process: Running,
    port: u16,
}

/// What a member did.
struct Life {
    commits: usize,
    /// Messages it had read and never committed: at least so many.
    lost: u64,
}

impl Member {
    fn start(k: &Kangyang) -> Member {
        let port = free_port();
        Member { process: k.start(["ingest", "--metrics-addr", &format!("127.0.0.1:{port}")]), port }
    }

    /// Messages it has read so far; nothing while it doesn't serve metrics.
    fn read(&self) -> Option<u64> {
        metric(self.port, "kangyang_messages_total")
    }

    /// Waits until it has read so many messages. Its own count is asked for again and again; every answer takes the time of a request.
    fn has_read(&self, messages: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.read().is_none_or(|n| n < messages) {
            assert!(Instant::now() < deadline, "{:?} of {messages} messages are read", self.read());
        }
    }

    /// Sends more, and waits until some of it is read, or for a moment if none of it is for this member.
    fn reads_on(&self, send: impl Fn()) {
        let before = self.read().unwrap_or_default();
        send();
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.read().is_none_or(|n| n <= before) && Instant::now() < deadline {}
    }

    fn kill(self) -> Life {
        let read = self.read().unwrap_or_default();
        life(&self.process.kill(), read)
    }

    fn stop(self) -> Life {
        let read = self.read().unwrap_or_default();
        life(&self.process.stop().exits(0), read)
    }
}

fn life(end: &Output, read: u64) -> Life {
    let number = |line: &str, name: &str| -> u64 {
        let after = line.split(name).nth(1).unwrap_or_default();
        after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default()
    };
    let commits: Vec<_> = end.stderr.lines().filter(|l| l.contains("committed")).collect();
    let done: u64 = commits.iter().map(|l| number(l, " rows=") + number(l, " rejects=")).sum();
    Life { commits: commits.len(), lost: read.saturating_sub(done) }
}

// ---- what is there

/// Files of events that no commit names: a process died between writing them and its commit.
fn orphans(k: &Kangyang) -> usize {
    let below = |p: PathBuf| std::fs::read_dir(p).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
    let table = k.data().join("events");
    let commits = below(table.join("_delta_log")).into_iter().filter(|p| p.extension().is_some_and(|x| x == "json"));
    let named: String = commits.map(|p| std::fs::read_to_string(p).unwrap_or_default()).collect();
    let topics = below(table).into_iter().filter(|p| !p.ends_with("_delta_log"));
    let files = topics.flat_map(below).flat_map(below).filter(|p| p.extension().is_some_and(|x| x == "parquet"));
    files.filter(|f| !named.contains(f.file_name().and_then(|n| n.to_str()).unwrap_or_default())).count()
}

fn holds_exactly(k: &Kangyang, wanted: &Fates) {
    holds_exactly_on(broker(), k, wanted);
}

/// The lake has each accepted event once, as the event it is; each refused one once in `rejects`, with its reason; and of
/// `administration`, where only the program writes, what a plain consumer reads there.
fn holds_exactly_on(broker: &Broker, k: &Kangyang, wanted: &Fates) {
    let mut accepted: Vec<(Place, String)> = Vec::new();
    for (place, i) in &wanted.accepted {
        accepted.push((place.clone(), format!("e{i}")));
    }
    for (partition, offset, _, value) in broker.read(&topic(k, "administration"), true) {
        let event: serde_json::Value = serde_json::from_slice(&value).expect("the program sends JSON");
        accepted.push((("administration".to_owned(), partition, offset), event["id"].as_str().unwrap_or_default().to_owned()));
    }
    accepted.sort();
    let mut got: Vec<(Place, String)> = Vec::new();
    for row in k.sql("SELECT kafka_topic, kafka_partition, kafka_offset, id FROM events") {
        got.push((place(&row), row[3].clone()));
    }
    got.sort();
    same("events", &accepted, &got);
    let refused: Vec<(Place, String)> = wanted.refused.iter().map(|(p, (why, _))| (p.clone(), (*why).to_owned())).collect();
    let mut got: Vec<(Place, String)> = Vec::new();
    let query =
        "SELECT kafka_topic, kafka_partition, kafka_offset, reason FROM rejects WHERE reason NOT IN ('offsets_absent', 'offsets_lost')";
    for row in k.sql(query) {
        got.push((place(&row), row[3].clone()));
    }
    got.sort();
    same("rejects", &refused, &got);
}

fn place(row: &[String]) -> Place {
    let topic = row[0].rsplit('.').next().unwrap_or_default().to_owned();
    (topic, row[1].parse().expect("a partition"), row[2].parse().expect("an offset"))
}

/// Compares two sorted lists; a failure shows the first of each kind, not a hundred thousand rows.
fn same<T: Ord + Clone + std::fmt::Debug>(what: &str, wanted: &[T], got: &[T]) {
    if wanted == got {
        return;
    }
    let twice: Vec<_> = got.windows(2).filter(|w| w[0] == w[1]).map(|w| &w[0]).collect();
    let (a, b): (BTreeSet<_>, BTreeSet<_>) = (wanted.iter().collect(), got.iter().collect());
    let (missing, extra): (Vec<_>, Vec<_>) = (a.difference(&b).collect(), b.difference(&a).collect());
    panic!(
        "{what}: {} wanted, {} got; {} missing {:?}; {} extra {:?}; {} twice {:?}",
        wanted.len(),
        got.len(),
        missing.len(),
        &missing[..missing.len().min(5)],
        extra.len(),
        &extra[..extra.len().min(5)],
        twice.len(),
        &twice[..twice.len().min(5)]
    );
}

/// Law 2: each offset of the log is one accepted row, one reject, or in a named range; none is in two.
fn every_offset_is_accounted_for(k: &Kangyang) {
    let mut spans: BTreeMap<(String, i32), Vec<(i64, i64)>> = BTreeMap::new();
    let all = "SELECT kafka_topic, kafka_partition, kafka_offset, kafka_offset + 1 FROM events \
               UNION ALL SELECT kafka_topic, kafka_partition, kafka_offset, end_offset FROM rejects";
    for row in k.sql(all) {
        let end: i64 = row[3].parse().expect("an offset");
        spans.entry((row[0].clone(), row[1].parse().expect("a partition"))).or_default().push((place(&row).2, end));
    }
    for ((topic, partition), mut list) in spans {
        list.sort_unstable();
        let mut at = 0;
        for (from, to) in list {
            assert_eq!(from, at, "{topic}/{partition}: offset {at} should come next");
            at = to;
        }
        assert_eq!(at, broker().watermarks(&topic, partition).1, "{topic}/{partition}: the lake ends before the log");
    }
}
