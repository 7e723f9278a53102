//! Bytes into typed columns by the table of event types: the hot loop.
//!
//! An event is read and checked in full before anything of it is kept, so that a refused one leaves no trace in the rows. Reading
//! goes on behind a fault as long as the text is JSON: of several faults the first in the order of the codes is told, wherever in
//! the message it stands.
use super::json::{Scan, Span, Syntax, bytes_of, same, text_of};
use super::pattern::Memory;
use super::person::holds_person;
use super::reject::{Code, Reject};
use super::schema::{Authority, Contract, EventType, Member, Segment, Shape, Topic};
use super::value::{Fault, Kind, Value};
use std::sync::Arc;

/// The most that a message may have (contract §1).
const LARGEST: usize = 64 * 1024;

/// A member's value as it was read: where it stands, or a number (integer, µs, days, 0 and 1), or which of the items.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Slot {
    #[default]
    Absent,
    Text(Span),
    Timed(Span, i64),
    Number(i64),
    List(u32, u32),
}

/// What is used again for each event, so that reading one allocates nothing.
#[derive(Default)]
struct Scratch {
    arena: String,
    attributes: Vec<Slot>,
    fields: Vec<Slot>,
    items: Vec<Span>,
    memory: Memory,
    fault: Option<Reject>,
    /// For the envelope and for each type: the member that last followed a member; 0 before the first.
    follows: Vec<Vec<u8>>,
    type_name: String,
    type_index: Option<usize>,
}

/// Reads and checks events one after another.
pub struct Decoder {
    pub(super) contract: Arc<Contract>,
    scratch: Scratch,
}

/// An event that may enter the log.
pub struct Event<'e> {
    /// Its type.
    pub event_type: &'e EventType,
    /// The type's place in `Contract::types`.
    pub index: usize,
    /// The topic it belongs to.
    pub topic: Topic,
    /// Its subject, which is its Kafka key.
    pub subject: &'e str,
    /// The type it is about: its own, or the one it withdraws or reviews.
    pub(super) about: &'e EventType,
    pub(super) contract: &'e Contract,
    text: &'e str,
    scratch: &'e Scratch,
}

impl Decoder {
    /// A decoder by a contract.
    pub fn new(contract: Arc<Contract>) -> Decoder {
        let shapes = std::iter::once(&contract.envelope).chain(contract.types().iter().map(|t| &t.data));
        let scratch = Scratch {
            memory: vec![String::new(); contract.places],
            follows: shapes.map(|s| (0..=s.members.len() as u8).collect()).collect(),
            ..Scratch::default()
        };
        Decoder { contract, scratch }
    }

    /// Checks an event's bytes as a producer does, before there is a topic or a key.
    pub fn check<'e>(&'e mut self, payload: &'e [u8]) -> Result<Event<'e>, Reject> {
        self.read(payload, None)
    }

    /// Checks a message's bytes, its topic and its key.
    pub(super) fn read<'e>(&'e mut self, payload: &'e [u8], sent: Option<(Topic, Option<&[u8]>)>) -> Result<Event<'e>, Reject> {
        if payload.len() > LARGEST {
            return Err(Reject::new(Code::TooLarge, "$", format!("{} bytes, at most {LARGEST}", payload.len())));
        }
        let text = std::str::from_utf8(payload).map_err(|e| Reject::new(Code::NotUtf8, "$", format!("at byte {}", e.valid_up_to())))?;
        let contract = &*self.contract;
        let mut reader = Reader::new(contract, text, &mut self.scratch);
        let found = reader.event().map(|seen| reader.rules(seen?, sent));
        reader.scratch.arena = reader.scan.arena;
        let found = found.map_err(|Syntax(at, what)| Reject::new(Code::NotJson, "$", format!("{what} at byte {at}")))?;
        match (self.scratch.fault.take(), found) {
            (None, Some((index, about, topic))) => {
                let scratch = &self.scratch;
                let subject = match scratch.attributes.get(contract.at.subject) {
                    Some(Slot::Text(span)) => text_of(text, &scratch.arena, *span),
                    _ => "",
                };
                let event_type = contract.types().get(index).unwrap_or(about);
                Ok(Event { event_type, index, topic, subject, about, contract, text, scratch })
            }
            (fault, _) => Err(fault.unwrap_or_else(|| Reject::new(Code::UnknownType, "$.type", "no such event type"))),
        }
    }
}

/// One event being read.
struct Reader<'c, 's> {
    contract: &'c Contract,
    scan: Scan<'c>,
    scratch: &'s mut Scratch,
    /// The event's type, as soon as it is read.
    found: Option<usize>,
    /// Where the data stand, if they came before the type.
    later: Option<usize>,
    /// A bit for each field that came, once the data are read.
    came: Option<u64>,
}

/// A member that came: where its value may be put, and how messages name it.
#[derive(Clone, Copy)]
struct Place<'a> {
    parent: &'static str,
    name: &'a str,
}

impl Place<'_> {
    fn path(self) -> String {
        format!("{}.{}", self.parent, self.name)
    }
}

impl<'c, 's> Reader<'c, 's> {
    fn new(contract: &'c Contract, text: &'c str, scratch: &'s mut Scratch) -> Reader<'c, 's> {
        let mut arena = std::mem::take(&mut scratch.arena);
        arena.clear();
        scratch.items.clear();
        scratch.fields.clear();
        scratch.attributes.clear();
        scratch.attributes.resize(contract.envelope.members.len(), Slot::Absent);
        scratch.fault = None;
        Reader { contract, scan: Scan { event: text, at: 0, arena, twice: false }, scratch, found: None, later: None, came: None }
    }

    /// Notes a fault, unless one that comes before it in the order of the codes is known.
    #[cold]
    fn fault(&mut self, code: Code, path: String, detail: impl Into<String>) {
        if self.scratch.fault.as_ref().is_none_or(|f| code < f.code) {
            self.scratch.fault = Some(Reject::new(code, path, detail));
        }
    }

    /// Whether a rule of this code still matters.
    #[inline]
    fn due(&self, code: Code) -> bool {
        self.scratch.fault.as_ref().is_none_or(|f| code < f.code)
    }

    /// Reads the whole text; tells which attributes came, if it is an object.
    fn event(&mut self) -> Result<Option<u64>, Syntax> {
        self.scan.space();
        let mut seen = None;
        if self.scan.peek() == Some(b'{') {
            seen = Some(self.object(None, &self.contract.envelope)?);
        } else {
            self.scan.skip(0)?;
            self.fault(Code::WrongType, "$".to_owned(), "not an object");
        }
        self.scan.space();
        if !self.scan.rest().is_empty() {
            return Err(Syntax(self.scan.at, "more than one value"));
        }
        if let Some(at) = self.later {
            self.scan.at = at;
            match self.found {
                Some(_) => self.data()?,
                None => self.scan.skip(1)?,
            }
        }
        if self.scan.twice {
            self.fault(Code::DuplicateKey, "$".to_owned(), "an object has a key twice");
        }
        Ok(seen)
    }

    /// The members of the envelope (`of` is none) or of a type's data; `at` is the opening brace. Tells which came.
    fn object(&mut self, of: Option<usize>, shape: &'c Shape) -> Result<u64, Syntax> {
        let (which, parent) = of.map_or((0, "$"), |i| (i + 1, "$.data"));
        let mut unknown = Vec::new();
        let (mut seen, mut last) = (0_u64, 0);
        self.scan.at += 1;
        self.scan.space();
        let mut more = !self.scan.eat(b'}');
        while more {
            self.scan.expect(b'"', "a key is missing")?;
            match self.key(which, last, shape, &mut unknown)? {
                Some((i, member)) if seen & 1 << i == 0 => {
                    seen |= 1 << i;
                    last = i + 1;
                    self.member(of.is_some(), i, member, parent)?;
                }
                Some((_, member)) => {
                    self.fault(Code::DuplicateKey, Place { parent, name: &member.name }.path(), "the key comes twice");
                    self.scan.skip(2)?;
                }
                None => self.scan.skip(2)?,
            }
            more = self.scan.goes_on(b'}')?;
        }
        if let Some(name) = unknown.first() {
            let code = if of.is_some() { Code::UnknownField } else { Code::UnknownAttribute };
            let detail = shown(self.scan.text(*name));
            self.fault(code, parent.to_owned(), detail);
            self.scan.note_twice(&mut unknown);
        }
        Ok(seen)
    }

    /// Which member a key names; `at` is behind its opening quote, then at the value. Guesses the one that followed `last` the time before.
    #[inline]
    fn key(&mut self, which: usize, last: usize, shape: &'c Shape, unknown: &mut Vec<Span>) -> Result<Option<(usize, &'c Member)>, Syntax> {
        let guess = self.scratch.follows.get(which).and_then(|f| f.get(last)).map_or(0, |i| usize::from(*i));
        if let Some(member) = shape.members.get(guess)
            && self.scan.comes(&member.quoted)
        {
            self.scan.at += member.quoted.len();
            self.scan.space();
            return Ok(Some((guess, member)));
        }
        let span = self.scan.string()?;
        self.scan.colon()?;
        let name = self.scan.bytes(span);
        let found = shape.members.iter().enumerate().find(|(_, m)| m.name.as_bytes() == name);
        match found {
            Some((i, _)) => {
                if let Some(follower) = self.scratch.follows.get_mut(which).and_then(|f| f.get_mut(last)) {
                    *follower = i as u8;
                }
            }
            None => unknown.push(span),
        }
        Ok(found)
    }

    #[inline]
    fn member(&mut self, field: bool, i: usize, member: &'c Member, parent: &'static str) -> Result<(), Syntax> {
        let place = Place { parent, name: &member.name };
        let slot = match member.value.kind {
            Kind::Data if self.found.is_some() => return self.data(),
            Kind::Data => {
                self.later = Some(self.scan.at);
                // What comes twice in there is told when it is read.
                let twice = self.scan.twice;
                self.scan.skip(1)?;
                self.scan.twice = twice;
                return Ok(());
            }
            _ => self.value(&member.value, place)?,
        };
        let slots = if field { &mut self.scratch.fields } else { &mut self.scratch.attributes };
        if let Some(s) = slots.get_mut(i) {
            *s = slot;
        }
        Ok(())
    }

    /// The fields of the type that was found.
    fn data(&mut self) -> Result<(), Syntax> {
        let types = self.contract.types();
        let Some((i, t)) = self.found.and_then(|i| Some((i, types.get(i)?))) else { return Ok(()) };
        if self.scan.peek() != Some(b'{') {
            return self.another_kind("an object", Place { parent: "$", name: "data" });
        }
        self.scratch.fields.resize(t.data.members.len(), Slot::Absent);
        self.came = Some(self.object(Some(i), &t.data)?);
        Ok(())
    }

    #[inline]
    fn value(&mut self, value: &'c Value, place: Place) -> Result<Slot, Syntax> {
        match (value.kind, self.scan.peek()) {
            (Kind::Text | Kind::Bytes | Kind::Date | Kind::Instant, Some(b'"')) => {
                self.scan.at += 1;
                let span = self.scan.string()?;
                match value.string(self.scan.text(span), &mut self.scratch.memory) {
                    Ok(number) if matches!(value.kind, Kind::Date | Kind::Instant) => return Ok(Slot::Timed(span, number)),
                    Ok(_) => return Ok(Slot::Text(span)),
                    // Apart from what it holds it is right, and the subject is made of it.
                    Err(fault) if fault.0 == Code::PersonalData => {
                        self.fault(fault.0, place.path(), fault.1);
                        return Ok(Slot::Text(span));
                    }
                    Err(fault) => self.fault(fault.0, place.path(), fault.1),
                }
            }
            (Kind::Integer, Some(b'-' | b'0'..=b'9')) => {
                let span = self.scan.number()?;
                match value.integer(self.scan.text(span)) {
                    Ok(number) => return Ok(Slot::Number(number)),
                    Err(fault) => self.fault(fault.0, place.path(), fault.1),
                }
            }
            (Kind::Boolean, Some(first @ (b't' | b'f'))) => {
                self.scan.word(if first == b't' { "true" } else { "false" })?;
                return Ok(Slot::Number(i64::from(first == b't')));
            }
            (Kind::TypeName, Some(b'"')) => {
                self.scan.at += 1;
                let span = self.scan.string()?;
                self.type_named(span);
                return Ok(Slot::Text(span));
            }
            (Kind::List, Some(b'[')) => return self.list(value, place),
            (kind, _) => self.another_kind(expected(kind), place)?,
        }
        Ok(Slot::Absent)
    }

    /// Finds the type of a name; producers send long runs of one type.
    #[inline]
    fn type_named(&mut self, span: Span) {
        let name = self.scan.text(span);
        if name != self.scratch.type_name {
            name.clone_into(&mut self.scratch.type_name);
            self.scratch.type_index = self.contract.by_name.get(name).copied();
        }
        self.found = self.scratch.type_index;
    }

    fn list(&mut self, value: &'c Value, place: Place) -> Result<Slot, Syntax> {
        let Some(rule) = &value.items else { return Ok(Slot::Absent) };
        let from = self.scratch.items.len();
        self.scan.at += 1;
        self.scan.space();
        let (mut n, mut more) = (0, !self.scan.eat(b']'));
        while more {
            if self.scan.eat(b'"') {
                let span = self.scan.string()?;
                if let Err(fault) = rule.string(self.scan.text(span), &mut self.scratch.memory) {
                    self.fault(fault.0, format!("{}[{n}]", place.path()), fault.1);
                } else {
                    self.scratch.items.push(span);
                }
            } else {
                let name = format!("{}[{n}]", place.name);
                self.another_kind("a string", Place { parent: place.parent, name: &name })?;
            }
            n += 1;
            more = self.scan.goes_on(b']')?;
        }
        let mut sorted: Vec<&[u8]> = self.scratch.items.iter().skip(from).map(|s| self.scan.bytes(*s)).collect();
        sorted.sort_unstable();
        if sorted.array_windows().any(|[a, b]| a == b) {
            self.fault(Code::DuplicateItem, place.path(), "an item comes twice");
        }
        Ok(Slot::List(from as u32, self.scratch.items.len() as u32))
    }

    /// A value of another JSON type than the one due.
    #[cold]
    fn another_kind(&mut self, due: &str, place: Place) -> Result<(), Syntax> {
        let found = match self.scan.peek() {
            Some(b'n') => "null",
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "a boolean",
            _ => "a number",
        };
        self.scan.skip(2)?;
        match found {
            "null" => self.fault(Code::NullField, place.path(), "null; what there is none of is left out"),
            _ => self.fault(Code::WrongType, place.path(), format!("{found}, not {due}")),
        }
        Ok(())
    }

    /// The rules between members; tells the type, the type it is about, and the topic.
    fn rules(&mut self, seen: u64, sent: Option<(Topic, Option<&[u8]>)>) -> Option<(usize, &'c EventType, Topic)> {
        let contract = self.contract;
        self.missing(Code::MissingAttribute, "$", &contract.envelope, seen);
        let type_slot = self.scratch.attributes.get(contract.at.type_name).copied().unwrap_or_default();
        let Some((index, t)) = self.found.and_then(|i| Some((i, contract.types().get(i)?))) else {
            if matches!(type_slot, Slot::Text(_)) {
                self.fault(Code::UnknownType, "$.type".to_owned(), "no such event type");
            }
            return None;
        };
        let about = self.about(t);
        let topic = about.and_then(|a| a.topic);
        let subject = self.span(self.scratch.attributes.get(contract.at.subject));
        if let Some((topic_sent, key)) = sent {
            if let Some(topic) = topic.filter(|own| *own != topic_sent) {
                self.fault(Code::WrongTopic, "$.type".to_owned(), format!("the type belongs to {}", topic.name()));
            }
            if key.is_none_or(|k| subject.is_some_and(|s| self.scan.bytes(s) != k)) {
                self.fault(Code::KeyNotSubject, "$.subject".to_owned(), "the Kafka key is another");
            }
        }
        if let Some(came) = self.came.filter(|_| self.due(Code::MissingField)) {
            self.missing(Code::MissingField, "$.data", &t.data, came);
            for n in &t.needs {
                let meets = self.span(self.scratch.fields.get(n.member)).is_some_and(|s| self.scan.bytes(s) == n.code.as_bytes());
                if let Some(due) = t.data.members.get(n.due).filter(|_| meets && came & 1 << n.due == 0) {
                    self.fault(Code::MissingField, format!("$.data.{}", due.name), format!("due where another field is {}", n.code));
                }
            }
        }
        if let (Some(target), None) = (t.target, about) {
            let name = t.data.members.get(target).map_or("", |m| m.name.as_str());
            if self.span(self.scratch.fields.get(target)).is_some() {
                self.fault(Code::UnknownCode, format!("$.data.{name}"), "no event type, or one that is a log");
            }
        }
        let (about, subject) = (about?, subject?);
        if self.due(Code::SubjectMismatch) {
            let made = if t.target.is_some() { self.of_form(about, subject) } else { self.made_of_data(t, subject) };
            if let Err(fault) = made {
                self.fault(fault.0, "$.subject".to_owned(), fault.1);
            }
        }
        if self.due(Code::NotAuthorised)
            && let Some(why) = self.unauthorised(t, about)
        {
            self.fault(Code::NotAuthorised, "$.source".to_owned(), why);
        }
        topic.map(|topic| (index, about, topic))
    }

    #[inline]
    fn span(&self, slot: Option<&Slot>) -> Option<Span> {
        match slot {
            Some(Slot::Text(span) | Slot::Timed(span, _)) => Some(*span),
            _ => None,
        }
    }

    fn missing(&mut self, code: Code, parent: &'static str, shape: &Shape, seen: u64) {
        let lacks = shape.required & !seen;
        if let Some(member) = shape.members.get(lacks.trailing_zeros() as usize) {
            self.fault(code, Place { parent, name: &member.name }.path(), "absent, but required");
        }
    }

    /// The type an event is about; none if it names none, or one that can't be withdrawn or reviewed.
    #[inline]
    fn about(&self, t: &'c EventType) -> Option<&'c EventType> {
        let Some(target) = t.target else { return Some(t) };
        let name = self.scan.text(self.span(self.scratch.fields.get(target))?);
        let about = self.contract.by_name.get(name).and_then(|i| self.contract.types().get(*i));
        about.filter(|a| !a.log && a.target.is_none())
    }

    /// Whether the subject is the one that the data make.
    fn made_of_data(&self, t: &EventType, subject: Span) -> Result<(), Fault> {
        let mut rest = self.scan.bytes(subject);
        for (n, segment) in t.subject.iter().enumerate() {
            let number;
            let part = match segment {
                Segment::Literal(word) => word.as_bytes(),
                Segment::Field(i, or) => match self.scratch.fields.get(*i) {
                    Some(Slot::Text(span)) => self.scan.bytes(*span),
                    Some(Slot::Number(value)) => {
                        number = value.to_string();
                        number.as_bytes()
                    }
                    _ => or.as_deref().unwrap_or_default().as_bytes(),
                },
            };
            let after = if n == 0 { Some(rest) } else { rest.strip_prefix(b"/") };
            let after = after.and_then(|r| r.split_at_checked(part.len())).filter(|(front, _)| same(front, part));
            rest = after.ok_or_else(|| mismatch(t))?.1;
        }
        if rest.is_empty() { Ok(()) } else { Err(mismatch(t)) }
    }

    /// Whether the subject has the form of another type's, whose data aren't here.
    fn of_form(&mut self, about: &EventType, subject: Span) -> Result<(), Fault> {
        let mut parts = self.scan.text(subject).split('/');
        for segment in &about.subject {
            let part = parts.next().ok_or_else(|| mismatch(about))?;
            let fits = match segment {
                Segment::Literal(word) => word == part,
                Segment::Field(_, Some(or)) if or == part => true,
                Segment::Field(i, _) => match about.data.members.get(*i).map(|m| &m.value) {
                    Some(value) if value.kind == Kind::Integer => value.integer(part).is_ok_and(|n| n.to_string() == part),
                    Some(value) => match value.string(part, &mut self.scratch.memory) {
                        Err(fault) if fault.0 == Code::PersonalData => return Err(fault),
                        checked => checked.is_ok(),
                    },
                    None => false,
                },
            };
            if !fits {
                return Err(mismatch(about));
            }
        }
        if parts.next().is_none() { Ok(()) } else { Err(mismatch(about)) }
    }

    /// Why the source may not state this.
    fn unauthorised(&self, t: &EventType, about: &EventType) -> Option<String> {
        let source = self.scan.text(self.span(self.scratch.attributes.get(self.contract.at.source))?);
        let district = source.strip_prefix("/districts/")?.split('/').next()?;
        let authority = if t.authority == Authority::Target { about.authority } else { t.authority };
        match authority {
            Authority::City => Some("only the province and the city state this".to_owned()),
            // An event about another one has not its fields: a district that withdraws another's is a lead, not a reject.
            Authority::District(i) if t.target.is_none() => {
                let own = self.span(self.scratch.fields.get(i)).is_some_and(|s| self.scan.bytes(s) == district.as_bytes());
                let name = t.data.members.get(i).map_or("", |m| m.name.as_str());
                (!own).then(|| format!("a district states this of itself alone: {name} is another's"))
            }
            Authority::District(_) | Authority::Any | Authority::Target => None,
        }
    }
}

fn mismatch(t: &EventType) -> Fault {
    Box::new((Code::SubjectMismatch, format!("not {} with the data's values", t.template())))
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "an integer",
        Kind::Boolean => "a boolean",
        Kind::List => "an array",
        Kind::Data => "an object",
        _ => "a string",
    }
}

/// A key that isn't known, as far as it may be shown: a clerk's spreadsheet may have made a key of a name or a number.
fn shown(name: &str) -> String {
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && holds_person(name).is_none();
    if plain { format!("{name} is not known") } else { format!("a name of {} bytes is not known", name.len()) }
}

impl Event<'_> {
    /// The bytes of a text.
    #[inline]
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        bytes_of(self.text, &self.scratch.arena, span)
    }

    /// An attribute's value, by its place in the envelope.
    #[inline]
    pub(super) fn attribute(&self, i: usize) -> Slot {
        self.scratch.attributes.get(i).copied().unwrap_or_default()
    }

    /// The values of the data, in the order of the type's members.
    #[inline]
    pub(super) fn fields(&self) -> &[Slot] {
        &self.scratch.fields
    }

    /// The texts of a list.
    #[inline]
    pub(super) fn items(&self, from: u32, to: u32) -> impl Iterator<Item = &[u8]> + Clone {
        let items = self.scratch.items.get(from as usize..to as usize).unwrap_or_default();
        items.iter().map(|s| self.bytes(*s))
    }
}
