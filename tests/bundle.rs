//! A bundle for an auditor: table 1 comes out of it by another program, any changed byte shows, and nothing in it leads back to a person.
use super::support::command::Kangyang;
use super::support::{Scratch, copy, python, root};
use arrow::array::AsArray;
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A demo with the bundle of one of its months, made once for the tests that only read it.
fn made() -> &'static Kangyang {
    static MADE: OnceLock<Kangyang> = OnceLock::new();
    MADE.get_or_init(|| {
        let k = Kangyang::new("bundle");
        k.ok(["demo", "--trainees", "600", "--data", "data"]);
        let said = k.ok(["report", "--period", "2021-06", "--bundle"]);
        assert!(said.contains("bundled ./data/reports/2021-06/bundle-r1.zip, SHA-256 "), "{said}");
        k
    })
}

fn zip(k: &Kangyang) -> PathBuf {
    k.data().join("reports/2021-06/bundle-r1.zip")
}

/// Its members by path.
fn members(zip: &Path) -> BTreeMap<String, Vec<u8>> {
    unzip(std::fs::read(zip).expect("a bundle can be read"))
}

fn unzip(bytes: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let mut all = BTreeMap::new();
    for i in 0..archive.len() {
        let mut file = archive.by_index(i).expect("a member");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("a member can be read");
        all.insert(file.name().expect("a name in UTF-8").into_owned(), bytes);
    }
    all
}

/// The bundle unpacked in an empty folder.
fn unpacked(zip: &Path, name: &str) -> Scratch {
    let folder = Scratch::new(name);
    members(zip).iter().for_each(|(path, bytes)| drop(folder.write(path, bytes)));
    folder
}

/// Runs the bundle's script as an auditor does; its exit code and what it says.
fn recompute(folder: &Path) -> (Option<i32>, String) {
    let mut command = python(&folder.join("recompute_table_1.py").display().to_string());
    // An empty folder of its own: the script finds the bundle by its own place.
    let out = command.current_dir("/").output().expect("Python can be started");
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr))
}

/// Whether `sha256sum -c` finds all as listed.
fn sums_agree(folder: &Path, list: &str) -> bool {
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", "--status", list]).current_dir(folder);
    command.status().expect("sha256sum can be started").success()
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Rewrites a Parquet file of the bundle by a select list over it.
fn change(folder: &Path, file: &str, select: &str) {
    let path = folder.join(file).display().to_string();
    let script = format!("import duckdb; duckdb.sql(\"\"\"COPY (SELECT {select} FROM '{path}') TO '{path}.new' (FORMAT parquet)\"\"\")");
    let out = Command::new(root().join("target/venv/bin/python")).args(["-c", &script]).output().expect("Python can be started");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::rename(format!("{path}.new"), path).expect("the new file was written");
}

#[test]
fn table_1_comes_out_of_a_bundle_alone_and_a_cell_that_differs_is_named() {
    let k = made();
    let folder = unpacked(&zip(k), "unpacked");
    let count = members(&zip(k)).len() - 1;
    let (code, said) = recompute(folder.path());
    assert_eq!(said, format!("SHA256SUMS: {count} of {count} files are as listed\nequal: 13 rows of 18 columns\n"));
    assert_eq!(code, Some(0));

    // One figure: a target of the year. It shows in its district and in the city, and the file itself shows too.
    let one_more = "* REPLACE (CASE WHEN year = 2021 AND district_code = 'JZ07' THEN target + 1 ELSE target END AS target)";
    change(folder.path(), "events/target_set.parquet", one_more);
    let (code, said) = recompute(folder.path());
    assert_eq!(code, Some(1), "{said}");
    let published = String::from_utf8(members(&zip(k))["report/table_1.csv"].clone()).expect("UTF-8");
    let row: Vec<&str> = published.lines().find(|l| l.contains("温县")).expect("a district's row").split(',').collect();
    let target: i64 = row[2].parse().expect("a target");
    for line in [
        format!("SHA256SUMS: {} of {count} files are as listed", count - 1),
        "events/target_set.parquet: not as SHA256SUMS lists it".to_owned(),
        format!("温县, target: published {target}, recomputed {}", target + 1),
        "全市, target: published".to_owned(),
    ] {
        assert!(said.contains(&line), "{line:?} is not in\n{said}");
    }
    assert!(!said.contains("沁阳市"), "{said}");

    // One event: a completion that counted did not pass. What it was counted in is named, and nothing of another district.
    let folder = unpacked(&zip(k), "unpacked");
    let classes = folder.path().join("events/class_filed.parquet");
    let failed = format!(
        "* REPLACE (CASE WHEN row_number() OVER (
            ORDER BY class_id NOT IN ({}), result <> 'passed', completed_on < DATE '2020-01-01', completed_on, person
         ) = 1 THEN 'failed' ELSE result END AS result)",
        format_args!("SELECT class_id FROM '{}' WHERE NOT schooling AND district_code = 'JZ07'", classes.display())
    );
    change(folder.path(), "events/trainee_completed.parquet", &failed);
    let (code, said) = recompute(folder.path());
    assert_eq!(code, Some(1), "{said}");
    for line in ["温县, plan_completed: published", "全市, plan_completed: published"] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    assert!(!said.contains("沁阳市"), "{said}");
}

#[test]
fn a_bundle_follows_the_settings_of_reference_data() {
    let mut k = Kangyang::new("settings");
    let schemas = k.folder.path().join("schemas");
    copy(&root().join("schemas"), &schemas);
    let rewrite = |name: &str, from: &str, to: &str| {
        let path = schemas.join("reference").join(name);
        let text = std::fs::read_to_string(&path).expect("reference data");
        assert!(text.contains(from), "{name} holds {from:?}");
        std::fs::write(path, text.replacen(from, to, 1)).expect("a file of ours");
    };
    rewrite("report_month.csv", "\n,", "\n25,");
    rewrite("pace.csv", "\nfalse,", "\ntrue,");
    rewrite("ranking.csv", ",true,", ",false,");
    rewrite("previous_year.csv", "\ntrue,", "\nfalse,");
    let row = "plan,period,district_code,completed,source\n";
    rewrite("published_figures.csv", row, &format!("{row}kangyang-2020-2022,2020-06,JZ07,77,[A] 本测试\n"));
    k.set("KANGYANG_SCHEMAS", &schemas.display().to_string());
    copy(&made().data(), &k.data());
    let shown = k.ok(["report", "--period", "2021-06", "--bundle"]);
    assert!(shown.contains("统计截止时间：2021年6月25日") && !shown.contains("6月30日"), "the day on which counting ends: {shown}");
    let zip = k.data().join("reports/2021-06/bundle-r2.zip");
    let (code, said) = recompute(unpacked(&zip, "unpacked").path());
    assert!(code == Some(0) && said.contains("equal: 13 rows of 18 columns"), "{said}");
    let (ours, before) = (&members(&zip)["report/table_1.csv"], &members(&self::zip(made()))["report/table_1.csv"]);
    assert!(ours != before, "the settings change something");
    // A year too, whose last month it is.
    assert!(k.ok(["report", "--period", "2022", "--bundle"]).contains("统计截止时间：2022年12月31日"));
    let (code, said) = recompute(unpacked(&k.data().join("reports/2022/bundle-r1.zip"), "unpacked").path());
    assert!(code == Some(0) && said.contains("equal"), "{said}");
}

#[test]
fn every_changed_byte_of_a_bundle_shows() {
    let zip = zip(made());
    let (bytes, home) = (std::fs::read(&zip).expect("a bundle"), zip.parent().expect("a folder"));
    let listed = std::fs::read_to_string(home.join("bundle-r1.zip.sha256")).expect("its SHA-256 stands beside it");
    assert_eq!(listed, format!("{}  bundle-r1.zip\n", sha256(&bytes)));
    assert!(sums_agree(home, "bundle-r1.zip.sha256"));
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let folder = Scratch::new("flipped");
    folder.write("bundle-r1.zip.sha256", &listed);
    let mut flipped = bytes;
    for n in 0..1_000 {
        let (at, bits) = (random.random_range(0..flipped.len()), random.random_range(1..=u8::MAX));
        flipped[at] ^= bits;
        assert!(!listed.starts_with(&sha256(&flipped)), "byte {at} changed by {bits:#x} does not show");
        if n % 200 == 0 {
            folder.write("bundle-r1.zip", &flipped);
            assert!(!sums_agree(folder.path(), "bundle-r1.zip.sha256"), "byte {at}");
        }
        flipped[at] ^= bits;
    }
    assert!(listed.starts_with(&sha256(&flipped)), "the last change is undone");
}

#[test]
fn every_changed_byte_of_a_member_shows() {
    let all = members(&zip(made()));
    let sums = String::from_utf8(all["SHA256SUMS"].clone()).expect("UTF-8");
    let listed: BTreeMap<&str, &str> =
        sums.lines().map(|l| l.split_once("  ").expect("a digest and a path")).map(|(d, p)| (p, d)).collect();
    let others: BTreeSet<&str> = all.keys().map(String::as_str).filter(|p| *p != "SHA256SUMS").collect();
    assert_eq!(listed.keys().copied().collect::<BTreeSet<_>>(), others, "every other member is listed");
    let folder = unpacked(&zip(made()), "members");
    assert!(sums_agree(folder.path(), "SHA256SUMS"));
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for (n, path) in others.iter().enumerate() {
        let mut bytes = all[*path].clone();
        assert_eq!(sha256(&bytes), listed[path]);
        let (at, bits) = (random.random_range(0..bytes.len()), random.random_range(1..=u8::MAX));
        bytes[at] ^= bits;
        assert_ne!(sha256(&bytes), listed[path], "byte {at} of {path}");
        if n % 70 == 0 {
            folder.write(path, &bytes);
            assert!(!sums_agree(folder.path(), "SHA256SUMS"), "byte {at} of {path}");
            let (code, said) = recompute(folder.path());
            // A script that was changed can't be asked about itself: sha256sum can.
            let told = said.contains(&format!("{path}: not as SHA256SUMS lists it")) || path.ends_with(".py");
            assert!(told && (code == Some(1) || path.ends_with(".py")), "{said}");
            folder.write(path, &all[*path]);
        }
    }
    // One that nothing can be recomputed without; one that is gone, and one that was slipped in.
    folder.write("report/manifest.json", b"\xff{");
    let (code, said) = recompute(folder.path());
    assert!(code == Some(1) && said.contains("report/manifest.json: not as SHA256SUMS lists it\ntable 1 can't be recomputed: "), "{said}");
    folder.write("report/table_9.csv", "mine");
    std::fs::remove_file(folder.path().join("queries/marts/completions.sql")).expect("a member");
    let (code, said) = recompute(folder.path());
    assert_eq!(code, Some(1));
    for path in ["report/table_9.csv", "queries/marts/completions.sql"] {
        assert!(said.contains(&format!("{path}: not as SHA256SUMS lists it")), "{said}");
    }
}

#[test]
fn a_bundle_is_written_once_and_another_of_the_same_report_has_the_same_bytes() {
    let k = Kangyang::new("again");
    copy(&made().data(), &k.data());
    let report = ["report", "--period", "2021-06", "--bundle"];
    let first = std::fs::read(zip(&k)).expect("a bundle");
    assert!(k.ok(report).contains("nothing new, bundled before: ./data/reports/2021-06/bundle-r1.zip"));
    // Made anew from a lake in other files, by fewer threads.
    std::fs::remove_file(zip(&k)).expect("a bundle");
    k.ok(["compact"]);
    let mut slow = k.command(report);
    slow.env("TOKIO_WORKER_THREADS", "1");
    assert!(slow.status().expect("a command").success());
    assert!(std::fs::read(zip(&k)).expect("a bundle") == first, "the same report, other bytes");
    // One that was changed is neither used nor written over.
    let mut changed = first.clone();
    changed[1000] ^= 1;
    std::fs::write(zip(&k), &changed).expect("a file of ours");
    k.run(report).exits(1).says("is not what was written");
    assert!(std::fs::read(zip(&k)).expect("a bundle") == changed);
    // Nor is a bundle made of published files that were changed.
    std::fs::remove_file(zip(&k)).expect("a bundle");
    std::fs::write(k.data().join("reports/2021-06/r1/table_2.csv"), "mine").expect("a file of ours");
    k.run(report).exits(1).says("table_2.csv is not what its manifest says");
    assert!(!zip(&k).exists());
}

#[test]
fn a_version_that_shows_less_is_not_bundled_and_one_for_who_may_see_all_but_leads_is() {
    let k = Kangyang::new("version");
    copy(&made().data(), &k.data());
    let bundle = |to: &'static str| k.run(["report", "--period", "2021-06", "--bundle", "--recipient", to]);
    for to in ["public", "JZ07", "finance"] {
        bundle(to).exits(2).says(&format!("the version of {to} can't be bundled"));
    }
    bundle("upward").exits(0);
    let zip = k.data().join("reports/2021-06/upward/bundle-r1.zip");
    let (code, said) = recompute(unpacked(&zip, "unpacked").path());
    assert!(code == Some(0) && said.contains("equal: 13 rows"), "{said}");
    let marked: Vec<String> = members(&zip).into_keys().filter(|p| p.starts_with("report/table_7")).collect();
    assert!(marked.is_empty() && members(&self::zip(&k)).contains_key("report/table_7.csv"), "{marked:?}");
}

#[test]
fn a_second_engine_gets_the_same_events() {
    let folder = unpacked(&zip(made()), "events");
    let out = python("compare_duckdb.py").arg(made().data()).arg("--bundle").arg(folder.path()).output().expect("Python can be started");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && said.contains("15 compared, 0 differ"), "{said}{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn nothing_in_a_bundle_leads_back_to_a_person() {
    let k = made();
    let columns = ["person_key", "name_key", "phone_key", "account_key", "trainer_key", "holder_key"];
    let mut keys: HashSet<[u8; 16]> = HashSet::new();
    for column in columns {
        let found = k.sql(&format!("SELECT DISTINCT encode({column}, 'hex') FROM events WHERE {column} IS NOT NULL"));
        assert!(!found.is_empty(), "the demo tells of {column}");
        keys.extend(found.iter().map(|row| bytes_of(row[0].as_bytes()).expect("32 hex digits")));
    }
    let numbers: HashSet<String> = k.sql("SELECT DISTINCT certificate_no FROM certificate_issued").concat().into_iter().collect();
    assert!(keys.len() > 1_000 && numbers.len() > 100, "{} keys, {} certificates", keys.len(), numbers.len());

    // The members as they are, and what is packed in them: cells of Parquet, parts of a spreadsheet.
    let mut pieces: Vec<(String, Vec<u8>)> = members(&zip(k)).into_iter().collect();
    for i in 0..pieces.len() {
        let (path, bytes) = pieces[i].clone();
        if path.ends_with(".parquet") {
            pieces.push((format!("cells of {path}"), cells(&path, bytes).into_bytes()));
        } else if path.ends_with(".xlsx") {
            pieces.extend(unzip(bytes).into_iter().map(|(part, bytes)| (format!("{path}: {part}"), bytes)));
        }
    }
    let mut windows = 0;
    for (path, bytes) in &pieces {
        for window in bytes.windows(16) {
            windows += 1;
            assert!(!keys.contains(window), "{path} holds a key in 16 bytes");
        }
        let found = bytes.windows(32).filter_map(bytes_of).find(|key| keys.contains(key));
        assert!(found.is_none(), "{path} holds a key in 32 hex digits");
        let text = String::from_utf8_lossy(bytes);
        let word = text.split(|c: char| !c.is_ascii_alphanumeric()).find(|w| numbers.contains(*w));
        assert!(word.is_none(), "{path} holds a certificate's number: {word:?}");
    }
    assert!(windows > 500_000, "all of it was looked at");
}

/// 32 hex digits as 16 bytes.
fn bytes_of(hex: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(*pair.get(1)?)?).ok()?;
    }
    Some(bytes)
}

/// A Parquet file's texts, one a line. No column is of bytes, and none is named as a key.
fn cells(path: &str, bytes: Vec<u8>) -> String {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).and_then(|b| b.build());
    let mut text = String::new();
    for batch in reader.expect("a Parquet file") {
        let batch = batch.expect("rows can be read");
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            assert!(!field.name().ends_with("_key") && field.name() != "certificate_no", "{path} has a column {}", field.name());
            match field.data_type() {
                DataType::Utf8 => column.as_string::<i32>().iter().flatten().for_each(|t| text += &format!("{t}\n")),
                DataType::List(of) if of.data_type() == &DataType::Utf8 => {
                    let texts = column.as_list::<i32>().values();
                    texts.as_string::<i32>().iter().flatten().for_each(|t| text += &format!("{t}\n"));
                }
                DataType::Boolean | DataType::Date32 | DataType::Timestamp(..) | DataType::Decimal128(..) => {}
                kind if kind.is_integer() => {}
                DataType::Binary if field.name() == "digest" => {} // of a report that was signed
                kind => panic!("{path}: column {} is of a type that nobody looks through: {kind}", field.name()),
            }
        }
    }
    text
}

/// A table, however many models lie between, rests on event types; all of them but those that only leads read are in the bundle.
#[test]
fn every_event_type_behind_a_report_is_in_the_bundle() {
    let stems = |folder: &str| {
        let list = std::fs::read_dir(root().join(folder)).expect("a folder of the repository");
        let stem = |p: PathBuf| p.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        list.map(|e| e.expect("a folder can be listed").path()).map(stem).collect::<BTreeSet<String>>()
    };
    let types = stems("schemas/events");
    let mut models: BTreeMap<String, String> = BTreeMap::new();
    for layer in ["state", "marts", "reports"] {
        for name in stems(&format!("queries/{layer}")) {
            let path = root().join(format!("queries/{layer}/{name}.sql"));
            let text = std::fs::read_to_string(path).expect("a model");
            models.insert(name, text.lines().map(|l| l.split("--").next().unwrap_or("").to_owned() + "\n").collect());
        }
    }
    let (mut seen, mut open, mut behind) = (BTreeSet::new(), stems("queries/reports").into_iter().collect::<Vec<_>>(), BTreeSet::new());
    while let Some(name) = open.pop() {
        let words: Vec<&str> = models.get(&name).map(|t| t.split_whitespace().collect()).unwrap_or_default();
        for pair in words.windows(2).filter(|p| ["FROM", "JOIN"].contains(&p[0])) {
            if types.contains(pair[1]) {
                behind.insert(pair[1].to_owned());
            } else if models.contains_key(pair[1]) && seen.insert(pair[1].to_owned()) {
                open.push(pair[1].to_owned());
            }
        }
    }
    let bundled: BTreeSet<String> = stems("queries/bundle").iter().filter_map(|n| n.strip_prefix("bundled_")).map(str::to_owned).collect();
    assert!(behind.contains("trainee_completed") && bundled.iter().all(|t| types.contains(t)), "{behind:?}\n{bundled:?}");
    let missing: Vec<_> = behind.difference(&bundled).collect();
    assert!(missing.is_empty(), "a report rests on events that its bundle lacks: write queries/bundle/bundled_TYPE.sql for {missing:?}");
}
