//! The embedded broker: librdkafka's mock cluster, which speaks the real protocol, keeps 5 MiB a partition and forgets on exit.
//!
//! For a newcomer's demo. Since it silently drops what is older, whoever uses it bounds what is in flight (`IN_FLIGHT`) and compares
//! counts.
use super::Log;
use super::topics::PARTITIONS;
use crate::contract::Topic;
use crate::error::{Context, Result};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::collections::BTreeMap;

/// Messages that may be in the cluster unread: far below what it keeps (5 MiB or 100,000 message sets a partition).
pub const IN_FLIGHT: usize = 15_000;

/// A cluster in this process; it ends when this is dropped.
pub struct Embedded {
    _cluster: MockCluster<'static, DefaultProducerContext>,
    log: Log,
}

impl Embedded {
    /// Starts a cluster with the three topics.
    pub fn start(prefix: &str) -> Result<Embedded> {
        let cluster = MockCluster::new(1).context(|| "embedded broker can't start".into())?;
        let log = Log { brokers: cluster.bootstrap_servers(), prefix: prefix.to_owned(), properties: BTreeMap::new(), embedded: true };
        for topic in Topic::ALL {
            let name = log.topic(topic);
            cluster.create_topic(&name, PARTITIONS, 1).context(|| format!("topic {name} can't be made"))?;
        }
        Ok(Embedded { _cluster: cluster, log })
    }

    /// The cluster as a log.
    pub fn log(&self) -> &Log {
        &self.log
    }
}
