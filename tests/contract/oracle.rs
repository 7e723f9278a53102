//! The decoder against the `jsonschema` crate on the same files, over generated and broken events.
//!
//! What only the contract says (subject, authority, personal data, how an integer is written, keys that come twice) is told again
//! here, as plainly and as slowly as can be. Nothing is shared with the decoder but the files.
use super::{CONTRACT, TREE};
use jsonschema::{Registry, Validator};
use kangyang::contract::Decoder;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const SEED: u64 = 20_210_207;
const EVENTS: usize = 24_000;

#[test]
fn exactly_what_a_json_schema_validator_and_the_contract_accept_is_accepted() {
    let registry = registry();
    let house = House::new(&registry);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    // One for all of them: what it remembers of an event must not tell on the next.
    let mut decoder = Decoder::new(CONTRACT.clone());
    let (mut accepted, mut codes) = (0, BTreeMap::new());
    for n in 0..EVENTS {
        let text = generate(&house, &mut rng, n);
        let (ours, theirs) = (decoder.check(text.as_bytes()).err(), house.accepts(&text));
        match &ours {
            None => accepted += 1,
            Some(reject) => *codes.entry(reject.code).or_insert(0) += 1,
        }
        assert_eq!(ours.is_none(), theirs.is_ok(), "event {n} of seed {SEED}: we say {ours:?}, the oracle {theirs:?}\n{text}");
    }
    // A generator that drifts off into one corner would prove nothing.
    assert!((EVENTS / 5..EVENTS * 4 / 5).contains(&accepted), "{accepted} of {EVENTS} accepted, {codes:?}");
    assert!(codes.len() >= 17, "{codes:?}");
}

/// The schema files under a made-up base, so that their relative references find each other.
fn registry() -> Registry<'static> {
    let files = TREE.files.iter().filter(|(path, _)| path.ends_with(".json"));
    let json = files.map(|(path, text)| (uri(path), serde_json::from_str::<Json>(text).unwrap()));
    json.fold(Registry::new(), |registry, (uri, json)| registry.add(uri, json).unwrap()).prepare().unwrap()
}

fn uri(path: &str) -> String {
    format!("file:///schemas/{path}")
}

fn parsed(path: &str) -> Json {
    serde_json::from_str(&TREE.files[path]).unwrap()
}

/// What the contract says, told anew.
struct House {
    types: BTreeMap<String, Json>,
    common: Json,
    whole: BTreeMap<String, Validator>,
    fields: BTreeMap<String, Validator>,
}

impl House {
    fn new(registry: &Registry<'_>) -> House {
        let validator = |reference: String| {
            let options = jsonschema::options().with_registry(registry).should_validate_formats(true);
            options.build(&json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": reference })).unwrap()
        };
        let common = parsed("common.json");
        let paths: Vec<&String> = TREE.files.keys().filter(|p| p.starts_with("events/")).collect();
        let name = |path: &str| parsed(path)["properties"]["type"]["const"].as_str().unwrap().to_owned();
        House {
            types: paths.iter().map(|p| (name(p), parsed(p))).collect(),
            whole: paths.iter().map(|p| (name(p), validator(uri(p)))).collect(),
            fields: common["$defs"]
                .as_object()
                .unwrap()
                .keys()
                .map(|d| (d.clone(), validator(uri(&format!("common.json#/$defs/{d}")))))
                .collect(),
            common,
        }
    }

    /// A definition with what it refers to.
    fn definition(&self, name: &str) -> Map<String, Json> {
        let mut merged = self.common["$defs"][name].as_object().unwrap().clone();
        while let Some(next) = merged.remove("$ref") {
            let next = self.common["$defs"][next.as_str().unwrap().rsplit('/').next().unwrap()].as_object().unwrap();
            for (k, v) in next {
                merged.entry(k.clone()).or_insert(v.clone());
            }
        }
        merged
    }

    fn accepts(&self, text: &str) -> Result<(), &'static str> {
        let NoTwins(event) = serde_json::from_str(text).map_err(|_| "json or twin keys")?;
        let name = event["type"].as_str().ok_or("type")?;
        let schema = self.types.get(name).ok_or("unknown type")?;
        if !self.whole[name].is_valid(&event) {
            return Err("schema");
        }
        let data = event["data"].as_object().unwrap();
        if data.values().any(Json::is_f64) {
            return Err("spelling of an integer");
        }
        let (subject, source) = (event["subject"].as_str().unwrap(), event["source"].as_str().unwrap());
        let mut about = schema;
        if let Some(target) = schema.get("x-target") {
            about = self.types.get(data[target.as_str().unwrap()].as_str().unwrap()).ok_or("names no type")?;
            if about.get("x-log").is_some() || about.get("x-target").is_some() {
                return Err("names a log");
            }
            self.has_form(about["x-subject"].as_str().unwrap(), subject)?;
        } else if subject != made(schema["x-subject"].as_str().unwrap(), data) {
            return Err("subject");
        }
        let authority = match schema["x-authority"].as_str().unwrap() {
            "target" => about["x-authority"].as_str().unwrap(),
            own => own,
        };
        let district = source.split('/').nth(2).filter(|_| source.starts_with("/districts/"));
        if let Some(district) = district {
            let own = data.get(authority).is_none_or(|code| code == district);
            if authority == "city" || !own {
                return Err("authority");
            }
        }
        let attributes = ["id", "source", "supersedes"].iter().filter_map(|a| event.get(a)?.as_str());
        let texts = data.iter().filter(|(name, _)| self.is_free(name)).flat_map(|(_, v)| match v {
            Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
            one => Vec::from_iter(one.as_str()),
        });
        if attributes.chain(texts).any(names_a_person) { Err("personal data") } else { Ok(()) }
    }

    fn is_free(&self, field: &str) -> bool {
        let definition = self.definition(field);
        let rules = definition.get("items").and_then(Json::as_object).unwrap_or(&definition);
        rules.keys().all(|k| !["$ref", "enum", "const", "format", "contentEncoding", "x-no-person"].contains(&k.as_str()))
    }

    fn has_form(&self, template: &str, subject: &str) -> Result<(), &'static str> {
        let (due, parts): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), subject.split('/').collect());
        let fits = |due: &str, part: &str| match due.strip_prefix('{').map(|d| d.trim_end_matches('}')) {
            None => due == part,
            Some(field) => {
                let (field, word) = field.split_once('|').unwrap_or((field, ""));
                let number = part.parse::<u64>().ok().filter(|n| n.to_string() == part).map(Json::from);
                let value = if self.definition(field)["type"] == "integer" { number } else { Some(part.into()) };
                (!word.is_empty() && part == word) || value.is_some_and(|v| self.fields[field].is_valid(&v))
            }
        };
        if due.len() != parts.len() || !due.iter().zip(&parts).all(|(d, p)| fits(d, p)) {
            return Err("form of the subject");
        }
        let free = |due: &str| due.starts_with('{') && self.is_free(due.trim_matches(['{', '}']).split('|').next().unwrap());
        if due.iter().zip(&parts).any(|(d, p)| free(d) && names_a_person(p)) { Err("personal data") } else { Ok(()) }
    }
}

/// The subject of a template and data.
fn made(template: &str, data: &Map<String, Json>) -> String {
    let part = |part: &str| match part.strip_prefix('{').map(|p| p.trim_end_matches('}')) {
        None => part.to_owned(),
        Some(field) => {
            let (field, word) = field.split_once('|').unwrap_or((field, ""));
            data.get(field).map_or(word.to_owned(), |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        }
    };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Numbers of nobody: valid ones of the unassigned region 410899 and of the standard's own examples.
const PERSONS: [&str; 4] = ["410899198503120011", "41089919850312002X", "34052419800101001x", "13912345678"];
/// What looks like one and isn't.
const NOBODY: [&str; 5] = ["410899199902290055", "340524198001010013", "91350100M000100Y43", "139123456789", "12345678901"];

/// Knows no rule of check digits: the generator puts in numbers whose verdict is known.
fn names_a_person(text: &str) -> bool {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let text = text.to_ascii_uppercase();
    PERSONS.map(str::to_ascii_uppercase).iter().any(|person| {
        text.match_indices(person).any(|(at, _)| {
            let (before, after) = (text[..at].chars().next_back(), text[at + person.len()..].chars().next());
            !is_digit(before) && !is_digit(after)
        })
    })
}

/// JSON in which no object has a key twice.
struct NoTwins(Json);

impl<'de> Deserialize<'de> for NoTwins {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<NoTwins, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, v: bool) -> Result<Json, E> {
                Ok(v.into())
            }
            fn visit_i64<E>(self, v: i64) -> Result<Json, E> {
                Ok(v.into())
            }
            fn visit_u64<E>(self, v: u64) -> Result<Json, E> {
                Ok(v.into())
            }
            fn visit_f64<E>(self, v: f64) -> Result<Json, E> {
                Ok(v.into())
            }
            fn visit_str<E>(self, v: &str) -> Result<Json, E> {
                Ok(v.into())
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(NoTwins(item)) = seq.next_element()? {
                    list.push(item);
                }
                Ok(list.into())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut object = Map::new();
                while let Some((key, NoTwins(value))) = map.next_entry::<String, NoTwins>()? {
                    if object.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key comes twice"));
                    }
                }
                Ok(object.into())
            }
        }
        d.deserialize_any(Any).map(NoTwins)
    }
}

/// An event as text: of a type in turn, right or broken in one or two places, and written in one of many ways.
fn generate(house: &House, rng: &mut ChaCha8Rng, n: usize) -> String {
    let names: Vec<&String> = house.types.keys().collect();
    let name = names[n % names.len()];
    let schema = &house.types[name];
    let mut event = right(house, rng, name);
    let mut text =
        Writing { spaced: rng.random_bool(0.3), shuffled: rng.random_bool(0.2), escaped: rng.random_bool(0.2), twin: None, spelling: None };
    let mutations = [0, 0, 1, 1, 1, 2].choose(rng).copied().unwrap();
    for _ in 0..mutations {
        let in_data = rng.random_bool(0.7);
        let object = if in_data { event["data"].as_object_mut() } else { event.as_object_mut() };
        let Some(object) = object else { continue };
        let keys: Vec<String> = object.keys().filter(|k| *k != "data").cloned().collect();
        let Some(key) = keys.choose(rng).cloned() else { continue };
        match rng.random_range(0..14) {
            0 => drop(object.remove(&key)),
            1 => drop(object.insert(["class_ids", "", "班次", "x"].choose(rng).unwrap().to_string(), odd(rng))),
            2 => drop(object.insert(key, odd(rng))),
            3 => drop(object.insert(key, Json::Null)),
            4 => text.twin = Some(key),
            5 => text.spelling = Some(["1e3", "1.0", "-0", "1E2", "20.0", "0.5", "1e400"].choose(rng).unwrap().to_string()),
            6 => drop(object.insert(key, person(rng))),
            7 => drop(object.insert("supersedes".to_owned(), broken(rng, "e-1"))),
            _ => {
                let value = match &object[&key] {
                    Json::String(s) => broken(rng, s),
                    Json::Number(_) => integer(rng),
                    Json::Array(list) => {
                        let mut list = list.clone();
                        list.extend(list.first().cloned().filter(|_| rng.random_bool(0.5)));
                        list.push([json!("other"), json!("5"), json!("class_id"), json!(5), Json::Null].choose(rng).unwrap().clone());
                        list.into()
                    }
                    _ => odd(rng),
                };
                object.insert(key, value);
            }
        }
    }
    // Most subjects follow what was broken, so that the fault itself is what decides.
    if let (Some(data), true) = (event["data"].as_object(), schema.get("x-target").is_none() && rng.random_bool(0.8)) {
        event["subject"] = made(schema["x-subject"].as_str().unwrap(), data).into();
    }
    let mut text = text.write(rng, &event);
    if rng.random_bool(0.05) {
        text = torn(rng, text);
    }
    text
}

/// A valid event of a type, optional fields in or out.
fn right(house: &House, rng: &mut ChaCha8Rng, name: &str) -> Json {
    let schema = &house.types[name];
    let rules = &schema["properties"]["data"];
    let required: BTreeSet<&str> = rules["required"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    let mut data = Map::new();
    for field in rules["properties"].as_object().unwrap().keys() {
        if required.contains(field.as_str()) || rng.random_bool(0.6) {
            data.insert(field.clone(), value(house, rng, &house.definition(field)));
        }
    }
    if let Some(due) = rules.get("if").and(Some("occupation_title")).filter(|_| data["occupation"] == "other") {
        data.entry(due).or_insert("工种".into());
    }
    let mut source = ["/city", "/city/hrss", "/province/a.b"].choose(rng).unwrap().to_string();
    let mut template = schema["x-subject"].as_str().unwrap().to_owned();
    if schema.get("x-target").is_some() {
        let mut target = schema["x-target"].as_str().map(|f| data[f].as_str().unwrap().to_owned()).unwrap();
        if name.contains("withdrawn") {
            target = house.types.keys().nth(rng.random_range(0..house.types.len())).unwrap().clone();
            data.insert("withdrawn_type".to_owned(), target.clone().into());
        }
        template = house.types[&target]["x-subject"].as_str().unwrap().to_owned();
    }
    if rng.random_bool(0.5) {
        let code = data.get("district_code").and_then(Json::as_str).unwrap_or("JZ07").to_owned();
        source = format!("/districts/{}", if rng.random_bool(0.9) { &code } else { "JZ12" });
    }
    let mut of = data.clone();
    if schema.get("x-target").is_some() {
        of = template
            .split(['/', '{', '}', '|'])
            .filter(|f| house.fields.contains_key(*f))
            .map(|f| (f.to_owned(), value(house, rng, &house.definition(f))))
            .collect();
        of.retain(|f, _| !template.contains(&format!("{f}|")) || rng.random_bool(0.5));
    }
    let mut event = json!({
        "specversion": "1.0", "id": broken(rng, "e-1"), "source": source, "type": name, "subject": made(&template, &of),
        "time": value(house, rng, &house.definition("instant")), "data": data,
    });
    if rng.random_bool(0.2) {
        event["datacontenttype"] = "application/json".into();
    }
    if rng.random_bool(0.2) {
        event["origin"] = format!("{}#{}", "0123456789abcdef".repeat(2), rng.random_range(1..999_999)).into();
    }
    event
}

/// A valid value of a definition.
fn value(house: &House, rng: &mut ChaCha8Rng, rules: &Map<String, Json>) -> Json {
    let from = |rng: &mut ChaCha8Rng, alphabet: &str, n: usize| -> String {
        let chars: Vec<char> = alphabet.chars().collect();
        // Never more than nine digits in a row: a run of eleven may be a number of somebody.
        (0..n).map(|i| if i % 10 == 9 { 'a' } else { *chars.choose(rng).unwrap() }).collect()
    };
    if let Some(codes) = rules.get("enum").and_then(Json::as_array) {
        return codes.choose(rng).unwrap().clone();
    }
    if let Some(only) = rules.get("const") {
        return only.clone();
    }
    match (rules["type"].as_str().unwrap(), rules.get("format").and_then(Json::as_str)) {
        ("boolean", _) => rng.random_bool(0.5).into(),
        ("integer", _) => {
            let (least, most) = (rules["minimum"].as_i64().unwrap(), rules["maximum"].as_i64().unwrap());
            [least, most, rng.random_range(least..=most), least + rng.random_range(0..9)].choose(rng).copied().unwrap().into()
        }
        ("array", _) => {
            let items = rules["items"].as_object().unwrap();
            let items =
                items.get("$ref").map_or_else(|| items.clone(), |r| house.definition(r.as_str().unwrap().rsplit('/').next().unwrap()));
            let mut list: Vec<Json> = Vec::new();
            for _ in 0..rng.random_range(0..4) {
                let item = value(house, rng, &items);
                if !list.contains(&item) {
                    list.push(item);
                }
            }
            list.into()
        }
        (_, Some("date")) => day(rng).into(),
        (_, Some(_)) => instant(rng).into(),
        _ => match rules.get("pattern").and_then(Json::as_str) {
            None => ["误报", "a", "\"\\/\u{7f}\u{0}é𠮷", "a\tb\n"].choose(rng).unwrap().repeat(rng.random_range(1..9)).into(),
            Some(p) if p.contains("kangyang") => house.types.keys().next().unwrap().as_str().into(),
            Some(p) if p.contains("{32}") => from(rng, "0123456789abcdef", 32).into(),
            Some(p) if p.contains("{64}") => from(rng, "0123456789abcdef", 64).into(),
            Some(p) if p.contains("=[0-9]") => "kangyang.training/0=12,kangyang.training/1=13912345678".into(),
            Some(p) if p.starts_with("^[0-9]{4}-") => format!("2021-{:02}", rng.random_range(1..=12)).into(),
            Some(p) if p.starts_with("^[0-9]-") => "4-10-01-05".into(),
            Some(p) if p.starts_with("^[a-z]") => {
                let n = rng.random_range(1..=64);
                from(rng, "abcdef_", n).into()
            }
            Some(_) => {
                let n = [1, 5, 16, 64].choose(rng).copied().unwrap();
                from(rng, "0123456789-ABCxyz._", n).into()
            }
        },
    }
}

fn day(rng: &mut ChaCha8Rng) -> String {
    let year = [2019, 2020, 2021, 2000, 1900, 9999].choose(rng).copied().unwrap();
    format!("{year:04}-{:02}-{:02}", rng.random_range(1..=12), rng.random_range(1..=28))
}

fn instant(rng: &mut ChaCha8Rng) -> String {
    let decimals = ["", ".1", ".123456", ".000001"].choose(rng).unwrap();
    let offset = ["Z", "+08:00", "-23:59", "+00:00", "-00:00"].choose(rng).unwrap();
    format!("{}T{:02}:{:02}:{:02}{decimals}{offset}", day(rng), rng.random_range(0..24), rng.random_range(0..60), rng.random_range(0..60))
}

/// A value of some other kind.
fn odd(rng: &mut ChaCha8Rng) -> Json {
    let deep = (0..rng.random_range(1..200)).fold(json!(1), |inner, _| json!([inner]));
    [json!("x"), json!(7), json!(true), json!({}), json!({ "a": [1.5, { "b": null }] }), json!([]), Json::Null, deep]
        .choose(rng)
        .unwrap()
        .clone()
}

/// A text or an id with a number in it that is somebody's or only looks so.
fn person(rng: &mut ChaCha8Rng) -> Json {
    let number = PERSONS.iter().chain(&NOBODY).collect::<Vec<_>>().choose(rng).unwrap().to_string();
    let (before, after) = (["", "A", "7", "-"].choose(rng).unwrap(), ["", "A", "7", ".", "X"].choose(rng).unwrap());
    format!("{before}{number}{after}").into()
}

fn integer(rng: &mut ChaCha8Rng) -> Json {
    let edges = [
        json!(-1),
        json!(0),
        json!(1),
        json!(9_007_199_254_740_991_i64),
        json!(9_007_199_254_740_992_i64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1900),
    ];
    edges.choose(rng).unwrap().clone()
}

/// A string near the one given, or of a kind that borders on it.
fn broken(rng: &mut ChaCha8Rng, text: &str) -> Json {
    let dates =
        ["2021-02-29", "2020-02-29", "2021-04-31", "2021-1-01", "0000-01-01", "２021-01-01", "2021-12-32", "2021-00-01", "20210101"];
    let instants = [
        "2016-12-31T23:59:60Z",
        "2021-01-01T24:00:00Z",
        "2021-01-01T00:00:00.1234567Z",
        "2021-01-01t00:00:00z",
        "2021-01-01T00:00:00+24:00",
        "2021-01-01T00:00:00",
        "2021-01-01T00:00:00.Z",
        "2021-02-30T00:00:00Z",
        "2021-01-01T00:00:00+08:60",
    ];
    match rng.random_range(0..9) {
        0 => format!("{text}x").into(),
        1 => text.chars().skip(1).collect::<String>().into(),
        2 => text.to_uppercase().into(),
        3 => format!("{text} ").into(),
        4 => "字".repeat([1, 64, 65, 128, 129, 200, 201].choose(rng).copied().unwrap()).into(),
        5 => "x".repeat([64, 65, 128, 129, 200, 201, 256].choose(rng).copied().unwrap()).into(),
        6 => dates.choose(rng).copied().unwrap().into(),
        7 => instants.choose(rng).copied().unwrap().into(),
        _ => ["", "other", "5", "CITY", "JZ13", "kangyang.class_filed.v1", "a/b", "\n", "F"].choose(rng).copied().unwrap().into(),
    }
}

/// How an event is written down.
struct Writing {
    spaced: bool,
    shuffled: bool,
    escaped: bool,
    /// A key that is written twice.
    twin: Option<String>,
    /// How the next number is spelled.
    spelling: Option<String>,
}

impl Writing {
    fn write(&mut self, rng: &mut ChaCha8Rng, value: &Json) -> String {
        let space = |rng: &mut ChaCha8Rng, on: bool| if on { ["", " ", "\n\t", "\r "].choose(rng).copied().unwrap() } else { "" };
        match value {
            Json::Object(map) => {
                let mut entries: Vec<(&String, &Json)> = map.iter().collect();
                if self.shuffled {
                    let by = rng.random_range(0..entries.len().max(1));
                    entries.rotate_left(by);
                }
                let mut parts = Vec::new();
                for (key, value) in entries {
                    for _ in 0..1 + usize::from(self.twin.take_if(|t| t == key).is_some()) {
                        let (key, value) = (self.text(rng, key), self.write(rng, value));
                        let (a, b) = (space(rng, self.spaced), space(rng, self.spaced));
                        parts.push(format!("{a}{key}{b}:{a}{value}{b}"));
                    }
                }
                format!("{{{}}}", parts.join(","))
            }
            Json::Array(list) => {
                let items: Vec<String> = list.iter().map(|v| self.write(rng, v)).collect();
                let a = space(rng, self.spaced);
                format!("[{a}{}{a}]", items.join(&format!("{a},")))
            }
            Json::Number(n) => self.spelling.take().unwrap_or_else(|| n.to_string()),
            Json::String(s) => self.text(rng, s),
            other => other.to_string(),
        }
    }

    fn text(&self, rng: &mut ChaCha8Rng, text: &str) -> String {
        if !self.escaped {
            return Json::from(text).to_string();
        }
        let mut units = [0; 2];
        let one = |rng: &mut ChaCha8Rng, c: char, units: &mut [u16; 2]| match c {
            '"' | '\\' | '/' => format!("\\{c}"),
            c if c < ' ' || rng.random_bool(0.2) => c.encode_utf16(units).iter().map(|u| format!("\\u{u:04X}")).collect(),
            c => c.to_string(),
        };
        format!("\"{}\"", text.chars().map(|c| one(rng, c, &mut units)).collect::<String>())
    }
}

/// Text with a character lost, doubled or replaced, or cut off.
fn torn(rng: &mut ChaCha8Rng, text: String) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = rng.random_range(0..chars.len());
    match rng.random_range(0..4) {
        0 => drop(chars.remove(at)),
        1 => chars.insert(at, chars[at]),
        2 => chars[at] = *['"', '\\', '{', '}', ',', ':', '0', '\u{1}', 'x', '-', '.'].choose(rng).unwrap(),
        _ => chars.truncate(at),
    }
    chars.into_iter().collect()
}
