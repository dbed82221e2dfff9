//! `detente score`: articles in, verdicts out.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Result, bail};
use clap::ValueEnum;
use detente::corpus::{
    Copies, Dedup, Input, Job, Plan, Settings, Shard, Stages, Summary, Target, peek,
};
use detente::input::{self, Records};
use detente::output::{self, Layout};
use detente::{Options, Scorer};

use super::Outcome;
use super::dry_run;
use super::progress::{Mode, Progress};
use super::reading::{self, Reading};
use super::source::Source;
use super::table::Table;

/// Score articles: label, tone, probability, evidence
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    reading: Reading,
    /// Where rows go: a file (parts beside it until it is whole), or a folder, which gets numbered parts [default: stdout]
    #[arg(long, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    /// Output [default: by the suffix of --output; table to a terminal, jsonl to a pipe]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Go on with the output of a run that was stopped: score only rows that are missing or failed. Not of standard input
    #[arg(long, requires = "output")]
    resume: bool,
    /// Rows of one part of the output
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    part_rows: u64,
    /// Score the I-th of every N rows; `detente merge` joins the outputs
    #[arg(long, default_value_t = Shard::WHOLE, value_name = "I/N", conflicts_with = "dedup")]
    shard: Shard,
    /// Find copies of earlier rows and give them the scores of the first, or leave them out
    #[arg(long, value_enum, value_name = "WHAT")]
    dedup: Option<DedupMode>,
    /// How many rows back the original of a copy may lie
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    dedup_rows: usize,
    /// Similarity from which a row is a copy, 0 to 1
    #[arg(long, default_value_t = 0.7, value_name = "SHARE")]
    dedup_threshold: f64,
    /// Stop when more rows than this have failed
    #[arg(long, value_name = "N")]
    max_errors: Option<u64>,
    /// Evidence sentences of each article
    #[arg(long, default_value_t = 3, value_name = "N")]
    evidence: usize,
    /// Say `uncertain` unless exactly one label is plausible at this error rate
    #[arg(long, default_value_t = Options::default().alpha, value_name = "RATE")]
    alpha: f32,
    /// Tokens in one pass of the encoder: speed against memory, never results
    #[arg(long, default_value_t = Options::default().batch_tokens, value_name = "N")]
    batch_tokens: usize,
    /// How progress is shown on stderr [default: bar on a terminal]
    #[arg(long, value_enum)]
    progress: Option<Mode>,
    /// Say what would be read and, after timing a sample, how long it would take; write nothing
    #[arg(long)]
    dry_run: bool,
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
    /// Typed columns, evidence and coverage nested
    Parquet,
    /// Typed columns, nothing nested
    ParquetFlat,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The library's format; a table is none.
    fn of_rows(self) -> Option<output::Format> {
        match self {
            Self::Table => None,
            Self::Jsonl => Some(output::Format::Jsonl),
            Self::Csv => Some(output::Format::Csv),
            Self::Parquet => Some(output::Format::Parquet),
            Self::ParquetFlat => Some(output::Format::ParquetFlat),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DedupMode {
    /// Copies are written with the scores of their original and its id in `duplicate_of`
    Mark,
    /// Copies are left out
    Skip,
}

pub fn run(args: Args) -> Result<Outcome> {
    let reading = args.reading.options();
    let options = Options {
        alpha: args.alpha,
        batch_tokens: args.batch_tokens,
    };
    let open_scorer = || Ok(Scorer::new(args.source.open()?, options)?);
    if args.dry_run {
        return dry_run::run(&args.reading, args.shard, open_scorer);
    }
    let settings = Settings {
        evidence: args.evidence,
        dedup: args.dedup.map(|mode| Dedup {
            copies: match mode {
                DedupMode::Mark => Copies::Mark,
                DedupMode::Skip => Copies::Skip,
            },
            rows: args.dedup_rows,
            threshold: args.dedup_threshold,
        }),
    };
    let scorer = open_scorer()?;
    let terminal = std::io::stdout().is_terminal();
    let format = args.format.or_else(|| match &args.output {
        Some(output) => Format::of(output).or(Some(Format::Jsonl)),
        None if terminal => Some(Format::Table),
        None => Some(Format::Jsonl),
    });
    let format = format.unwrap_or(Format::Jsonl);
    let total = Arc::new(OnceLock::new());
    count_beside(&args.reading, args.shard, &total);
    let stages = Stages::default();
    let shares_screen = terminal && args.output.is_none();
    let mut progress = Progress::new(args.progress, shares_screen, &total, &stages);
    let open = || args.reading.records();
    let mut job = Job {
        scorer: &scorer,
        settings: settings.clone(),
        shard: args.shard,
        max_failed: args.max_errors,
        open: &open,
        observer: &mut |scored| progress.row(scored),
        stages: &stages,
    };
    let summary = match (&args.output, format.of_rows()) {
        (Some(_), None) => bail!("a table goes to stdout; choose another --format for --output"),
        (Some(output), Some(format)) => {
            let plan = Plan {
                input: match args.reading.has_stdin() {
                    true => None,
                    false => Some(Input::new(&args.reading.identity()?)),
                },
                reading: serde_json::to_value(&reading)?,
                model: scorer.model().provenance(),
                compute: args.source.compute_name(),
                alpha: args.alpha,
                settings,
                shard: args.shard,
                format,
                part_rows: args.part_rows,
            };
            job.score_to(&target(output), plan, args.resume)?
        }
        (None, None) => table(&mut job, open())?,
        (None, Some(format)) => {
            let out = Box::new(std::io::stdout());
            let model = Arc::new(scorer.model().provenance());
            // JSON Lines need no header, so the first row can leave before the thousandth is read.
            let (layout, records) = match format {
                output::Format::Jsonl => (Layout::of([]), open()),
                _ => peek(open()),
            };
            let writer = output::writer(format, Path::new(input::STDIN), out, &layout, &model)?;
            job.score_into(records, writer)?
        }
    };
    progress.finish(&summary);
    // Freeing the tables of a tokenizer.json takes longer than scoring an article, and the process ends anyway.
    std::mem::forget(scorer);
    Ok(Outcome::of(summary.failed))
}

/// A path without a suffix, with a slash at its end, or of a folder that is there, is a folder.
fn target(output: &Path) -> Target {
    let slash = output.to_string_lossy().ends_with(std::path::is_separator);
    if slash || output.is_dir() || output.extension().is_none() {
        Target::Folder(output.to_owned())
    } else {
        Target::File(output.to_owned())
    }
}

/// Counts the rows while the first ones are scored; standard input cannot be read twice.
fn count_beside(reading: &Reading, shard: Shard, total: &Arc<OnceLock<u64>>) {
    if reading.has_stdin() {
        return;
    }
    let (records, total) = (reading.records(), Arc::clone(total));
    std::thread::spawn(move || {
        let _ = total.set(shard.rows_of(reading::count(records)));
    });
}

fn table(job: &mut Job<'_>, records: Records) -> detente::Result<Summary> {
    let mut out = BufWriter::new(std::io::stdout());
    let mut table = Table::new();
    let to_stdout = |source| detente::Error::Io {
        path: input::STDIN.into(),
        source,
    };
    job.score_each(records, |rows| {
        for scored in &rows {
            table.write(&mut out, scored).map_err(to_stdout)?;
        }
        // A person is waiting for it.
        out.flush().map_err(to_stdout)
    })
}
