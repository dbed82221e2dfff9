//! Articles from files, folders and standard input; a bad row is an error with its place, and the next row follows.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::text::Lang;
use crate::{Error, Result};

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// One article as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Article {
    /// The text, untouched: evidence offsets count its bytes.
    pub text: String,
    /// Its language where the input says so in the column `lang`.
    pub lang: Option<Lang>,
    /// The input columns in their order; a text file has one, its name as the id.
    pub columns: Map<String, Value>,
    /// The file it came from; [`STDIN`] for standard input.
    pub path: PathBuf,
    /// Row in that file, counted from 1.
    pub row: usize,
}

/// Which columns of a JSON row hold what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The article's text.
    pub text: String,
    /// The article's name in the output.
    pub id: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            text: "text".into(),
            id: "id".into(),
        }
    }
}

/// An iterator over articles.
pub type Articles = Box<dyn Iterator<Item = Result<Article>>>;

/// Opens a file, a folder or standard input.
///
/// `.txt` is one article; `.jsonl`, `.ndjson` and `.json` hold one JSON object a line; a folder gives its `.txt` files,
/// subfolders included, in the order of their names. Standard input is JSON Lines where its first byte that is
/// not blank is `{`, else one article.
///
/// # Errors
/// [`Error::Io`] when `path` cannot be opened, [`Error::Argument`] for a file of another kind or a folder without
/// articles. What is wrong with a single row comes out of the iterator.
pub fn open(path: &Path, columns: &Columns) -> Result<Articles> {
    if path.as_os_str() == STDIN {
        return stdin(columns);
    }
    let metadata = std::fs::metadata(path).map_err(Error::io(path))?;
    if metadata.is_dir() {
        return folder(path, columns);
    }
    match Kind::of(path) {
        Some(Kind::Text) => Ok(text_file(path)),
        Some(Kind::JsonLines) => {
            let file = File::open(path).map_err(Error::io(path))?;
            Ok(Box::new(JsonLines::new(
                path,
                BufReader::new(file),
                columns,
            )))
        }
        None => Err(Error::Argument(format!(
            "{}: cannot tell how to read this file; name it .txt (one article) or .jsonl (one JSON object a line)",
            path.display()
        ))),
    }
}

enum Kind {
    Text,
    JsonLines,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "txt" => Some(Self::Text),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

fn stdin(columns: &Columns) -> Result<Articles> {
    let path = Path::new(STDIN);
    let mut reader = BufReader::new(std::io::stdin());
    let first = loop {
        let buffer = reader.fill_buf().map_err(Error::io(path))?;
        match buffer.iter().position(|b| !b.is_ascii_whitespace()) {
            Some(at) => break Some(buffer[at]),
            None if buffer.is_empty() => break None,
            // Blank lines keep their number only in JSON Lines, where leading ones are rare; text loses nothing.
            None => {
                let blank = buffer.len();
                reader.consume(blank);
            }
        }
    };
    if first == Some(b'{') {
        return Ok(Box::new(JsonLines::new(path, reader, columns)));
    }
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(Error::io(path))?;
    Ok(Box::new(std::iter::once(whole_text(path, bytes))))
}

fn folder(path: &Path, columns: &Columns) -> Result<Articles> {
    let mut files = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let kind = entry.file_type().map_err(Error::io(entry.path()))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if matches!(Kind::of(&entry.path()), Some(Kind::Text)) {
                files.push(entry.path());
            }
        }
    }
    if files.is_empty() {
        return Err(Error::Argument(format!(
            "{}: no .txt files in this folder",
            path.display()
        )));
    }
    files.sort();
    let columns = columns.clone();
    Ok(Box::new(files.into_iter().flat_map(move |file| {
        open(&file, &columns).unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))
    })))
}

fn text_file(path: &Path) -> Articles {
    let path = path.to_owned();
    // Read when its turn comes, so that a folder of a million files is not held in memory.
    Box::new(std::iter::once_with(move || {
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        whole_text(&path, bytes)
    }))
}

fn whole_text(path: &Path, bytes: Vec<u8>) -> Result<Article> {
    let text =
        String::from_utf8(bytes).map_err(|e| row_error(path, 1, invalid_utf8(&e.utf8_error())))?;
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    Ok(Article {
        text,
        lang: None,
        columns: Map::from_iter([("id".to_owned(), Value::from(name))]),
        path: path.to_owned(),
        row: 1,
    })
}

fn invalid_utf8(error: &std::str::Utf8Error) -> String {
    format!(
        "not UTF-8 from byte {} on; convert the file (iconv -t UTF-8) first",
        error.valid_up_to()
    )
}

fn row_error(path: &Path, row: usize, reason: impl Into<String>) -> Error {
    Error::Row {
        path: path.to_owned(),
        row,
        reason: reason.into(),
    }
}

/// Rows of a JSON Lines file. Blank lines are skipped but counted, so that rows are lines.
struct JsonLines<R> {
    path: PathBuf,
    reader: R,
    columns: Columns,
    row: usize,
    failed: bool,
}

impl<R: BufRead> JsonLines<R> {
    fn new(path: &Path, reader: R, columns: &Columns) -> Self {
        Self {
            path: path.to_owned(),
            reader,
            columns: columns.clone(),
            row: 0,
            failed: false,
        }
    }

    fn article(&self, line: &[u8]) -> Result<Article> {
        let error = |reason: String| row_error(&self.path, self.row, reason);
        let line = std::str::from_utf8(line).map_err(|e| error(invalid_utf8(&e)))?;
        let columns: Map<String, Value> =
            serde_json::from_str(line).map_err(|e| error(format!("not a JSON object: {e}")))?;
        let text = match columns.get(&self.columns.text) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                let kind = kind_of(other);
                return Err(error(format!(
                    "column `{}` holds {kind}, not a text",
                    self.columns.text
                )));
            }
            None => {
                let names: Vec<_> = columns.keys().map(String::as_str).collect();
                return Err(error(format!(
                    "no column `{}`; the row has {}; name the right one with --text-column",
                    self.columns.text,
                    if names.is_empty() {
                        "none".into()
                    } else {
                        names.join(", ")
                    },
                )));
            }
        };
        Ok(Article {
            text,
            lang: columns
                .get("lang")
                .and_then(Value::as_str)
                .and_then(|l| l.parse().ok()),
            columns,
            path: self.path.clone(),
            row: self.row,
        })
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = Result<Article>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        while !self.failed {
            line.clear();
            self.row += 1;
            match self.reader.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => return Some(self.article(&line)),
                Err(source) => {
                    // A reader that failed once may fail for ever; what follows it is unknown.
                    self.failed = true;
                    return Some(Err(Error::io(&self.path)(source)));
                }
            }
        }
        None
    }
}

impl Article {
    /// An [`Error::Row`] at this article's place.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        row_error(&self.path, self.row, reason)
    }

    /// The article's id: its column of that name, else `file:row`.
    pub fn id(&self, columns: &Columns) -> String {
        match self
            .columns
            .get(&columns.id)
            .or_else(|| self.columns.get("id"))
        {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Null) | None => format!("{}:{}", self.path.display(), self.row),
            Some(other) => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &'static [u8]) -> Vec<Result<Article>> {
        JsonLines::new(Path::new("in.jsonl"), bytes, &Columns::default()).collect()
    }

    #[test]
    fn a_bad_row_names_its_line_and_the_next_one_is_read() {
        let rows = rows(b"{\"text\":\"a\"}\n\nnot json\n{\"body\":\"b\"}\n{\"text\":7}\n\xff\n{\"text\":\"c\",\"lang\":\"uk\"}");
        let texts: Vec<_> = rows
            .iter()
            .map(|r| r.as_ref().map(|a| a.text.as_str()).ok())
            .collect();
        assert_eq!(texts, [Some("a"), None, None, None, None, Some("c")]);
        let messages: Vec<_> = rows
            .iter()
            .filter_map(|r| r.as_ref().err().map(ToString::to_string))
            .collect();
        assert!(
            messages[0].starts_with("in.jsonl, row 3: not a JSON object"),
            "{messages:?}"
        );
        assert!(
            messages[1].contains("row 4: no column `text`; the row has body"),
            "{messages:?}"
        );
        assert!(
            messages[2].contains("row 5: column `text` holds a number"),
            "{messages:?}"
        );
        assert!(messages[3].contains("row 6: not UTF-8"), "{messages:?}");
    }

    #[test]
    fn columns_keep_their_order_and_the_language_is_taken() {
        let rows = rows(b"{\"z\":1,\"text\":\"a\",\"lang\":\"uk\",\"b\":null}");
        let article = rows[0].as_ref().unwrap();
        assert_eq!(
            article.columns.keys().collect::<Vec<_>>(),
            ["z", "text", "lang", "b"]
        );
        assert_eq!(article.lang, "uk".parse().ok());
        assert_eq!(article.id(&Columns::default()), "in.jsonl:1");
    }
}
