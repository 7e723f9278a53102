//! Files that last: whole or not there, through a crash and a loss of power. An object store's local writes promise neither.
use crate::error::{Context, Error, Result};
use std::fs::{File, TryLockError};
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

/// The exclusive lock on a file, made if missing; waits for it, and says so. It ends with the value, or with the process, however
/// that ends: a crash leaves no lock behind.
pub fn lock(path: &Path) -> Result<File> {
    if let Some(file) = try_lock(path)? {
        return Ok(file);
    }
    tracing::info!("waiting for {}, which another process holds", path.display());
    let file = lockable(path)?;
    file.lock().context(|| unlockable(path))?;
    Ok(file)
}

/// The same without waiting; `None` if another holds it.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = lockable(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(Error::new(unlockable(path)).detail(e)),
    }
}

fn lockable(path: &Path) -> Result<File> {
    File::options().create(true).truncate(false).write(true).open(path).context(|| unlockable(path))
}

fn unlockable(path: &Path) -> String {
    format!("file {} can't be locked", path.display())
}

/// Removes what crashed runs left half made in a folder. Only for who holds the lock under which all is made there.
pub fn sweep(dir: &Path) -> Result<()> {
    let failed = || format!("folder {} can't be cleared", dir.display());
    for entry in std::fs::read_dir(dir).context(failed)? {
        let path = entry.context(failed)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') && name.ends_with(".part") {
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }.context(failed)?;
        }
    }
    Ok(())
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

    /// Puts the file in its place in one step. Whoever wants it to last calls [`sync`] before and after.
    pub fn into_place(self, path: &Path) -> Result<()> {
        std::fs::rename(&self.0, path).context(|| format!("file {} can't be put in its place", path.display()))
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
    sync(&aside.0)?;
    aside.into_place(path)?;
    sync(path)
}
