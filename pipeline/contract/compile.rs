//! Compiles `schemas/` into the table of what an event is.
//!
//! A small, strict subset of JSON Schema 2020-12: a keyword that is not understood is refused by file and pointer, since a rule that
//! producers check and we don't is worse than none. What the standard has no word for stands in `x-` keywords: topic, subject,
//! authority, log, and the field that names the type an event is about.
use super::pattern::Pattern;
use super::reference;
use super::schema::{Attributes, Authority, Contract, EventType, Member, Need, Segment, Shape, Topic, head, schema_of};
use super::value::{Kind, Value};
use crate::error::{Context, Error, Result};
use crate::tree::Tree;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// How an instant is written: the decoder's own reader knows this form alone, so a schema must state exactly it.
const INSTANT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$";

impl Contract {
    /// Compiles the folder. Errors: a file is missing, isn't JSON, has a keyword that is not understood, says what another contradicts.
    pub fn compile(schemas: &Tree) -> Result<Contract> {
        let fixed = ["common.json", "envelope.json", "reference/columns.json"].into_iter();
        let mut files = BTreeMap::new();
        for path in fixed.chain(schemas.within("events", "json").map(|(_, path, _)| path)) {
            let json = serde_json::from_str(schemas.get(path)?).context(|| format!("schema {}/{path} is not JSON", schemas.name))?;
            files.insert(path, json);
        }
        let node = |path: &str| Node::root(&schemas.name, &files, path);
        let common = node("common.json")?;
        common.only(&["$schema", "$comment", "title", "description", "$defs"])?;
        let mut compiler = Compiler { common, places: 0, fields: BTreeMap::new() };
        // Also what no event refers to yet, so that no rule waits unread.
        compiler.common.need("$defs")?.entries()?.iter().try_for_each(|(_, n)| compiler.value(n).map(drop))?;

        let envelope = compiler.envelope(&node("envelope.json")?)?;
        let place = |name: &str| {
            let found = envelope.members.iter().position(|m| m.name == name);
            found.ok_or_else(|| Error::new(format!("schema {}/envelope.json lacks the attribute {name}", schemas.name)))
        };
        let at = Attributes {
            id: place("id")?,
            source: place("source")?,
            type_name: place("type")?,
            subject: place("subject")?,
            time: place("time")?,
            supersedes: place("supersedes")?,
            origin: place("origin")?,
        };
        let events = schemas.within("events", "json").map(|(stem, path, _)| compiler.event(&node(path)?, stem));
        let types = events.collect::<Result<Vec<EventType>>>()?;
        tags_differ(&types)?;

        let columns = compiler.columns(&node("reference/columns.json")?)?;
        let Compiler { places, fields, .. } = compiler;
        let reference = reference::load(schemas, &fields, &columns, &absence_words(&types))?;
        let lake = schema_of(fields.values());
        let by_name = types.iter().enumerate().map(|(i, t)| (t.type_name.clone(), i)).collect();
        Ok(Contract { types, fields, lake, reference, envelope, at, by_name, places })
    }
}

/// Field and word for each word that stands for a field's absence in a subject, such as CITY: reference tables use them too.
fn absence_words(types: &[EventType]) -> BTreeSet<(&str, &str)> {
    let mut words = BTreeSet::new();
    for t in types {
        for segment in &t.subject {
            if let Segment::Field(i, Some(word)) = segment {
                words.extend(t.data.members.get(*i).map(|m| (m.name.as_str(), word.as_str())));
            }
        }
    }
    words
}

/// Two types with one tag would share the `series_hash` of a subject.
fn tags_differ(types: &[EventType]) -> Result<()> {
    let mut seen = HashMap::new();
    for t in types {
        if let Some(other) = seen.insert(t.tag, &t.type_name) {
            let what = format!("event types {other} and {} have the same 16-bit tag", t.type_name);
            return Err(Error::new(what).hint("rename the newer one"));
        }
    }
    Ok(())
}

/// A place in a schema file, for messages that name file and pointer.
#[derive(Clone)]
struct Node<'a> {
    folder: &'a str,
    file: &'a str,
    pointer: String,
    json: &'a Json,
}

impl<'a> Node<'a> {
    fn root(folder: &'a str, files: &'a BTreeMap<&'a str, Json>, path: &str) -> Result<Node<'a>> {
        let found = files.get_key_value(path);
        let (file, json) = found.ok_or_else(|| Error::new(format!("file {folder}/{path} is missing")))?;
        Ok(Node { folder, file, pointer: String::new(), json })
    }

    fn refuse(&self, why: impl std::fmt::Display) -> Error {
        Error::new(format!("schema {}/{} is refused at {}", self.folder, self.file, self.pointer)).detail(why)
    }

    fn get(&self, key: &str) -> Option<Node<'a>> {
        let pointer = format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"));
        self.json.get(key).map(|json| Node { pointer, json, ..self.clone() })
    }

    fn need(&self, key: &str) -> Result<Node<'a>> {
        self.get(key).ok_or_else(|| self.refuse(format!("the keyword {key} is missing")))
    }

    /// The entries of an object.
    fn entries(&self) -> Result<Vec<(&'a str, Node<'a>)>> {
        let map = self.json.as_object().ok_or_else(|| self.refuse("not an object"))?;
        Ok(map.keys().filter_map(|k| Some((k.as_str(), self.get(k)?))).collect())
    }

    /// Refuses every keyword but these.
    fn only(&self, keywords: &[&str]) -> Result<()> {
        match self.entries()?.into_iter().find(|(k, _)| !keywords.contains(k)) {
            Some((k, node)) => Err(node.refuse(format!("the keyword {k} is not supported here"))),
            None => Ok(()),
        }
    }

    fn text(&self) -> Result<&'a str> {
        self.json.as_str().ok_or_else(|| self.refuse("not a string"))
    }

    fn texts(&self) -> Result<Vec<String>> {
        let list = self.json.as_array().ok_or_else(|| self.refuse("not an array"))?;
        list.iter().map(|j| j.as_str().map(str::to_owned).ok_or_else(|| self.refuse("not an array of strings"))).collect()
    }

    fn integer(&self) -> Result<i64> {
        self.json.as_i64().ok_or_else(|| self.refuse("not an integer"))
    }

    fn length(&self) -> Result<usize> {
        self.json.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| self.refuse("not a length"))
    }

    fn is(&self, due: &Json) -> Result<()> {
        if self.json == due { Ok(()) } else { Err(self.refuse(format!("only {due} is supported here"))) }
    }

    /// A keyword's text, empty if it is absent.
    fn words(&self, key: &str) -> Result<String> {
        self.get(key).map_or(Ok(String::new()), |n| n.text().map(str::to_owned))
    }
}

struct Compiler<'a> {
    common: Node<'a>,
    places: usize,
    fields: BTreeMap<String, Member>,
}

impl<'a> Compiler<'a> {
    fn envelope(&mut self, node: &Node<'a>) -> Result<Shape> {
        node.only(&["$schema", "$comment", "title", "description", "type", "properties", "required", "additionalProperties"])?;
        self.shape(node, |compiler, name, property| match name {
            "data" => {
                property.only(&["title", "description", "type"])?;
                property.need("type")?.is(&"object".into())?;
                Ok(member(name, &property.words("title")?, &property.words("description")?, structural(Kind::Data)))
            }
            "type" => compiler.member(property, name).map(|m| Member { value: structural(Kind::TypeName).into(), ..m }),
            _ => compiler.member(property, name),
        })
    }

    /// An object's members. Errors: an object that is open, a required name that is no property.
    fn shape(&mut self, node: &Node<'a>, mut each: impl FnMut(&mut Self, &str, &Node<'a>) -> Result<Member>) -> Result<Shape> {
        node.need("type")?.is(&"object".into())?;
        node.need("additionalProperties")?.is(&false.into())?;
        let required = node.need("required")?;
        let mut names = required.texts()?;
        let mut members = Vec::new();
        for (name, property) in node.need("properties")?.entries()? {
            let due = names.iter().position(|n| n == name).map(|i| names.swap_remove(i)).is_some();
            members.push(Member { required: due, ..each(self, name, &property)? });
        }
        if let Some(name) = names.first() {
            return Err(required.refuse(format!("{name} is required, but no property or named twice")));
        }
        if members.len() > 64 {
            return Err(node.refuse("more than 64 properties"));
        }
        let required = members.iter().enumerate().fold(0, |bits, (i, m)| bits | u64::from(m.required) << i);
        Ok(Shape { members, required })
    }

    /// A property or a column: its own keywords and those of the definition it refers to.
    fn member(&mut self, node: &Node<'a>, name: &str) -> Result<Member> {
        let value = self.value(node)?;
        let titled = keywords(&self.common, node)?;
        let words = |key: &str| titled.get(key).map_or(Ok(String::new()), |n| n.text().map(str::to_owned));
        Ok(member(name, &words("title")?, &words("description")?, value))
    }

    fn value(&mut self, node: &Node<'a>) -> Result<Value> {
        let words = keywords(&self.common, node)?;
        let kind = words.get("type").ok_or_else(|| node.refuse("the keyword type is missing"))?;
        let supported: &[&str] = match kind.text()? {
            "string" => &["minLength", "maxLength", "pattern", "format", "contentEncoding", "enum", "const", "x-table", "x-no-person"],
            "integer" => &["minimum", "maximum"],
            "boolean" => &[],
            "array" => &["items", "uniqueItems"],
            _ => return Err(kind.refuse("only string, integer, boolean and array are supported")),
        };
        let always = ["$ref", "$comment", "title", "description", "type"];
        if let Some((k, n)) = words.iter().find(|(k, _)| !supported.contains(k) && !always.contains(k)) {
            return Err(n.refuse(format!("the keyword {k} is not supported here")));
        }
        let has = |key: &str| words.get(key);
        let mut value = structural(Kind::Text);
        match kind.text()? {
            "integer" => {
                value.kind = Kind::Integer;
                value.range.0 = has("minimum").map_or(Ok(i64::MIN), Node::integer)?;
                value.range.1 = has("maximum").map_or(Ok(i64::MAX), Node::integer)?;
            }
            "boolean" => value.kind = Kind::Boolean,
            "array" => {
                value.kind = Kind::List;
                has("uniqueItems").ok_or_else(|| node.refuse("the keyword uniqueItems is missing"))?.is(&true.into())?;
                let items = has("items").ok_or_else(|| node.refuse("the keyword items is missing"))?;
                let item = self.value(items)?;
                if item.kind != Kind::Text {
                    return Err(items.refuse("only texts are supported as items"));
                }
                value.items = Some(Box::new(item));
            }
            _ => self.string(&words, &mut value)?,
        }
        Ok(value)
    }

    fn string(&mut self, words: &BTreeMap<&str, Node>, value: &mut Value) -> Result<()> {
        let alone = |key: &str, with: &[&str]| {
            let rules = ["minLength", "maxLength", "pattern", "format", "contentEncoding", "enum", "const", "x-table", "x-no-person"];
            let other = rules.iter().filter(|k| **k != key && !with.contains(k)).find_map(|k| words.get(k));
            other.map_or(Ok(()), |n| Err(n.refuse(format!("not supported beside {key}"))))
        };
        let pattern = words.get("pattern");
        if let Some(format) = words.get("format") {
            alone("format", &["pattern"])?;
            value.kind = match (format.text()?, pattern.map(Node::text).transpose()?) {
                ("date", None) => Kind::Date,
                ("date-time", Some(INSTANT)) => Kind::Instant,
                ("date-time", _) => return Err(format.refuse(format!("date-time needs the pattern {INSTANT}"))),
                _ => return Err(format.refuse("only date, without a pattern, and date-time are supported")),
            };
        } else if let Some(encoding) = words.get("contentEncoding") {
            alone("contentEncoding", &["pattern"])?;
            encoding.is(&"base16".into())?;
            let digits = pattern.and_then(|p| p.text().ok()?.strip_prefix("^[0-9a-f]{")?.strip_suffix("}$")?.parse::<usize>().ok());
            let digits = digits.filter(|n| n % 8 == 0).ok_or_else(|| encoding.refuse("base16 needs a pattern such as ^[0-9a-f]{32}$"))?;
            (value.kind, value.length) = (Kind::Bytes, (digits / 2, digits / 2));
        } else if let Some(codes) = words.get("enum") {
            alone("enum", &["x-table"])?;
            value.codes = codes.texts()?;
            value.code_list = codes.pointer.split('/').nth(2).map(str::to_owned);
            value.table = Some(words.get("x-table").map_or(Ok("codes"), Node::text)?.to_owned());
        } else if let Some(code) = words.get("const") {
            alone("const", &[])?;
            value.codes = vec![code.text()?.to_owned()];
        } else {
            alone("", &["minLength", "maxLength", "pattern", "x-no-person"])?;
            value.length.0 = words.get("minLength").map_or(Ok(0), Node::length)?;
            value.length.1 = words.get("maxLength").map_or(Ok(usize::MAX), Node::length)?;
            value.personal = words.get("x-no-person").map(|n| n.is(&true.into())).transpose()?.is_none();
            if let Some(p) = pattern {
                let compiled = Pattern::compile(p.text()?, &mut self.places).map_err(|why| p.refuse(why))?;
                value.pattern = Some((p.text()?.to_owned(), compiled));
            }
        }
        Ok(())
    }

    /// A data field: told in common.json under its own name, so that a name has one meaning in all types.
    fn field(&mut self, node: &Node<'a>, name: &str) -> Result<Member> {
        node.only(&["$ref"])?;
        node.need("$ref")?.is(&format!("../common.json#/$defs/{name}").into())?;
        if !self.fields.contains_key(name) {
            if head().iter().any(|c| c.name() == name) {
                return Err(node.refuse("the lake has a column of that name already"));
            }
            let field = self.member(node, name)?;
            self.fields.insert(name.to_owned(), field);
        }
        self.fields.get(name).cloned().ok_or_else(|| node.refuse("no such field"))
    }

    fn event(&mut self, node: &Node<'a>, stem: &str) -> Result<EventType> {
        node.only(&[
            "$schema",
            "$comment",
            "title",
            "description",
            "$ref",
            "properties",
            "examples",
            "x-topic",
            "x-subject",
            "x-authority",
            "x-log",
            "x-target",
        ])?;
        node.need("$ref")?.is(&"../envelope.json".into())?;
        let properties = node.need("properties")?;
        properties.only(&["type", "data"])?;
        let type_name = format!("kangyang.{stem}.v1");
        let type_node = properties.need("type")?;
        type_node.only(&["const"])?;
        type_node.need("const")?.is(&type_name.as_str().into())?;
        let data_node = properties.need("data")?;
        data_node.only(&["type", "properties", "required", "additionalProperties", "if", "then"])?;
        let data = self.shape(&data_node, |compiler, name, property| compiler.field(property, name))?;
        let place = |node: &Node, name: &str| {
            data.members.iter().position(|m| m.name == name).ok_or_else(|| node.refuse(format!("{name} is no field of this type")))
        };

        let target = node.get("x-target").map(|n| place(&n, n.text()?)).transpose()?;
        let topic_node = node.need("x-topic")?;
        let topic = match (topic_node.text()?, target) {
            ("target", Some(_)) => None,
            (name, None) => Some(Topic::from_name(name).ok_or_else(|| topic_node.refuse("no such topic"))?),
            _ => return Err(topic_node.refuse("a type with x-target has the topic target, and only such a type")),
        };
        let subject_node = node.need("x-subject")?;
        let subject = match (subject_node.text()?, target) {
            ("target", Some(_)) => Vec::new(),
            (template, None) => template.split('/').map(|part| segment(&subject_node, &data, part)).collect::<Result<_>>()?,
            _ => return Err(subject_node.refuse("a type with x-target has the subject target, and only such a type")),
        };
        let authority_node = node.need("x-authority")?;
        let authority = match (authority_node.text()?, target) {
            ("any", _) => Authority::Any,
            ("city", _) => Authority::City,
            ("target", Some(_)) => Authority::Target,
            (name, _) => Authority::District(place(&authority_node, name)?),
        };
        let mut columns: Vec<usize> = (0..data.members.len()).collect();
        columns.sort_by_key(|i| data.members.get(*i).map(|m| &m.name));
        let batch = schema_of(columns.iter().filter_map(|i| data.members.get(*i)));
        let examples = node.get("examples").and_then(|n| n.json.as_array().cloned()).unwrap_or_default();
        Ok(EventType {
            tag: xxh3_64(type_name.as_bytes()) as u16,
            type_name,
            name: stem.to_owned(),
            title: node.words("title")?,
            description: node.words("description")?,
            topic,
            log: node.get("x-log").map(|n| n.is(&true.into())).transpose()?.is_some(),
            authority,
            subject,
            target,
            examples,
            needs: needs(&data_node, &data)?,
            data,
            batch,
            columns,
        })
    }

    /// The columns of reference tables that are no event fields.
    fn columns(&mut self, node: &Node<'a>) -> Result<BTreeMap<String, Member>> {
        node.only(&["$schema", "$comment", "title", "description", "properties"])?;
        let mut columns = BTreeMap::new();
        for (name, property) in node.need("properties")?.entries()? {
            if self.fields.contains_key(name) {
                return Err(property.refuse("an event's field has that name already"));
            }
            columns.insert(name.to_owned(), self.member(&property, name)?);
        }
        Ok(columns)
    }
}

/// A value without rules.
fn structural(kind: Kind) -> Value {
    let (length, range) = ((0, usize::MAX), (i64::MIN, i64::MAX));
    Value { kind, codes: Vec::new(), code_list: None, table: None, pattern: None, length, range, personal: false, items: None }
}

fn member(name: &str, title: &str, description: &str, value: Value) -> Member {
    Member {
        name: name.to_owned(),
        title: title.to_owned(),
        description: description.to_owned(),
        required: false,
        value: Arc::new(value),
        quoted: format!("{name}\":").into_bytes().into(),
        seed: xxh3_64(name.as_bytes()),
    }
}

/// The keywords of a value with those of what it refers to. Title and description may be told anew, a rule may not.
fn keywords<'a>(common: &Node<'a>, node: &Node<'a>) -> Result<BTreeMap<&'a str, Node<'a>>> {
    let mut words: BTreeMap<&str, Node> = node.entries()?.into_iter().collect();
    let mut here = node.clone();
    // As many steps as there are sane levels, so that a circle ends.
    for _ in 0..8 {
        let Some(reference) = here.get("$ref") else { return Ok(words) };
        let home = match here.file.contains('/') {
            true => "../common.json#/$defs/",
            false if here.file == common.file => "#/$defs/",
            false => "common.json#/$defs/",
        };
        let found = reference.text()?.strip_prefix(home).and_then(|name| common.get("$defs")?.get(name));
        here = found.ok_or_else(|| reference.refuse(format!("a reference names a definition of common.json: {home}…")))?;
        for (k, n) in here.entries()? {
            if !["$ref", "$comment", "title", "description"].contains(&k) && words.contains_key(k) {
                return Err(n.refuse(format!("the keyword {k} is told again at {} of {}", node.pointer, node.file)));
            }
            words.entry(k).or_insert(n);
        }
    }
    Err(node.refuse("references go round in a circle"))
}

/// A part of a subject template: a word, `{field}`, or `{field|WORD}` for a field that may be absent.
fn segment(node: &Node, data: &Shape, part: &str) -> Result<Segment> {
    let Some(inner) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) else {
        return Ok(Segment::Literal(part.to_owned()));
    };
    let (name, or) = inner.split_once('|').map_or((inner, None), |(name, or)| (name, Some(or.to_owned())));
    let found = data.members.iter().enumerate().find(|(_, m)| m.name == name);
    let (i, m) = found.ok_or_else(|| node.refuse(format!("{name} is no field of this type")))?;
    if m.required == or.is_some() {
        return Err(node.refuse(format!("{name} needs a word for its absence if and only if it may be absent")));
    }
    let closed = !m.value.codes.is_empty() || m.value.pattern.is_some();
    if !(matches!(m.value.kind, Kind::Bytes | Kind::Integer) || m.value.kind == Kind::Text && closed) {
        return Err(node.refuse(format!("{name} can't be part of a subject")));
    }
    Ok(Segment::Field(i, or))
}

/// The rule "where a field has this code, these others are due", as `if` and `then` say it.
fn needs(node: &Node, data: &Shape) -> Result<Vec<Need>> {
    let (Some(when), Some(then)) = (node.get("if"), node.get("then")) else {
        return node.get("if").or_else(|| node.get("then")).map_or(Ok(Vec::new()), |n| Err(n.refuse("if and then go together")));
    };
    when.only(&["properties", "required"])?;
    then.only(&["required"])?;
    let place = |node: &Node, name: &str| {
        data.members.iter().position(|m| m.name == name).ok_or_else(|| node.refuse(format!("{name} is no field of this type")))
    };
    let properties = when.need("properties")?;
    let entries = properties.entries()?;
    let [(name, property)] = entries.as_slice() else { return Err(properties.refuse("only one property is supported here")) };
    when.need("required")?.is(&Json::from(vec![*name]))?;
    property.only(&["const"])?;
    let (member, code) = (place(property, name)?, property.need("const")?.text()?);
    let due = then.need("required")?;
    due.texts()?.iter().map(|n| Ok(Need { member, code: code.to_owned(), due: place(&due, n)? })).collect()
}
