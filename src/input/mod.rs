//! Articles from files, folders and standard input; a bad row is an error with its place, and the next row follows.

mod columnar;
mod compressed;
mod delimited;
mod delimiter;
mod files;
mod format;
mod json_lines;
mod messages;
mod plain;
mod records;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::Error;
use crate::fields::{Cell, Fields};
use crate::text::Lang;

pub use files::{FileIdentity, identity};
pub use format::Format;
pub use records::{open, read_all};

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// One article as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Article {
    /// The text to score: the headline column, where there is one, a blank line, and the text column, untouched.
    pub text: String,
    /// Bytes of `text` before the text column begins; 0 without a headline column.
    pub headline: usize,
    /// Its language where the input says so.
    pub lang: Option<Lang>,
    /// Its name: that of the id column, else `file:row`; of a text file its own name.
    pub id: String,
    /// Whether it is that of the id column.
    pub has_id: bool,
    /// The input columns.
    pub fields: Fields,
    /// The file it came from; [`STDIN`] for standard input.
    pub path: Arc<Path>,
    /// Row in that file, counted from 1: a line of JSON Lines, a record of CSV with the header as the first, a row of a
    /// columnar file.
    pub row: usize,
}

/// A row that cannot be used, with what is known of it.
#[derive(Debug)]
pub struct Rejected {
    /// The input columns, as far as they could be read.
    pub fields: Fields,
    /// Where and why.
    pub error: Error,
}

impl Rejected {
    /// Whether it stands for a file, or the rest of one, and not for one row.
    pub fn is_file(&self) -> bool {
        matches!(self.error, Error::Io { .. } | Error::Lost { .. })
    }

    /// Where it was read; of what is wrong with the arguments and not with a file, nowhere.
    pub fn place(&self) -> Place {
        let (path, row) = match &self.error {
            Error::Row { path, row, .. } | Error::Lost { path, row, .. } => (path.as_path(), *row),
            Error::Io { path, .. } => (path.as_path(), 1),
            _ => (Path::new(""), 0),
        };
        Place {
            path: path.into(),
            row,
        }
    }
}

/// Where a row was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// See [`Article::path`].
    pub path: Arc<Path>,
    /// See [`Article::row`].
    pub row: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, row {}", self.path.display(), self.row)
    }
}

impl From<Error> for Box<Rejected> {
    fn from(error: Error) -> Self {
        let fields = Fields::default();
        Self::new(Rejected { fields, error })
    }
}

impl From<Box<Rejected>> for Error {
    fn from(rejected: Box<Rejected>) -> Self {
        rejected.error
    }
}

/// What is read of a row.
pub type Record = Result<Article, Box<Rejected>>;

/// Rows of one or several inputs, in their order. Bad ones come as [`Rejected`] and the next row follows; of a file that
/// cannot be read, or no further, one [`Rejected`] says so and the next file follows. `nth` skips the same rows that
/// `next` would give, but does not make articles of them: lines are not parsed, text files not opened.
pub type Records = Box<dyn Iterator<Item = Record> + Send>;

/// How to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Options {
    /// The format of every file; told by the suffix (of standard input by its first bytes) where `None`.
    pub format: Option<Format>,
    /// Which columns hold what.
    pub columns: Columns,
    /// CSV and TSV have no header line; their columns are `column_1`, `column_2`, ….
    pub no_header: bool,
    /// A row without a text that can be scored is rejected. Where not, its [`Article::text`] is empty: scored rows may
    /// have left it out, and those that failed may never have had one.
    pub text_required: bool,
    /// A row with a longer text, in bytes, is rejected: an article of 10 MB is a file that lost its line ends.
    pub max_text: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            columns: Columns::default(),
            no_header: false,
            text_required: true,
            max_text: 4 << 20,
        }
    }
}

impl Options {
    /// Bytes of a line or record, as they lie in the file. Text in JSON is escaped, at worst six bytes for one, and there
    /// are other columns.
    fn max_row(&self) -> usize {
        self.max_text.saturating_mul(6).saturating_add(1 << 20)
    }
}

/// Which columns of a row hold what: of each list the first that the row has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// The article's text.
    pub text: Vec<String>,
    /// Its headline, put before the text unless the text begins with it.
    pub title: Vec<String>,
    /// Its name in the output.
    pub id: Vec<String>,
    /// Its language, ISO 639-1 or 639-3.
    pub lang: Vec<String>,
    /// The day it appeared. Reading does not use it.
    pub date: Vec<String>,
}

impl Default for Columns {
    /// The usual names, those of trafilatura's JSON among them.
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Self {
            text: names(&["text"]),
            title: names(&["title"]),
            id: names(&["id"]),
            lang: names(&["lang", "language"]),
            date: names(&["date"]),
        }
    }
}

/// The rows of one file.
trait Rows: Send {
    /// The next row; `None` after the last, and from then on.
    fn next_row(&mut self) -> Option<Record>;

    /// Passes over `n` rows, or those that are left; how many.
    fn skip_rows(&mut self, n: usize) -> usize;
}

/// The article in a row.
fn article(fields: Fields, path: &Arc<Path>, row: usize, options: &Options) -> Record {
    let names = &options.columns;
    let (text, headline) = match text_of(&fields, options) {
        Ok(text) => text,
        Err(_) if !options.text_required => (String::new(), 0),
        Err(reason) => {
            let error = row_error(path, row, reason);
            return Err(Box::new(Rejected { fields, error }));
        }
    };
    let lang = match pick(&fields, &names.lang) {
        Some((_, Cell::Text(code))) => code.parse().ok(),
        _ => None,
    };
    let id = match pick(&fields, &names.id) {
        Some((_, Cell::Text(id))) if !id.is_empty() => Some(id.to_owned()),
        Some((name, Cell::Other(_))) => fields.get(name).map(|id| match id {
            Value::String(id) => id,
            other => other.to_string(),
        }),
        _ => None,
    };
    Ok(Article {
        text,
        headline,
        lang,
        has_id: id.is_some(),
        id: id.unwrap_or_else(|| format!("{}:{row}", path.display())),
        fields,
        path: Arc::clone(path),
        row,
    })
}

/// The text to score and the bytes of the headline in it, or what is wrong with the row.
fn text_of(fields: &Fields, options: &Options) -> Result<(String, usize), String> {
    let names = &options.columns;
    let text = match pick(fields, &names.text) {
        Some((_, Cell::Text(text))) => text,
        _ if !options.text_required => return Ok((String::new(), 0)),
        Some((name, Cell::Null)) => return Err(not_a_text(name, "null")),
        Some((name, Cell::Other(kind))) => return Err(not_a_text(name, &kind)),
        None => return Err(no_text_column(names, &fields.names())),
    };
    if text.len() > options.max_text {
        return Err(format!(
            "a text of {} bytes, more than the {} that an article may have (--max-text)",
            text.len(),
            options.max_text
        ));
    }
    if text.trim().is_empty() && options.text_required {
        return Err("the text is empty".to_owned());
    }
    let title = match pick(fields, &names.title) {
        Some((_, Cell::Text(title))) => Some(title),
        _ => None,
    };
    let (text, headline) = with_headline(text, title);
    Ok((text.into_owned(), headline))
}

/// A text with its title and a blank line before it, unless it begins with the title; and the bytes before the text.
pub(crate) fn with_headline<'a>(text: &'a str, title: Option<&str>) -> (Cow<'a, str>, usize) {
    let title = title
        .filter(|title| !title.trim().is_empty() && !text.trim_start().starts_with(title.trim()));
    match title {
        Some(title) => (Cow::Owned(format!("{title}\n\n{text}")), title.len() + 2),
        None => (Cow::Borrowed(text), 0),
    }
}

/// The first of `names` that the row has.
fn pick<'a>(fields: &'a Fields, names: &'a [String]) -> Option<(&'a str, Cell<'a>)> {
    names
        .iter()
        .find_map(|name| Some((name.as_str(), fields.cell(name)?)))
}

fn not_a_text(name: &str, kind: &str) -> String {
    format!("column `{name}` holds {kind}, not a text")
}

/// Columns that a message lists at most.
const LISTED: usize = 20;

fn no_text_column(names: &Columns, there: &[String]) -> String {
    let mut listed = there[..there.len().min(LISTED)].join(", ");
    if there.is_empty() {
        listed.push_str("none");
    } else if there.len() > LISTED {
        listed.push_str(&format!(" and {} more", there.len() - LISTED));
    }
    format!(
        "no column `{}`; the row has {listed}; name the right one with --text-column",
        names.text.join("` or `")
    )
}

fn row_error(path: &Path, row: usize, reason: impl Into<String>) -> Error {
    Error::Row {
        path: path.to_owned(),
        row,
        reason: reason.into(),
    }
}

fn lost(path: &Path, row: usize, reason: impl Into<String>) -> Error {
    Error::Lost {
        path: path.to_owned(),
        row,
        reason: reason.into(),
    }
}

/// A file whose bytes cannot be read any further: a disk that fails, a gzip file that was cut.
fn breaks_off(path: &Path, row: usize, error: &std::io::Error) -> Error {
    let reason = format!("the file breaks off here ({error}); the rows from here on are lost");
    lost(path, row, reason)
}

fn invalid_utf8(error: &std::str::Utf8Error) -> String {
    format!(
        "not UTF-8 from byte {} on; convert the file (iconv -t UTF-8) first",
        error.valid_up_to()
    )
}

impl Article {
    /// Where it was read.
    pub fn place(&self) -> Place {
        Place {
            path: Arc::clone(&self.path),
            row: self.row,
        }
    }

    /// An [`Error::Row`] at this article's place.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        row_error(&self.path, self.row, reason)
    }
}
