//! The log is Kafka: topics, producing, consuming; and the embedded broker, the same client on an in-process cluster.
pub mod embedded;
pub mod produce;
pub mod targets;
pub mod topics;

use crate::config::Settings;
use crate::contract::Topic;
use crate::error::{Error, Result};
use crate::telemetry;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};
use std::collections::BTreeMap;

/// A cluster and the names of its three topics.
#[derive(Clone, Debug)]
pub struct Log {
    brokers: String,
    prefix: String,
    properties: BTreeMap<String, String>,
    /// The in-process cluster can't be asked for settings and keeps its producers' times (contract §5).
    pub embedded: bool,
}

impl Log {
    /// The cluster of the settings. Error (usage): no brokers; a property that librdkafka refuses.
    pub fn new(settings: &Settings) -> Result<Log> {
        for (key, value) in &settings.kafka {
            if let Err(KafkaError::ClientConfig(_, why, ..)) = ClientConfig::new().set(key, value).create_native_config() {
                // An alias is refused under its property's own name.
                let why = if why.contains(key.as_str()) { why } else { format!("{key}: {why}") };
                let hint =
                    "its keys are librdkafka's: https://docs.confluent.io/platform/current/clients/librdkafka/html/md_CONFIGURATION.html";
                return Err(Error::usage("settings table [kafka] can't be used").detail(why).hint(hint));
            }
        }
        Ok(Log {
            brokers: settings.brokers()?.to_owned(),
            prefix: settings.topic_prefix.clone(),
            properties: settings.kafka.clone(),
            embedded: false,
        })
    }

    /// A topic's whole name.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}.{}", self.prefix, topic.name())
    }

    /// A client's settings: ours, then those of `[kafka]`, which win except where exactness rests on ours (`fixed`).
    pub fn client(&self, ours: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Warning).set("bootstrap.servers", &self.brokers).set("client.id", "kangyang");
        for (key, value) in ours {
            config.set(*key, *value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        for (key, value) in fixed {
            config.set(*key, *value);
        }
        config
    }

    /// A request that failed; where nobody answered, also where that was looked for.
    pub fn failed(&self, what: impl Into<String>, e: &KafkaError) -> Error {
        use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, MessageTimedOut, OperationTimedOut, Resolve};
        let error = Error::new(what).detail(e);
        let code = if let KafkaError::AdminOp(code) = e { Some(*code) } else { e.rdkafka_error_code() };
        match code {
            Some(AllBrokersDown | BrokerTransportFailure | MessageTimedOut | OperationTimedOut | Resolve) => {
                error.hint(format!("is Kafka up at {}? another address is given with --brokers", self.brokers))
            }
            _ => error,
        }
    }
}

/// A client that tells of itself in our log.
#[derive(Clone, Copy, Debug)]
pub struct Told;

impl ClientContext for Told {
    fn error(&self, e: KafkaError, reason: &str) {
        let kind = e.rdkafka_error_code().map_or_else(|| "error".to_owned(), |code| format!("{code:?}"));
        telemetry::kafka(&kind, reason);
    }

    fn log(&self, _: RDKafkaLogLevel, kind: &str, message: &str) {
        telemetry::kafka(kind, message);
    }
}

impl ConsumerContext for Told {}
