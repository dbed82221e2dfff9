//! What a run that goes on does with the parts that are done, before it goes on after them.

use rayon::prelude::*;

use super::copies::{Dedup, Memory};
use super::ids::UniqueIds;
use super::job::Job;
use super::manifest::{Manifest, Part};
use super::pipeline::{self, Chunks};
use super::shard::Numbered;
use super::store::Store;
use super::summary::Summary;
use crate::input::Record;
use crate::row::Row;
use crate::{Error, Result, Text};

impl Job<'_> {
    /// Makes the parts that are done those of the input as it can be read now: of those that are, failed rows are scored
    /// again, the others are taken back.
    ///
    /// Where copies are looked for, what a row is depends on the rows before it, so that all parts from the first one on
    /// that has a row to score again are taken back.
    ///
    /// # Errors
    /// [`Error::Argument`] where rows that were read cannot be read now.
    pub(super) fn review(&mut self, store: &mut Store, summary: &mut Summary) -> Result<()> {
        store.keep(self.same_places(store.manifest())?)?;
        if self.settings.dedup.is_none() {
            return self.retry(store, summary);
        }
        store.keep(self.same_failures(store.manifest())?)?;
        summary.failed += store.manifest().failed();
        Ok(())
    }

    /// Whether a run that is complete has nothing to score: no row failed, or all of them do now.
    ///
    /// # Errors
    /// Those of [`review`](Self::review).
    pub(super) fn is_as_before(&self, manifest: &Manifest) -> Result<bool> {
        let parts = manifest.parts.len();
        Ok(manifest.failed() == 0
            || self.same_places(manifest)? == parts && self.same_failures(manifest)? == parts)
    }

    /// How many parts stand for the same rows of the input as when they were written. A file that could not be read then is
    /// one row of them, or none; now it may be any number, and every row after it is at another place.
    fn same_places(&self, manifest: &Manifest) -> Result<usize> {
        let parts = &manifest.parts;
        let mut rows = Numbered::new((self.open)(), self.shard, 0);
        let mut start = 0;
        for (number, part) in parts.iter().enumerate().filter(|(_, part)| part.rows > 0) {
            rows.pass(part.rows - 1);
            let last = rows.next().map(|(_, record)| place(&record));
            if last.as_ref() != Some(&part.last) {
                let lost = self.lost(part, start);
                if lost.len() as u64 >= part.lost {
                    return Err(reads_otherwise(part, last, &lost));
                }
                return Ok(number);
            }
            start += part.rows;
        }
        // The last part may be short, and there are rows after it.
        let goes_on = manifest.complete && rows.next().is_some();
        Ok(parts.len().saturating_sub(usize::from(goes_on)))
    }

    /// The files, or rests of files, among the rows of a part that cannot be read now.
    fn lost(&self, part: &Part, start: u64) -> Vec<Error> {
        let rows = Numbered::new((self.open)(), self.shard, start);
        let rejected = rows.take(part.rows as usize).filter_map(|(_, r)| r.err());
        let lost = rejected.filter(|rejected| rejected.is_file());
        lost.map(|rejected| rejected.error).collect()
    }

    /// How many parts come before the first with a row that failed and would not now.
    fn same_failures(&self, manifest: &Manifest) -> Result<usize> {
        let mut records = UniqueIds::new((self.open)(), self.shard, 0);
        let mut start = 0;
        for (number, part) in manifest.parts.iter().enumerate() {
            let rows = records.by_ref().take(part.rows as usize);
            let unread = rows.filter(|(_, record)| record.is_err()).count() as u64;
            if unread > part.failed && self.settings.dedup.is_some() {
                return Err(unreadable(part, unread));
            }
            // Mostly all that failed cannot be read, and the texts need not be looked at.
            if unread < part.failed && self.failing(part, start) < part.failed {
                return Ok(number);
            }
            start += part.rows;
        }
        Ok(manifest.parts.len())
    }

    /// How many rows of a part fail before the encoder sees them, as they will every time.
    fn failing(&self, part: &Part, start: u64) -> u64 {
        let scorer = self.scorer;
        let fails = |(_, record): &&(u64, Record)| {
            record.as_ref().map_or(true, |article| {
                let (text, lang) = (article.text.as_str(), article.lang);
                scorer.prepare(&Text { text, lang }).is_err()
            })
        };
        let records = UniqueIds::new((self.open)(), self.shard, start);
        let records = records.take(part.rows as usize);
        Chunks { records }
            .map(|chunk| chunk.par_iter().filter(fails).count() as u64)
            .sum()
    }

    /// Scores the failed rows of the parts again: what failed then may be there now. A row with the id of one that was read
    /// before it stays failed.
    fn retry(&mut self, store: &mut Store, summary: &mut Summary) -> Result<()> {
        let parts = store.manifest().parts.clone();
        let Some(first) = parts.iter().position(|part| part.failed > 0) else {
            return Ok(());
        };
        let start = parts[..first].iter().map(|part| part.rows).sum();
        let mut records = UniqueIds::new((self.open)(), self.shard, start);
        for (number, part) in parts.iter().enumerate().skip(first) {
            let records = records.by_ref().take(part.rows as usize);
            if part.failed == 0 {
                records.for_each(drop);
                continue;
            }
            let mut rows = store.read(number)?;
            let failed: Vec<usize> = (0..rows.len())
                .filter(|&i| rows[i].result.is_err())
                .collect();
            let mut wanted = failed.clone().into_iter().peekable();
            let records = records
                .enumerate()
                .filter_map(move |(i, record)| wanted.next_if_eq(&i).map(|_| record));
            let mut places = failed.into_iter();
            let (mut mended, mut lost) = (false, 0);
            let observer = &mut *self.observer;
            pipeline::run(
                records,
                self.scorer,
                &self.settings,
                None,
                self.stages,
                |scored| {
                    // The rows of this chunk first: zip takes from its left side one more than from its right.
                    for (scored, place) in scored.into_iter().zip(&mut places) {
                        summary.add(&scored);
                        observer(&scored);
                        mended |= scored.row.result.is_ok();
                        lost += u64::from(scored.is_file);
                        rows[place] = scored.row;
                    }
                    Ok(())
                },
            )?;
            if mended {
                store.replace(number, rows, lost)?;
            }
        }
        Ok(())
    }
}

/// What the rows that are done leave for finding copies among those to come; `records` go on after them. All their texts
/// are read again, none is scored again: which rows are originals depends on every row before them.
pub(super) fn replay(store: &Store, dedup: &Dedup, records: &mut UniqueIds) -> Result<Memory> {
    let mut memory = Memory::new(dedup)?;
    let mut left = store.manifest().rows();
    for (number, part) in store.manifest().parts.iter().enumerate() {
        left -= part.rows;
        let is_near = left <= dedup.rows as u64;
        let mut written = match is_near {
            true => store.read(number)?.into_iter(),
            false => Vec::new().into_iter(),
        };
        for chunk in (Chunks {
            records: records.take(part.rows as usize),
        }) {
            let written = is_near.then_some(&mut written as &mut dyn Iterator<Item = Row>);
            memory.replay(&chunk, dedup.copies, written);
        }
    }
    Ok(memory)
}

/// The rows of a part are no longer those of the input, and none of its files can be read better than then.
fn reads_otherwise(part: &Part, now: Option<String>, lost: &[Error]) -> Error {
    let now = now.unwrap_or_else(|| "none".to_owned());
    let lost = match lost.first() {
        Some(error) => format!(" ({})", error.in_one_line()),
        None => String::new(),
    };
    Error::Argument(format!(
        "cannot go on: the last row of {} was {} and now is {now}, so that a file is read otherwise than then{lost}; \
         see that all can be read, or begin anew with another --output",
        part.file, part.last
    ))
}

fn unreadable(part: &Part, rows: u64) -> Error {
    Error::Argument(format!(
        "cannot go on: {rows} rows of {} cannot be read now and {} could not when it was written, so that other rows may be \
         copies; see that all files can be read, or begin anew with another --output",
        part.file, part.failed
    ))
}

fn place(record: &Record) -> String {
    match record {
        Ok(article) => article.place().to_string(),
        Err(rejected) => rejected.place().to_string(),
    }
}
