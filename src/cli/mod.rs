//! One module a command, and what they share.

mod aggregate;
mod config;
mod dry_run;
mod eval;
mod figures;
mod fit;
mod generate;
mod hub;
mod labelled;
mod merge;
mod model;
mod pack;
mod progress;
mod reading;
mod report;
mod score;
mod source;
mod table;
mod windows;

pub use config::parse;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Diplomatic tone of news articles: cooperative or confrontational, how sure, and which sentences say so.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Score(score::Args),
    Aggregate(aggregate::Args),
    Eval(eval::Args),
    Fit(fit::Args),
    Merge(merge::Args),
    Pack(pack::Args),
    Windows(windows::Args),
    Model(model::Args),
    Completions(generate::Completions),
    Man(generate::Man),
}

/// How a command that could start has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every row was done.
    Complete,
    /// Some rows failed; each was reported.
    Partial,
}

impl Outcome {
    fn of(failed: u64) -> Self {
        if failed == 0 {
            Self::Complete
        } else {
            Self::Partial
        }
    }
}

/// Runs what was typed.
pub fn run(args: Args) -> Result<Outcome> {
    match args.command {
        Command::Score(args) => score::run(args),
        Command::Aggregate(args) => aggregate::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Fit(args) => fit::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Pack(args) => pack::run(args),
        Command::Windows(args) => windows::run(args),
        Command::Model(args) => model::run(args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    }
}

/// Whether the reader of our output went away, as `head` does: that is no failure.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = |e: &(dyn std::error::Error + 'static)| {
        let io = e.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = e
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json)
    };
    error
        .chain()
        .any(|e| kind(e) == Some(std::io::ErrorKind::BrokenPipe))
}
