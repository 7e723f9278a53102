//! `verify`: a published report is made again from its manifest and compared byte by byte; where bytes differ, the cells that do are named.
//!
//! Three things must agree: the files on disk, the digests that the manifest has of them, and what the pin gives now. That the SQL or the
//! reference data in use are others than the report's own is told, and the report made all the same: the cells show what it changes.
use super::Made;
use super::manifest::{Manifest, Output, sha256};
use crate::error::{Context, Error, Result};
use crate::models::{Period, Pin, Pinned};
use crate::table::texts;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use calamine::{Reader, Xlsx};
use chrono::DateTime;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most bytes of a file that are read: a report's are some kilobytes, and what took a file's place may be anything.
const MOST_BYTES: u64 = 256 << 20;

/// The most differing cells of a file that are listed; the others are counted.
const MOST_CELLS: usize = 50;

/// The most characters of a value that are shown.
const MOST_CHARACTERS: usize = 200;

/// A published report as it lies on disk.
pub struct Claim {
    /// The manifest as it was named.
    pub path: PathBuf,
    /// What it says.
    pub manifest: Manifest,
    bytes: Vec<u8>,
    /// Each file of its folder but this; no content where it is not the manifest's and too large to be compared.
    files: BTreeMap<String, Option<Vec<u8>>>,
}

/// One thing that does not agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// `manifest_altered`, `input_differs`, `file_missing`, `file_unknown`, `file_altered`, `bytes_differ`, `cell_differs`, `more_cells`.
    pub finding: &'static str,
    /// The file, or the sheet of a workbook.
    pub file: String,
    /// The row by its key, or its number.
    pub row: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// What is published: a digest as the manifest has it, a cell as the file shows it.
    pub published: Option<String>,
    /// What is made again.
    pub made_again: Option<String>,
}

impl Claim {
    /// Reads a manifest, named or in the folder named, and the files beside it. Error: it is no manifest, or a file can't be read.
    pub fn read(path: &Path) -> Result<Claim> {
        let path = &if path.is_dir() { path.join("manifest.json") } else { path.to_owned() };
        let failed = || format!("manifest {} can't be read", path.display());
        let bytes = read(path)?.ok_or_else(|| Error::new(failed()).detail("it is far too large"))?;
        let manifest = Manifest::from_bytes(&bytes)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).context(failed)? {
            let path = entry.context(failed)?.path();
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if name != "manifest.json" {
                let content = if manifest.outputs.contains_key(&name) { read(&path)? } else { None };
                files.insert(name, content);
            }
        }
        Ok(Claim { path: path.to_owned(), manifest, bytes, files })
    }

    /// Whose version it is; none: the office's own.
    pub fn recipient(&self) -> Option<&str> {
        self.manifest.recipient.as_deref()
    }

    /// The data root that a report at `reports/PERIOD/rN`, or a version at `reports/PERIOD/RECIPIENT/rN`, was published from.
    /// Error (usage): it lies elsewhere.
    pub fn root(&self) -> Result<PathBuf> {
        let place = std::fs::canonicalize(&self.path).context(|| format!("manifest {} can't be found", self.path.display()))?;
        let root = place
            .ancestors()
            .nth(3 + usize::from(self.manifest.recipient.is_some()))
            .filter(|reports| reports.ends_with("reports"))
            .and_then(Path::parent);
        let hint = "a report that lies elsewhere than in DATA/reports/PERIOD/rN needs the lake it is of: --data DIR";
        root.map(Path::to_owned).ok_or_else(|| Error::usage(format!("no data root is above {}", self.path.display())).hint(hint))
    }

    /// The pin it was made at. Error: it is none.
    pub fn pin(&self) -> Result<Pin> {
        self.manifest.pin.parse().context(|| format!("pin of manifest {} can't be read", self.path.display()))
    }

    /// The span it is about. Error: it is none.
    pub fn period(&self) -> Result<Period> {
        let of = || format!("period of manifest {} can't be read", self.path.display());
        Period::new(&self.manifest.plan, &self.manifest.period).context(of)
    }

    /// The pin with what else the publication knew of it. Error: the as-of date is no instant.
    pub fn pinned(&self, pin: Pin) -> Result<Pinned> {
        let of = || format!("as-of date of manifest {} can't be read", self.path.display());
        let as_of = self.manifest.as_of.as_deref().map(DateTime::parse_from_rfc3339).transpose().context(of)?;
        Ok(Pinned { pin, as_of: as_of.map(|t| t.to_utc()), provisional: self.manifest.provisional })
    }

    /// The line that says that all agrees.
    pub fn agreed(&self) -> String {
        let (files, pin) = (self.manifest.outputs.len(), &self.manifest.pin);
        format!("{}: {files} files made again, byte for byte, sha256 {}, pin {pin}", self.path.display(), sha256(&self.bytes))
    }

    /// Compares the three; nothing is found where all agree.
    pub fn compare(&self, made: &Made) -> Result<Vec<Finding>> {
        let mut found = self.manifest_itself(made)?;
        for (kind, theirs, ours) in
            [("queries", &self.manifest.queries, &made.manifest.queries), ("schemas", &self.manifest.schemas, &made.manifest.schemas)]
        {
            let paths: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
            found.extend(paths.into_iter().filter(|p| theirs.get(*p) != ours.get(*p)).map(|p| Finding {
                finding: "input_differs",
                file: format!("{kind}/{p}"),
                published: theirs.get(p).map(|d| short(d)),
                made_again: ours.get(p).map(|d| short(d)),
                ..Finding::default()
            }));
        }
        let names: BTreeSet<&String> = self.manifest.outputs.keys().chain(self.files.keys()).chain(made.files.keys()).collect();
        for name in names {
            found.extend(self.file(name, made)?);
        }
        Ok(found)
    }

    /// The manifest is as it is always written, names the revision it lies in, and says what it gave.
    fn manifest_itself(&self, made: &Made) -> Result<Vec<Finding>> {
        let altered = |row: String, published: &str, made_again: &str| Finding {
            finding: "manifest_altered",
            file: "manifest.json".into(),
            row: Some(row),
            published: Some(shown(published)),
            made_again: Some(shown(made_again)),
            ..Finding::default()
        };
        let canonical = self.manifest.to_bytes()?;
        if canonical != self.bytes {
            let (theirs, ours) = (String::from_utf8_lossy(&self.bytes), String::from_utf8_lossy(&canonical));
            let mut lines = theirs.lines().zip(ours.lines()).enumerate().filter(|(_, (a, b))| a != b);
            let first = lines.next().map(|(i, (a, b))| altered(format!("line {}", i + 1), a, b));
            return Ok(vec![first.unwrap_or_else(|| altered("its end".into(), "", ""))]);
        }
        let (none, m, again) = (String::new(), &self.manifest, &made.manifest);
        let mut fields = vec![
            ("pin", m.pin.clone(), again.pin.clone()),
            ("as_of", m.as_of.clone().unwrap_or_default(), again.as_of.clone().unwrap_or(none)),
        ];
        if self.root().is_ok() {
            let place = std::fs::canonicalize(&self.path).unwrap_or_default();
            let name = |level| place.ancestors().nth(level).and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
            fields.push(("revision", format!("r{}", m.revision), name(1).unwrap_or_default()));
            fields.push(("period", m.period.clone(), name(2 + usize::from(m.recipient.is_some())).unwrap_or_default()));
            fields.extend(m.recipient.clone().map(|r| ("recipient", r, name(2).unwrap_or_default())));
        }
        Ok(fields.into_iter().filter(|(_, a, b)| a != b).map(|(field, a, b)| altered(field.into(), &a, &b)).collect())
    }

    fn file(&self, name: &str, made: &Made) -> Result<Vec<Finding>> {
        let (wanted, there, again) = (self.manifest.outputs.get(name), self.files.get(name), made.files.get(name));
        let of = |finding| Finding {
            finding,
            file: name.to_owned(),
            published: wanted.map(digest),
            made_again: again.map(|b| digest(&Output::of(b))),
            ..Finding::default()
        };
        let content = there.and_then(Option::as_ref);
        let mut found = vec![];
        match (wanted, there) {
            (Some(_), None) => found.push(of("file_missing")),
            (Some(w), Some(_)) if content.map(|c| Output::of(c)).as_ref() != Some(w) => found.push(of("file_altered")),
            (None, Some(_)) => found.push(of("file_unknown")),
            _ => {}
        }
        if wanted.is_some_and(|w| again.map(|b| Output::of(b)).as_ref() != Some(w)) || wanted.is_none() && again.is_some() {
            found.push(of("bytes_differ"));
        }
        if let (Some(theirs), Some(ours)) = (content, again)
            && theirs != ours
        {
            found.extend(cells(name, theirs, ours)?);
        }
        Ok(found)
    }
}

/// A file's bytes; `None` if they are too many.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = || format!("file {} can't be read", path.display());
    if path.is_dir() {
        return Ok(None);
    }
    let mut bytes = vec![];
    std::fs::File::open(path).and_then(|f| f.take(MOST_BYTES + 1).read_to_end(&mut bytes)).context(failed)?;
    Ok((bytes.len() as u64 <= MOST_BYTES).then_some(bytes))
}

/// Enough of a digest to tell two apart: the whole is in the manifest.
fn short(sha256: &str) -> String {
    sha256.chars().take(16).chain(['…']).collect()
}

fn digest(output: &Output) -> String {
    format!("{} {} bytes", short(&output.sha256), output.bytes)
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_CHARACTERS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// A file as cells: every kind that is published has some.
struct Grid {
    /// The file, or a sheet of it.
    name: String,
    columns: Vec<String>,
    /// What a file says of each column beside its name: a Parquet file its type, a CSV file its label.
    heads: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    /// Whether the first columns are a key; else rows are told by their number.
    keyed: bool,
}

impl Grid {
    fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c == column)
    }
}

/// Reads a file's cells. Error: it is no file of its kind.
fn grids(name: &str, bytes: &[u8]) -> Result<Vec<Grid>> {
    let failed = || format!("file {name} is not what its name says");
    let whole = |columns, heads, rows, keyed| vec![Grid { name: name.to_owned(), columns, heads, rows, keyed }];
    match name.rsplit('.').next() {
        Some("parquet") => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).context(failed)?;
            let schema = reader.schema().clone();
            let mut rows = vec![];
            for batch in reader.build().context(failed)? {
                rows.extend(texts(&batch.context(failed)?)?);
            }
            let kind = |f: &Arc<Field>| f.data_type().to_string();
            Ok(whole(schema.fields().iter().map(|f| f.name().clone()).collect(), schema.fields().iter().map(kind).collect(), rows, true))
        }
        Some("csv") => {
            let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
            let mut records = vec![];
            for record in reader.records() {
                records.push(record.context(failed)?.iter().map(str::to_owned).collect::<Vec<_>>());
            }
            let mut records = records.into_iter();
            let (columns, heads) = (records.next().unwrap_or_default(), records.next().unwrap_or_default());
            let cell = |text: String| Some(text).filter(|t| !t.is_empty());
            Ok(whole(columns, heads, records.map(|r| r.into_iter().map(cell).collect()).collect(), true))
        }
        Some("xlsx") => {
            let mut book = Xlsx::new(Cursor::new(bytes)).context(failed)?;
            let sheets = book.worksheets().into_iter().map(|(sheet, range)| {
                let (deep, wide) = range.end().unwrap_or_default();
                let cell = |row, column| range.get_value((row, column)).map(ToString::to_string).filter(|t| !t.is_empty());
                let rows = (0..=deep).map(|row| (0..=wide).map(|column| cell(row, column)).collect());
                Grid {
                    name: format!("{name} {sheet}"),
                    columns: (0..=wide).map(letters).collect(),
                    heads: vec![],
                    rows: rows.collect(),
                    keyed: false,
                }
            });
            Ok(sheets.collect())
        }
        _ => {
            let line = |l: &str| vec![Some(l.to_owned())];
            Ok(whole(vec!["line".into()], vec![], String::from_utf8_lossy(bytes).lines().map(line).collect(), false))
        }
    }
}

/// A spreadsheet's name of a column, from 0.
fn letters(column: u32) -> String {
    let last = char::from(b'A' + (column % 26) as u8).to_string();
    if column < 26 { last } else { letters(column / 26 - 1) + &last }
}

/// The cells in which two contents of a file differ.
fn cells(file: &str, theirs: &[u8], ours: &[u8]) -> Result<Vec<Finding>> {
    let ours = grids(file, ours)?;
    let theirs = match grids(file, theirs) {
        Ok(grids) => grids,
        Err(e) => {
            let text = Some(shown(&e.to_string()));
            return Ok(vec![Finding { finding: "cell_differs", file: file.to_owned(), published: text, ..Finding::default() }]);
        }
    };
    let mut found = vec![];
    let names: Vec<&String> =
        theirs.iter().chain(ours.iter().filter(|o| theirs.iter().all(|t| t.name != o.name))).map(|g| &g.name).collect();
    for name in names {
        let of = |grids: &'_ [Grid]| grids.iter().position(|g| &g.name == name);
        let (a, b) = (of(&theirs).and_then(|i| theirs.get(i)), of(&ours).and_then(|i| ours.get(i)));
        let whole = |g: Option<&Grid>| g.map(|g| format!("{} rows", g.rows.len()));
        let (Some(a), Some(b)) = (a, b) else {
            let (published, made_again) = (whole(a), whole(b));
            found.push(Finding { finding: "cell_differs", file: name.clone(), published, made_again, ..Finding::default() });
            continue;
        };
        let mut differing = differing(a, b);
        let more = differing.len().saturating_sub(MOST_CELLS);
        differing.truncate(MOST_CELLS);
        found.extend(differing);
        if more > 0 {
            found.push(Finding { finding: "more_cells", file: name.clone(), made_again: Some(more.to_string()), ..Finding::default() });
        }
    }
    Ok(found)
}

/// Two grids cell by cell: columns by name, rows by key.
fn differing(a: &Grid, b: &Grid) -> Vec<Finding> {
    let cell = |row: Option<String>, column: Option<&String>, published: Option<&str>, made_again: Option<&str>| Finding {
        finding: "cell_differs",
        file: a.name.clone(),
        row,
        column: column.cloned(),
        published: published.map(shown),
        made_again: made_again.map(shown),
    };
    let mut found = vec![];
    let mut shared = vec![];
    let others = b.columns.iter().filter(|c| a.position(c).is_none());
    for column in a.columns.iter().chain(others) {
        match (a.position(column), b.position(column)) {
            (Some(i), Some(j)) => {
                let (x, y) = (a.heads.get(i), b.heads.get(j));
                if x != y {
                    found.push(cell(None, Some(column), x.map(String::as_str), y.map(String::as_str)));
                }
                shared.push((column, i, j));
            }
            (x, y) => found.push(cell(None, Some(column), x.map(|_| "a column"), y.map(|_| "a column"))),
        }
    }
    let wide = |row: &[Option<String>]| row.iter().map(|c| c.as_deref().unwrap_or_default()).collect::<Vec<_>>().join(", ");
    for (row, x, y) in matched(a, b, &shared) {
        match (x, y) {
            (Some(x), Some(y)) => {
                let pairs = shared.iter().map(|(c, i, j)| (*c, x.get(*i).cloned().flatten(), y.get(*j).cloned().flatten()));
                found
                    .extend(pairs.filter(|(_, p, q)| p != q).map(|(c, p, q)| cell(Some(row.clone()), Some(c), p.as_deref(), q.as_deref())));
            }
            (x, y) => found.push(cell(Some(row), None, x.map(|r| wide(r)).as_deref(), y.map(|r| wide(r)).as_deref())),
        }
    }
    found
}

type Cells = Vec<Option<String>>;

/// The rows of both: by the fewest first columns that tell the rows of each apart, else by their number.
fn matched<'a>(a: &'a Grid, b: &'a Grid, shared: &[(&String, usize, usize)]) -> Vec<(String, Option<&'a Cells>, Option<&'a Cells>)> {
    let keys = |g: &'a Grid, places: &[usize]| -> Vec<Vec<Option<&'a str>>> {
        g.rows.iter().map(|r| places.iter().map(|i| r.get(*i).and_then(|c| c.as_deref())).collect()).collect()
    };
    let tells = |keys: &Vec<Vec<Option<&str>>>| keys.iter().collect::<HashSet<_>>().len() == keys.len();
    for width in 1..=shared.len().min(if a.keyed { usize::MAX } else { 0 }) {
        let by = shared.get(..width).unwrap_or_default();
        let (left, right) = (by.iter().map(|k| k.1).collect::<Vec<_>>(), by.iter().map(|k| k.2).collect::<Vec<_>>());
        let (left, right) = (keys(a, &left), keys(b, &right));
        if !tells(&left) || !tells(&right) {
            continue;
        }
        let named = |key: &[Option<&str>]| {
            let parts = by.iter().zip(key).map(|((c, _, _), v)| format!("{c}={}", v.unwrap_or("null")));
            parts.collect::<Vec<_>>().join(", ")
        };
        let there: HashMap<&Vec<Option<&str>>, &Cells> = right.iter().zip(&b.rows).collect();
        let here: HashSet<&Vec<Option<&str>>> = left.iter().collect();
        let first = left.iter().zip(&a.rows).map(|(k, r)| (named(k), Some(r), there.get(k).copied()));
        let rest = right.iter().zip(&b.rows).filter(|(k, _)| !here.contains(k)).map(|(k, r)| (named(k), None, Some(r)));
        return first.chain(rest).collect();
    }
    (0..a.rows.len().max(b.rows.len())).map(|i| ((i + 1).to_string(), a.rows.get(i), b.rows.get(i))).collect()
}

/// The columns of the table of what does not agree.
pub fn schema() -> SchemaRef {
    let columns = ["report", "finding", "file", "row", "column", "published", "made_again"];
    Arc::new(Schema::new(columns.map(|c| Field::new(c, DataType::Utf8, true)).to_vec()))
}

/// A report's findings as rows of that table.
pub fn rows(report: &Path, found: &[Finding]) -> Result<RecordBatch> {
    let name = report.display().to_string();
    let text = |of: fn(&Finding) -> Option<&str>| Arc::new(found.iter().map(of).collect::<StringArray>()) as ArrayRef;
    let columns = vec![
        Arc::new(found.iter().map(|_| Some(name.as_str())).collect::<StringArray>()) as ArrayRef,
        text(|f| Some(f.finding)),
        text(|f| Some(f.file.as_str())),
        text(|f| f.row.as_deref()),
        text(|f| f.column.as_deref()),
        text(|f| f.published.as_deref()),
        text(|f| f.made_again.as_deref()),
    ];
    RecordBatch::try_new(schema(), columns).context(|| "findings can't be shown".into())
}

/// What a report's findings come to, for one line: how many of each.
pub fn told(found: &[Finding]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for f in found {
        let more = f.made_again.as_deref().filter(|_| f.finding == "more_cells").and_then(|n| n.parse().ok());
        *counts.entry(if more.is_some() { "cell_differs" } else { f.finding }).or_default() += more.unwrap_or(1);
    }
    counts.into_iter().map(|(finding, n)| format!("{n} {finding}")).collect::<Vec<_>>().join(", ")
}
