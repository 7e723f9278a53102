//! Holds the marts against the generator's own count: every figure, every planted lead; and the table the demo prints.
use super::plant::Lead;
use super::truth::{Figures, Truth};
use crate::error::{Context, Result};
use crate::models::Engine;
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::{BTreeMap, BTreeSet};

/// What a comparison found.
#[derive(Default)]
pub struct Found {
    pub compared: usize,
    /// What differs, in words.
    pub wrong: Vec<String>,
}

/// An answer's rows as text, null as an empty one.
async fn rows(engine: &mut Engine, sql: &str) -> Result<Vec<Vec<String>>> {
    let batch: RecordBatch = engine.query(sql).await?.batch()?;
    let options = FormatOptions::default();
    let columns: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options)).collect::<Result<_, _>>().context(told)?;
    let text = |row| columns.iter().map(|c| c.value(row).try_to_string()).collect::<Result<Vec<_>, _>>().context(told);
    (0..batch.num_rows()).map(text).collect()
}

fn told() -> String {
    "a mart can't be shown as text".into()
}

/// Every figure that the generator counts too.
pub async fn figures(engine: &mut Engine, truth: &Truth) -> Result<Found> {
    let mut found = Found::default();
    for want in &truth.figures {
        let keys: Vec<_> = want.keys.iter().map(|k| format!("coalesce(CAST({k} AS VARCHAR), '')")).collect();
        let counts: Vec<_> = want.counts.iter().map(|c| format!("CAST(sum({c}) AS BIGINT)")).collect();
        let (keys, counts) = (keys.join(", "), counts.join(", "));
        let got = rows(engine, &format!("SELECT {keys}, {counts} FROM {} GROUP BY {keys}", want.mart)).await?;
        compare(want, got, &mut found);
    }
    let sql = "SELECT CAST(sum(accepted) AS BIGINT), CAST(sum(rejected) AS BIGINT) FROM ledger";
    let (got, want) = (rows(engine, sql).await?.concat(), [truth.accepted.to_string(), truth.rejected.to_string()]);
    found.compared += want.len();
    if got != want {
        found.wrong.push(format!("ledger: accepted, rejected: lake {got:?}, generator {want:?}"));
    }
    Ok(found)
}

fn compare(want: &Figures, got: Vec<Vec<String>>, found: &mut Found) {
    let split = |mut row: Vec<String>| (row.drain(..want.keys.len().min(row.len())).collect::<Vec<_>>(), row);
    let got: BTreeMap<_, _> = got.into_iter().map(split).collect();
    let wanted = |counts: &Vec<i64>| counts.iter().map(ToString::to_string).collect::<Vec<_>>();
    for key in got.keys().chain(want.rows.keys()).collect::<BTreeSet<_>>() {
        let (ours, theirs) = (want.rows.get(key).map(wanted), got.get(key));
        found.compared += want.counts.len();
        if ours.as_ref() != theirs {
            let (place, names) = (key.join(" "), want.counts.join(", "));
            found.wrong.push(format!("{} {place}: {names}: lake {theirs:?}, generator {ours:?}", want.mart));
        }
    }
}

/// How many leads were planted and found, how many others there are; what was not found counts as wrong.
pub async fn leads(engine: &mut Engine, truth: &Truth) -> Result<(usize, usize, Found)> {
    let sql = "SELECT lead, coalesce(class_id, ''), coalesce(district_code, ''), coalesce(CAST(year AS VARCHAR), '') FROM leads";
    let rows = rows(engine, sql).await?;
    let mut holders: Vec<Option<usize>> = vec![None; rows.len()];
    let mut found = Found { compared: truth.leads.len(), wrong: vec![] };
    for (n, lead) in truth.leads.iter().enumerate() {
        if !seat(n, &truth.leads, &rows, &mut holders, &mut BTreeSet::new()) {
            found.wrong.push(format!("lead not found: {lead:?}"));
        }
    }
    let seated = holders.iter().flatten().count();
    Ok((seated, rows.len() - seated, found))
}

/// Gives a lead a row of its own, if need be by moving those that could have another one.
fn seat(n: usize, leads: &[Lead], rows: &[Vec<String>], holders: &mut [Option<usize>], tried: &mut BTreeSet<usize>) -> bool {
    let Some(lead) = leads.get(n) else { return false };
    for (r, row) in rows.iter().enumerate() {
        if !lead.fits(row) || !tried.insert(r) {
            continue;
        }
        let holder = holders.get(r).copied().flatten();
        if holder.is_none_or(|other| seat(other, leads, rows, holders, tried)) {
            holders.get_mut(r).into_iter().for_each(|h| *h = Some(n));
            return true;
        }
    }
    false
}

impl Lead {
    /// Whether a row (lead, class, district, year) is this one.
    fn fits(&self, row: &[String]) -> bool {
        let among = |all: &[String], one: &String| if all.is_empty() { one.is_empty() } else { all.contains(one) };
        match row {
            [lead, class, district, year] => {
                let year = self.year.is_none_or(|y| y.to_string() == *year);
                self.lead == lead && among(&self.classes, class) && among(&self.districts, district) && year
            }
            _ => false,
        }
    }
}

/// The completion table: districts and the city, for each year target, completed and rate.
pub async fn table(engine: &mut Engine, truth: &Truth) -> Result<RecordBatch> {
    let names =
        |y: &i64| [("任务", "target"), ("完成", "completed"), ("完成率%", "completion_rate")].map(|(n, c)| (format!("\"{y} {n}\""), c));
    let all: Vec<_> = truth.years.iter().flat_map(|y| names(y).map(|(name, column)| (*y, name, column))).collect();
    let columns: Vec<_> = all.iter().map(|(y, name, c)| format!("max(CASE WHEN year = {y} THEN {c} END) AS {name}")).collect();
    let (columns, names) = (columns.join(", "), all.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>().join(", "));
    let sql = format!(
        "WITH years AS (
            SELECT plan, year, position, district, target, completed, completion_rate FROM completion_by_district_year
            UNION ALL
            SELECT plan, year, NULL, whole, target, completed, completion_rate FROM completion_by_year CROSS JOIN city
        ),
        districts AS (SELECT position, district AS \"单位\", {columns} FROM years WHERE plan = '{}' GROUP BY position, district)
        SELECT \"单位\", {names} FROM districts ORDER BY position NULLS LAST",
        truth.plan.replace('\'', "''"),
    );
    engine.query(&sql).await?.batch()
}
