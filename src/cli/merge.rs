//! `detente merge`: the outputs of shards as one file.

use std::path::PathBuf;

use anyhow::Result;
use detente::corpus;

use super::Outcome;

/// Join the output folders of all shards of a run into one file, in the order of the input
///
/// Nothing may be missing or there twice: shards, parts and rows are counted.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders that `detente score --output FOLDER` wrote, one of each shard
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// File to write; its format is that of the parts
    #[arg(long)]
    output: PathBuf,
}

pub fn run(args: Args) -> Result<Outcome> {
    let merged = corpus::merge(&args.folders, &args.output)?;
    Ok(Outcome::of(merged.failed))
}
