//! `detente score`: articles in, verdicts out, one after another.

use std::io::{BufWriter, IsTerminal, StdoutLock, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use detente::input::{self, Article, Columns};
use detente::row::{self, CsvRecords};
use detente::{Options, Provenance, Scorer, Text, Verdict};
use indicatif::ProgressBar;
use serde_json::{Map, Value};

use super::source::Source;
use super::table::Table;
use super::{Outcome, report};

/// Score articles: label, tone, probability, evidence
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files (.txt: one article; .jsonl: one a line), folders of .txt files, or - for standard input
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Output [default: table to a terminal, jsonl to a pipe]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Evidence sentences of each article
    #[arg(long, default_value_t = 3, value_name = "N")]
    evidence: usize,
    /// Column that holds the text
    #[arg(long, default_value = "text", value_name = "NAME")]
    text_column: String,
    /// Column that holds the article's id, for the table and for messages
    #[arg(long, default_value = "id", value_name = "NAME")]
    id_column: String,
    /// Say `uncertain` unless exactly one label is plausible at this error rate
    #[arg(long, default_value_t = Options::default().alpha, value_name = "RATE")]
    alpha: f32,
    /// Tokens in one pass of the encoder: speed against memory, never results
    #[arg(long, default_value_t = Options::default().batch_tokens, value_name = "N")]
    batch_tokens: usize,
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Table,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated, evidence and coverage as JSON in their cells
    Csv,
}

/// Articles read before they are scored together: enough to keep all threads at work, few enough to hold.
const CHUNK: usize = 64;

pub fn run(args: Args) -> Result<Outcome> {
    let columns = Columns {
        text: args.text_column,
        id: args.id_column,
    };
    let options = Options {
        alpha: args.alpha,
        batch_tokens: args.batch_tokens,
    };
    let scorer = Scorer::new(args.source.open()?, options)?;
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let format = args.format.unwrap_or(if terminal {
        Format::Table
    } else {
        Format::Jsonl
    });
    let mut run = Run {
        provenance: scorer.model().provenance(),
        scorer,
        evidence: args.evidence,
        progress: progress(terminal),
        sink: Sink::new(format, &columns, BufWriter::new(stdout.lock())),
        failed: 0,
    };
    let mut chunk = Vec::with_capacity(CHUNK);
    for path in &args.paths {
        // A path that cannot be opened is one failed row; the other paths are scored.
        let articles = input::open(path, &columns)
            .unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
        for article in articles {
            chunk.push(article);
            if chunk.len() == CHUNK {
                run.score(std::mem::take(&mut chunk))?;
            }
        }
    }
    run.score(chunk)?;
    run.sink.finish()?;
    run.progress.finish_and_clear();
    // Freeing the tables of a tokenizer.json takes longer than scoring an article, and the process ends anyway.
    std::mem::forget(run.scorer);
    Ok(Outcome::of(run.failed))
}

/// A spinner with rate, only where a person looks at stderr and stdout is not the same screen.
fn progress(stdout_is_terminal: bool) -> ProgressBar {
    if stdout_is_terminal {
        ProgressBar::hidden()
    } else {
        ProgressBar::new_spinner().with_style(
            indicatif::ProgressStyle::with_template(
                "{spinner} {pos} articles, {per_sec}, {elapsed}",
            )
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner()),
        )
    }
}

/// A scoring run.
struct Run<'a> {
    scorer: Scorer,
    provenance: Provenance,
    evidence: usize,
    progress: ProgressBar,
    sink: Sink<'a>,
    failed: usize,
}

impl Run<'_> {
    /// Scores what was read together and writes it in the order it was read.
    fn score(&mut self, read: Vec<detente::Result<Article>>) -> Result<()> {
        let texts: Vec<_> = read
            .iter()
            .flatten()
            .map(|a| Text {
                text: &a.text,
                lang: a.lang,
            })
            .collect();
        let mut verdicts = self.scorer.score_batch(&texts).into_iter();
        for article in read {
            self.progress.inc(1);
            match article {
                Err(error) => self.failure(Map::new(), &error)?,
                Ok(article) => match verdicts.next().unwrap_or(Err(detente::Error::EmptyArticle)) {
                    Ok(verdict) => {
                        let row = Scored { article, verdict };
                        self.sink.write(row, self.evidence, &self.provenance)?;
                    }
                    Err(error) => {
                        let error = article.error(report::message(&error));
                        self.failure(article.columns, &error)?;
                    }
                },
            }
        }
        Ok(())
    }

    fn failure(&mut self, columns: Map<String, Value>, error: &detente::Error) -> Result<()> {
        self.failed += 1;
        self.progress.suspend(|| report::failure(error));
        self.sink
            .write_row(row::error(columns, &report::message(error)))
    }
}

/// An article with its verdict.
pub struct Scored {
    /// What was read.
    pub article: Article,
    /// What was said of it.
    pub verdict: Verdict,
}

/// Where rows go, in one of the formats.
enum Sink<'a> {
    Table(Table, BufWriter<StdoutLock<'a>>),
    Jsonl(BufWriter<StdoutLock<'a>>),
    Csv(
        Box<csv::Writer<BufWriter<StdoutLock<'a>>>>,
        Option<CsvRecords>,
    ),
}

impl<'a> Sink<'a> {
    fn new(format: Format, columns: &Columns, out: BufWriter<StdoutLock<'a>>) -> Self {
        match format {
            Format::Table => Self::Table(Table::new(columns.clone()), out),
            Format::Jsonl => Self::Jsonl(out),
            Format::Csv => Self::Csv(Box::new(csv::Writer::from_writer(out)), None),
        }
    }

    fn write(&mut self, scored: Scored, evidence: usize, model: &Provenance) -> Result<()> {
        match self {
            Self::Table(table, out) => Ok(table.write(out, &scored, evidence)?),
            _ => self.write_row(row::verdict(
                scored.article.columns,
                &scored.verdict,
                evidence,
                model,
            )),
        }
    }

    fn write_row(&mut self, row: Map<String, Value>) -> Result<()> {
        match self {
            // Failures are on stderr; a table is for reading.
            Self::Table(..) => {}
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &row)?;
                out.write_all(b"\n")?;
            }
            Self::Csv(out, records) => {
                let first = records.is_none();
                let records = records.get_or_insert_with(|| CsvRecords::new(&row));
                if first {
                    out.write_record(records.header())?;
                }
                out.write_record(records.record(row))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        match self {
            Self::Table(_, out) | Self::Jsonl(out) => out.flush()?,
            Self::Csv(out, _) => out.flush()?,
        }
        Ok(())
    }
}
