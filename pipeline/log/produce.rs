//! Sends events: idempotent, keyed by subject, partitioned as Java does it, so that a subject's events stay in one partition, in order.
use super::{Log, Told};
use crate::contract::{Contract, Decoder, Topic};
use crate::error::{Context, Error, Result};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Deliveries {
    done: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {
    fn error(&self, e: KafkaError, reason: &str) {
        Told.error(e, reason);
    }

    fn log(&self, level: RDKafkaLogLevel, kind: &str, message: &str) {
        Told.log(level, kind, message);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            Err((e, _)) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut first) = self.first_failure.lock() {
                    first.get_or_insert_with(|| e.clone());
                }
            }
        }
    }
}

/// A producer; `finish` tells what was delivered.
pub struct Producer {
    client: BaseProducer<Deliveries>,
    log: Log,
    topics: [String; 3],
    sent: u64,
}

impl Producer {
    /// Connects lazily: an unreachable broker shows in `finish`.
    pub fn new(log: &Log) -> Result<Producer> {
        let ours = [("linger.ms", "20"), ("compression.type", "lz4"), ("message.timeout.ms", "60000")];
        // An idempotent producer neither doubles nor reorders; another partitioner would spread a subject over two partitions.
        let fixed = [("enable.idempotence", "true"), ("partitioner", "murmur2_random")];
        let client =
            log.client(&ours, &fixed).create_with_context(Deliveries::default()).context(|| "Kafka producer can't be made".into())?;
        Ok(Producer { client, log: log.clone(), topics: Topic::ALL.map(|t| log.topic(t)), sent: 0 })
    }

    /// Queues one event, waiting while the queue is full. `time` (milliseconds UTC) is the embedded broker's; a real one stamps itself.
    pub fn send(&mut self, topic: Topic, subject: &str, event: &[u8], time: Option<i64>) -> Result<()> {
        if self.client.context().failed.load(Ordering::Relaxed) > 0 {
            // What is behind a lost event must not overtake it any further.
            self.client.purge(PurgeConfig::default().queue());
            return self.finish().map(|_| ());
        }
        let name = self.topics.get(topic as usize).map(String::as_str).unwrap_or_default();
        let mut record = BaseRecord::to(name).key(subject).payload(event);
        if let Some(t) = time {
            record = record.timestamp(t);
        }
        while let Err((e, back)) = self.client.send(record) {
            if !matches!(e, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                return Err(Error::new(format!("event can't be sent to topic {name}")).detail(e));
            }
            self.client.poll(Duration::from_millis(10));
            record = back;
        }
        self.sent += 1;
        if self.sent.is_multiple_of(512) {
            self.client.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until every event is delivered; returns how many. Error: some were not.
    pub fn finish(&mut self) -> Result<u64> {
        self.client.flush(Duration::from_secs(70)).context(|| "events could not all be delivered".into())?;
        let context = self.client.context();
        let (done, failed) = (context.done.load(Ordering::Relaxed), context.failed.load(Ordering::Relaxed));
        if failed > 0 || done != self.sent {
            let what = format!("{} of {} events were not delivered", self.sent - done, self.sent);
            let timed_out = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
            let why = context.first_failure.lock().ok().and_then(|f| f.clone()).unwrap_or(timed_out);
            let hint = "later events of a subject may have arrived before these: send the same file again, then look at the conflicts";
            let error = self.log.failed(what, &why);
            return Err(if done > 0 { error.hint(hint) } else { error });
        }
        Ok(done)
    }
}

/// What `produce` did.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events delivered.
    pub sent: u64,
    /// Lines that were no valid event.
    pub refused: u64,
}

/// Longest line that is read whole: a valid event is shorter, a longer one is refused without being held.
const LONGEST: u64 = 64 * 1024 + 2;

/// Sends the events of an NDJSON file (`-`: standard input), each validated first. A bad line is named on stderr by number and reason;
/// with `strict` one bad line means that nothing is sent.
pub fn file(log: &Log, contract: Arc<Contract>, path: &Path, strict: bool) -> Result<Counts> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let failed = || format!("{name} can't be read");
    let mut input: Box<dyn Read> =
        if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(File::open(path).context(failed)?) };
    let mut counts = Counts::default();
    if strict {
        // Read twice, so standard input is kept in a file that has no name.
        let mut copy = tempfile::tempfile().context(|| "temporary file can't be made".into())?;
        std::io::copy(&mut input, &mut copy).context(failed)?;
        copy.rewind().context(failed)?;
        let mut again = copy.try_clone().context(failed)?;
        each_event(&name, contract.clone(), BufReader::new(copy), &mut counts, |_, _, _| Ok(()))?;
        if counts.refused > 0 {
            let hint = "mend the lines named above, or send the good ones without --strict";
            return Err(Error::refused(format!("{name}: {} lines are bad, nothing was sent", counts.refused)).hint(hint));
        }
        again.rewind().context(failed)?;
        input = Box::new(again);
    }
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_style(indicatif::ProgressStyle::default_spinner());
    let mut producer = Producer::new(log)?;
    each_event(&name, contract, BufReader::with_capacity(1 << 20, input), &mut counts, |topic, subject, event| {
        producer.send(topic, subject, event, None)?;
        if producer.sent.is_multiple_of(1024) {
            bar.set_message(format!("{} events sent", producer.sent));
            bar.tick();
        }
        Ok(())
    })?;
    counts.sent = producer.finish()?;
    bar.finish_and_clear();
    Ok(counts)
}

fn each_event(
    name: &str,
    contract: Arc<Contract>,
    mut input: impl BufRead,
    counts: &mut Counts,
    mut take: impl FnMut(Topic, &str, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut decoder = Decoder::new(contract);
    let (mut line, mut number) = (Vec::new(), 0u64);
    loop {
        line.clear();
        let read = input.by_ref().take(LONGEST).read_until(b'\n', &mut line).context(|| format!("{name} can't be read"))?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if read as u64 == LONGEST && line.last() != Some(&b'\n') {
            input.skip_until(b'\n').context(|| format!("{name} can't be read"))?;
        }
        let event = line.strip_suffix(b"\n").unwrap_or(&line);
        let event = event.strip_suffix(b"\r").unwrap_or(event);
        if event.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match decoder.check(event) {
            Ok(e) => take(e.topic, e.subject, event)?,
            Err(reject) => {
                counts.refused += 1;
                let _ = writeln!(std::io::stderr(), "{name}:{number}: {reject}");
            }
        }
    }
}
