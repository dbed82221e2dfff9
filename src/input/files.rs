//! Which files are read: folders and globs as the files in them, in the order of their names.

use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::{Format, Options, STDIN};
use crate::{Error, Result};

/// A file as it was at one time. Where all are equal, the input is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// Its path as it was given or found; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified: i64,
}

/// The files that [`read_all`](super::read_all) reads, in its order.
///
/// # Errors
/// [`Error::Argument`] for standard input, which has no identity, and for folders and globs without articles;
/// [`Error::Io`] for what cannot be read.
pub fn identity(paths: &[PathBuf], options: &Options) -> Result<Vec<FileIdentity>> {
    let identity = |path: Result<PathBuf>| {
        let path = path?;
        if path.as_os_str() == STDIN {
            return Err(Error::Argument(
                "standard input cannot be read a second time; give a file".to_owned(),
            ));
        }
        let metadata = std::fs::metadata(&path).map_err(Error::io(&path))?;
        let modified = metadata.modified().map_err(Error::io(&path))?;
        let nanoseconds = match modified.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Ok(FileIdentity {
            path: path.to_string_lossy().into_owned(),
            bytes: metadata.len(),
            modified: nanoseconds,
        })
    };
    files(paths, options).into_iter().map(identity).collect()
}

/// The files that the paths stand for, and what is wrong with paths that stand for none; at least one for each path.
///
/// A path that exists is taken as it is; any other is a glob if it has the signs of one. A folder gives its `.txt` files,
/// subfolders included, and where it has none those of all other formats; of a given format, those files only. Within
/// folders and globs, names that begin with `_` or `.` are not seen.
pub fn files(paths: &[PathBuf], options: &Options) -> Vec<Result<PathBuf>> {
    paths
        .iter()
        .flat_map(|path| expanded(path, options))
        .collect()
}

fn expanded(path: &Path, options: &Options) -> Vec<Result<PathBuf>> {
    if path.as_os_str() == STDIN {
        return vec![Ok(path.to_owned())];
    }
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => folder(path, options),
        Ok(_) => vec![Ok(path.to_owned())],
        Err(error) => match path.to_str() {
            Some(pattern) if error.kind() == std::io::ErrorKind::NotFound && is_glob(pattern) => {
                glob(pattern, options)
            }
            _ => vec![Err(Error::io(path)(error))],
        },
    }
}

fn folder(path: &Path, options: &Options) -> Vec<Result<PathBuf>> {
    let (mut files, errors) = walk(path, usize::MAX);
    let wanted = options.format.or_else(|| {
        let text = files
            .iter()
            .any(|file| Format::of(file) == Some(Format::Text));
        text.then_some(Format::Text)
    });
    files.retain(|file| match (Format::of(file), wanted) {
        (Some(format), Some(wanted)) => format == wanted,
        (format, None) => format.is_some(),
        (None, Some(_)) => false,
    });
    let what = wanted.map_or("that can be read".to_owned(), |format| {
        format!("of the format {format}")
    });
    found(files, errors, || {
        format!("{}: no files {what} in this folder", path.display())
    })
}

fn glob(pattern: &str, options: &Options) -> Vec<Result<PathBuf>> {
    let matcher = match matcher(pattern) {
        Ok(matcher) => matcher,
        Err(error) => return vec![Err(Error::Argument(format!("{pattern}: {error}")))],
    };
    // The folders before the first sign are named and not sought, `..` and hidden ones among them.
    let parts: Vec<_> = Path::new(pattern).components().collect();
    let is_sign = |part: &Component| part.as_os_str().to_str().is_none_or(is_glob);
    let named = parts.iter().position(is_sign).unwrap_or(parts.len());
    let base: PathBuf = parts[..named].iter().collect();
    let depth = match pattern.contains("**") {
        true => usize::MAX,
        false => parts.len() - named,
    };
    let (mut files, errors) = walk(&base, depth);
    files.retain(|file| {
        matcher.is_match(file) && (options.format.is_some() || Format::of(file).is_some())
    });
    found(files, errors, || {
        let hint = match options.format {
            Some(_) => "",
            None => " whose name says its format (--input-format)",
        };
        format!("{pattern}: no such path, and as a pattern it matches no file{hint}")
    })
}

/// `*` and `?` stand for what is within a name, `**` also for folders.
fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    // As paths are walked: without `./` inside and double slashes.
    let pattern: PathBuf = Path::new(pattern).components().collect();
    let pattern = pattern.to_string_lossy();
    let glob = GlobBuilder::new(&pattern).literal_separator(true).build()?;
    Ok(glob.compile_matcher())
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// What is wrong comes first; where there is nothing at all, that is what is wrong.
fn found(
    files: Vec<PathBuf>,
    errors: Vec<Error>,
    nothing: impl FnOnce() -> String,
) -> Vec<Result<PathBuf>> {
    if files.is_empty() && errors.is_empty() {
        return vec![Err(Error::Argument(nothing()))];
    }
    errors
        .into_iter()
        .map(Err)
        .chain(files.into_iter().map(Ok))
        .collect()
}

/// The files below a folder by their names, at most `depth` levels down, and the folders that could not be read. Links to
/// folders are not followed: they may lead in a circle.
fn walk(base: &Path, depth: usize) -> (Vec<PathBuf>, Vec<Error>) {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    let mut folders = vec![(base.to_owned(), 1)];
    while let Some((folder, level)) = folders.pop() {
        let listed = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &folder
        };
        let mut list = || -> std::io::Result<()> {
            for entry in std::fs::read_dir(listed)? {
                let entry = entry?;
                let name = entry.file_name();
                if matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.')) {
                    continue;
                }
                let path = folder.join(name);
                if !entry.file_type()?.is_dir() {
                    files.push(path);
                } else if level < depth {
                    folders.push((path, level + 1));
                }
            }
            Ok(())
        };
        if let Err(error) = list() {
            errors.push(Error::io(&folder)(error));
        }
    }
    files.sort();
    (files, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with empty files.
    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    /// What a path inside the folder stands for, relative to the folder; a message where it stands for nothing.
    fn found(folder: &tempfile::TempDir, path: &str, format: Option<Format>) -> Vec<String> {
        let options = Options {
            format,
            ..Options::default()
        };
        let short = |file: Result<PathBuf>| match file {
            Ok(file) => file
                .strip_prefix(folder.path())
                .unwrap()
                .display()
                .to_string(),
            Err(error) => error.to_string(),
        };
        let path = if path.is_empty() {
            folder.path().to_owned()
        } else {
            folder.path().join(path)
        };
        files(&[path], &options).into_iter().map(short).collect()
    }

    #[test]
    fn a_folder_gives_its_texts_by_name_and_other_formats_only_without_them() {
        let folder = folder_with(&[
            "b.txt",
            "a/z.txt.gz",
            "a.csv",
            "c.md",
            "_part.txt",
            ".d.txt",
            "_out/e.txt",
            ".git/f.txt",
            "t/x.jsonl",
            "t/y.parquet",
            "n/n.md",
        ]);
        assert_eq!(found(&folder, "", None), ["a/z.txt.gz", "b.txt"]);
        assert_eq!(found(&folder, "", Some(Format::Csv)), ["a.csv"]);
        assert_eq!(found(&folder, "t", None), ["t/x.jsonl", "t/y.parquet"]);
        assert!(found(&folder, "n", None)[0].contains("no files that can be read in this folder"));
        assert!(found(&folder, "t", Some(Format::Text))[0].contains("no files of the format text"));
        assert_eq!(
            found(&folder, "_out", None),
            ["_out/e.txt"],
            "one that is named is read"
        );
        assert_eq!(found(&folder, "_part.txt", None), ["_part.txt"]);
    }

    #[test]
    fn globs_stay_within_names_unless_they_say_folders() {
        let folder = folder_with(&[
            "a.txt",
            "b.jsonl",
            "x/a.txt",
            "x/y/a.csv",
            "x/_a.txt",
            "x/r.md",
            "[1].txt",
            "1.txt",
        ]);
        assert_eq!(found(&folder, "*.txt", None), ["1.txt", "[1].txt", "a.txt"]);
        assert_eq!(found(&folder, "*/a.*", None), ["x/a.txt"]);
        assert_eq!(
            found(&folder, "**/a.{txt,csv}", None),
            ["a.txt", "x/a.txt", "x/y/a.csv"]
        );
        assert_eq!(found(&folder, "x/*", None), ["x/a.txt"]);
        assert_eq!(
            found(&folder, "x/*", Some(Format::Text)),
            ["x/a.txt", "x/r.md"]
        );
        assert_eq!(
            found(&folder, "[1].txt", None),
            ["[1].txt"],
            "what exists is no pattern"
        );
        assert!(found(&folder, "*.pq", None)[0].contains("matches no file"));
        assert!(found(&folder, "[a.txt", None)[0].contains("[a.txt"));
        assert!(found(&folder, "q.txt", None)[0].contains("q.txt: No such file"));
    }

    #[test]
    fn a_file_that_is_written_to_has_another_identity() {
        let folder = folder_with(&["a.txt", "b.txt"]);
        let paths = [folder.path().to_owned()];
        let before = identity(&paths, &Options::default()).unwrap();
        assert_eq!(before.len(), 2);
        assert!(before[0].path.ends_with("a.txt") && before[0].modified > 0);
        let json = serde_json::to_string(&before).unwrap();
        assert_eq!(
            serde_json::from_str::<Vec<FileIdentity>>(&json).unwrap(),
            before
        );
        std::fs::write(folder.path().join("b.txt"), "longer").unwrap();
        let after = identity(&paths, &Options::default()).unwrap();
        assert_eq!((&before[0], after[1].bytes), (&after[0], 6));
        let error = identity(&[PathBuf::from(STDIN)], &Options::default()).unwrap_err();
        assert!(
            error.to_string().contains("cannot be read a second time"),
            "{error}"
        );
    }
}
