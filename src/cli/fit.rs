//! `detente fit`: the head, adapted to somebody's own labels.

use std::path::PathBuf;

use anyhow::{Result, bail};
use detente::fit::{FitOptions, calibrate, fit, report};

use super::Outcome;
use super::figures::{self, Comparison};
use super::labelled::{self, Labelled};
use super::source::Source;

/// Adapt relevance, tone, weights and calibration to your own labels; the encoder stays as it is
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Labelled articles, JSON Lines (see datasets/README.md)
    labels: PathBuf,
    /// Folder for the fitted model
    #[arg(long)]
    output: PathBuf,
    /// Name of the fitted model [default: that of the model it starts from, and `-fitted`]
    #[arg(long)]
    id: Option<String>,
    /// Keep the head and fit calibration alone: for labels that the model has not learned from
    #[arg(long)]
    calibrate_only: bool,
    /// Parts of the cross-validation
    #[arg(long, default_value_t = FitOptions::default().folds, value_name = "N")]
    folds: usize,
    /// At most this share of the articles with rel 2 may be lost as `not_diplomatic`
    #[arg(long, default_value_t = FitOptions::default().max_lost, value_name = "SHARE")]
    max_lost: f32,
    #[command(flatten)]
    source: Source,
}

pub fn run(args: Args) -> Result<Outcome> {
    let model = args.source.open()?;
    let Labelled { examples, failed } = labelled::read(&model, &args.labels, None)?;
    if examples.is_empty() {
        bail!(
            "{}: no labelled article that can be read",
            args.labels.display()
        );
    }
    let options = FitOptions {
        folds: args.folds,
        max_lost: args.max_lost,
        ..FitOptions::default()
    };
    let id = &model.manifest().id;
    let start = &model.manifest().calibration;
    let (id, head, calibration, comparison) = if args.calibrate_only {
        let calibration = calibrate(model.head(), &examples, options.max_lost);
        let comparison = Comparison {
            before: report(model.head(), start, &examples, options.alpha),
            after: report(model.head(), &calibration, &examples, options.alpha),
            note: "calibration only; `after` is on the articles that it was fitted on".to_owned(),
        };
        (
            args.id.unwrap_or_else(|| id.clone()),
            model.head().clone(),
            calibration,
            comparison,
        )
    } else {
        let fitted = fit(model.head(), start, &examples, &options)?;
        let comparison = Comparison {
            before: fitted.before,
            after: fitted.after,
            note: format!(
                "`after` is cross-validated in {} folds; penalty {}",
                options.folds, fitted.penalty
            ),
        };
        (
            args.id.unwrap_or_else(|| format!("{id}-fitted")),
            fitted.head,
            fitted.calibration,
            comparison,
        )
    };
    model.with_head(&id, head, calibration).save(&args.output)?;
    figures::comparison(&mut std::io::stdout().lock(), &comparison)?;
    Ok(Outcome::of(failed))
}
