//! A folder of text files, compiled into the binary or read from disk (`--schemas DIR`, `--queries DIR`).
//!
//! One binary works anywhere, and a data team edits SQL or a schema without a Rust build.
use crate::error::{Context, Error, Result};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");
static QUERIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// Files by their path below the folder, `/` between names, in bytewise order.
#[derive(Clone, Debug)]
pub struct Tree {
    /// How messages name the folder: its path as given, or `schemas` / `queries` for the compiled-in one.
    pub name: String,
    /// Path below the folder → text.
    pub files: BTreeMap<String, String>,
}

impl Tree {
    /// `schemas/` as compiled in, or the folder given.
    pub fn schemas(dir: Option<&Path>) -> Result<Tree> {
        dir.map_or_else(|| Tree::embedded("schemas", &SCHEMAS), Tree::read)
    }

    /// `queries/` as compiled in, or the folder given.
    pub fn queries(dir: Option<&Path>) -> Result<Tree> {
        dir.map_or_else(|| Tree::embedded("queries", &QUERIES), Tree::read)
    }

    /// The files directly in `folder` whose name ends in `.ext`: (stem, path, text).
    pub fn within<'a>(&'a self, folder: &str, ext: &str) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        let (prefix, suffix) = (format!("{folder}/"), format!(".{ext}"));
        self.files.iter().filter_map(move |(path, text)| {
            let stem = path.strip_prefix(&prefix)?.strip_suffix(&suffix)?;
            (!stem.contains('/')).then_some((stem, path.as_str(), text.as_str()))
        })
    }

    /// One file's text. Error: the folder lacks it.
    pub fn get(&self, path: &str) -> Result<&str> {
        let text = self.files.get(path).map(String::as_str);
        text.ok_or_else(|| Error::new(format!("file {}/{path} is missing", self.name)))
    }

    /// SHA-256 of all files, by path: what was computed from the folder holds as long as it stays.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for (path, text) in &self.files {
            all.update(format!("{path}\n{}\n", text.len()));
            all.update(text);
        }
        format!("{:x}", all.finalize())
    }

    fn embedded(name: &str, dir: &Dir<'_>) -> Result<Tree> {
        fn walk(d: &Dir<'_>, out: &mut BTreeMap<String, String>) -> Result<()> {
            for f in d.files() {
                let path = f.path().to_string_lossy().replace('\\', "/");
                let text = f.contents_utf8().ok_or_else(|| Error::new(format!("file {path} is not UTF-8")))?;
                out.insert(path, text.to_owned());
            }
            d.dirs().try_for_each(|d| walk(d, out))
        }
        let mut files = BTreeMap::new();
        walk(dir, &mut files)?;
        Ok(Tree { name: name.to_owned(), files })
    }

    fn read(dir: &Path) -> Result<Tree> {
        fn walk(base: &Path, dir: &Path, out: &mut BTreeMap<String, String>) -> Result<()> {
            let list = std::fs::read_dir(dir).context(|| format!("folder {} can't be read", dir.display()))?;
            for entry in list {
                let path = entry.context(|| format!("folder {} can't be read", dir.display()))?.path();
                if path.is_dir() {
                    walk(base, &path, out)?;
                } else if let Ok(below) = path.strip_prefix(base) {
                    let key = below.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
                    let text = std::fs::read_to_string(&path).context(|| format!("file {} can't be read", path.display()))?;
                    out.insert(key, text);
                }
            }
            Ok(())
        }
        let mut files = BTreeMap::new();
        walk(dir, dir, &mut files)?;
        Ok(Tree { name: dir.display().to_string(), files })
    }
}
