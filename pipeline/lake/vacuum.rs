//! Vacuum: files that nothing needs any more go. What a pin needs never does: a pin names offsets, and every row of every offset is in the
//! files of the newest version.
//!
//! Never the crate's own: it can take files that are about to be committed. Ours takes, of the tables' files, those that the newest
//! version does not name, that are old, and that no commit of the retention took out of the table, so that a reader of an older version
//! still finds them; of the log, what lies before a checkpoint that is old itself, as Delta's protocol has it.
use super::table::{CHECKPOINT, LAST_CHECKPOINT, LOG, Table, WAITS_AT_MOST, sound_checkpoint};
use super::{Lake, blocking};
use crate::durable::sync;
use crate::error::{Context, Error, Result};
use serde::Deserialize;
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The least retention: a file waits for its commit at most half as long.
pub const LEAST: Duration = Duration::from_secs(2 * WAITS_AT_MOST.as_secs());

/// How long entries of the log stay at least: who follows the log reads them.
const LOG_STAYS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a vacuum removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files of the tables.
    pub files: usize,
    /// Files of their logs.
    pub log: usize,
    /// The bytes of both.
    pub bytes: u64,
}

/// A file on disk, by its path below the table.
struct Found {
    path: PathBuf,
    name: String,
    bytes: u64,
    written: SystemTime,
}

/// Removes what nothing needs, beside ingest, compaction and readers. Errors: a retention below [`LEAST`] (usage); a table that lacks a
/// file it names, of which nothing is removed.
pub async fn vacuum(lake: &mut Lake, retain: Duration) -> Result<Vacuumed> {
    if retain < LEAST {
        let hint = "files about to be committed are no older than that, and must not go";
        return Err(Error::usage(format!("files can't be retained for less than {}", humantime::format_duration(LEAST))).hint(hint));
    }
    let mut gone = Vacuumed::default();
    for table in [&mut lake.events, &mut lake.rejects] {
        let elsewhere = || Error::new(format!("table {} can't be vacuumed: it is on no disk of this machine", table.url()));
        let dir = table.dir().ok_or_else(elsewhere)?;
        let now = SystemTime::now();
        let before = |age: Duration| now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let (old, ancient) = (before(retain), before(retain.max(LOG_STAYS)));
        // First what is there, then what is named: a file that is committed in between is named.
        let there = blocking({
            let dir = dir.clone();
            move || data_files(&dir)
        });
        let there = there.await?;
        table.refresh().await?;
        let named = named(table)?;
        let done = blocking(move || {
            let names: HashSet<&str> = there.iter().map(|f| f.name.as_str()).collect();
            if let Some(missing) = named.iter().find(|n| !names.contains(n.as_str())) {
                let what = format!("file {missing} of table {} is missing", dir.display());
                return Err(Error::new(what).hint("nothing was removed: put the table's files back from a copy first"));
            }
            let taken_out = taken_out(&dir.join(LOG), old)?;
            let spare = there.into_iter().filter(|f| f.written < old && !named.contains(&f.name) && !taken_out.contains(&f.name));
            let (files, bytes) = remove(spare)?;
            let (log, log_bytes) = remove(superseded(&dir.join(LOG), old, ancient)?.into_iter())?;
            Ok(Vacuumed { files, log, bytes: bytes + log_bytes })
        });
        let done = done.await?;
        gone = Vacuumed { files: gone.files + done.files, log: gone.log + done.log, bytes: gone.bytes + done.bytes };
    }
    Ok(gone)
}

fn named(table: &Table) -> Result<HashSet<String>> {
    Ok(table.files()?.into_iter().map(|f| f.add.path).collect())
}

/// The files of rows below a table, and those half written; no others, and none of the log.
fn data_files(dir: &Path) -> Result<Vec<Found>> {
    let (mut found, mut open) = (vec![], vec![dir.to_owned()]);
    while let Some(folder) = open.pop() {
        for file in list(&folder)? {
            let hidden = file.name.starts_with(['_', '.']);
            if file.path.is_dir() && !hidden {
                open.push(file.path);
            } else if !hidden && (file.name.ends_with(".parquet") || staged(&file.name, ".parquet")) {
                let below = file.path.strip_prefix(dir).unwrap_or(&file.path);
                let name = below.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
                found.push(Found { name, ..file });
            }
        }
    }
    Ok(found)
}

/// A file as the object store writes it before it takes its name.
fn staged(name: &str, suffix: &str) -> bool {
    name.split_once('#').is_some_and(|(name, n)| name.ends_with(suffix) && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn list(folder: &Path) -> Result<Vec<Found>> {
    let failed = || format!("folder {} can't be read", folder.display());
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).context(failed)? {
        let entry = entry.context(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.metadata() {
            Ok(m) => found.push(Found { path: entry.path(), name, bytes: m.len(), written: m.modified().context(failed)? }),
            // Another vacuum, or the store's own renaming.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::new(failed()).detail(e)),
        }
    }
    Ok(found)
}

/// What a line of a commit says of a file that it takes out.
#[derive(Deserialize)]
struct Line {
    remove: Option<Taken>,
}

#[derive(Deserialize)]
struct Taken {
    path: String,
}

/// The files that commits since then took out of the table.
fn taken_out(log: &Path, since: SystemTime) -> Result<HashSet<String>> {
    let mut taken = HashSet::new();
    for commit in list(log)?.into_iter().filter(|f| version(&f.name, ".json").is_some() && f.written >= since) {
        let failed = || format!("file {} can't be read", commit.path.display());
        for line in BufReader::new(std::fs::File::open(&commit.path).context(failed)?).lines() {
            let line = line.context(failed)?;
            if line.contains("\"remove\"") {
                taken.extend(serde_json::from_str::<Line>(&line).context(failed)?.remove.map(|r| r.path));
            }
        }
    }
    Ok(taken)
}

/// The version that a file of the log is of.
fn version(name: &str, suffix: &str) -> Option<u64> {
    name.strip_suffix(suffix).filter(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit())).and_then(|n| n.parse().ok())
}

/// The log's files that no reader needs: those before the newest checkpoint that is `ancient` itself, where they are too, and what a
/// crash left of a commit half written.
fn superseded(log: &Path, old: SystemTime, ancient: SystemTime) -> Result<Vec<Found>> {
    let files = list(log)?;
    let hint = std::fs::read(log.join(LAST_CHECKPOINT)).ok().and_then(|text| serde_json::from_slice::<LastCheckpoint>(&text).ok());
    let summed = files
        .iter()
        .filter(|f| f.written < ancient)
        .filter_map(|f| Some((version(&f.name, CHECKPOINT)?, &f.path)))
        // Readers begin where the hint says.
        .filter(|(v, _)| hint.as_ref().is_some_and(|h| *v <= h.version))
        .max_by_key(|(v, _)| *v);
    let first = match summed {
        Some((version, path)) if sound_checkpoint(path)? => {
            // It must outlast what it sums up.
            sync(path)?;
            version
        }
        _ => 0,
    };
    let half_written = |n: &str| n.starts_with("_commit_") && n.ends_with(".json.tmp") || staged(n, ".json") || staged(n, ".parquet");
    let before = |n: &str| {
        let digits = n.get(..20).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).and_then(|d| d.parse::<u64>().ok());
        digits.is_some_and(|v| v < first)
    };
    let spare = |f: &Found| f.written < ancient && before(&f.name) || f.written < old && half_written(&f.name);
    Ok(files.into_iter().filter(|f| f.path.is_file() && spare(f)).collect())
}

#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// Removes files; how many, and their bytes. Nothing is flushed: one that a loss of power brings back is removed again.
fn remove(files: impl Iterator<Item = Found>) -> Result<(usize, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for file in files {
        match std::fs::remove_file(&file.path) {
            Ok(()) => {
                count += 1;
                bytes += file.bytes;
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::new(format!("file {} can't be removed", file.path.display())).detail(e)),
        }
    }
    Ok((count, bytes))
}

#[cfg(test)]
mod tests {
    use super::super::by_hand::{append, lake};
    use super::super::compact::compact;
    use super::*;
    use crate::contract::Contract;
    use crate::tree::Tree;
    use std::collections::BTreeSet;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Makes files as old as that.
    fn age(files: impl IntoIterator<Item = PathBuf>, by: Duration) -> Result<()> {
        for file in files {
            let open = std::fs::File::options().write(true).open(&file).context(|| file.display().to_string())?;
            open.set_modified(SystemTime::now() - by).context(|| file.display().to_string())?;
        }
        Ok(())
    }

    fn names(files: Vec<Found>) -> BTreeSet<String> {
        files.into_iter().map(|f| f.name).collect()
    }

    #[tokio::test]
    async fn what_a_crash_left_goes_once_it_is_old_and_nothing_else() -> Result<()> {
        let contract = Contract::compile(&Tree::schemas(None)?)?;
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = lake(root.path(), &contract).await?;
        for n in 0..3 {
            append(&mut lake, &contract, 0, &[n, n], None).await?;
        }
        let dir = root.path().join("events");
        let live = names(data_files(&dir)?);
        let place = "test.training/0";
        let left = [
            format!("{place}/00000000000000000006-dead.parquet"),
            format!("{place}/00000000000000000006-half.parquet#1"),
            "test.training/1/00000000000000000000-dead.parquet".to_owned(),
            "_delta_log/_commit_dead.json.tmp".to_owned(),
        ];
        let others = [format!("{place}/notes.txt"), "_delta_log/notes.txt".to_owned(), ".hidden/x.parquet".to_owned()];
        for name in left.iter().chain(&others) {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(&dir)).context(|| name.clone())?;
            std::fs::write(&path, "x").context(|| name.clone())?;
        }
        let all = || left.iter().chain(&others).map(|n| dir.join(n)).chain(live.iter().map(|n| dir.join(n)));
        // Fresh, they may be another process's, about to be committed.
        assert_eq!(vacuum(&mut lake, HOUR).await?, Vacuumed::default());
        age(all(), HOUR / 2)?;
        assert_eq!(vacuum(&mut lake, HOUR).await?, Vacuumed::default());
        age(all(), HOUR * 2)?;
        assert_eq!(vacuum(&mut lake, HOUR * 24).await?, Vacuumed::default());
        assert_eq!(vacuum(&mut lake, HOUR).await?, Vacuumed { files: 3, log: 1, bytes: 4 });
        assert_eq!(names(data_files(&dir)?), live);
        assert!(others.iter().all(|n| dir.join(n).exists()));
        let refused = vacuum(&mut lake, HOUR - Duration::from_secs(1)).await;
        assert_eq!(refused.map_err(|e| e.exit().code()), Err(2));
        Ok(())
    }

    #[tokio::test]
    async fn what_compaction_replaced_stays_for_readers_until_the_retention_is_over() -> Result<()> {
        let contract = Contract::compile(&Tree::schemas(None)?)?;
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = lake(root.path(), &contract).await?;
        append(&mut lake, &contract, 0, &[1, 2], None).await?;
        append(&mut lake, &contract, 0, &[3, 4], None).await?;
        let dir = root.path().join("events");
        let inputs = names(data_files(&dir)?);
        age(inputs.iter().map(|n| dir.join(n)), HOUR * 24 * 60)?;
        assert_eq!(compact(&mut lake).await?.rows, 4);
        // Old as they are, somebody may have opened the version before a moment ago.
        assert_eq!(vacuum(&mut lake, HOUR).await?, Vacuumed::default());
        age(list(&dir.join(LOG))?.into_iter().map(|f| f.path), HOUR * 2)?;
        assert_eq!(vacuum(&mut lake, HOUR).await?.files, 2);
        assert!(names(data_files(&dir)?).is_disjoint(&inputs));
        let again = Lake::open(root.path()).await?;
        let rows: usize = again.events.files()?.iter().map(|f| super::super::scan::bounds(f).map_or(0, |b| b.rows)).sum();
        assert_eq!(rows, 4);

        // A file that the table names and the disk lacks: nothing may go, a copy is needed first.
        let named = names(data_files(&dir)?);
        named.iter().for_each(|n| drop(std::fs::rename(dir.join(n), dir.join(format!("{n}.away")))));
        let said = vacuum(&mut lake, HOUR).await.map_err(|e| e.to_string());
        assert!(said.as_ref().is_err_and(|e| e.contains("is missing")), "{said:?}");
        Ok(())
    }

    #[tokio::test]
    async fn the_log_is_kept_from_the_newest_old_checkpoint_on() -> Result<()> {
        let contract = Contract::compile(&Tree::schemas(None)?)?;
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = lake(root.path(), &contract).await?;
        for n in 0..16 {
            append(&mut lake, &contract, 0, &[n], None).await?;
        }
        let log = root.path().join("events").join(LOG);
        let checkpoints = || -> Result<Vec<u64>> {
            let mut found: Vec<u64> = list(&log)?.iter().filter_map(|f| version(&f.name, CHECKPOINT)).collect();
            found.sort_unstable();
            Ok(found)
        };
        assert_eq!(checkpoints()?, [4, 9, 14]);
        let day = HOUR * 24;
        assert_eq!(vacuum(&mut lake, HOUR).await?, Vacuumed::default());
        // All but the newest checkpoint and what follows it are old.
        let before = |v: u64| list(&log).map(|l| l.into_iter().filter(move |f| f.name < format!("{v:020}")));
        age(before(14)?.map(|f| f.path), day * 31)?;
        let gone = vacuum(&mut lake, HOUR).await?;
        assert_eq!((gone.files, gone.log), (0, 9 + 1), "versions 0 to 8, and the checkpoint of 4");
        assert_eq!(checkpoints()?, [9, 14]);
        assert_eq!(vacuum(&mut lake, HOUR).await?, Vacuumed::default());
        // A checkpoint that can't be read sums up nothing.
        age(list(&log)?.into_iter().map(|f| f.path), day * 31)?;
        let newest = log.join(format!("{:020}{CHECKPOINT}", 14));
        let whole = std::fs::read(&newest).context(|| "checkpoint".into())?;
        std::fs::write(&newest, "torn").context(|| "checkpoint".into())?;
        age([newest.clone()], day * 31)?;
        assert_eq!(vacuum(&mut lake, HOUR).await?, Vacuumed::default());
        std::fs::write(&newest, whole).context(|| "checkpoint".into())?;
        // A retention beyond it keeps the log as long.
        age([newest], day * 31)?;
        assert_eq!(vacuum(&mut lake, day * 60).await?, Vacuumed::default());
        assert_eq!(vacuum(&mut lake, HOUR).await?.log, 5 + 1);
        let mut again = Lake::open(root.path()).await?;
        assert_eq!(again.positions().await?.into_values().collect::<Vec<_>>(), [16, 0]);
        assert_eq!(again.events.files()?.len(), 16);
        append(&mut again, &contract, 0, &[16], None).await?;
        append(&mut lake, &contract, 1, &[16], None).await
    }

    #[tokio::test]
    async fn a_file_that_waited_so_long_that_it_may_be_gone_is_not_committed() -> Result<()> {
        let contract = Contract::compile(&Tree::schemas(None)?)?;
        let root = tempfile::tempdir().context(|| "folder".into())?;
        let mut lake = lake(root.path(), &contract).await?;
        append(&mut lake, &contract, 0, &[1], None).await?;
        let mut file = lake.events.files()?.remove(0).add;
        file.path = "test.training/1/waiting.parquet".into();
        let waited = |d: Duration| super::super::table::now_ms() - d.as_millis() as i64;
        file.modification_time = waited(WAITS_AT_MOST + Duration::from_secs(1));
        let said = lake.events.append(vec![file.clone()], &[]).await.map(drop).map_err(|e| e.to_string());
        assert!(said.as_ref().is_err_and(|e| e.contains("waited too long")), "{said:?}");
        file.modification_time = waited(WAITS_AT_MOST - Duration::from_secs(10));
        lake.events.append(vec![file], &[]).await.map(drop)
    }
}
