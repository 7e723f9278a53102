//! The settings, each told once: its key, its default, what it means.
//!
//! A setting is a flag, an environment variable `KANGYANG_…` and a key of `kangyang.toml`, in this order of precedence. The file's
//! values become the flags' defaults, so that one parser knows all three. Its `[kafka]` table passes any librdkafka property on.
use crate::error::{Context, Error, Result};
use clap::{Args, Command};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings that every command understands (contract §8).
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings (also KANGYANG_… in the environment, and keys of kangyang.toml)")]
pub struct Settings {
    /// Kafka's bootstrap servers, host:port[,host:port]
    #[arg(long, global = true, env = "KANGYANG_BROKERS", value_name = "LIST")]
    pub brokers: Option<String>,
    /// The data root: a folder
    #[arg(long, global = true, env = "KANGYANG_DATA", value_name = "DIR")]
    pub data: Option<String>,
    /// What the topics' names begin with
    #[arg(long, global = true, env = "KANGYANG_TOPIC_PREFIX", value_name = "NAME", default_value = "kangyang")]
    pub topic_prefix: String,
    /// The consumer group of ingest; without it, named as the topic prefix
    #[arg(long, global = true, env = "KANGYANG_GROUP", value_name = "NAME", default_value = "", hide_default_value = true)]
    pub group: String,
    /// The longest time an event waits for its commit
    #[arg(long, global = true, env = "KANGYANG_COMMIT_INTERVAL", value_name = "TIME", default_value = "60s")]
    #[arg(value_parser = humantime::parse_duration)]
    pub commit_interval: Duration,
    /// The most bytes of messages that wait for their commit
    #[arg(long, global = true, env = "KANGYANG_COMMIT_BYTES", value_name = "SIZE", default_value = "128MiB", value_parser = size)]
    pub commit_bytes: u64,
    /// The most memory that queries use before they spill to disk; without it, half of the machine's
    #[arg(long, global = true, env = "KANGYANG_MEMORY_LIMIT", value_name = "SIZE", value_parser = size)]
    pub memory_limit: Option<u64>,
    /// Serve Prometheus metrics here, for example 127.0.0.1:9100
    #[arg(long, global = true, env = "KANGYANG_METRICS_ADDR", value_name = "ADDR")]
    pub metrics_addr: Option<SocketAddr>,
    /// SQL models from this folder instead of the built-in ones
    #[arg(long, global = true, env = "KANGYANG_QUERIES", value_name = "DIR")]
    pub queries: Option<PathBuf>,
    /// Event schemas and reference data from this folder instead of the built-in ones
    #[arg(long, global = true, env = "KANGYANG_SCHEMAS", value_name = "DIR")]
    pub schemas: Option<PathBuf>,
    /// The file of settings
    #[arg(long, global = true, env = "KANGYANG_CONFIG", value_name = "FILE", default_value = "./kangyang.toml")]
    pub config: PathBuf,
    /// The file of secret keys (mode 0600)
    #[arg(long, global = true, env = "KANGYANG_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The plan, where there is more than one
    #[arg(long, global = true, env = "KANGYANG_PLAN", value_name = "PLAN")]
    pub plan: Option<String>,
    /// librdkafka's properties, from the file's [kafka] table
    #[arg(skip)]
    pub kafka: BTreeMap<String, String>,
}

fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>().map(|b| b.as_u64())
}

impl Settings {
    /// Takes in what flags can't tell: the file's `[kafka]` table, and a default that is another setting's value.
    pub fn completed(mut self, file: File) -> Settings {
        self.kafka = file.kafka;
        if self.group.is_empty() {
            // Two lakes in one group would take partitions from each other.
            self.group.clone_from(&self.topic_prefix);
        }
        self
    }

    /// The data root as given, else `./data`.
    pub fn data(&self) -> &str {
        self.data.as_deref().unwrap_or("./data")
    }

    /// Kafka's address. Error (usage): none given.
    pub fn brokers(&self) -> Result<&str> {
        let hint = "give --brokers host:port, set KANGYANG_BROKERS, or write brokers = \"host:port\" into kangyang.toml";
        self.brokers.as_deref().ok_or_else(|| Error::usage("no Kafka brokers are set").hint(hint))
    }
}

/// What a settings file holds.
#[derive(Default)]
pub struct File {
    defaults: BTreeMap<String, String>,
    /// librdkafka's properties.
    pub kafka: BTreeMap<String, String>,
}

/// Reads the file of settings. A missing file is an empty one if it is the default; unknown keys are refused.
pub fn read(path: &Path, named: bool) -> Result<File> {
    if !named && !path.exists() {
        return Ok(File::default());
    }
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| Error::usage(format!("settings file {name} can't be read")).detail(e))?;
    let table: toml::Table = text.parse().map_err(|e| Error::usage(format!("settings file {name} is not TOML")).detail(e))?;
    let mut file = File::default();
    for (key, value) in table {
        match value {
            toml::Value::Table(t) if key == "kafka" => {
                for (k, v) in t {
                    file.kafka.insert(k.clone(), scalar(&v).ok_or_else(|| bad(&name, &format!("kafka.{k}")))?);
                }
            }
            v => {
                let text = scalar(&v).ok_or_else(|| bad(&name, &key))?;
                file.defaults.insert(key, text);
            }
        }
    }
    Ok(file)
}

fn bad(file: &impl std::fmt::Display, key: &str) -> Error {
    Error::usage(format!("settings file {file}: {key} must be a text, a number or true/false"))
}

fn scalar(v: &toml::Value) -> Option<String> {
    match v {
        toml::Value::String(s) => Some(s.clone()),
        toml::Value::Integer(i) => Some(i.to_string()),
        toml::Value::Boolean(b) => Some(b.to_string()),
        _ => None,
    }
}

impl File {
    /// Makes the file's values the defaults of the settings' flags. Error (usage): a key that is no setting.
    pub fn apply(&self, mut command: Command, name: &Path) -> Result<Command> {
        let known: Vec<String> = Settings::augment_args(Command::new("settings")).get_arguments().map(|a| a.get_id().to_string()).collect();
        for (key, value) in &self.defaults {
            let id = key.replace('-', "_");
            if id == "config" || !known.contains(&id) {
                let list = known.iter().filter(|k| *k != "config").cloned().collect::<Vec<_>>().join(", ");
                return Err(Error::usage(format!("settings file {}: unknown setting {key}", name.display()))
                    .hint(format!("known are: {list}, [kafka]")));
            }
            command = command.mut_arg(id, |a| a.default_value(value.clone()));
        }
        Ok(command)
    }
}

/// Half of the machine's memory in bytes, or of the container's where that is less; 2 GiB where it can't be told.
pub fn half_of_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.lines().find_map(|l| l.strip_prefix("MemTotal:")).and_then(|v| v.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|t| t.trim().parse::<u64>().ok());
    kib.map_or(2 << 30, |k| k * 512).min(container.map_or(u64::MAX, |c| c / 2))
}

/// A folder to write to, made if missing, as an absolute path.
pub fn folder(path: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(path).context(|| format!("folder {path} can't be made"))?;
    std::fs::canonicalize(path).context(|| format!("folder {path} can't be found"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    #[test]
    fn a_group_is_named_as_the_topic_prefix_unless_it_is_given() {
        let group = |args: &[&str]| {
            let matches = Settings::augment_args(Command::new("test")).no_binary_name(true).try_get_matches_from(args);
            let settings = matches.and_then(|m| Settings::from_arg_matches(&m)).map_err(|e| e.to_string());
            settings.map(|s| s.completed(File::default()).group)
        };
        assert_eq!(group(&[]), Ok("kangyang".into()));
        assert_eq!(group(&["--topic-prefix", "trial"]), Ok("trial".into()));
        assert_eq!(group(&["--topic-prefix", "trial", "--group", "mine"]), Ok("mine".into()));
    }
}
