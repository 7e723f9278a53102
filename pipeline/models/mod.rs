//! Models: everything in `queries/`, run in the order of the DAG read from the SQL's own AST, on the lake below a pin.
//!
//! This room owns the one way to open a query session. A figure is a pure function of pin, SQL and reference data: nothing here hands a
//! model a clock, an environment or a float.
pub mod dag;
pub mod engine;
pub mod manifest;
pub mod marts;
pub mod pin;
mod signed;

pub use dag::{Count, Dag, Layer, Model};
pub use engine::{Engine, Opening, Period};
pub use pin::{Pin, Pinned};
pub use signed::FIGURES;
