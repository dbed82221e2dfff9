//! How a run is going: a bar, JSON lines or nothing, on stderr.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use detente::corpus::{Scored, Stages, Summary};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A bar with rate and remaining time
    Bar,
    /// A JSON object a second, and one at the end
    Json,
    /// Nothing but errors
    Quiet,
}

/// Failures that are told one by one; the others are in the column `error`.
const TOLD: u64 = 100;
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Hears of rows and shows how far the run is.
pub struct Progress<'a> {
    mode: Mode,
    bar: ProgressBar,
    /// Rows of the input, once they are counted.
    total: &'a OnceLock<u64>,
    stages: &'a Stages,
    summary: Summary,
    started: Instant,
    told: Instant,
}

impl<'a> Progress<'a> {
    /// `shares_screen`: rows go to the terminal that the bar would be drawn on.
    pub fn new(
        mode: Option<Mode>,
        shares_screen: bool,
        total: &'a OnceLock<u64>,
        stages: &'a Stages,
    ) -> Self {
        let visible = std::io::stderr().is_terminal() && !shares_screen;
        let mode = mode.unwrap_or(if visible { Mode::Bar } else { Mode::Quiet });
        let bar = if mode == Mode::Bar && visible {
            ProgressBar::no_length()
                .with_style(style("{spinner} {pos} rows  {per_sec}  {elapsed}  {msg}"))
        } else {
            ProgressBar::hidden()
        };
        Self {
            mode,
            bar,
            total,
            stages,
            summary: Summary::default(),
            started: Instant::now(),
            told: Instant::now(),
        }
    }

    /// A row is written.
    pub fn row(&mut self, scored: &Scored) {
        self.summary.add(scored);
        if let Err(reason) = &scored.row.result {
            self.failure(reason);
        }
        if self.bar.length().is_none()
            && let Some(&total) = self.total.get()
        {
            self.bar.set_length(total);
            self.bar.set_style(style(
                "{bar:30} {pos}/{len} rows  {per_sec}  {eta} left  {msg}",
            ));
        }
        self.bar.inc(1);
        if self.told.elapsed() < JSON_EVERY {
            return;
        }
        self.told = Instant::now();
        match self.mode {
            Mode::Bar => self.bar.set_message(format!(
                "{:.0} tokens/s  {} failed",
                self.summary.tokens as f64 / self.started.elapsed().as_secs_f64(),
                self.summary.failed
            )),
            Mode::Json => self.json("progress", &self.summary),
            Mode::Quiet => {}
        }
    }

    fn failure(&self, reason: &str) {
        if self.summary.failed <= TOLD {
            self.bar.suspend(|| eprintln!("detente: {reason}"));
        }
        if self.summary.failed == TOLD {
            self.bar.suspend(|| {
                eprintln!("detente: more rows failed; the column `error` has their reasons");
            });
        }
    }

    /// The run is over.
    pub fn finish(&self, summary: &Summary) {
        self.bar.finish_and_clear();
        match self.mode {
            Mode::Quiet => {}
            Mode::Json => self.json("summary", summary),
            Mode::Bar if std::io::stderr().is_terminal() => self.text(summary),
            Mode::Bar => {}
        }
    }

    fn json(&self, event: &str, summary: &Summary) {
        let seconds = self.started.elapsed().as_secs_f64();
        let left = self.total.get().map(|&total| {
            let rows = summary.rows.max(1) as f64;
            total.saturating_sub(summary.rows) as f64 * seconds / rows
        });
        let line = json!({
            "event": event,
            "seconds": rounded(seconds),
            "rows_per_second": rounded(summary.rows as f64 / seconds),
            "tokens_per_second": rounded(summary.tokens as f64 / seconds),
            "seconds_left": left.map(rounded),
            "total": self.total.get(),
            "summary": summary,
            "stages": self.stages.seconds().map(|(stage, s)| (stage, rounded(s))).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        });
        // Progress that nobody reads is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    fn text(&self, summary: &Summary) {
        let seconds = self.started.elapsed().as_secs_f64();
        let counts = |counts: &std::collections::BTreeMap<&str, u64>| {
            let mut counts: Vec<_> = counts.iter().collect();
            counts.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
            let counts: Vec<_> = counts
                .iter()
                .map(|(name, n)| format!("{name} {n}"))
                .collect();
            match counts.is_empty() {
                true => "none".to_owned(),
                false => counts.join(", "),
            }
        };
        let stages = self.stages.seconds();
        let stages = stages
            .map(|(stage, s)| format!("{stage} {s:.1} s"))
            .join(", ");
        let seen = 100.0 * summary.tokens_scored as f64 / summary.tokens.max(1) as f64;
        eprintln!(
            "{} rows in {seconds:.1} s, {} failed, {} copies\nlabels: {}\nnot to be trusted: {}\nlanguages: {}\n{} tokens, {seen:.1} % read\ntime at work: {stages}",
            summary.rows,
            summary.failed,
            summary.copies,
            counts(&summary.labels),
            counts(&summary.abstained),
            counts(&summary.languages),
            summary.tokens,
        );
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
