//! The log is Kafka: topics, producing, consuming; and the embedded broker, the same client on an in-process cluster.
pub mod embedded;
pub mod produce;
pub mod targets;
pub mod topics;

use crate::config::Settings;
use crate::contract::Topic;
use crate::error::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
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
}
