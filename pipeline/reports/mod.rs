//! Reports: one report is queries and a form; it is built to the side, checked, and only then published, never to be changed.
pub mod bundle;
pub mod close;
pub mod explain;
pub mod form;
pub mod recipients;
pub mod render;
pub mod suppress;
pub mod verify;

pub use crate::models::manifest;

use crate::contract::Contract;
use crate::durable::{self, lock, sync};
use crate::error::{Context, Error, Result};
use crate::models::engine::Finding;
use crate::models::{Engine, FIGURES, Layer, Period, Pinned, marts};
use crate::tree::Tree;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use form::{Form, Sheet, Vars, View};
use manifest::{FORMAT, Manifest, Output, revisions, sha256};
use recipients::Recipient;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A report that is published: now, or already before.
pub struct Published {
    /// `reports/PERIOD/rN`.
    pub dir: PathBuf,
    /// False: the same pin, SQL and reference data had been published there before.
    pub new: bool,
    /// The tables as a terminal shows them.
    pub text: String,
}

/// What a report is made of.
pub struct Request<'a> {
    /// The span.
    pub period: &'a Period,
    /// How far the lake was read.
    pub pinned: &'a Pinned,
    /// Event types and reference data.
    pub contract: &'a Contract,
    /// The schemas' files, for the manifest.
    pub schemas: &'a Tree,
    /// The models' files and the forms.
    pub queries: &'a Tree,
    /// The data root.
    pub root: &'a Path,
    /// Whose version it is; none: the office's own, whole.
    pub recipient: Option<Recipient>,
}

/// Checks that found bad rows.
pub fn failed_checks(bad: &[Finding]) -> Error {
    let list = bad.iter().map(|f| format!("{} ({} rows): {}", f.model.name, f.rows, f.model.sentence)).collect::<Vec<_>>().join("; ");
    Error::refused(format!("{} checks do not hold", bad.len())).detail(list).hint("see the rows with: kangyang check")
}

/// A report in memory: every byte of it is decided by what its manifest names.
pub struct Made {
    /// Without the revision's number, which publishing gives.
    pub manifest: Manifest,
    /// Content by file name, without the manifest.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The tables as a terminal shows them.
    pub text: String,
}

/// Checks, makes a period's tables, and publishes them. Errors: a failed check (exit 3, nothing is published), a form that does not fit.
pub async fn publish(engine: &mut Engine, r: &Request<'_>) -> Result<Published> {
    engine.set_period(r.period)?;
    let bad = engine.checks().await?;
    if !bad.is_empty() {
        return Err(failed_checks(&bad));
    }
    let made = make(engine, r).await?;
    // A published folder never changes, so a version has revisions of its own beside the whole report's.
    let home = r.root.join("reports").join(&r.period.name);
    let home = r.recipient.as_ref().map_or(home.clone(), |to| home.join(&to.code));
    let (dir, new) = put(&home, made.manifest, &made.files)?;
    Ok(Published { dir, new, text: made.text })
}

/// Makes a period's tables, whatever the checks say. Error: a form that does not fit.
pub async fn make(engine: &mut Engine, r: &Request<'_>) -> Result<Made> {
    engine.set_period(r.period)?;
    let has_form = |name: &str| r.queries.files.contains_key(&format!("reports/{name}.toml"));
    // The figures have no form: they are what a closing signs, and what later ones are compared with.
    let wanted = |n: &String| match &r.recipient {
        Some(to) => has_form(n) && to.sees(n),
        None => has_form(n) || n == FIGURES,
    };
    let names: Vec<String> = engine.dag.layer(Layer::Reports).into_iter().filter(wanted).collect();
    engine.prepare(&names).await?;
    let mut manifest = Manifest {
        format: FORMAT,
        period: r.period.name.clone(),
        recipient: r.recipient.as_ref().map(|to| to.code.clone()),
        revision: 0,
        plan: r.period.plan.clone(),
        pin: r.pinned.pin.to_string(),
        as_of: r.pinned.as_of.map(|t| t.to_rfc3339()),
        provisional: r.pinned.provisional,
        tool: format!("kangyang {}", env!("CARGO_PKG_VERSION")),
        libraries: manifest::libraries(),
        queries: digests(r.queries),
        schemas: digests(r.schemas),
        outputs: BTreeMap::new(),
    };
    let vars = vars(engine, r, &manifest).await?;
    let labels = labels(r.contract);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut sheets = vec![];
    for name in &names {
        let batch = engine.answer(name).await?.batch()?;
        let form = has_form(name).then(|| Form::load(r.queries, name)).transpose()?;
        let (form, view) = match (form, &r.recipient) {
            (Some(form), Some(to)) => to.version(name, form, batch).map(|(form, view)| (Some(form), view))?,
            (form, _) => (form, View::from(batch)),
        };
        let batch = view.told()?;
        files.insert(format!("{name}.parquet"), marts::parquet(&batch.schema(), std::slice::from_ref(&batch))?);
        files.insert(format!("{name}.csv"), render::csv(&batch, Some(&labels))?);
        if let Some(form) = form {
            sheets.push(Sheet::new(form, &view, &vars)?);
        }
    }
    // Tables come before figures, so that the first sheet names the report.
    sheets.sort_by_key(|s| !s.form.sheet);
    files.insert("report.xlsx".into(), render::xlsx(&sheets, &vars)?);
    files.insert("report.html".into(), render::html(&sheets, &vars)?);
    manifest.outputs = files.iter().map(|(n, b)| (n.clone(), Output::of(b))).collect();
    let text = sheets.iter().filter(|s| s.form.sheet).map(|s| render::terminal(s, &vars)).collect::<Vec<_>>().join("\n");
    Ok(Made { manifest, files, text })
}

/// Finds the inputs among the revisions in `home` (`reports/PERIOD`), else adds the next one, whole in one step, and tells so (true).
/// One at a time does so.
pub fn put(home: &Path, mut manifest: Manifest, files: &BTreeMap<String, Vec<u8>>) -> Result<(PathBuf, bool)> {
    std::fs::create_dir_all(home).context(|| format!("folder {} can't be made", home.display()))?;
    let _lock = lock(&home.join(".lock"))?;
    durable::sweep(home)?;
    for (number, path) in revisions(home)? {
        manifest.revision = manifest.revision.max(number);
        let file = path.join("manifest.json");
        let bytes = std::fs::read(&file).context(|| format!("file {} can't be read", file.display()))?;
        if Manifest::from_bytes(&bytes)?.inputs_digest() == manifest.inputs_digest() {
            return Ok((path, false));
        }
    }
    manifest.revision += 1;
    let place = home.join(format!("r{}", manifest.revision));
    let aside = home.join(format!(".r{}.{}.part", manifest.revision, uuid::Uuid::new_v4()));
    std::fs::create_dir(&aside).context(|| format!("folder {} can't be made", aside.display()))?;
    let all = files.iter().map(|(n, b)| (n.as_str(), b.clone())).chain([("manifest.json", manifest.to_bytes()?)]);
    for (name, bytes) in all {
        let path = aside.join(name);
        std::fs::write(&path, bytes).context(|| format!("file {} can't be written", path.display()))?;
        sync(&path)?;
    }
    std::fs::rename(&aside, &place).context(|| format!("report can't be put at {}", place.display()))?;
    sync(&place)?;
    Ok((place, true))
}

/// Removes what crashed publications left half made, of every period and version.
pub fn sweep(root: &Path) -> Result<()> {
    let below = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
    let periods = below(&root.join("reports"));
    let versions: Vec<PathBuf> = periods.iter().flat_map(|p| below(p)).collect();
    // A folder without a lock is none where anything is published.
    for home in periods.iter().chain(&versions).filter(|home| home.join(".lock").is_file()) {
        let _lock = lock(&home.join(".lock"))?;
        durable::sweep(home)?;
    }
    Ok(())
}

fn digests(tree: &Tree) -> BTreeMap<String, String> {
    tree.files.iter().map(|(path, text)| (path.clone(), sha256(text.as_bytes()))).collect()
}

/// A text column of a reference table.
fn texts<'a>(contract: &'a Contract, table: &str, column: &str) -> Vec<&'a str> {
    let found =
        contract.reference().get(table).and_then(|b: &RecordBatch| b.column_by_name(column)).filter(|c| c.data_type() == &DataType::Utf8);
    found.map(|c| c.as_string::<i32>().iter().map(Option::unwrap_or_default).collect()).unwrap_or_default()
}

/// Chinese labels of columns, from reference data.
pub fn labels(contract: &Contract) -> BTreeMap<String, String> {
    let of = |c| texts(contract, "labels", c).into_iter().map(str::to_owned);
    of("column").zip(of("label")).collect()
}

async fn vars(engine: &mut Engine, r: &Request<'_>, manifest: &Manifest) -> Result<Vars> {
    let mut vars = Vars::new(&r.period.name)?;
    let first = |column| texts(r.contract, "city", column).first().map(|s| (*s).to_owned()).unwrap_or_default();
    vars.city = first("city");
    vars.office = first("office");
    let years =
        format!("SELECT min(year), max(year) FROM completion_by_district_year WHERE plan = '{}'", r.period.plan.replace('\'', "''"));
    let span = engine.query(&years).await?.batch()?;
    let year = |i: usize| {
        let years = span.columns().get(i).and_then(|c| c.as_primitive_opt::<Int64Type>());
        let years = years.ok_or_else(|| Error::new("model completion_by_district_year: column year is no BIGINT"))?;
        Ok::<i32, Error>(years.iter().flatten().next().map_or(0, |y| y as i32))
    };
    (vars.first_year, vars.last_year) = (year(0)?, year(1)?);
    // Not the month's last day where the setting has a cut-off day: report_span knows.
    let day = engine.query("SELECT last_day FROM report_span").await?.batch()?;
    let day = day.columns().first().and_then(|c| c.as_primitive_opt::<Date32Type>()).and_then(|c| c.iter().flatten().next());
    let day = day.and_then(Date32Type::to_naive_date_opt);
    vars.as_of_day = day.ok_or_else(|| Error::new("model report_span: column last_day holds no date"))?;
    vars.provisional = manifest.provisional;
    vars.pin.clone_from(&manifest.pin);
    vars.inputs = manifest.inputs_digest();
    let listed =
        |kind: &str, files: &BTreeMap<String, String>| files.iter().map(|(p, d)| (format!("{kind}/{p}"), d.clone())).collect::<Vec<_>>();
    vars.digests = listed("queries", &manifest.queries).into_iter().chain(listed("schemas", &manifest.schemas)).collect();
    vars.assumptions = texts(r.contract, "assumptions", "label").into_iter().map(str::to_owned).collect();
    Ok(vars)
}
