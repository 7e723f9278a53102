//! One completion less in the log moves its own figures, and those of the completion that it kept out; not one other cell.
//! A pin that ends before the last event of a partition is that log: completions are sent last, and pins walk down over them.
use super::support::command::Kangyang;
use super::support::fold::Random;
use super::support::{event, filing, kafka, root, session};
use arrow::util::display::array_value_to_string;
use kangyang::lake::Lake;
use kangyang::models::Pin;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const YEARS: [i64; 3] = [2020, 2021, 2022];
const DISTRICTS: usize = 12;
const COUNTS: [&str; 5] = ["completed", "persons", "held", "subsidised", "completed_to_date"];

/// Class, person.
type Unit = (String, String);
/// A row of the marts: year, district code, none for the city.
type Row = (i64, Option<String>);
type Cells = BTreeMap<(Row, String), String>;

struct Class {
    district: String,
    year: i64,
    occupation: &'static str,
    subsidised: bool,
}

fn filed(id: &str, class: &Class) -> Value {
    let mut data = filing(id, &class.district, class.year);
    data["occupation"] = class.occupation.into();
    data["subsidised"] = class.subsidised.into();
    event("class_filed", &format!("f-{id}"), &format!("class/{id}"), data)
}

/// Which completions count (true) and which are held, by the contract's rule: of one person's in one occupation, level and year the
/// earliest counts, then the smallest class.
fn counted(done: &BTreeMap<Unit, String>, classes: &BTreeMap<String, Class>) -> BTreeMap<Unit, bool> {
    // By person, occupation and year; in it by day and class.
    type Group<'a> = Vec<(&'a str, &'a Unit)>;
    let mut groups: BTreeMap<(&str, &str, i64), Group> = BTreeMap::new();
    for (unit, day) in done {
        let class = &classes[&unit.0];
        groups.entry((&unit.1, class.occupation, class.year)).or_default().push((day, unit));
    }
    let mut found = BTreeMap::new();
    for mut group in groups.into_values() {
        group.sort();
        found.extend(group.into_iter().enumerate().map(|(turn, (_, unit))| (unit.clone(), turn == 0)));
    }
    found
}

/// The figures that are counts, by row and column, zeros left out.
fn figures(units: &BTreeMap<Unit, bool>, classes: &BTreeMap<String, Class>) -> BTreeMap<(Row, &'static str), i64> {
    let mut found = BTreeMap::new();
    let mut persons = BTreeSet::new();
    for ((class, person), counts) in units {
        let class = &classes[class];
        for district in [Some(class.district.clone()), None] {
            let mut add = |year, column| *found.entry(((year, district.clone()), column)).or_default() += 1;
            if !counts {
                add(class.year, "held");
                continue;
            }
            add(class.year, "completed");
            YEARS.into_iter().filter(|y| *y >= class.year).for_each(|y| add(y, "completed_to_date"));
            if class.subsidised {
                add(class.year, "subsidised");
            }
            if persons.insert((class.year, district.clone(), person)) {
                add(class.year, "persons");
            }
        }
    }
    found
}

async fn cells(root: &std::path::Path, pin: &Pin) -> Cells {
    let (mut engine, _) = session(root, Some(pin)).await;
    engine.keep(&["completions".into()]).await.expect("what counts");
    let mut all = Cells::new();
    for mart in ["completion_by_district_year", "completion_by_year"] {
        let rows = engine.query(&format!("SELECT * FROM {mart}")).await.and_then(|a| a.batch()).expect("a mart's rows");
        let text = |column: &str, row: usize| {
            let column = rows.column_by_name(column).filter(|c| c.is_valid(row))?;
            Some(array_value_to_string(column, row).expect("a cell"))
        };
        for row in 0..rows.num_rows() {
            let key: Row = (text("year", row).and_then(|y| y.parse().ok()).expect("a year"), text("district_code", row));
            for field in rows.schema().fields() {
                all.insert((key.clone(), field.name().clone()), text(field.name(), row).unwrap_or_default());
            }
        }
    }
    all
}

#[test]
fn dropping_one_completion_moves_only_its_own_cells_and_those_of_what_it_held() {
    let drops: usize =
        std::env::var_os("KANGYANG_TEST_DROPS").map_or(16, |v| v.to_str().and_then(|v| v.parse().ok()).expect("a number of drops"));
    let k = Kangyang::on(kafka::broker(), "dropped", &kafka::prefix("dropped"));
    k.ok(["topics", "create"]);
    k.ok(["targets", "load", &root().join("schemas/reference/allocation.csv").display().to_string()]);
    let mut r = Random::new(11);
    let mut classes = BTreeMap::new();
    for i in 0..3 * DISTRICTS {
        let occupation = *r.pick(&["elderly_caregiver", "domestic_worker"]);
        let district = format!("JZ{:02}", i % DISTRICTS + 1);
        classes.insert(format!("k{i}"), Class { district, year: YEARS[i / DISTRICTS], occupation, subsidised: r.chance(60) });
    }
    let mut done: BTreeMap<Unit, String> = BTreeMap::new();
    while done.len() < 300.max(2 * drops) {
        let (class, person) = (format!("k{}", r.below(3 * DISTRICTS as u32)), format!("{:032x}", r.below(90)));
        let day = format!("{}-{:02}-{:02}", classes[&class].year, 1 + r.below(12), 1 + r.below(28));
        done.entry((class, person)).or_insert(day);
    }
    let mut lines: Vec<Value> = classes.iter().map(|(id, class)| filed(id, class)).collect();
    for ((class, person), day) in &done {
        let data = json!({"class_id": class, "person_key": person, "result": "passed", "completed_on": day});
        lines.push(event("trainee_completed", &format!("c-{class}-{person}"), &format!("class/{class}/person/{person}"), data));
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    k.run_with_input(["produce", "-"], lines.join("\n").as_bytes()).exits(0);
    k.ok(["ingest", "--until-caught-up"]);

    let at = k.sql("SELECT kafka_topic, kafka_partition, kafka_offset, subject FROM trainee_completed");
    let at: BTreeMap<(String, i32, i64), Unit> = at
        .iter()
        .map(|row| {
            let subject: Vec<&str> = row[3].split('/').collect();
            let place = (row[0].clone(), row[1].parse().expect("a partition"), row[2].parse().expect("an offset"));
            (place, (subject[1].to_owned(), subject[3].to_owned()))
        })
        .collect();
    assert_eq!(at.len(), done.len());

    let (mut holding, mut held, mut reranked) = (0, 0, 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let root = std::fs::canonicalize(k.data()).expect("the data root");
        let mut pin = Pin::newest(&mut Lake::open(&root).await.expect("a lake")).await.expect("a pin").pin;
        let mut before = cells(&root, &pin).await;
        for turn in 0..drops {
            // From each partition in turn, so that no order in the log plays a part.
            let last = pin.0.iter_mut().filter_map(|(p, end)| Some((at.get(&(p.0.clone(), p.1, *end - 1))?, end))).collect::<Vec<_>>();
            let partitions = last.len();
            let (unit, end) = last.into_iter().nth(turn % partitions).expect("completions stand last");
            *end -= 1;
            let (then, day) = (counted(&done, &classes), done.remove(unit).expect("not dropped before"));
            let now = counted(&done, &classes);
            let (then_figures, now_figures) = (figures(&then, &classes), figures(&now, &classes));
            let after = cells(&root, &pin).await;

            let moved = |key: &(Row, &'static str)| then_figures.get(key) != now_figures.get(key);
            let own: BTreeSet<&str> = [Some(&unit.0), now.iter().find(|(u, counts)| **counts && !then[*u]).map(|(u, _)| &u.0)]
                .into_iter()
                .flatten()
                .map(|class| classes[class].district.as_str())
                .collect();
            let year = classes[&unit.0].year;
            for (place, cell) in &after {
                let ((row_year, district), column) = place;
                let row = || (*row_year, district.clone());
                let what = || format!("{place:?}, without {unit:?} of {day}");
                let moves = cell != &before[place];
                if let Some(count) = COUNTS.into_iter().find(|c| c == column) {
                    let expected = now_figures.get(&(row(), count)).copied().unwrap_or(0);
                    assert_eq!(cell, &expected.to_string(), "{}", what());
                    let near = *row_year == year || (*row_year > year && count == "completed_to_date");
                    assert!(!moves || near && district.as_deref().is_none_or(|d| own.contains(d)), "{} moved", what());
                    continue;
                }
                let may = match column.as_str() {
                    "completion_rate" => moved(&(row(), "completed")),
                    "rate_to_date" => moved(&(row(), "completed_to_date")),
                    "rank" => *row_year == year,
                    _ => false,
                };
                assert!(may || !moves, "{} moved", what());
                reranked += usize::from(moves && column == "rank");
            }
            assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
            held += usize::from(!then[unit]);
            holding += usize::from(then[unit] && now.iter().any(|(u, counts)| *counts && !then[u]));
            before = after;
        }
    });
    println!("{drops} dropped: {held} were held themselves, {holding} held another, {reranked} ranks moved");
    assert!(held > 0 && holding > 0 && reranked > 0, "{held} held, {holding} holding, {reranked} ranks: too few to prove anything");
}
