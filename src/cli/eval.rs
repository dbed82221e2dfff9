//! `detente eval`: how good a model is on labelled articles.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::ValueEnum;
use detente::Options;
use detente::fit::report;

use super::labelled::{self, Labelled};
use super::source::Source;
use super::{Outcome, figures};

/// Measure a model on labelled articles: accuracy, macro-F1, AUC, calibration, relevance, abstention
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Labelled articles, JSON Lines (see datasets/README.md)
    labels: PathBuf,
    /// Output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Only rows whose column holds this value, for example split=test
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = labelled::condition)]
    condition: Option<(String, String)>,
    /// Error rate of the abstention
    #[arg(long, default_value_t = Options::default().alpha, value_name = "RATE")]
    alpha: f32,
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Table,
    /// Everything, as one JSON object
    Json,
    /// Tables for a document
    Markdown,
}

pub fn run(args: Args) -> Result<Outcome> {
    let model = args.source.open()?;
    let Labelled { examples, failed } =
        labelled::read(&model, &args.labels, args.condition.as_ref())?;
    if examples.is_empty() {
        bail!(
            "{}: no labelled article that can be read",
            args.labels.display()
        );
    }
    let report = report(
        model.head(),
        &model.manifest().calibration,
        &examples,
        args.alpha,
    );
    let mut out = std::io::stdout().lock();
    match args.format {
        Format::Table => figures::table(&mut out, &report)?,
        Format::Json => figures::json(&mut out, &report)?,
        Format::Markdown => figures::markdown(&mut out, &report)?,
    }
    Ok(Outcome::of(failed))
}
