//! A real Apache Kafka, one node in KRaft mode, started by the first test that asks and shared by all.
//!
//! Transactions, log append time, deleted records, group time-outs and restarts are the broker's, and no mock has them as they are.
//! Tests keep apart by topic prefix. tests/run fetches the jars; `KANGYANG_TEST_KAFKA` names another folder of jars.
use super::{root, run_folder, spawn};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use std::fs::File;
use std::future::Future;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How long the broker may take to start; it takes 4 s on two idle cores.
const START: Duration = Duration::from_secs(90);
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// The broker shared by all tests.
pub fn broker() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| Broker::start("kafka"))
}

/// A topic prefix of one test; the run's number keeps runs apart that share a broker.
pub fn prefix(test: &str) -> String {
    format!("t{}.{}", std::process::id(), test)
}

/// A running broker. It dies with the value and with this process.
pub struct Broker {
    folder: PathBuf,
    port: u16,
    child: Mutex<Child>,
}

impl Broker {
    /// Starts one of its own folder and ports: for a test that restarts it. Others use [`broker`].
    pub fn start(name: &str) -> Broker {
        let folder = run_folder().join(name);
        for attempt in 1.. {
            std::fs::create_dir_all(&folder).expect("the broker's folder can be made");
            let [port, controller] = free_ports();
            write_settings(&folder, port, controller);
            let child = run(&folder);
            let broker = Broker { folder: folder.clone(), port, child: Mutex::new(child) };
            // A port may be taken between our look and the broker's; then it ends at once, and another try finds others.
            if broker.wait_ready() {
                return broker;
            }
            assert!(attempt < 3, "the broker doesn't start; its log: {}", folder.join("log").display());
            drop(broker);
            std::fs::remove_dir_all(&folder).expect("the broker's folder can be removed");
        }
        unreachable!("the loop returns or fails")
    }

    /// host:port for clients.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where the broker writes its log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Stops it as an operator does (SIGTERM), and starts it again on the same data and ports.
    pub fn restart(&self) {
        let mut child = self.child.lock().unwrap_or_else(|e| e.into_inner());
        // SAFETY: a signal to a child that we have not waited for yet, so its id is still its own.
        unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
        child.wait().expect("the broker can be waited for");
        *child = run(&self.folder);
        drop(child);
        assert!(self.wait_ready(), "the broker doesn't restart; its log: {}", self.log().display());
    }

    /// True once it answers and knows itself as a broker; false if it ended. Fails after [`START`].
    fn wait_ready(&self) -> bool {
        let client: BaseConsumer = self.client().create().expect("a client can be made");
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            // The call itself waits for a connection, so this loop does not spin.
            if client.fetch_metadata(None, Duration::from_secs(1)).is_ok_and(|m| !m.brokers().is_empty()) {
                return true;
            }
            if let Ok(Some(_)) = self.child.lock().unwrap_or_else(|e| e.into_inner()).try_wait() {
                return false;
            }
        }
        panic!("the broker isn't ready after {START:?}; its log: {}", self.log().display())
    }

    /// A client's settings: this broker, and quick reconnects, because tests stop brokers.
    pub fn client(&self) -> ClientConfig {
        let mut c = ClientConfig::new();
        c.set("bootstrap.servers", self.address()).set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "500");
        c
    }

    fn admin<T, F: Future<Output = Result<T, KafkaError>>>(
        &self,
        what: &str,
        ask: impl FnOnce(AdminClient<DefaultClientContext>, AdminOptions) -> F,
    ) -> T {
        let client = AdminClient::from_config_and_context(&self.client(), DefaultClientContext).expect("an admin client can be made");
        let options = AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST));
        match futures::executor::block_on(ask(client, options)) {
            Ok(answer) => answer,
            Err(e) => panic!("{what}: {e}"),
        }
    }

    /// Makes a topic of any settings: for what `kangyang topics create` would not make.
    pub fn create_topic(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let new = settings.iter().fold(NewTopic::new(topic, partitions, TopicReplication::Fixed(1)), |t, (k, v)| t.set(k, v));
        let made = self.admin("create topic", |c, o| async move { c.create_topics([&new], &o).await });
        made.into_iter().for_each(|r| assert!(r.is_ok(), "create topic {topic}: {r:?}"));
    }

    /// Makes the three topics of contract §1 by our own admin call: for tests that are not about `topics create`.
    pub fn create_topics(&self, prefix: &str) {
        for name in ["training", "certification", "administration"] {
            self.create_topic(&format!("{prefix}.{name}"), 6, &TOPIC_SETTINGS);
        }
    }

    /// Sets a topic's settings; those not named go back to the broker's defaults.
    pub fn alter_topic(&self, topic: &str, settings: &[(&str, &str)]) {
        let new = settings.iter().fold(AlterConfig::new(ResourceSpecifier::Topic(topic)), |a, (k, v)| a.set(k, v));
        let made = self.admin("alter topic", |c, o| async move { c.alter_configs([&new], &o).await });
        made.into_iter().for_each(|r| assert!(r.is_ok(), "alter topic {topic}: {r:?}"));
    }

    /// Removes a topic; returns when no broker knows it any more.
    pub fn delete_topic(&self, topic: &str) {
        let gone = self.admin("delete topic", |c, o| async move { c.delete_topics(&[topic], &o).await });
        gone.into_iter().for_each(|r| assert!(r.is_ok(), "delete topic {topic}: {r:?}"));
        let client: BaseConsumer = self.client().create().expect("a client can be made");
        let deadline = Instant::now() + REQUEST;
        let known = || client.fetch_metadata(None, REQUEST).is_ok_and(|m| m.topics().iter().any(|t| t.name() == topic));
        while known() {
            assert!(Instant::now() < deadline, "topic {topic} is still there");
        }
    }

    /// Removes a partition's records before an offset, as retention does.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(before)).expect("an offset in range");
        let done = self.admin("delete records", |c, o| async move { c.delete_records(&list, &o).await });
        done.elements().iter().for_each(|e| assert!(e.error().is_ok(), "delete records of {topic}: {e:?}"));
    }

    /// First and next offset of a partition, control records and open transactions included.
    pub fn watermarks(&self, topic: &str, partition: i32) -> (i64, i64) {
        let client: BaseConsumer = self.client().set("isolation.level", "read_uncommitted").create().expect("a client can be made");
        client.fetch_watermarks(topic, partition, REQUEST).unwrap_or_else(|e| panic!("watermarks of {topic}/{partition}: {e}"))
    }

    /// Every message of a topic: partition, offset, key, value; by partition, then offset. With `committed`, aborted ones are left out.
    pub fn read(&self, topic: &str, committed: bool) -> Vec<(i32, i64, Vec<u8>, Vec<u8>)> {
        let level = if committed { "read_committed" } else { "read_uncommitted" };
        let mut config = self.client();
        config
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", level);
        let client: BaseConsumer = config.create().expect("a client can be made");
        let metadata = client.fetch_metadata(Some(topic), REQUEST).unwrap_or_else(|e| panic!("metadata of {topic}: {e}"));
        let mut list = TopicPartitionList::new();
        for p in metadata.topics().iter().flat_map(|t| t.partitions()) {
            list.add_partition_offset(topic, p.id(), Offset::Beginning).expect("an offset in range");
        }
        client.assign(&list).expect("partitions can be assigned");
        let (mut found, mut open) = (Vec::new(), list.count());
        let deadline = Instant::now() + Duration::from_secs(120);
        while open > 0 {
            assert!(Instant::now() < deadline, "topic {topic} can't be read to its end");
            match client.poll(Duration::from_millis(200)) {
                Some(Ok(m)) => {
                    found.push((m.partition(), m.offset(), m.key().unwrap_or_default().to_vec(), m.payload().unwrap_or_default().to_vec()))
                }
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                Some(Err(e)) => panic!("topic {topic} can't be read: {e}"),
                None => {}
            }
        }
        found.sort_by_key(|(p, o, ..)| (*p, *o));
        found
    }

    /// A producer as the contract asks of every producer: keyed, murmur2.
    pub fn producer(&self) -> Producer {
        Producer::new(self.client())
    }

    /// A transactional one; a second one of this id fences the first.
    pub fn transactions(&self, id: &str) -> Producer {
        let mut c = self.client();
        c.set("transactional.id", id);
        let p = Producer::new(c);
        p.client.init_transactions(REQUEST).unwrap_or_else(|e| panic!("transactions of {id}: {e}"));
        p
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(|e| e.into_inner());
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The settings of contract §1.
pub const TOPIC_SETTINGS: [(&str, &str); 4] = [
    ("message.timestamp.type", "LogAppendTime"),
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("unclean.leader.election.enable", "false"),
];

/// Where a message landed; `None` if the broker refused it.
pub type Position = Option<(i32, i64)>;

/// Sends messages and remembers where each landed.
pub struct Producer {
    client: BaseProducer<Landed>,
    sent: Mutex<usize>,
}

#[derive(Clone, Default)]
struct Landed(Arc<Mutex<Vec<Position>>>);

impl ClientContext for Landed {
    // Errors show in the delivery reports; the default would print librdkafka's every reconnect.
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Landed {
    type DeliveryOpaque = Box<usize>;
    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let position = result.as_ref().ok().map(|m| (m.partition(), m.offset()));
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if all.len() <= *number {
            all.resize(*number + 1, None);
        }
        all[*number] = position;
    }
}

impl Producer {
    fn new(mut config: ClientConfig) -> Producer {
        config.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("linger.ms", "5");
        Producer { client: config.create_with_context(Landed::default()).expect("a producer can be made"), sent: Mutex::new(0) }
    }

    /// Sends one message; waits only if the client's queue is full.
    pub fn send(&self, topic: &str, key: &str, value: &[u8]) {
        self.send_to(topic, None, Some(key), Some(value));
    }

    /// Sends anything: a partition of one's own, no key, no value.
    pub fn send_to(&self, topic: &str, partition: Option<i32>, key: Option<&str>, value: Option<&[u8]>) {
        let mut sent = self.sent.lock().unwrap_or_else(|e| e.into_inner());
        let mut record = BaseRecord::<str, [u8], Box<usize>>::with_opaque_to(topic, Box::new(*sent));
        record.partition = partition;
        record.key = key;
        record.payload = value;
        *sent += 1;
        while let Err((e, back)) = self.client.send(record) {
            assert!(matches!(e, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "send to {topic}: {e}");
            self.client.poll(Duration::from_millis(20));
            record = back;
        }
        if sent.is_multiple_of(500) {
            self.client.poll(Duration::ZERO);
        }
    }

    /// Waits until all is delivered; where each message landed, in the order of sending.
    pub fn flush(&self) -> Vec<Position> {
        self.client.flush(Timeout::After(Duration::from_secs(120))).unwrap_or_else(|e| panic!("flush: {e}"));
        let mut all = self.client.context().0.lock().unwrap_or_else(|e| e.into_inner()).clone();
        all.resize(*self.sent.lock().unwrap_or_else(|e| e.into_inner()), None);
        all
    }

    /// Begins a transaction.
    pub fn begin(&self) {
        self.client.begin_transaction().unwrap_or_else(|e| panic!("begin a transaction: {e}"));
    }

    /// Ends it for good.
    pub fn commit(&self) {
        self.client.commit_transaction(REQUEST).unwrap_or_else(|e| panic!("commit a transaction: {e}"));
    }

    /// Ends it as if nothing had been: its messages are in the log first, and stay there, unread.
    pub fn abort(&self) {
        self.flush();
        self.client.abort_transaction(REQUEST).unwrap_or_else(|e| panic!("abort a transaction: {e}"));
    }
}

fn free_ports() -> [u16; 2] {
    // Both are held until both are known, or the second could be the first again.
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.each_ref().map(|l| l.local_addr().expect("a bound address").port())
}

fn java(folder: &Path) -> Command {
    let jars = std::env::var_os("KANGYANG_TEST_KAFKA").map_or_else(|| root().join("target/kafka"), PathBuf::from);
    assert!(jars.is_dir(), "Kafka's jars are missing in {}: run tests/run once, it fetches them", jars.display());
    let mut c = Command::new("java");
    // A small heap and the first compiler only: a test's broker starts often and lives for minutes.
    c.args(["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    c.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.properties").display()));
    c.arg("-cp").arg(jars.join("*")).current_dir(folder).stdin(Stdio::null());
    c
}

fn write_settings(folder: &Path, port: u16, controller: u16) {
    let server = format!(
        "process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={}
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.ms=-1
log.segment.delete.delay.ms=1000
",
        folder.join("data").display()
    );
    let log4j = "status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
";
    std::fs::write(folder.join("server.properties"), server).expect("the broker's settings can be written");
    std::fs::write(folder.join("log4j2.properties"), log4j).expect("the broker's settings can be written");
    let mut format = java(folder);
    format.args([
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        "--ignore-formatted",
        "-t",
        "a2FuZ3lhbmctdGVzdHMtMQ",
        "-c",
        "server.properties",
    ]);
    let done = format.output().unwrap_or_else(|e| panic!("java can't be started ({e}): tests/run installs it"));
    assert!(done.status.success(), "the broker's storage can't be formatted: {}", String::from_utf8_lossy(&done.stderr));
}

fn run(folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("the broker's log can be opened");
    let mut server = java(folder);
    server.args(["kafka.Kafka", "server.properties"]).stdout(log.try_clone().expect("a file can be shared")).stderr(log);
    spawn(server).unwrap_or_else(|e| panic!("java can't be started ({e}): tests/run installs it"))
}
