//! kangyang (康养): a city's training plan as exact, reproducible figures. Data walks one way:
//!
//! ```text
//! files ─ intake ─▶ log ─▶ lake ─▶ models ─▶ reports ─▶ serve
//!                  (Kafka)  (events)  (SQL)   (figures)   (people)
//!              contract: what an event is · config · error · telemetry
//! ```
//!
//! The laws every room keeps:
//! 1. An event's fields are told once, in `schemas/`. SQL lives once, in `queries/`. Codes and labels live once, in `schemas/reference/`.
//! 2. The lake is a pure function of the log: each offset is one accepted row, one reject, or in a named range that held none or is gone.
//! 3. A figure is a pure function of pin, SQL and reference data: no clock, no environment, no float, no thread count.
//! 4. A published file never changes. A revision is a new one that says what changed.
//! 5. Offsets live in the lake's own commit. Group offsets are a hint for lag tools. There is no second checkpoint store.
//! 6. Only intake sees a person. What could lead back to one is written nowhere.
//! 7. What is refused is counted and shown; what is unsure is shown apart; nothing is dropped in silence.
//! 8. Memory is bounded by settings, not by the data.
pub mod config;
pub mod contract;
pub mod demo;
pub mod durable;
pub mod error;
pub mod lake;
pub mod log;
pub mod models;
pub mod reports;
pub mod table;
pub mod telemetry;
pub mod tree;
