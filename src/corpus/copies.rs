//! Copies of earlier rows, as syndication makes them: found over a window of rows, scored once.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::dedup::{Signature, Window, WindowOptions};
use crate::input::Record;
use crate::row::{Row, Scores};

/// What becomes of near-duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dedup {
    /// Whether they are written.
    pub copies: Copies,
    /// How many rows back an original may lie.
    pub rows: usize,
    /// Similarity of two texts (Jaccard, of shingles) from which the later one is a copy, 0 to 1.
    pub threshold: f64,
}

/// Whether copies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Copies {
    /// They are, with the id and the scores of their original.
    Mark,
    /// They are left out.
    Skip,
}

/// What is known of earlier rows.
pub struct Memory {
    originals: Originals,
    results: Results,
}

impl Memory {
    /// Of no rows.
    ///
    /// # Errors
    /// Those of [`Window::new`].
    pub fn new(dedup: &Dedup) -> crate::Result<Self> {
        let (rows, threshold) = (dedup.rows, dedup.threshold);
        Ok(Self {
            originals: Originals {
                window: Window::new(WindowOptions { rows, threshold })?,
            },
            results: Results {
                rows: rows as u64,
                known: BTreeMap::new(),
            },
        })
    }

    /// Takes in rows that an earlier run has scored. `written` gives what it wrote, in step with `chunk`, copies left out
    /// where it left them out; nothing where they lie too far back to be the original of a row to come.
    pub fn replay(
        &mut self,
        chunk: &[(u64, Record)],
        copies: Copies,
        written: Option<&mut dyn Iterator<Item = Row>>,
    ) {
        let found = self.originals.find(chunk);
        let Some(written) = written else { return };
        for (number, record) in chunk {
            let is_copy = found.contains_key(number);
            if is_copy && copies == Copies::Skip {
                continue;
            }
            if let (Some(row), Ok(article), false) = (written.next(), record, is_copy) {
                self.results.remember(*number, &article.id, &row.result);
            }
        }
    }

    /// What the text workers need, and what the encoder's stage needs.
    pub(super) fn into_parts(self) -> (Originals, Results) {
        (self.originals, self.results)
    }
}

/// The texts that later ones are compared with.
pub(super) struct Originals {
    window: Window,
}

impl Originals {
    /// Which rows of a chunk are copies, and of which row.
    pub fn find(&mut self, chunk: &[(u64, Record)]) -> HashMap<u64, u64> {
        let signatures: Vec<_> = chunk
            .par_iter()
            .map(|(number, record)| {
                let article = record.as_ref().ok()?;
                Some((*number, Signature::of(&article.text)))
            })
            .collect();
        signatures
            .into_iter()
            .flatten()
            .filter_map(|(number, signature)| {
                let original = self.window.find_or_insert(number, signature)?;
                Some((number, original))
            })
            .collect()
    }
}

/// Ids and results of the rows that others may be copies of.
pub(super) struct Results {
    rows: u64,
    known: BTreeMap<u64, (String, Result<Scores, String>)>,
}

impl Results {
    pub fn get(&self, number: u64) -> Option<&(String, Result<Scores, String>)> {
        self.known.get(&number)
    }

    pub fn remember(&mut self, number: u64, id: &str, scores: &Result<Scores, String>) {
        // Evidence is of the original's text; in the text of a copy its offsets may mean nothing.
        let scores = scores.clone().map(|scores| Scores {
            evidence: Vec::new(),
            ..scores
        });
        self.known.insert(number, (id.to_owned(), scores));
        let oldest = number.saturating_sub(self.rows);
        while self
            .known
            .first_key_value()
            .is_some_and(|(&n, _)| n < oldest)
        {
            self.known.pop_first();
        }
    }
}
