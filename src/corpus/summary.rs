//! What a run has done so far.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;

use super::Scored;

/// Counts over the rows of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Rows read.
    pub rows: u64,
    /// Of these, rows that could not be scored.
    pub failed: u64,
    /// Rows that are copies of an earlier one.
    pub copies: u64,
    /// Scored rows by label.
    pub labels: BTreeMap<&'static str, u64>,
    /// Rows whose label should not be trusted, by reason.
    pub abstained: BTreeMap<&'static str, u64>,
    /// Scored rows by language.
    pub languages: BTreeMap<&'static str, u64>,
    /// Tokens of the scored rows, copies left out.
    pub tokens: u64,
    /// Of these, tokens that the encoder saw.
    pub tokens_scored: u64,
}

impl Summary {
    /// Counts a row.
    pub fn add(&mut self, scored: &Scored) {
        self.rows += 1;
        self.copies += u64::from(scored.row.duplicate_of.is_some());
        match &scored.row.result {
            Err(_) => self.failed += 1,
            Ok(scores) => {
                *self.labels.entry(scores.label.as_str()).or_default() += 1;
                if let Some(reason) = scores.abstain {
                    *self.abstained.entry(reason.as_str()).or_default() += 1;
                }
                let lang = scores.lang.map_or("?", |lang| lang.code());
                *self.languages.entry(lang).or_default() += 1;
                if scored.row.duplicate_of.is_none() {
                    self.tokens += scores.coverage.tokens as u64;
                    self.tokens_scored += scores.coverage.tokens_scored as u64;
                }
            }
        }
    }
}

/// Time that the stages of a run were at work, in nanoseconds; they run side by side. That of text is the sum over threads.
#[derive(Debug, Default)]
pub struct Stages {
    pub(super) read: AtomicU64,
    pub(super) text: AtomicU64,
    pub(super) encode: AtomicU64,
    pub(super) write: AtomicU64,
}

impl Stages {
    /// Names and seconds, in the order of the pipeline.
    pub fn seconds(&self) -> [(&'static str, f64); 4] {
        [
            ("read", &self.read),
            ("text", &self.text),
            ("encode", &self.encode),
            ("write", &self.write),
        ]
        .map(|(name, stage)| (name, stage.load(Ordering::Relaxed) as f64 / 1e9))
    }

    /// Does `work` and adds the time that it took to `stage`.
    pub(super) fn time<T>(stage: &AtomicU64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let out = work();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        stage.fetch_add(nanoseconds, Ordering::Relaxed);
        out
    }
}
