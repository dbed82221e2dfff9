//! The command line: what was typed, resolved and handed to the library.
//!
//! Exit status: 0 everything was done, 1 some rows failed and were reported, 2 nothing could be done.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    match cli::run(args) {
        Ok(cli::Outcome::Complete) => ExitCode::SUCCESS,
        Ok(cli::Outcome::Partial) => ExitCode::from(1),
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("detente: {error:#}");
            ExitCode::from(2)
        }
    }
}
