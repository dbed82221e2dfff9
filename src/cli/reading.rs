//! Which files a command reads, and how.

use std::path::PathBuf;

use detente::input::{self, Columns, FileIdentity, Format, Records};

/// The options that say what is read, shared by the commands that read a corpus.
#[derive(Debug, clap::Args)]
pub struct Reading {
    /// Files, folders, patterns such as 'news/*.jsonl.gz', or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Format of every file: text, jsonl, csv, tsv, parquet or arrow [default: told by the suffix]
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<Format>,
    /// CSV and TSV have no header line: their columns are column_1, column_2, …
    #[arg(long)]
    no_header: bool,
    /// Column that holds the text [default: text]
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// Column that holds the headline, put before the text [default: title]
    #[arg(long, value_name = "NAME")]
    title_column: Option<String>,
    /// Column that holds the article's id; a row with the id of one of the last half million rows fails [default: id]
    #[arg(long, value_name = "NAME")]
    id_column: Option<String>,
    /// Column that holds the language, ISO 639 [default: lang, then language]
    #[arg(long, value_name = "NAME")]
    lang_column: Option<String>,
    /// Column that holds the date [default: date]
    #[arg(long, value_name = "NAME")]
    date_column: Option<String>,
    /// A longer text, in bytes, is a failed row
    #[arg(long, value_name = "BYTES", default_value_t = input::Options::default().max_text)]
    max_text: usize,
}

impl Reading {
    pub fn options(&self) -> input::Options {
        let usual = Columns::default();
        let names = |given: &Option<String>, usual: Vec<String>| match given {
            Some(name) => vec![name.clone()],
            None => usual,
        };
        input::Options {
            format: self.input_format,
            no_header: self.no_header,
            max_text: self.max_text,
            text_required: true,
            columns: Columns {
                text: names(&self.text_column, usual.text),
                title: names(&self.title_column, usual.title),
                id: names(&self.id_column, usual.id),
                lang: names(&self.lang_column, usual.lang),
                date: names(&self.date_column, usual.date),
            },
        }
    }

    /// The rows, from the first on.
    pub fn records(&self) -> Records {
        input::read_all(&self.paths, &self.options())
    }

    /// The files as they are now.
    pub fn identity(&self) -> detente::Result<Vec<FileIdentity>> {
        input::identity(&self.paths, &self.options())
    }

    pub fn has_stdin(&self) -> bool {
        self.paths
            .iter()
            .any(|path| path.as_os_str() == input::STDIN)
    }
}

/// How labelled rows are read: their labels count the bytes of the text column alone, so no headline comes before it.
pub fn labelled() -> input::Options {
    let columns = Columns {
        title: Vec::new(),
        ..Columns::default()
    };
    input::Options {
        columns,
        ..input::Options::default()
    }
}

/// Rows of an input, or a few less: only every 64th is looked at.
pub fn count(mut records: Records) -> u64 {
    const STEP: u64 = 64;
    let mut rows = 0;
    while records.nth(STEP as usize - 1).is_some() {
        rows += STEP;
    }
    rows
}
