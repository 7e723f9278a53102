//! What an event is: every reason to refuse one, sentence by sentence, and the decoder against a JSON Schema validator that shares
//! nothing with it but the schema files.
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use kangyang::contract::{Code, Contract, Decoder, Message, Rows, Topic, dictionary, holds_person, is_citizen_id, is_credit_code};
use kangyang::tree::Tree;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use xxhash_rust::xxh3::xxh3_64;

mod oracle;

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::schemas(None).unwrap());
static CONTRACT: LazyLock<Arc<Contract>> = LazyLock::new(|| Arc::new(Contract::compile(&TREE).unwrap_or_else(|e| panic!("{e}"))));

/// The first example of each type.
static EXAMPLES: LazyLock<BTreeMap<&str, Json>> =
    LazyLock::new(|| CONTRACT.types().iter().map(|t| (t.name.as_str(), t.examples[0].clone())).collect());

/// An event type's example, edited.
fn event(name: &str, edit: impl FnOnce(&mut Json)) -> Json {
    let mut event = EXAMPLES[name].clone();
    edit(&mut event);
    event
}

/// `trainee_completed`, with a field of its data set.
fn completed(field: &str, value: impl Into<Json>) -> Json {
    event("trainee_completed", |e| e["data"][field] = value.into())
}

/// The code, path and detail of a refused text; none if it is accepted.
fn refusal(text: impl AsRef<[u8]>) -> Option<(Code, String, String)> {
    let mut decoder = Decoder::new(CONTRACT.clone());
    decoder.check(text.as_ref()).err().map(|r| (r.code, r.json_path, r.detail))
}

#[track_caller]
fn refused(event: &Json, code: Code, path: &str) {
    refused_text(event.to_string(), code, path);
}

#[track_caller]
fn refused_text(text: impl AsRef<[u8]>, code: Code, path: &str) {
    let found = refusal(text).map(|(code, path, _)| (code, path));
    assert_eq!(found, Some((code, path.to_owned())));
}

#[track_caller]
fn accepted(event: &Json) {
    assert_eq!(refusal(event.to_string()), None);
}

/// A message that carries an event under a key.
fn message<'a>(topic: Topic, key: &'a str, payload: &'a str) -> Message<'a> {
    let (key, payload) = (Some(key.as_bytes()), Some(payload.as_bytes()));
    Message { topic, key, payload, partition: 3, offset: 41, recorded_at: 1_624_000_000_123 }
}

/// The batch of one type that these events make, in topic `training`.
fn batch(events: &[Json]) -> RecordBatch {
    let mut rows = Rows::new(CONTRACT.clone(), "kangyang.training", 3);
    for e in events {
        rows.append(&message(Topic::Training, e["subject"].as_str().unwrap(), &e.to_string())).unwrap();
    }
    rows.finish().unwrap().remove(0).1
}

fn int(batch: &RecordBatch, column: &str, row: usize) -> i64 {
    batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().value(row)
}

#[test]
fn every_example_is_valid() {
    for t in CONTRACT.types() {
        assert!(!t.examples.is_empty(), "{} has no example", t.name);
        t.examples.iter().for_each(accepted);
    }
    assert_eq!(CONTRACT.types().len(), 25);
}

#[test]
fn what_is_not_utf8_is_refused() {
    let mut bytes = EXAMPLES["class_closed"].to_string().into_bytes();
    bytes[20] = 0xff;
    refused_text(bytes, Code::NotUtf8, "$");
}

#[test]
fn what_is_not_json_is_refused() {
    for text in ["", " ", "{", "nul", "{} {}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\" 1}", "{a:1}"] {
        refused_text(text, Code::NotJson, "$");
    }
    for text in
        ["{\"a\":\"\t\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\ud800\"}", "{\"a\":1,}", "[1,]", "\u{feff}{}", "'a'"]
    {
        refused_text(text, Code::NotJson, "$");
    }
}

#[test]
fn an_event_cut_off_anywhere_is_refused() {
    let text = EXAMPLES["trainee_enrolled"].to_string();
    for end in 0..text.len() {
        refused_text(&text[..end], Code::NotJson, "$");
    }
}

#[test]
fn ten_thousand_levels_deep_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        refused_text(&deep, Code::NotJson, "$");
        refused_text(format!("{{\"data\":{deep}}}"), Code::NotJson, "$");
    }
}

#[test]
fn more_than_64_kib_is_refused() {
    let fits = |n: usize| format!("{}{}", EXAMPLES["class_closed"], " ".repeat(n - EXAMPLES["class_closed"].to_string().len()));
    assert_eq!(refusal(fits(65_536)), None);
    refused_text(fits(65_537), Code::TooLarge, "$");
}

#[test]
fn a_key_that_comes_twice_is_refused_at_any_depth() {
    let text = EXAMPLES["trainee_completed"].to_string();
    refused_text(text.replacen('{', r#"{"id":"x","#, 1), Code::DuplicateKey, "$.id");
    refused_text(text.replace(r#""result""#, r#""class_\u0069d":"x","result""#), Code::DuplicateKey, "$.data.class_id");
    refused_text(text.replace(r#""result""#, r#""x":[{"y":1,"\u0079":2}],"result""#), Code::DuplicateKey, "$");
    refused_text(text.replace(r#""result""#, r#""x":1,"x":1,"result""#), Code::DuplicateKey, "$");
    refused_text(r#"{"data":{"a":1,"a":1}}"#, Code::DuplicateKey, "$");
    refused_text(r#"{"type":"none","data":{"a":{"b":1,"b":2}}}"#, Code::DuplicateKey, "$");
}

#[test]
fn an_envelope_that_lacks_an_attribute_or_has_another_is_refused() {
    for name in ["specversion", "id", "source", "type", "subject", "time", "data"] {
        let lacking = event("class_closed", |e| drop(e.as_object_mut().unwrap().remove(name)));
        refused(&lacking, Code::MissingAttribute, &format!("$.{name}"));
    }
    refused(&event("class_closed", |e| e["traceparent"] = "00".into()), Code::UnknownAttribute, "$");
    refused(&event("class_closed", |e| e["specversion"] = "0.3".into()), Code::UnknownCode, "$.specversion");
    refused(&event("class_closed", |e| e["datacontenttype"] = "text/json".into()), Code::UnknownCode, "$.datacontenttype");
    accepted(&event("class_closed", |e| e["datacontenttype"] = "application/json".into()));
    refused(&event("class_closed", |e| e["id"] = "".into()), Code::BadFormat, "$.id");
    refused(&event("class_closed", |e| e["id"] = "温".repeat(129).into()), Code::TooLong, "$.id");
    accepted(&event("class_closed", |e| e["id"] = "温".repeat(128).into()));
    refused(&event("class_closed", |e| e["origin"] = "8d3c50e17f9b4a26a1c47be0d96f2385#0".into()), Code::BadFormat, "$.origin");
    refused(&event("class_closed", |e| e["data"] = json!([])), Code::WrongType, "$.data");
    refused_text("[]", Code::WrongType, "$");
}

#[test]
fn a_source_is_the_province_the_city_or_one_of_the_districts() {
    for source in ["/province", "/city/hrss", "/districts/JZ01", "/districts/JZ12/rosters/2021.xlsx"] {
        accepted(&event("class_closed", |e| e["source"] = source.into()));
    }
    for source in ["/cityhall", "/districts/JZ13", "/districts/JZ1", "/districts", "/city/", "city", "/city/a b", "/city\n"] {
        refused(&event("class_closed", |e| e["source"] = source.into()), Code::BadFormat, "$.source");
    }
    // The pattern names the districts again, since no keyword can refer to a code list.
    for code in &CONTRACT.fields()["district_code"].value.codes {
        accepted(&event("class_closed", |e| e["source"] = format!("/districts/{code}").into()));
    }
}

#[test]
fn an_unknown_type_is_refused() {
    for name in ["kangyang.class_opened.v1", "kangyang.class_closed.v2", "class_closed", ""] {
        refused(&event("class_closed", |e| e["type"] = name.into()), Code::UnknownType, "$.type");
    }
}

#[test]
fn a_missing_field_is_refused() {
    for (name, example) in EXAMPLES.iter() {
        let t = CONTRACT.types().iter().find(|t| t.name == *name).unwrap();
        for m in t.members().iter().filter(|m| m.required) {
            let mut lacking = example.clone();
            lacking["data"].as_object_mut().unwrap().remove(&m.name);
            refused(&lacking, Code::MissingField, &format!("$.data.{}", m.name));
        }
    }
}

#[test]
fn an_occupation_other_needs_its_title_in_a_class_filed_alone() {
    let other = event("class_filed", |e| e["data"]["occupation"] = "other".into());
    refused(&other, Code::MissingField, "$.data.occupation_title");
    accepted(&event("class_filed", |e| {
        e["data"]["occupation"] = "other".into();
        e["data"]["occupation_title"] = "失智老人照护员".into();
    }));
    accepted(&event("contest_awarded", |e| e["data"]["occupation"] = "other".into()));
}

#[test]
fn an_unknown_field_is_refused_and_its_name_shown_only_if_it_is_a_plain_word() {
    refused(&completed("grade", "A"), Code::UnknownField, "$.data");
    assert!(refusal(completed("grade", "A").to_string()).unwrap().2.contains("grade"));
    assert!(!refusal(completed("张三", "A").to_string()).unwrap().2.contains("张三"));
    assert!(!refusal(completed("410899198503120011", "A").to_string()).unwrap().2.contains("4108"));
}

#[test]
fn null_is_refused() {
    refused(&completed("attended_minutes", Json::Null), Code::NullField, "$.data.attended_minutes");
    refused(&completed("result", Json::Null), Code::NullField, "$.data.result");
    refused(&event("class_closed", |e| e["supersedes"] = Json::Null), Code::NullField, "$.supersedes");
}

#[test]
fn a_value_of_another_kind_is_refused() {
    for wrong in [json!("90"), json!(true), json!([90]), json!({ "minutes": 90 })] {
        refused(&completed("attended_minutes", wrong), Code::WrongType, "$.data.attended_minutes");
    }
    refused(&completed("completed_on", 20_210_319), Code::WrongType, "$.data.completed_on");
    refused(&event("class_filed", |e| e["data"]["schooling"] = 0.into()), Code::WrongType, "$.data.schooling");
    refused(&event("trainee_enrolled", |e| e["data"]["person_groups"] = "disabled".into()), Code::WrongType, "$.data.person_groups");
    refused(&event("evaluator_listed", |e| e["data"]["levels"] = json!(["5", 4])), Code::WrongType, "$.data.levels[1]");
}

#[test]
fn an_integer_not_written_as_one_is_refused() {
    let text = completed("attended_minutes", 7777).to_string();
    for spelling in ["1e3", "1.0", "1E0", "-0", "0.5"] {
        refused_text(text.replace("7777", spelling), Code::WrongType, "$.data.attended_minutes");
    }
    refused_text(text.replace("7777", "007"), Code::NotJson, "$");
}

#[test]
fn an_integer_out_of_range_is_refused() {
    for wrong in ["-1", "9007199254740992", "99999999999999999999999"] {
        let text = completed("attended_minutes", 7777).to_string().replace("7777", wrong);
        refused_text(text, Code::OutOfRange, "$.data.attended_minutes");
    }
    accepted(&completed("attended_minutes", 9_007_199_254_740_991_i64));
    accepted(&completed("attended_minutes", 0));
    refused(&event("contest_awarded", |e| e["data"]["contest_rank"] = 0.into()), Code::OutOfRange, "$.data.contest_rank");
    for year in [1899, 3000] {
        refused(&event("target_set", |e| e["data"]["year"] = year.into()), Code::OutOfRange, "$.data.year");
    }
}

#[test]
fn a_day_that_does_not_exist_is_refused() {
    for wrong in
        ["2021-02-29", "1900-02-29", "2021-04-31", "2021-13-01", "2021-00-10", "2021-01-00", "2021-1-1", "20210319", "2021/03/19", ""]
    {
        refused(&completed("completed_on", wrong), Code::BadDate, "$.data.completed_on");
    }
    ["2020-02-29", "2000-02-29", "0000-02-29", "9999-12-31"].iter().for_each(|day| accepted(&completed("completed_on", *day)));
}

#[test]
fn an_instant_that_does_not_exist_is_refused() {
    let at = |time: &str| event("class_closed", |e| e["time"] = time.into());
    for wrong in [
        "2021-03-19T18:20:00",
        "2021-03-19T24:00:00Z",
        "2021-03-19T18:60:00Z",
        "2016-12-31T23:59:60Z",
        "2021-02-29T18:20:00Z",
        "2021-03-19T18:20:00.1234567Z",
        "2021-03-19T18:20:00.Z",
        "2021-03-19t18:20:00z",
        "2021-03-19 18:20:00Z",
        "2021-03-19T18:20:00+0800",
        "2021-03-19T18:20:00+24:00",
        "2021-03-19T18:20:00+08:60",
    ] {
        refused(&at(wrong), Code::BadInstant, "$.time");
    }
    for right in ["2021-03-19T18:20:00Z", "2021-03-19T18:20:59.123456-23:59", "2021-03-19T00:00:00.1+08:00"] {
        accepted(&at(right));
    }
}

#[test]
fn an_unknown_code_is_refused() {
    refused(&completed("result", "pass"), Code::UnknownCode, "$.data.result");
    refused(&event("class_filed", |e| e["data"]["level"] = "6".into()), Code::UnknownCode, "$.data.level");
    let groups = event("trainee_enrolled", |e| e["data"]["person_groups"] = json!(["disabled", "retired"]));
    refused(&groups, Code::UnknownCode, "$.data.person_groups[1]");
}

#[test]
fn a_text_of_another_form_or_length_is_refused() {
    refused(&completed("person_key", "5F0C6A1E9B7D4283AE10C94D7B26F358"), Code::BadFormat, "$.data.person_key");
    refused(&completed("class_id", "JZ07/2021"), Code::BadFormat, "$.data.class_id");
    refused(&completed("class_id", "x".repeat(65)), Code::TooLong, "$.data.class_id");
    refused(&event("measure_reported", |e| e["data"]["month"] = "2021-13".into()), Code::BadFormat, "$.data.month");
    let reason = |text: String| event("record_withdrawn", |e| e["data"]["reason"] = text.into());
    refused(&reason(String::new()), Code::BadFormat, "$.data.reason");
    refused(&reason("误".repeat(201)), Code::TooLong, "$.data.reason");
    accepted(&reason("误".repeat(200)));
}

#[test]
fn an_item_that_comes_twice_is_refused() {
    refused(&event("evaluator_listed", |e| e["data"]["levels"] = json!(["5", "4", "5"])), Code::DuplicateItem, "$.data.levels");
    accepted(&event("evaluator_listed", |e| e["data"]["levels"] = json!([])));
}

#[test]
fn a_subject_that_does_not_match_the_data_is_refused() {
    refused(&completed("class_id", "JZ07-2021-000124"), Code::SubjectMismatch, "$.subject");
    for tail in ["/", "/x", "x"] {
        let longer = event("class_closed", |e| e["subject"] = format!("{}{tail}", e["subject"].as_str().unwrap()).into());
        refused(&longer, Code::SubjectMismatch, "$.subject");
    }
    let target = |subject: &str, year: Option<i64>, district: Option<&str>| {
        event("target_set", |e| {
            e["subject"] = subject.into();
            for (field, value) in [("year", year.map(Json::from)), ("district_code", district.map(Json::from))] {
                e["data"].as_object_mut().unwrap().remove(field);
                value.into_iter().for_each(|v| e["data"][field] = v);
            }
        })
    };
    accepted(&target("target/kangyang-2020-2022/CITY/ALL/trainees", None, None));
    accepted(&target("target/kangyang-2020-2022/CITY/2021/trainees", Some(2021), None));
    refused(&target("target/kangyang-2020-2022/JZ07/ALL/trainees", None, None), Code::SubjectMismatch, "$.subject");
    refused(&target("target/kangyang-2020-2022/CITY/ALL/trainees", None, Some("JZ07")), Code::SubjectMismatch, "$.subject");
    refused(&target("target/kangyang-2020-2022/CITY/02021/trainees", Some(2021), None), Code::SubjectMismatch, "$.subject");
}

#[test]
fn a_withdrawal_has_the_form_topic_and_authority_of_the_type_it_names() {
    let withdrawn = |name: &str, subject: &str, source: &str| {
        event("record_withdrawn", |e| {
            e["data"]["withdrawn_type"] = format!("kangyang.{name}.v1").into();
            (e["subject"], e["source"]) = (subject.into(), source.into());
        })
    };
    for (name, example) in EXAMPLES.iter() {
        let t = CONTRACT.types().iter().find(|t| t.name == *name).unwrap();
        let event = withdrawn(name, example["subject"].as_str().unwrap(), "/city");
        match t.log || t.topic.is_none() {
            true => refused(&event, Code::UnknownCode, "$.data.withdrawn_type"),
            false => accepted(&event),
        }
    }
    accepted(&withdrawn("target_set", "target/kangyang-2020-2022/CITY/ALL/trainees", "/province"));
    for (name, subject) in [
        ("class_filed", "class/JZ07-2021-000123/person/5f0c6a1e9b7d4283ae10c94d7b26f358"),
        ("trainee_completed", "class/JZ07-2021-000123"),
        ("trainee_completed", "class/JZ07-2021-000123/person/5f0c"),
        ("target_set", "target/kangyang-2020-2022/JZ07/02021/trainees"),
        ("target_set", "target/kangyang-2020-2022/JZ07/1850/trainees"),
        ("target_set", "target/kangyang-2020-2022/JZ13/2021/trainees"),
        ("class_filed", "class/"),
    ] {
        refused(&withdrawn(name, subject, "/city"), Code::SubjectMismatch, "$.subject");
    }
    refused(&withdrawn("no_such", "class/x", "/city"), Code::UnknownCode, "$.data.withdrawn_type");
    refused(&withdrawn("target_set", "target/p/JZ07/2021/trainees", "/districts/JZ07"), Code::NotAuthorised, "$.source");
    accepted(&withdrawn("class_filed", "class/JZ07-2021-000123", "/districts/JZ07"));
    refused(&withdrawn("class_filed", "class/13800138000", "/city"), Code::PersonalData, "$.subject");
    let mut rows = Rows::new(CONTRACT.clone(), "kangyang.administration", 3);
    let text = withdrawn("class_filed", "class/JZ07-2021-000123", "/city").to_string();
    let wrong = rows.append(&message(Topic::Administration, "class/JZ07-2021-000123", &text)).unwrap_err();
    assert_eq!(wrong.code, Code::WrongTopic);
}

#[test]
fn a_city_type_from_a_district_is_not_authorised() {
    for t in CONTRACT.types() {
        let from_district = event(&t.name, |e| e["source"] = "/districts/JZ07/rosters".into());
        let city = "target_set institution_listed institution_delisted evaluator_listed occupation_catalogued list_matched match_hit \
            review_decided period_closed period_reopened extract_delivered";
        match city.split_whitespace().any(|c| c == t.name) {
            true => refused(&from_district, Code::NotAuthorised, "$.source"),
            false => accepted(&from_district),
        }
    }
}

#[test]
fn a_class_filed_by_a_district_is_of_that_district() {
    refused(&event("class_filed", |e| e["source"] = "/districts/JZ08".into()), Code::NotAuthorised, "$.source");
    accepted(&event("class_filed", |e| e["source"] = "/city".into()));
    accepted(&event("class_closed", |e| e["source"] = "/districts/JZ08".into()));
}

#[test]
fn an_id_number_or_a_mobile_number_in_a_text_or_id_is_refused() {
    let reason = |text: &str| event("record_withdrawn", |e| e["data"]["reason"] = text.into());
    for person in
        ["11010519491231002X", "440524188001010014", "34052419800101001X", "410899200002290063", "41089919850312002x", "13800138000"]
    {
        for text in [person.to_owned(), format!("张三{person}误报"), format!("no.{person}-1"), format!("A{person} ")] {
            refused(&reason(&text), Code::PersonalData, "$.data.reason");
        }
    }
    for harmless in [
        "340524198001010013",     // a wrong check digit
        "410899199902290055",     // the right one, but no such day
        "1234567890123456789",    // 19 digits
        "138001380001",           // 12 digits
        "12345678901",            // no mobile number
        "91350100M000100Y43",     // a credit code
        "S000041080001215000001", // a certificate number
    ] {
        accepted(&reason(harmless));
    }
    let class = |id: &str| event("class_closed", |e| (e["data"]["class_id"], e["subject"]) = (id.into(), format!("class/{id}").into()));
    refused(&class("410899198503120011"), Code::PersonalData, "$.data.class_id");
    refused(&event("class_closed", |e| e["id"] = "13800138000".into()), Code::PersonalData, "$.id");
    refused(&event("class_closed", |e| e["supersedes"] = "13800138000".into()), Code::PersonalData, "$.supersedes");
    refused(&event("class_closed", |e| e["source"] = "/city/13800138000".into()), Code::PersonalData, "$.source");
    // A digest and a key are no text, and an offset of a pin is no person.
    accepted(&completed("person_key", EXAMPLES["trainee_completed"]["data"]["person_key"].clone()));
    let key = "f13800138000f283ae10c94d7b26f358";
    accepted(&event("trainee_completed", |e| {
        e["data"]["person_key"] = key.into();
        e["subject"] = format!("class/JZ07-2021-000123/person/{key}").into();
        e["origin"] = format!("{key}#1").into();
    }));
    accepted(&event("period_closed", |e| e["data"]["pin"] = "kangyang.training/0=13800138000".into()));
}

#[test]
fn a_reject_never_repeats_a_value() {
    for (field, secret) in [("class_id", "张三 13800138000"), ("result", "李四"), ("completed_on", "王五"), ("person_key", "赵六")]
    {
        let (_, path, detail) = refusal(completed(field, secret).to_string()).unwrap();
        assert!(secret.split(' ').all(|s| !detail.contains(s) && !path.contains(s)), "{detail}");
    }
}

#[test]
fn numbers_of_persons_and_institutions_are_told_by_their_check_digits() {
    for valid in
        ["11010519491231002X", "440524188001010014", "34052419800101001X", "41089919850312002X", "410899198503120011", "410899200002290063"]
    {
        assert!(is_citizen_id(valid), "{valid}");
        assert!(holds_person(valid).is_some(), "{valid}");
    }
    for invalid in ["340524198001010013", "410899199902290055", "41089919850312002", "4108991985031200111", "41089919850312002Y", ""] {
        assert!(!is_citizen_id(invalid), "{invalid}");
    }
    let codes = "91350100M000100Y43 91110000600037341L 12410800TE5T000080 52410800TE5T00008U 51410800TE5T00008Y 91410800TE5T00008T";
    assert!(codes.split(' ').all(is_credit_code));
    assert!(!is_credit_code("91350100M000100Y44") && !is_credit_code("9135010OM000100Y43") && !is_credit_code(""));
    assert_eq!(codes.split(' ').find_map(holds_person), None);
    // Wherever in a text it stands.
    for n in 0..40 {
        let text = format!("{}13800138000{}", "x".repeat(n), "y".repeat(n % 7));
        assert_eq!(holds_person(&text).map(|(_, at)| at), Some(n));
        let text = format!("1234567890-{}440524188001010014", "1x".repeat(n));
        assert!(holds_person(&text).is_some() == (n == 0 || text.ends_with("x440524188001010014")), "{text}");
    }
}

#[test]
fn a_tombstone_another_topic_and_a_key_that_is_not_the_subject_are_refused() {
    let text = EXAMPLES["class_closed"].to_string();
    let good = message(Topic::Training, "class/JZ07-2021-000123", &text);
    let mut rows = Rows::new(CONTRACT.clone(), "kangyang.training", 3);
    for (message, code) in [
        (Message { payload: None, ..good }, Code::Tombstone),
        (Message { topic: Topic::Certification, ..good }, Code::WrongTopic),
        (Message { key: None, ..good }, Code::KeyNotSubject),
        (Message { key: Some(b"class/JZ07-2021-000124"), ..good }, Code::KeyNotSubject),
    ] {
        assert_eq!(rows.append(&message).unwrap_err().code, code);
    }
    assert!(rows.is_empty());
    rows.append(&good).unwrap();
    assert_eq!(rows.len(), 1);
}

#[test]
fn of_several_faults_the_first_in_the_order_of_the_codes_is_told_wherever_it_stands() {
    assert!(Code::ALL.is_sorted());
    let text = completed("completed_on", "2021-02-29").to_string();
    refused_text(text.replace("passed", "pass"), Code::BadDate, "$.data.completed_on");
    refused_text(text.replace("\"passed\"", "null"), Code::NullField, "$.data.result");
    refused_text(text.replace("completed.v1", "completed.v2"), Code::UnknownType, "$.type");
    refused_text(format!("{text}x"), Code::NotJson, "$");
}

#[test]
fn rows_after_a_refused_one_are_intact() {
    let good = |n: i64| event("trainee_enrolled", |e| (e["id"], e["supersedes"]) = (format!("e{n}").into(), format!("e{}", n - 1).into()));
    let bad = |field: &str, value: Json| event("trainee_enrolled", |e| e["data"][field] = value);
    let refused =
        [bad("enrolled_on", json!("2021-02-29")), bad("person_groups", json!(["disabled", "disabled"])), bad("x", json!(1)), json!({})];
    let mut rows = Rows::new(CONTRACT.clone(), "kangyang.training", 3);
    for n in 0..20 {
        let event = good(n);
        rows.append(&message(Topic::Training, event["subject"].as_str().unwrap(), &event.to_string())).unwrap();
        let wrong = refused[n as usize % refused.len()].to_string();
        rows.append(&message(Topic::Training, event["subject"].as_str().unwrap(), &wrong)).unwrap_err();
    }
    assert_eq!(rows.finish().unwrap().remove(0).1, batch(&(0..20).map(good).collect::<Vec<_>>()));
}

#[test]
fn an_event_reads_the_same_in_any_order_of_keys_and_with_any_escapes() {
    let plain = event("trainee_enrolled", |e| drop(e["data"].as_object_mut().unwrap().remove("sex")));
    let mut turned = json!({});
    for (key, value) in plain.as_object().unwrap().iter().rev() {
        turned[key] = value.clone();
    }
    turned["data"] = json!({});
    for (key, value) in plain["data"].as_object().unwrap().iter().rev() {
        turned["data"][key] = value.clone();
    }
    let text = turned.to_string().replace("JZ07", "JZ\\u0030\\u0037").replace(',', "\n ,\t").replace("\"data\"", "\"d\\u0061t\\u0061\"");
    let mut rows = Rows::new(CONTRACT.clone(), "kangyang.training", 3);
    rows.append(&message(Topic::Training, plain["subject"].as_str().unwrap(), &text)).unwrap();
    assert_eq!(rows.finish().unwrap().remove(0).1, batch(&[plain]));
}

#[test]
fn values_become_typed_columns_in_the_order_of_the_lake() {
    let events =
        [EXAMPLES["trainee_enrolled"].clone(), event("trainee_enrolled", |e| drop(e["data"].as_object_mut().unwrap().remove("sex")))];
    let batch = batch(&events);
    let lake = CONTRACT.lake_schema();
    let places: Vec<usize> = batch.schema().fields().iter().map(|f| lake.index_of(f.name()).unwrap()).collect();
    assert!(places.is_sorted());
    assert!(batch.schema().fields().iter().all(|f| lake.field_with_name(f.name()).unwrap() == f.as_ref()));
    let data: Vec<&String> = lake.fields().iter().skip(14).map(|f| f.name()).collect();
    assert!(data.is_sorted() && data.len() == CONTRACT.fields().len());

    let column = |name: &str| batch.column_by_name(name).unwrap();
    assert_eq!(column("kafka_topic").as_string::<i32>().value(1), "kangyang.training");
    assert_eq!(column("type").as_string::<i32>().value(1), "kangyang.trainee_enrolled.v1");
    assert_eq!(column("recorded_at").as_primitive::<TimestampMicrosecondType>().value(0), 1_624_000_000_123_000);
    assert_eq!(column("time").as_primitive::<TimestampMicrosecondType>().value(0), 1_615_110_000_000_000);
    assert_eq!(column("enrolled_on").as_primitive::<Date32Type>().value(0), 18_691);
    assert_eq!(column("person_key").as_binary::<i32>().value(0)[..3], [0x5f, 0x0c, 0x6a]);
    assert_eq!(column("person_key").as_binary::<i32>().value(0).len(), 16);
    let groups = column("person_groups").as_list::<i32>().value(0);
    assert_eq!(groups.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["rural_migrant", "poor_labourer"]);
    assert!(column("sex").is_valid(0) && column("sex").is_null(1) && column("supersedes").is_null(0));
    assert_eq!(column("origin").as_string::<i32>().value(0), "8d3c50e17f9b4a26a1c47be0d96f2385#17");
}

#[test]
fn data_have_one_hash_however_an_instant_is_written_and_another_if_they_differ() {
    let at = |text: &str| event("attendance_recorded", |e| e["data"]["attended_at"] = text.into());
    let groups = |list: Json| event("trainee_enrolled", |e| e["data"]["person_groups"] = list);
    let b = batch(&[at("2021-03-09T13:56:21.5+08:00"), at("2021-03-09T05:56:21.500Z"), at("2021-03-09T05:56:21.501Z")]);
    assert_eq!(int(&b, "data_hash", 0), int(&b, "data_hash", 1));
    assert_ne!(int(&b, "data_hash", 0), int(&b, "data_hash", 2));
    let b = batch(&[groups(json!(["graduate", "disabled"])), groups(json!(["disabled", "graduate"])), groups(json!([]))]);
    assert_ne!(int(&b, "data_hash", 0), int(&b, "data_hash", 1));
    assert_ne!(int(&b, "data_hash", 1), int(&b, "data_hash", 2));
}

#[test]
fn a_withdrawal_has_the_series_of_what_it_withdraws_and_a_subject_one_hash_for_all_types() {
    let other = event("class_closed", |e| e["id"] = "another".into());
    let mut rows = Rows::new(CONTRACT.clone(), "kangyang.training", 3);
    for e in
        [&EXAMPLES["trainee_completed"], &EXAMPLES["record_withdrawn"], &EXAMPLES["trainee_enrolled"], &EXAMPLES["class_closed"], &other]
    {
        rows.append(&message(Topic::Training, e["subject"].as_str().unwrap(), &e.to_string())).unwrap();
    }
    let batches: BTreeMap<&str, RecordBatch> =
        rows.finish().unwrap().into_iter().map(|(i, b)| (CONTRACT.types()[i].name.as_str(), b)).collect();
    let series = |name: &str| int(&batches[name], "series_hash", 0);
    assert_eq!(series("trainee_completed"), series("record_withdrawn"));
    assert_ne!(series("trainee_completed"), series("trainee_enrolled"));
    assert_eq!(series("trainee_completed") >> 16, series("trainee_enrolled") >> 16);
    assert_ne!(series("trainee_completed") >> 16, series("class_closed") >> 16);
    assert_ne!(int(&batches["class_closed"], "event_hash", 0), int(&batches["class_closed"], "event_hash", 1));
    assert_eq!(int(&batches["class_closed"], "data_hash", 0), int(&batches["class_closed"], "data_hash", 1));
}

/// What compiling the folder with a file changed says.
fn compiled(path: &str, change: impl FnOnce(&str) -> String) -> String {
    let mut tree = TREE.clone();
    let text = change(tree.files.get(path).map_or("", String::as_str));
    tree.files.insert(path.to_owned(), text);
    Contract::compile(&tree).err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn a_schema_that_says_more_than_is_understood_is_refused_by_file_and_pointer() {
    for (path, from, to, expected) in [
        ("common.json", r#""minLength": 1, "maxLength": 200"#, r#""minLength": 1, "not": {}"#, "common.json is refused at /$defs/text/not"),
        ("common.json", r#""maximum": 2999"#, r#""multipleOf": 1"#, "common.json is refused at /$defs/year/multipleOf"),
        ("common.json", r#""format": "date" "#, r#""format": "time" "#, "common.json is refused at /$defs/date/format"),
        ("common.json", "{1,6}", "{1,9}", "common.json is refused at /$defs/instant/format"),
        ("common.json", "^[0-9A-Za-z._-]+$", "[0-9A-Za-z._-]+$", "common.json is refused at /$defs/id/pattern"),
        (
            "common.json",
            r##""$ref": "#/$defs/level" }"##,
            r##""$ref": "#/$defs/rung" }"##,
            "common.json is refused at /$defs/levels/items/$ref",
        ),
        (
            "envelope.json",
            r#""additionalProperties": false"#,
            r#""additionalProperties": true"#,
            "envelope.json is refused at /additionalProperties",
        ),
        ("events/class_closed.json", r#""x-topic""#, r#""x-subtopic""#, "events/class_closed.json is refused at /x-subtopic"),
        (
            "events/class_closed.json",
            "/$defs/ended_on",
            "/$defs/ends_on",
            "events/class_closed.json is refused at /properties/data/properties/ended_on",
        ),
        ("events/class_closed.json", "{class_id}", "{plan}", "events/class_closed.json is refused at /x-subject"),
        ("events/class_closed.json", r#""any""#, r#""mayor""#, "events/class_closed.json is refused at /x-authority"),
        ("events/class_closed.json", "closed.v1", "shut.v1", "events/class_closed.json is refused at /properties/type/const"),
        ("events/class_filed.json", r#""then""#, r#""else""#, "events/class_filed.json is refused at /properties/data/else"),
        ("events/target_set.json", "{year|ALL}", "{year}", "events/target_set.json is refused at /x-subject"),
    ] {
        assert!(TREE.files[path].contains(from), "{from}");
        let error = compiled(path, |text| text.replace(from, to));
        assert!(error.contains(expected), "{from} → {to}: {error}");
    }
}

#[test]
fn a_field_told_in_the_event_itself_is_refused_since_a_name_has_one_meaning() {
    let inline = |text: &str| text.replace(r#""$ref": "../common.json#/$defs/ended_on""#, r#""type": "string""#);
    assert!(compiled("events/class_closed.json", inline).contains("/properties/data/properties/ended_on/type"));
}

#[test]
fn two_types_with_one_tag_are_refused() {
    let tag = |name: &str| xxh3_64(format!("kangyang.{name}.v1").as_bytes()) as u16;
    let letters = |n: u32| (0..5).map(|i| char::from(b'a' + (n / 26_u32.pow(i) % 26) as u8)).collect::<String>();
    let twin = (0..).map(letters).find(|name| tag(name) == tag("class_closed")).unwrap();
    let text = TREE.files["events/class_closed.json"].replace("class_closed", &twin);
    let error = compiled(&format!("events/{twin}.json"), |_| text);
    assert!(error.contains("class_closed") && error.contains(&twin) && error.contains("tag"), "{error}");
}

#[test]
fn a_reference_table_is_refused_by_file_row_and_column() {
    let table = |text: &str| compiled("reference/zz.csv", |_| text.to_owned());
    assert_eq!(table("district_code,plan,valid_from,source\nJZ07,p,2021-01-01,[A]\nCITY,p,,[A]\n"), "");
    for (text, expected) in [
        ("plan\np\n", "has no column source"),
        ("plan,wind,source\np,1,[A]\n", "unknown column wind"),
        ("levels,source\n5,[A]\n", "column levels, which is a list"),
        ("district_code,source\nJZ07,[A]\nJZ13,[A]\n", "wrong cell in row 3, column district_code"),
        ("valid_from,source\n2021-02-29,[A]\n", "wrong cell in row 2, column valid_from"),
        ("target,source\n1.5,[A]\n", "wrong cell in row 2, column target"),
        ("shortage,source\nyes,[A]\n", "wrong cell in row 2, column shortage"),
        ("plan,source\np\n", "can't be read"),
    ] {
        let error = table(text);
        assert!(error.contains("reference/zz.csv") && error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn code_lists_and_their_reference_tables_agree_to_the_code() {
    let without = |line: &str| {
        let line = line.to_owned();
        move |text: &str| text.lines().filter(|l| !l.starts_with(&line)).map(|l| format!("{l}\n")).collect::<String>()
    };
    for (path, line, expected) in [
        ("reference/codes.csv", "fund,other", "codes.csv lacks the code other of fund"),
        ("reference/codes.csv", "person_groups,veteran", "codes.csv lacks the code veteran of person_groups"),
        ("reference/districts.csv", "JZ12", "districts.csv lacks the code JZ12 of district_code"),
        ("reference/occupations.csv", "other", "occupations.csv lacks the code other of occupation"),
        ("reference/levels.csv", "5", "levels.csv lacks the code 5 of level"),
        ("reference/metrics.csv", "trainees", "metrics.csv lacks the code trainees of metric"),
    ] {
        let error = compiled(path, without(line));
        assert!(error.contains(expected), "{error}");
    }
    assert!(compiled("reference/codes.csv", |t| format!("{t}fund,loan,贷款,[A]\n")).contains("the code loan of fund"));
    assert!(compiled("reference/codes.csv", |t| format!("{t}fund,other,其他,[A]\n")).contains("twice"));
}

#[test]
fn the_tables_of_event_types_and_reference_data_are_typed() {
    let types = CONTRACT.event_types_batch().unwrap();
    assert_eq!(types.num_rows(), CONTRACT.types().len());
    assert_eq!(types.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), ["type", "name", "topic", "log"]);
    let districts = &CONTRACT.reference()["districts"];
    assert_eq!(districts.num_rows(), 12);
    assert_eq!(int(districts, "position", 11), 12);
}

#[test]
fn the_dictionary_tells_every_type_and_every_column() {
    let text = dictionary(&CONTRACT);
    assert!(CONTRACT.types().iter().all(|t| text.contains(&format!("\n## {}\n", t.name))));
    assert!(CONTRACT.fields().keys().all(|f| text.contains(&format!("\n| `{f}` | "))));
    assert!(text.contains("`class/{class_id}/person/{person_key}`"));
}
