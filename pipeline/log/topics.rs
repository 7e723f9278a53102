//! The three topics as contract §1 wants them: made, and held to it before anything is read.
use super::{Log, Told};
use crate::contract::Topic;
use crate::error::{Context, Error, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::types::RDKafkaErrorCode;
use std::time::{Duration, Instant};

/// Partitions of a new topic; the count never changes afterwards, since a subject's events must stay in one.
pub const PARTITIONS: i32 = 6;

/// Settings that the figures rest on: the broker's own clock stamps, nothing is compacted or aged out, no unclean leader drops a tail.
const SETTINGS: [(&str, &str); 4] = [
    ("message.timestamp.type", "LogAppendTime"),
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("unclean.leader.election.enable", "false"),
];

const PATIENCE: Duration = Duration::from_secs(30);

fn admin(log: &Log) -> Result<AdminClient<Told>> {
    let ours = [("socket.timeout.ms", "30000")];
    log.client(&ours, &[]).create_with_context(Told).context(|| "Kafka client can't be made".into())
}

/// Makes the topics that are missing; returns the names of those made. Existing ones are checked, not changed.
pub async fn create(log: &Log) -> Result<Vec<String>> {
    let admin = admin(log)?;
    let (mut made, mut there) = (vec![], vec![]);
    for topic in Topic::ALL {
        let name = log.topic(topic);
        let failed = || format!("topic {name} can't be made");
        let new = SETTINGS.iter().fold(NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(-1)), |t, (k, v)| t.set(k, v));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let answer = admin.create_topics(&[new], &options).await.map_err(|e| log.failed(failed(), &e))?;
        match answer.into_iter().next() {
            Some(Ok(_)) => made.push(name),
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => there.push(name),
            Some(Err((_, code))) => return Err(Error::new(failed()).detail(code)),
            None => return Err(Error::new(failed()).detail("the broker did not answer")),
        }
    }
    for name in &there {
        check(log, &admin, name).await?;
    }
    // A broker answers for a topic it has just made before it knows all of it.
    let until = Instant::now() + PATIENCE;
    for name in &made {
        while let Err(e) = check(log, &admin, name).await {
            if Instant::now() >= until {
                return Err(e);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(made)
}

/// Refuses topics set otherwise than contract §1, and names what is wrong. The embedded broker can't be asked.
pub async fn verify(log: &Log) -> Result<()> {
    if log.embedded {
        return Ok(());
    }
    let admin = admin(log)?;
    for topic in Topic::ALL {
        check(log, &admin, &log.topic(topic)).await?;
    }
    Ok(())
}

async fn check(log: &Log, admin: &AdminClient<Told>, name: &str) -> Result<()> {
    let missing = || Error::new(format!("topic {name} is missing")).hint("make it with: kangyang topics create");
    let unread = || format!("topic {name}: its settings can't be read");
    let answers = admin.describe_configs(&[ResourceSpecifier::Topic(name)], &AdminOptions::new()).await;
    // Asked for one topic, so that no answer is taken for another's.
    let answer = answers.map_err(|e| log.failed(unread(), &e))?.into_iter().next().ok_or_else(missing)?;
    let config = answer.map_err(|code| match code {
        RDKafkaErrorCode::UnknownTopicOrPartition => missing(),
        code => Error::new(unread()).detail(code).hint("see the broker's log"),
    })?;
    let found = config.entry_map();
    // The client passes an unknown topic on as one without settings.
    if found.is_empty() {
        return Err(missing());
    }
    for (key, want) in SETTINGS {
        let is = found.get(key).and_then(|e| e.value.as_deref()).unwrap_or("unset");
        if is != want {
            let why = if key == "message.timestamp.type" { "an as-of date needs the broker's own clock" } else { "nothing may be lost" };
            let hint = format!("{why}: kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {key}={want}");
            return Err(Error::new(format!("topic {name}: {key} is {is}, must be {want}")).hint(hint));
        }
    }
    let meta = admin.inner().fetch_metadata(Some(name), PATIENCE).map_err(|e| log.failed(unread(), &e))?;
    let count = meta.topics().iter().find(|t| t.name() == name).map_or(0, |t| t.partitions().len());
    if count != PARTITIONS as usize {
        let hint = "more partitions would part a subject's events, so the count never changes: make topics of another --topic-prefix";
        return Err(Error::new(format!("topic {name} has {count} partitions, must have {PARTITIONS}")).hint(hint));
    }
    Ok(())
}

/// How many partitions each topic has. Error: a topic is missing.
pub fn partitions<C: rdkafka::consumer::ConsumerContext>(
    log: &Log,
    client: &impl rdkafka::consumer::Consumer<C>,
) -> Result<Vec<(Topic, i32)>> {
    Topic::ALL
        .iter()
        .map(|topic| {
            let name = log.topic(*topic);
            let meta = client.fetch_metadata(Some(&name), PATIENCE);
            let meta = meta.map_err(|e| log.failed(format!("topic {name} can't be looked up"), &e))?;
            let found = meta.topics().iter().find(|t| t.name() == name).filter(|t| t.error().is_none() && !t.partitions().is_empty());
            let found = found.ok_or_else(|| Error::new(format!("topic {name} is missing")).hint("make it with: kangyang topics create"))?;
            Ok((*topic, found.partitions().len() as i32))
        })
        .collect()
}
