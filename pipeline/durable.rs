//! Files that last: whole or not there, through a crash and a loss of power. An object store's local writes promise neither.
use crate::error::{Context, Result};
use std::path::{Path, PathBuf};

/// Flushes a file and its name to disk.
pub fn sync(file: &Path) -> Result<()> {
    flush(file).context(|| format!("file {} can't be flushed to disk", file.display()))?;
    let dir = file.parent().unwrap_or(file);
    flush(dir).context(|| format!("folder {} can't be flushed to disk", dir.display()))
}

/// Flushes a file below `root`, and every folder between the two: a folder just made lasts no longer than its own name does.
pub fn sync_below(root: &Path, file: &Path) -> Result<()> {
    sync(file)?;
    let mut folders = file.ancestors().skip(2).take_while(|dir| dir.starts_with(root));
    folders.try_for_each(flush).context(|| format!("folder {} can't be flushed to disk", root.display()))
}

fn flush(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// A file in the making, beside its place; one that is given up is removed.
pub struct Aside(PathBuf);

impl Aside {
    /// A name that no reader's `*.parquet` matches.
    pub fn beside(path: &Path) -> Aside {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Aside(path.with_file_name(format!(".{name}.{}.part", uuid::Uuid::new_v4())))
    }

    /// Where to write it.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the file last, then puts it in its place in one step.
    pub fn into_place(self, path: &Path) -> Result<()> {
        sync(&self.0)?;
        std::fs::rename(&self.0, path).context(|| format!("file {} can't be put in its place", path.display()))?;
        sync(path)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes a small file whole, in one step.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = Aside::beside(path);
    std::fs::write(&aside.0, bytes).context(|| format!("file {} can't be written", path.display()))?;
    aside.into_place(path)
}
