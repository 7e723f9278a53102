//! Every count opens up: as many events as the cell says, and only those. The units of a figure are told in SQL of their own, by another
//! way than the figure is computed, so that each proves the other.
use super::support::command::Kangyang;
use super::support::session;
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use kangyang::models::{Engine, Period, marts};
use kangyang::reports::explain::{Question, explain, explained, numbers};
use kangyang::tree::Tree;
use std::collections::BTreeSet;

/// Whole numbers that count no events: targets, ranks and amounts, and what others state as a number.
const NO_COUNTS: [&str; 31] = [
    "year",
    "month",
    "position",
    "target",
    "target_to_date",
    "rank",
    "plan_target",
    "caregiver_target",
    "social_target",
    "capacity",
    "planned_total_minutes",
    "planned_practical_minutes",
    "delivered_total_minutes",
    "delivered_practical_minutes",
    "paid_fen",
    "recovered_fen",
    "misplaced_fen",
    "amount_fen",
    "total",
    "month_total",
    "year_total",
    "plan_total",
    "districts_taking",
    "kafka_offset",
    "figure",
    "published",
    "difference",
    "revision",
    "corrected",
    "rules",
    "rows_delivered",
];

/// What rows are known by, beside codes.
const KEYS: [&str; 24] = [
    "plan",
    "year",
    "month",
    "position",
    "metric",
    "dimension",
    "value",
    "fund",
    "level",
    "evaluator_id",
    "recipient",
    "contest_id",
    "district",
    "institution",
    "period",
    "revision",
    "subsidy_kind",
    "kafka_topic",
    "kafka_partition",
    "completed_on",
    "occupation",
    "sex",
    "reason",
    "ended_on",
];

/// Marts of moves and differences: their sums are counts, or differences of counts; their cells are not.
const MOVES: [&str; 5] = ["certified_by_day", "figures_by_revision", "persons_by_day", "revisions", "subsidies_by_day"];

/// A demo's lake, its marts built, and a session on it in this process; units are kept, as are a period's tables: many cells are asked for.
async fn lab(k: &Kangyang, period: Option<&str>) -> Engine {
    let root = std::fs::canonicalize(k.folder.path().join("demo")).expect("the demo's data");
    let (schemas, queries) = (Tree::schemas(None).expect("schemas"), Tree::queries(None).expect("queries"));
    let (mut engine, pinned) = session(&root, None).await;
    let built = marts::built(&mut engine, &root.join("marts"), &pinned, &marts::inputs(&queries, &schemas)).expect("marts");
    assert!(built, "the demo's marts are of this pin and this SQL");
    let plan = engine.plans().await.expect("plans").remove(0);
    let told = engine.dag.models.values().filter(|m| !m.counts.is_empty());
    let mut kept: BTreeSet<String> = told.flat_map(|m| m.counts.iter().map(|c| c.units.clone())).chain(["told".into()]).collect();
    match period {
        Some(name) => {
            engine.set_period(&Period::new(&plan, name).expect("a period")).expect("a period");
            kept.extend(explained(&engine).into_iter().map(|(mart, _)| mart).filter(|m| of_a_report(m)));
        }
        None => kept.retain(|n| !n.starts_with("in_report_")),
    }
    engine.keep(&kept.into_iter().collect::<Vec<_>>()).await.expect("units");
    engine
}

/// A table of a report, or the figures of its chart: of a period.
fn of_a_report(model: &str) -> bool {
    model.starts_with("table_") || model == "pace_by_month"
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Explains up to `most` cells of each count of these marts, spread over their rows; returns how many.
async fn cells(engine: &mut Engine, of: impl Fn(&str) -> bool, most: usize) -> usize {
    let (mut done, mut wrong) = (0, vec![]);
    for (mart, metric) in explained(engine).into_iter().filter(|(m, _)| of(m)) {
        let rows = engine.query(&format!("SELECT * FROM {mart}")).await.and_then(|a| a.batch()).expect("a mart's rows");
        let step = rows.num_rows().div_ceil(most).max(1);
        for row in (0..rows.num_rows()).step_by(step) {
            let schema = rows.schema();
            let known = schema.fields().iter().zip(rows.columns());
            let known = known.filter(|(f, _)| f.name().ends_with("_code") || KEYS.contains(&f.name().as_str()));
            let text = |c: &dyn Array| arrow::util::display::array_value_to_string(c, row).expect("a key");
            let keys = known.map(|(f, c)| (f.name().clone(), c.is_valid(row).then(|| text(c)))).collect();
            let question = Question { mart: mart.clone(), metric: metric.clone(), keys, district: None };
            let found = match explain(engine, &question).await {
                Ok(found) => found,
                Err(e) => {
                    wrong.push(e.to_string());
                    continue;
                }
            };
            let cell = rows.column_by_name(&metric).and_then(|c| c.as_primitive_opt::<Int64Type>()).expect("a count");
            let cell = if cell.is_valid(row) { cell.value(row) } else { 0 };
            assert_eq!((found.figure, found.units.rows() as i64), (cell, cell), "{question:?}");
            // A message that was refused is no event, and has no id.
            let lines = found.units.batch().expect("lines");
            let events = lines.column_by_name("id").map_or(0, |id| lines.num_rows() - id.null_count());
            let refused = mart == "ledger" && ["received", "rejected"].contains(&metric.as_str());
            assert!(events == lines.num_rows() || refused, "{question:?}: {events} events in {} lines", lines.num_rows());
            done += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {done} cells:\n{}", wrong.len(), wrong.join("\n"));
    done
}

#[test]
fn every_count_of_every_mart_and_table_opens_up_to_as_many_events() {
    // All 36 months of the tables: KANGYANG_TEST_MONTHS=36.
    let months: usize =
        std::env::var_os("KANGYANG_TEST_MONTHS").map_or(2, |v| v.to_str().and_then(|v| v.parse().ok()).expect("a number of months"));
    let k = Kangyang::new("explain");
    k.ok(["demo", "--data", "demo", "--trainees", "900"]);
    runtime().block_on(async {
        let of_marts = cells(&mut lab(&k, None).await, |m| !of_a_report(m), 4).await;
        let mut of_tables = 0;
        for i in 0..months {
            let month = 36 - 1 - i * 36 / months;
            let mut lab = lab(&k, Some(&format!("{}-{:02}", 2020 + month / 12, month % 12 + 1))).await;
            of_tables += cells(&mut lab, of_a_report, 13).await;
        }
        println!("{of_marts} cells of marts, {of_tables} of the tables of {months} months");
        assert!(of_marts > 100 && of_tables > 100);
    });
}

#[test]
fn every_whole_number_of_a_mart_is_a_count_that_opens_up_or_is_known_to_be_none() {
    let k = Kangyang::new("explain-all");
    k.ok(["demo", "--data", "demo", "--trainees", "60"]);
    runtime().block_on(async {
        let mut lab = lab(&k, Some("2022-12")).await;
        let told: BTreeSet<(String, String)> = explained(&lab).into_iter().collect();
        let names: Vec<String> = lab
            .dag
            .models
            .values()
            .filter(|m| ["marts/", "reports/"].iter().any(|f| m.path.starts_with(f)))
            .map(|m| m.name.clone())
            .collect();
        let mut missing = vec![];
        for name in names.into_iter().filter(|n| !MOVES.contains(&n.as_str())) {
            let schema = lab.columns(&name).await.expect("a mart's columns");
            let silent = numbers(&schema).into_iter().filter(|c| !NO_COUNTS.contains(&c.as_str()));
            missing.extend(silent.filter(|c| !told.contains(&(name.clone(), c.clone()))).map(|c| format!("{name}.{c}")));
        }
        assert!(missing.is_empty(), "no header tells what these count: {}", missing.join(", "));
    });
}
