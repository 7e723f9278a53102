//! What an event is: `schemas/` compiled into one table, and bytes turned into typed columns by that table.
//!
//! An event's fields are told once, in JSON Schema, so that producers in any language check against the same files. No type and no
//! field is known to this code by name: a new event type is a new file.
mod column;
mod compile;
mod decode;
mod docs;
mod json;
mod pattern;
mod person;
mod reference;
mod reject;
mod rows;
mod schema;
mod value;

pub use decode::{Decoder, Event};
pub use docs::dictionary;
pub use person::{holds_person, is_citizen_id, is_credit_code};
pub use reject::{Code, Reject};
pub use rows::{Message, Rows};
pub use schema::{Authority, Contract, EventType, Member, Segment, Topic};
pub use value::{Kind, Value, date_days};
