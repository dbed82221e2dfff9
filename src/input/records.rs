//! Opens files one after another and gives their rows as one sequence.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::columnar::Columnar;
use super::compressed::{Bytes, decompressed, peek};
use super::delimited::Delimited;
use super::files::files;
use super::format::Compression;
use super::json_lines::JsonLines;
use super::plain::Plain;
use super::{Format, Options, Record, Records, Rows, STDIN, breaks_off};
use crate::{Error, Result};

/// Opens a file, a folder, a glob or standard input.
///
/// A folder gives its `.txt` files, subfolders included, in the order of their names; one without, all files of other
/// formats. What standard input is, its first bytes say: gzip or zstd, Arrow, JSON Lines from a `{` on, else one article.
///
/// # Errors
/// [`Error::Io`] when `path` cannot be opened, [`Error::Argument`] for a file of another kind or a folder without
/// articles, [`Error::Row`] for a columnar file that is broken. What is wrong with a single row comes out of the iterator.
pub fn open(path: &Path, options: &Options) -> Result<Records> {
    let mut files = files(&[path.to_owned()], options);
    let rows = match files.as_slice() {
        [_] => Some(rows(files.remove(0)?, options)?),
        _ => None,
    };
    Ok(Box::new(Chain::new(files, rows, options)))
}

/// The rows of several inputs, one after another, see [`open`]; one that cannot be opened is one rejected row.
pub fn read_all(paths: &[PathBuf], options: &Options) -> Records {
    Box::new(Chain::new(files(paths, options), None, options))
}

/// Files one after another.
struct Chain {
    files: std::vec::IntoIter<Result<PathBuf>>,
    rows: Option<Box<dyn Rows>>,
    options: Options,
}

impl Chain {
    fn new(files: Vec<Result<PathBuf>>, rows: Option<Box<dyn Rows>>, options: &Options) -> Self {
        Self {
            files: files.into_iter(),
            rows,
            options: options.clone(),
        }
    }

    /// Opens the next file.
    fn advance(&mut self) -> Option<Result<()>> {
        let opened = self
            .files
            .next()?
            .and_then(|path| rows(path, &self.options));
        Some(opened.map(|rows| self.rows = Some(rows)))
    }
}

impl Iterator for Chain {
    type Item = Record;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.rows.as_mut().and_then(|rows| rows.next_row()) {
                return Some(record);
            }
            self.rows = None;
            if let Err(error) = self.advance()? {
                return Some(Err(error.into()));
            }
        }
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        let mut left = n;
        loop {
            if let Some(rows) = &mut self.rows {
                left -= rows.skip_rows(left).min(left);
            }
            if left == 0 {
                return self.next();
            }
            self.rows = None;
            if self.advance()?.is_err() {
                left -= 1;
            }
        }
    }
}

fn rows(path: PathBuf, options: &Options) -> Result<Box<dyn Rows>> {
    if path.as_os_str() == STDIN {
        return piped(&path, Box::new(BufReader::new(std::io::stdin())), options);
    }
    let Some(format) = options.format.or_else(|| Format::of(&path)) else {
        return Err(Error::Argument(format!(
            "{}: cannot tell how to read this file; name its format with --input-format, or the file .txt (one article), \
             .jsonl, .csv, .tsv, .parquet or .arrow, compressed or not (.gz, .zst)",
            path.display()
        )));
    };
    let compression = Compression::of(&path);
    let file = path.clone();
    let open = move || {
        let file: Bytes = Box::new(BufReader::new(File::open(&file)?));
        decompressed(file, compression)
    };
    match format {
        Format::Text => Ok(Box::new(Plain::new(&path, Box::new(open), options))),
        Format::Parquet if compression.is_none() => {
            let file = File::open(&path).map_err(Error::io(&path))?;
            Ok(Box::new(Columnar::parquet(&path, file, options)?))
        }
        format => stream(format, &path, open().map_err(Error::io(&path))?, options),
    }
}

/// A look at a stream's first bytes begins with as many, and goes on while they are blank.
const LOOK: usize = 8;
const LOOK_AT_MOST: usize = 1 << 16;

/// Rows of a stream that has no name.
pub(super) fn piped(path: &Path, reader: Bytes, options: &Options) -> Result<Box<dyn Rows>> {
    let broken = |error: std::io::Error| breaks_off(path, 1, &error);
    let (start, reader) = peek(reader, LOOK).map_err(broken)?;
    let mut reader = decompressed(reader, Compression::of_bytes(&start)).map_err(broken)?;
    let mut most = LOOK;
    let format = loop {
        let (start, whole) = peek(reader, most).map_err(broken)?;
        reader = whole;
        let blank = start.trim_ascii().is_empty() && start.len() == most;
        if !blank || most >= LOOK_AT_MOST {
            break Format::of_bytes(&start);
        }
        most *= 2;
    };
    stream(options.format.unwrap_or(format), path, reader, options)
}

fn stream(format: Format, path: &Path, reader: Bytes, options: &Options) -> Result<Box<dyn Rows>> {
    let delimited = |reader, delimiter| -> Result<Box<dyn Rows>> {
        let rows = Delimited::new(path, reader, delimiter, options);
        Ok(Box::new(rows.map_err(|error| breaks_off(path, 1, &error))?))
    };
    match format {
        Format::Text => Ok(Box::new(Plain::new(path, Box::new(|| Ok(reader)), options))),
        Format::JsonLines => Ok(Box::new(JsonLines::new(path, reader, options))),
        Format::Csv => delimited(reader, None),
        Format::Tsv => delimited(reader, Some(b'\t')),
        Format::Arrow => Ok(Box::new(Columnar::arrow(path, reader, options)?)),
        Format::Parquet => Err(Error::Argument(format!(
            "{}: Parquet is read from its end and cannot come compressed as a whole or by a pipe; give an uncompressed file",
            path.display()
        ))),
    }
}
