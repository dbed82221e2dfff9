//! `detente pack`: a trained model in its small form.

use std::path::PathBuf;

use anyhow::Result;

use super::Outcome;

/// Store a trained model small: int8 layers, 4-bit embedding table, tokenizer that loads fast
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model folder, as training wrote it
    model: PathBuf,
    /// Folder to write
    #[arg(long)]
    output: PathBuf,
    /// Name of the model
    #[arg(long)]
    id: String,
    /// Its revision, for example a date
    #[arg(long, default_value = "")]
    revision: String,
}

pub fn run(args: Args) -> Result<Outcome> {
    let packed = detente::pack::pack(&args.model, &args.output, &args.id, &args.revision)?;
    if let Some(reason) = packed.slow_tokenizer {
        eprintln!(
            "detente: the tokenizer stays a tokenizer.json, which loads more slowly: {reason}"
        );
    }
    Ok(Outcome::Complete)
}
