//! What the cache of the hub holds.

use super::{HubOptions, folder};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// One revision of a model in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cached {
    /// The model's id on the hub.
    pub id: String,
    /// The commit.
    pub commit: String,
    /// Branches and tags that were this commit when they were fetched, sorted.
    pub names: Vec<String>,
    /// The folder of its files; not all of them are there if a download was broken off.
    pub folder: PathBuf,
    /// Bytes of its files. Revisions share the files that did not change, so that together they take less.
    pub bytes: u64,
}

/// Lists the models in the cache, by id and commit; nothing is downloaded. Those that other tools put there are listed
/// too, and need not be any that can be opened here.
///
/// # Errors
/// [`Error::Argument`] where there is no home directory for the cache and none is named; [`Error::Io`] where the cache
/// cannot be read. A cache that does not exist is empty.
pub fn cached(options: &HubOptions) -> Result<Vec<Cached>> {
    let cache = folder(options).map_err(Error::Argument)?;
    let mut found = Vec::new();
    for model in entries(&cache)? {
        let Some(id) = name(&model).and_then(|name| name.strip_prefix("models--")) else {
            continue;
        };
        let refs = model.join("refs");
        let names = files(&refs)?.into_iter().filter_map(|path| {
            let commit = std::fs::read_to_string(&path).ok()?;
            let parts = path.strip_prefix(&refs).ok()?.iter();
            let parts = parts
                .map(|part| part.to_str())
                .collect::<Option<Vec<_>>>()?;
            Some((parts.join("/"), commit.trim().to_owned()))
        });
        let names: Vec<_> = names.collect();
        for folder in entries(&model.join("snapshots"))? {
            let Some(commit) = name(&folder) else {
                continue;
            };
            let of_commit = names
                .iter()
                .filter(|(name, c)| c == commit && name != commit);
            let bytes = files(&folder)?.into_iter().filter_map(|path| {
                // Follows the links into the store of files; a broken one has no bytes.
                Some(path.metadata().ok()?.len())
            });
            found.push(Cached {
                id: id.replace("--", "/"),
                commit: commit.to_owned(),
                names: of_commit.map(|(name, _)| name.clone()).collect(),
                bytes: bytes.sum(),
                folder,
            });
        }
    }
    found.sort_by(|a, b| (&a.id, &a.commit).cmp(&(&b.id, &b.commit)));
    Ok(found)
}

fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// What is in a folder, sorted; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = folder.read_dir().map_err(Error::io(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::io(folder))?;
    paths.sort();
    Ok(paths)
}

/// The files in a folder and in its folders; links to folders are not followed.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut open) = (Vec::new(), entries(folder)?);
    while let Some(path) = open.pop() {
        if path.is_dir() && !path.is_symlink() {
            open.extend(entries(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_is_listed_with_its_names_and_what_is_no_model_is_not() {
        let cache = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = cache.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("models--some--one/snapshots/aaaa/config.json", "12345");
        write("models--some--one/snapshots/aaaa/onnx/model.onnx", "123");
        write("models--some--one/snapshots/bbbb/config.json", "1");
        write("models--some--one/refs/main", "bbbb\n");
        write("models--some--one/refs/feature/x", "bbbb");
        write("models--some--one/refs/aaaa", "aaaa");
        write("models--plain/snapshots/cccc/config.json", "");
        write("datasets--some--set/snapshots/dddd/data.csv", "1");
        write("version.txt", "1");
        let options = HubOptions {
            cache: Some(cache.path().into()),
            ..HubOptions::default()
        };
        let found = cached(&options).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|m| (m.id.as_str(), m.commit.as_str(), m.names.join(" "), m.bytes))
            .collect();
        assert_eq!(
            told,
            [
                ("plain", "cccc", String::new(), 0),
                ("some/one", "aaaa", String::new(), 8),
                ("some/one", "bbbb", "feature/x main".to_owned(), 1),
            ]
        );
        assert!(found[1].folder.join("onnx/model.onnx").is_file());
    }

    #[test]
    fn a_cache_that_is_not_there_is_empty() {
        let options = HubOptions {
            cache: Some("no/such/cache".into()),
            ..HubOptions::default()
        };
        assert_eq!(cached(&options).unwrap(), []);
    }
}
