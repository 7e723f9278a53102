//! Others read what we write: a second engine runs the same SQL and gets the same figures, and foreign readers read lake and marts.
use super::support::command::Kangyang;
use super::support::python;
use std::path::Path;
use std::process::Command;

#[test]
fn duckdb_gets_every_mart_from_the_same_lake_and_sql() {
    let k = Kangyang::new("engines");
    k.ok(["demo", "--seed", "11", "--trainees", "4000", "--data", "data"]);
    println!("{}", says(python("compare_duckdb.py").arg(k.data())));
    // A published report's tables too, at its own pin.
    for report in reports(&k.data()) {
        println!("{}", says(python("compare_duckdb.py").arg(k.data()).arg("--report").arg(report)));
    }
    let lake = says(python("readers.py").arg("lake").arg(k.data()));
    let ours = k.sql("SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM rejects) AS rejects");
    assert_eq!(lake.trim(), format!("events {} rejects {}", ours[0][0], ours[0][1]));
    println!("{lake}{}", says(python("readers.py").arg("marts").arg(k.data())));
    // Compacted, the lake is the same lake.
    k.ok(["compact"]);
    assert_eq!(says(python("readers.py").arg("lake").arg(k.data())), lake);
    println!("{}", says(python("compare_duckdb.py").arg(k.data())));
}

fn says(command: &mut Command) -> String {
    let out = command.output().expect("Python can be started");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
    text
}

/// Each published revision's folder.
fn reports(data: &Path) -> Vec<std::path::PathBuf> {
    let below = |p: &Path| std::fs::read_dir(p).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>();
    let found: Vec<_> = below(&data.join("reports")).iter().flat_map(|p| below(p)).filter(|p| p.join("manifest.json").exists()).collect();
    assert!(!found.is_empty(), "the demo writes a report");
    found
}
