//! The one test binary: its table of contents.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    missing_docs,
    unsafe_code
)]

mod support;

mod bundle; // what an auditor is given: recomputed elsewhere, nothing changed unseen, no person in it
mod clauses; // docs/clauses.md: each clause of the notice has its models and its cases
mod cli; // the command line as one golden file
mod closing; // a period signed, opened again, revised: what changed since, in four kinds
mod contract; // what is accepted and what refused, and why
mod dictionary; // docs/events.md is what the schemas say
mod dropped; // one completion less in the log moves its own figures only
mod engines; // other engines run the same SQL, foreign readers read the same files
mod exactly_once; // nothing lost, nothing twice: kills, zombies, transactions, lost logs
mod explain; // every count opens up to as many events
mod figures; // pins, as-of dates, reports, and models that can't run
mod fold; // every mart against an independent fold
mod nightly; // the night's work: again, twice at once, cut off, without Kafka
mod pins; // reports made again from their pins, whatever the lake went through since
mod render; // the report's forms: xlsx, html, csv, terminal
mod rules; // a folder each: events in, rows out
mod tidy; // the house's own laws
