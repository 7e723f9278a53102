//! The command line (contract §8): each command is a few lines that hand over to a room.
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Parser, Subcommand};
use kangyang::config::Settings;
use kangyang::models::{Period, Pin, pin};
use kangyang::reports::explain::Question;
use kangyang::table::Format;
use std::path::PathBuf;
use std::time::Duration;

/// Event-sourced completion figures for a city's training plan: Kafka to a Parquet lake to SQL, every figure exact and reproducible.
#[derive(Parser, Debug)]
#[command(name = "kangyang", version, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub settings: Settings,
    /// How results are printed
    #[arg(long, global = true, env = "KANGYANG_FORMAT", value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// The whole path on an embedded broker: events, lake, marts, a report; compares every figure with the generator's own count
    Demo {
        /// The generator's seed
        #[arg(long, env = "KANGYANG_SEED", default_value_t = 1)]
        seed: u64,
        /// About how many trainees
        #[arg(long, env = "KANGYANG_TRAINEES", default_value_t = 9000)]
        trainees: usize,
    },
    /// The three topics
    #[command(subcommand)]
    Topics(Topics),
    /// The allocation table
    #[command(subcommand)]
    Targets(Targets),
    /// Events, one JSON object a line → validated → Kafka
    Produce {
        /// The file, or - for standard input
        file: PathBuf,
        /// Sends nothing if any line is bad
        #[arg(long)]
        strict: bool,
    },
    /// Kafka → lake, exactly once; runs until stopped
    Ingest {
        /// Ends at the log's end as it is at the start; takes all partitions, without the group
        #[arg(long)]
        until_caught_up: bool,
        /// Goes on where the log no longer has messages that were not read; they are listed in rejects
        #[arg(long)]
        accept_loss: bool,
    },
    /// SQL models → marts, whatever the checks say
    Build(At),
    /// The assertions: a table of what fails
    Check(At),
    /// Builds to the side, checks, publishes; a failed check publishes nothing
    Report {
        /// A month such as 2021-06, or a year
        #[arg(long, value_parser = period)]
        period: String,
        #[command(flatten)]
        at: At,
        /// Publishes though later events may still fall before the as-of date
        #[arg(long)]
        provisional: bool,
        /// Writes a zip beside it, for an auditor: figures, events without persons, SQL, and a script that recomputes table 1
        #[arg(long)]
        bundle: bool,
        /// Whose version: a department, a district, the public (schemas/reference/recipients.csv); without it, the office's own, whole
        #[arg(long, value_name = "RECIPIENT")]
        recipient: Option<String>,
    },
    /// Makes published reports again from their pins and compares every byte; exit 3 and the cells that differ where one is not the same
    Verify {
        /// Manifests, DATA/reports/PERIOD/rN/manifest.json, or their folders
        #[arg(required = true, value_name = "PATH")]
        manifests: Vec<PathBuf>,
    },
    /// From a figure to the events behind it: one line for each that counts
    Explain(Explain),
    /// Signs a period's latest published report: an event of the log, with the report's pin and digest
    Close {
        /// A month such as 2021-06, or a year
        #[arg(value_parser = period)]
        period: String,
        /// The code of the office that signs
        #[arg(long, env = "KANGYANG_SIGNER", value_name = "OFFICE")]
        signer: String,
    },
    /// Opens a closed period for a revision
    Reopen {
        /// A month such as 2021-06, or a year
        #[arg(value_parser = period)]
        period: String,
        /// The code of the office that signs
        #[arg(long, env = "KANGYANG_SIGNER", value_name = "OFFICE")]
        signer: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Merges the lake's small files, beside ingest and readers
    Compact,
    /// Removes files that the lake no longer needs; no event, no figure and no pin is lost by it
    Vacuum {
        /// How long a file stays that compaction replaced, for readers that still have it open; at least 1h
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
        retain: Duration,
    },
    /// The night's work, one line for cron: catch up, build, check, report, compact, vacuum
    Nightly {
        /// The day it is done for: the report is of the month of the day before, as of that day's midnight; without it, today in Shanghai
        #[arg(long, value_name = "DATE")]
        date: Option<NaiveDate>,
    },
    /// Ad-hoc SQL on events, models and marts
    Sql {
        /// The query
        query: Option<String>,
        /// A file with the query
        #[arg(short, long, conflicts_with = "query")]
        file: Option<PathBuf>,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Subcommand, Debug)]
pub enum Topics {
    /// Makes those that are missing, checks the settings of all
    Create,
}

#[derive(Subcommand, Debug)]
pub enum Targets {
    /// An allocation table (CSV) → target_set events; refuses one whose sums differ from its control row
    Load {
        /// The table
        file: PathBuf,
        /// A table loaded before that this one revises; where there are several, one --revises each, oldest first
        #[arg(long, value_name = "OLD")]
        revises: Vec<PathBuf>,
    },
}

/// Which figure is to be explained.
#[derive(Args, Debug)]
pub struct Explain {
    /// The column of counts
    #[arg(long, value_name = "COLUMN")]
    pub metric: String,
    /// The mart or report table
    #[arg(long, value_name = "NAME", default_value = "completion_by_district_year")]
    pub mart: String,
    /// The district's code; CITY for the city's row
    #[arg(long, value_name = "CODE")]
    pub district: Option<String>,
    /// The year
    #[arg(long)]
    pub year: Option<u16>,
    /// The month, 1 to 12
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=12))]
    pub month: Option<u8>,
    /// Any other column that the row is known by; without a value: null
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = key)]
    pub key: Vec<(String, Option<String>)>,
    /// The period of a report's table, such as 2021-06
    #[arg(long, value_parser = period)]
    pub period: Option<String>,
    /// With csv or json: what was held, withdrawn or in conflict beside it, instead of what counts
    #[arg(long)]
    pub beside: bool,
    #[command(flatten)]
    pub at: At,
}

impl Explain {
    /// The question.
    pub fn question(&self) -> Question {
        let year = self.year.map(|y| ("year".to_owned(), Some(y.to_string())));
        let month = self.month.map(|m| ("month".to_owned(), Some(m.to_string())));
        let keys = self.key.iter().cloned().chain(year).chain(month).collect();
        Question { mart: self.mart.clone(), metric: self.metric.clone(), keys, district: self.district.clone() }
    }
}

fn period(text: &str) -> kangyang::error::Result<String> {
    Period::new("", text).map(|p| p.name)
}

fn key(text: &str) -> Result<(String, Option<String>), String> {
    let (column, value) = text.split_once('=').ok_or("write COLUMN=VALUE")?;
    Ok((column.to_owned(), Some(value.to_owned()).filter(|v| !v.is_empty())))
}

/// How far the lake is read.
#[derive(Args, Debug, Clone, Default)]
pub struct At {
    /// As known at this instant, such as 2021-07-05T18:00:00+08:00
    #[arg(long, value_parser = pin::instant, value_name = "INSTANT")]
    pub as_of: Option<DateTime<Utc>>,
    /// As of this pin: topic/partition=offset,…
    #[arg(long, conflicts_with = "as_of")]
    pub pin: Option<Pin>,
}
