//! The pipeline: reader, text workers, encoder and sink side by side, in chunks of rows.
//!
//! Queues hold one chunk each and a chunk holds a bounded number of bytes (and at least one row), so memory does not grow
//! with the input. Chunks are cut by rows and bytes alone, and the encoder's results do not depend on what is scored
//! together, so the output is the same whatever the timing.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::input::{Article, Place, Record, Rejected};
use crate::row::{Row, Scores};
use crate::score::Scorer;
use crate::windows::Windowed;
use crate::{Error, Result, Text};

use super::copies::{Dedup, Memory, Originals, Results};
use super::summary::Stages;

/// Rows of a chunk at most: enough short ones to fill several passes of the encoder.
const CHUNK_ROWS: usize = 512;
/// Bytes of text after which a chunk is full.
const CHUNK_BYTES: usize = 256 << 10;

/// How rows are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Evidence sentences of a row.
    pub evidence: usize,
    /// Whether copies of earlier rows are found; each row is scored for itself where `None`.
    pub dedup: Option<Dedup>,
}

/// A row that is done.
pub struct Scored {
    /// Its number in the whole input, from 0.
    pub number: u64,
    /// Where it was read.
    pub place: Place,
    /// Whether it stands for a file, or the rest of one, that could not be read.
    pub is_file: bool,
    /// Its id, empty where it could not be read.
    pub id: String,
    /// The text that was scored.
    pub text: String,
    /// Bytes of `text` before the text column begins.
    pub headline: usize,
    /// What the output says of it.
    pub row: Row,
}

/// Scores rows and hands them to `sink` in their order, chunk by chunk. Copies are found by what `memory` holds of
/// earlier rows; without one, every row is scored for itself.
///
/// # Errors
/// Those of `sink`, which end the run. What is wrong with a row is in that row.
pub fn run(
    records: impl Iterator<Item = (u64, Record)> + Send,
    scorer: &Scorer,
    settings: &Settings,
    memory: Option<Memory>,
    stages: &Stages,
    mut sink: impl FnMut(Vec<Scored>) -> Result<()>,
) -> Result<()> {
    let (mut originals, mut results) = memory.map(Memory::into_parts).unzip();
    std::thread::scope(|scope| {
        let (read_to, read) = sync_channel(1);
        let (prepared_to, prepared) = sync_channel(1);
        let (scored_to, scored) = sync_channel(1);
        // A stage whose receiver is gone stops, and with it the stages before it.
        scope.spawn(move || {
            let mut chunks = Chunks { records };
            while let Some(chunk) = Stages::time(&stages.read, || chunks.next()) {
                if read_to.send(chunk).is_err() {
                    break;
                }
            }
        });
        scope.spawn(move || {
            for chunk in read {
                let prepared = prepare(chunk, scorer, originals.as_mut(), &stages.text);
                if prepared_to.send(prepared).is_err() {
                    break;
                }
            }
        });
        scope.spawn(move || {
            for chunk in prepared {
                let scored = Stages::time(&stages.encode, || {
                    judge(chunk, scorer, settings.evidence, results.as_mut())
                });
                if scored_to.send(scored).is_err() {
                    break;
                }
            }
        });
        for rows in scored {
            Stages::time(&stages.write, || sink(rows))?;
        }
        Ok(())
    })
}

/// Rows in chunks.
pub(super) struct Chunks<R> {
    pub records: R,
}

impl<R: Iterator<Item = (u64, Record)>> Iterator for Chunks<R> {
    type Item = Vec<(u64, Record)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Vec::with_capacity(CHUNK_ROWS);
        let mut bytes = 0;
        while chunk.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
            let Some((number, record)) = self.records.next() else {
                break;
            };
            bytes += record.as_ref().map_or(0, |article| article.text.len());
            chunk.push((number, record));
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}

/// A row whose text is ready for the encoder.
struct Prepared {
    number: u64,
    record: Record,
    text: PreparedText,
}

enum PreparedText {
    Windows(Result<Windowed>),
    CopyOf(u64),
}

/// The text work on a chunk, row beside row.
///
/// Rows wait for the encoder's windows, with which they share the threads: their times are taken one by one.
fn prepare(
    chunk: Vec<(u64, Record)>,
    scorer: &Scorer,
    originals: Option<&mut Originals>,
    time: &AtomicU64,
) -> Vec<Prepared> {
    let copies = match originals {
        Some(originals) => Stages::time(time, || originals.find(&chunk)),
        None => HashMap::new(),
    };
    chunk
        .into_par_iter()
        .map(|(number, record)| {
            let text = match (copies.get(&number), &record) {
                (Some(&original), _) => PreparedText::CopyOf(original),
                (None, Ok(article)) => PreparedText::Windows(Stages::time(time, || {
                    scorer.prepare(&Text {
                        text: &article.text,
                        lang: article.lang,
                    })
                })),
                (None, Err(_)) => PreparedText::Windows(Err(Error::EmptyArticle)),
            };
            Prepared {
                number,
                record,
                text,
            }
        })
        .collect()
}

/// The rows of a chunk with their results.
fn judge(
    chunk: Vec<Prepared>,
    scorer: &Scorer,
    evidence: usize,
    mut results: Option<&mut Results>,
) -> Vec<Scored> {
    let mut rows = Vec::with_capacity(chunk.len());
    let mut windows = Vec::new();
    for Prepared {
        number,
        record,
        text,
    } in chunk
    {
        let copy_of = match text {
            PreparedText::Windows(prepared) => {
                windows.push(prepared);
                None
            }
            PreparedText::CopyOf(original) => Some(original),
        };
        rows.push((number, record, copy_of));
    }
    let mut verdicts = scorer.judge(windows).into_iter();
    let mut out = Vec::with_capacity(rows.len());
    for (number, record, copy_of) in rows {
        let article = match record {
            Ok(article) => article,
            Err(rejected) => {
                verdicts.next();
                out.push(Scored::rejected(number, *rejected));
                continue;
            }
        };
        let original = copy_of.and_then(|number| results.as_ref()?.get(number));
        let (result, duplicate_of) = match (original, copy_of) {
            (Some((id, result)), _) => (result.clone(), Some(id.clone())),
            // What is compared with and what is known forget in step, so this does not happen; it would be reported.
            (None, Some(_)) => (Err("its original was forgotten".to_owned()), None),
            (None, None) => {
                let verdict = verdicts.next().unwrap_or(Err(Error::EmptyArticle));
                let scores = verdict
                    .map(|verdict| Scores::new(&verdict, evidence, article.headline))
                    .map_err(|error| article.error(error.in_one_line()).in_one_line());
                if let Some(results) = &mut results {
                    results.remember(number, &article.id, &scores);
                }
                (scores, None)
            }
        };
        let place = article.place();
        let Article {
            text,
            headline,
            id,
            fields,
            ..
        } = article;
        out.push(Scored {
            number,
            place,
            is_file: false,
            id,
            text,
            headline,
            row: Row {
                fields,
                result,
                duplicate_of,
            },
        });
    }
    out
}

impl Scored {
    fn rejected(number: u64, rejected: Rejected) -> Self {
        Self {
            number,
            place: rejected.place(),
            is_file: rejected.is_file(),
            id: String::new(),
            text: String::new(),
            headline: 0,
            row: Row {
                result: Err(rejected.error.in_one_line()),
                fields: rejected.fields,
                duplicate_of: None,
            },
        }
    }
}
