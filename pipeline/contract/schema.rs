//! The table of what an event is: the outside's view of it, and what the decoder needs beside.
use super::value::{Value, instant_type};
use crate::error::{Context, Result};
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A topic, without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// What happens in classes.
    Training,
    /// Assessments, certificates, contests, credit records.
    Certification,
    /// Targets, catalogues, subsidies, lists, periods.
    Administration,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 3] = [Topic::Training, Topic::Certification, Topic::Administration];

    /// The name behind the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Training => "training",
            Topic::Certification => "certification",
            Topic::Administration => "administration",
        }
    }

    /// The topic of that name.
    pub fn from_name(name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|t| t.name() == name)
    }
}

/// Who may state an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The province, the city and every district.
    Any,
    /// The province and the city.
    City,
    /// The province, the city, and the district that this member names.
    District(usize),
    /// Who may state the type it is about.
    Target,
}

/// A part of a subject, between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A word.
    Literal(String),
    /// A member's value, and the word that stands for it where it is absent.
    Field(usize, Option<String>),
}

/// A named value of an object: an attribute of the envelope or a field of the data.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name, and its column's.
    pub name: String,
    /// A short English title.
    pub title: String,
    /// The Chinese name and what it means.
    pub description: String,
    /// Whether it may not be absent.
    pub required: bool,
    /// What it may be.
    pub value: Arc<Value>,
    /// The name as a key is written, from behind its opening quote through the colon.
    pub(super) quoted: Box<[u8]>,
    /// Seeds the hash of its values.
    pub(super) seed: u64,
}

/// The members of an object, in the order of the file.
#[derive(Debug)]
pub(super) struct Shape {
    pub members: Vec<Member>,
    /// A bit for each member that is required.
    pub required: u64,
}

/// A member that is due where another one has a certain code.
#[derive(Debug)]
pub(super) struct Need {
    pub member: usize,
    pub code: String,
    pub due: usize,
}

/// An event type.
#[derive(Debug)]
pub struct EventType {
    /// In full: `kangyang.trainee_completed.v1`.
    pub type_name: String,
    /// In short, as its file and its view are called.
    pub name: String,
    /// A short English title.
    pub title: String,
    /// The Chinese name and what it states.
    pub description: String,
    /// Its topic; `None`: that of the type it is about.
    pub topic: Option<Topic>,
    /// A log holds statements, not states: nothing supersedes and nothing withdraws them.
    pub log: bool,
    /// Who may state it.
    pub authority: Authority,
    /// Its subject; empty: the form of the type it is about.
    pub subject: Vec<Segment>,
    /// The member that names the type it is about.
    pub target: Option<usize>,
    /// Whole events, as JSON.
    pub examples: Vec<Json>,
    pub(super) data: Shape,
    pub(super) needs: Vec<Need>,
    /// 16 bits that tell it from every other type within `series_hash`.
    pub(super) tag: u16,
    pub(super) batch: SchemaRef,
    /// For each data column of a batch: the member.
    pub(super) columns: Vec<usize>,
}

impl EventType {
    /// Its data fields, in the order of the file.
    pub fn members(&self) -> &[Member] {
        &self.data.members
    }

    /// The subject as a template: `class/{class_id}/person/{person_key}`; empty if it is that of the type it is about.
    pub fn template(&self) -> String {
        let part = |s: &Segment| match s {
            Segment::Literal(word) => word.clone(),
            Segment::Field(i, or) => {
                let name = self.data.members.get(*i).map_or("", |m| m.name.as_str());
                or.as_ref().map_or_else(|| format!("{{{name}}}"), |or| format!("{{{name}|{or}}}"))
            }
        };
        self.subject.iter().map(part).collect::<Vec<_>>().join("/")
    }

    /// The columns of its rows: those of the lake that it has, in the lake's order.
    pub fn schema(&self) -> SchemaRef {
        self.batch.clone()
    }
}

/// Where the attributes that mean something to the decoder stand in the envelope.
#[derive(Debug)]
pub(super) struct Attributes {
    pub id: usize,
    pub source: usize,
    pub type_name: usize,
    pub subject: usize,
    pub time: usize,
    pub supersedes: usize,
    pub origin: usize,
}

/// The table of what an event is, and the reference data beside it.
#[derive(Debug)]
pub struct Contract {
    pub(super) types: Vec<EventType>,
    pub(super) fields: BTreeMap<String, Member>,
    pub(super) lake: SchemaRef,
    pub(super) reference: BTreeMap<String, RecordBatch>,
    pub(super) envelope: Shape,
    pub(super) at: Attributes,
    pub(super) by_name: HashMap<String, usize>,
    /// How many values the patterns remember.
    pub(super) places: usize,
}

impl Contract {
    /// Every event type, by name.
    pub fn types(&self) -> &[EventType] {
        &self.types
    }

    /// Every data field once, by name: a column of the lake.
    pub fn fields(&self) -> &BTreeMap<String, Member> {
        &self.fields
    }

    /// The columns of the lake's `events`: position, envelope, hashes, then every data field, bytewise.
    pub fn lake_schema(&self) -> SchemaRef {
        self.lake.clone()
    }

    /// The reference tables, by name, with typed columns.
    pub fn reference(&self) -> &BTreeMap<String, RecordBatch> {
        &self.reference
    }

    /// The event types as a table: type, name, topic (null: that of the type it is about), log.
    pub fn event_types_batch(&self) -> Result<RecordBatch> {
        let columns: [(&str, ArrayRef, bool); 4] = [
            ("type", Arc::new(StringArray::from_iter_values(self.types.iter().map(|t| &t.type_name))), false),
            ("name", Arc::new(StringArray::from_iter_values(self.types.iter().map(|t| &t.name))), false),
            ("topic", Arc::new(self.types.iter().map(|t| t.topic.map(Topic::name)).collect::<StringArray>()), true),
            ("log", Arc::new(BooleanArray::from(self.types.iter().map(|t| t.log).collect::<Vec<_>>())), false),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).context(|| "table event_types can't be built".to_owned())
    }
}

/// The columns that every event has, and those of these fields.
pub(super) fn schema_of<'m>(fields: impl Iterator<Item = &'m Member>) -> SchemaRef {
    let data = fields.map(|m| Field::new(&m.name, m.value.data_type(), true));
    Arc::new(Schema::new(head().into_iter().chain(data).collect::<Vec<_>>()))
}

/// The lake's columns before the data fields.
pub(super) fn head() -> Vec<Field> {
    let column = |name: &str, kind, nullable| Field::new(name, kind, nullable);
    vec![
        column("kafka_topic", DataType::Utf8, false),
        column("kafka_partition", DataType::Int32, false),
        column("kafka_offset", DataType::Int64, false),
        column("recorded_at", instant_type(), false),
        column("id", DataType::Utf8, false),
        column("source", DataType::Utf8, false),
        column("type", DataType::Utf8, false),
        column("subject", DataType::Utf8, false),
        column("time", instant_type(), false),
        column("supersedes", DataType::Utf8, true),
        column("origin", DataType::Utf8, true),
        column("series_hash", DataType::Int64, false),
        column("event_hash", DataType::Int64, false),
        column("data_hash", DataType::Int64, false),
    ]
}
