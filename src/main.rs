//! The command line: what was typed, resolved and handed to the library.
//!
//! Exit status: 0 everything was done, 1 some rows failed and were reported, 2 nothing could be done.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    quiet_decoders();
    let argv: Vec<_> = std::env::args_os().collect();
    match cli::parse(&argv, &|name| std::env::var_os(name)).and_then(cli::run) {
        Ok(cli::Outcome::Complete) => ExitCode::SUCCESS,
        Ok(cli::Outcome::Partial) => ExitCode::from(1),
        Err(error) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<clap::Error>() {
            // Help, version, and what was typed wrong.
            Ok(usage) => usage.exit(),
            Err(error) => {
                eprintln!("detente: {error:#}");
                ExitCode::from(2)
            }
        },
    }
}

/// Decoders of columnar files panic on some broken ones. The reader makes failed rows of that, so it is no news for stderr.
fn quiet_decoders() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |place| place.file());
        if !["/arrow", "/parquet"]
            .iter()
            .any(|name| file.contains(name))
        {
            usual(panic);
        }
    }));
}
