//! `detente score --dry-run`: what would be read, and how long it would take.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use detente::corpus::Shard;
use detente::{Error, Scorer, Text};

use super::Outcome;
use super::reading::{self, Reading};

/// Rows that are timed, and for how long at most.
const SAMPLE_ROWS: usize = 256;
const SAMPLE_TIME: Duration = Duration::from_secs(10);
/// Rows scored together.
const CHUNK: usize = 32;

pub fn run(
    reading: &Reading,
    shard: Shard,
    open: impl FnOnce() -> Result<Scorer>,
) -> Result<Outcome> {
    let files = reading.identity()?;
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let scorer = open()?;
    let mut sample = reading.records().take(SAMPLE_ROWS);
    let (mut rows, mut failed, mut tokens) = (0u64, 0u64, 0usize);
    let mut first_failure = None;
    let mut ended = false;
    let start = Instant::now();
    while !ended && start.elapsed() < SAMPLE_TIME {
        let records: Vec<_> = sample.by_ref().take(CHUNK).collect();
        ended = records.len() < CHUNK;
        rows += records.len() as u64;
        let texts: Vec<_> = records
            .iter()
            .flatten()
            .map(|a| Text {
                text: &a.text,
                lang: a.lang,
            })
            .collect();
        let verdicts = scorer.score_batch(&texts);
        let mut failure = |error: &Error| {
            failed += 1;
            first_failure.get_or_insert_with(|| error.in_one_line());
        };
        records
            .iter()
            .filter_map(|r| r.as_ref().err())
            .for_each(|rejected| failure(&rejected.error));
        for verdict in verdicts {
            match verdict {
                Ok(verdict) => tokens += verdict.coverage.tokens,
                Err(error) => failure(&error),
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    // Counting goes in steps; what was seen is there for certain.
    let total = shard.rows_of(reading::count(reading.records()).max(rows));
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} files, {:.1} MB, about {total} rows to score",
        files.len(),
        bytes as f64 / 1e6
    )?;
    writeln!(
        out,
        "sample: {rows} rows, {failed} failed, {tokens} tokens in {seconds:.1} s ({:.0} tokens/s)",
        tokens as f64 / seconds
    )?;
    if let Some(reason) = first_failure {
        writeln!(out, "first failure: {reason}")?;
    }
    let left = total as f64 * seconds / rows.max(1) as f64;
    writeln!(
        out,
        "the whole would take about {}",
        indicatif::HumanDuration(Duration::from_secs_f64(left))
    )?;
    Ok(Outcome::of(failed))
}
