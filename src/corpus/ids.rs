//! Ids that come a second time. Such a row is rejected as other bad rows are, and the run goes on.
//!
//! What is known at a row are the ids of its block of rows and of the block before. So memory has a bound, and a run that
//! goes on in the middle knows the same when it has read these rows again.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::shard::{Numbered, Shard};
use crate::Error;
use crate::input::{Article, Record, Records, Rejected};

/// Rows of the input that a block has: as many ids as fill a table of 2¹⁹ slots. Two blocks take 26 MB.
const BLOCK: u64 = 7 << 16;

/// The rows of a shard with their numbers, those rejected whose id an earlier row of the same shard has. Ids are compared by
/// 64-bit hashes; rows without an id column and rows that could not be read have none.
pub struct UniqueIds {
    rows: Numbered,
    /// Rows of a block.
    length: u64,
    /// The number of the block at hand.
    number: u64,
    block: Block,
    before: Block,
}

/// Ids of a block, by their hash: the file, counted in `files`, and the row that had it first.
#[derive(Default)]
struct Block {
    places: HashMap<u64, (usize, usize)>,
    files: Vec<Arc<Path>>,
}

impl UniqueIds {
    /// The rows of `shard` from its row `start` on, the first being 0. Rows before it are read as far as their ids count.
    pub fn new(records: Records, shard: Shard, start: u64) -> Self {
        Self::in_blocks(BLOCK, records, shard, start)
    }

    fn in_blocks(length: u64, records: Records, shard: Shard, start: u64) -> Self {
        let blocks_before = (start * shard.of / length).saturating_sub(1);
        // Some rows of a block that no longer counts may be among them.
        let first = blocks_before * length / shard.of;
        let mut rows = Self {
            rows: Numbered::new(records, shard, first),
            length,
            number: 0,
            block: Block::default(),
            before: Block::default(),
        };
        for _ in first..start {
            rows.next();
        }
        rows
    }

    /// Why the row with this number is rejected, if it is.
    fn taken(&mut self, number: u64, article: &Article) -> Option<Error> {
        let block = number / self.length;
        if block > self.number {
            let last = std::mem::take(&mut self.block);
            self.before = match block == self.number + 1 {
                true => last,
                false => Block::default(),
            };
            self.number = block;
        }
        if !article.has_id {
            return None;
        }
        let hash = xxh3_64(article.id.as_bytes());
        let earlier = self.before.reason(hash, article);
        let earlier = earlier.or_else(|| self.block.reason(hash, article));
        self.block.remember(hash, article);
        earlier.map(|reason| article.error(reason))
    }
}

impl Iterator for UniqueIds {
    type Item = (u64, Record);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, record) = self.rows.next()?;
        let record = record.and_then(|article| match self.taken(number, &article) {
            None => Ok(article),
            Some(error) => Err(Box::new(Rejected {
                fields: article.fields,
                error,
            })),
        });
        Some((number, record))
    }
}

impl Block {
    /// Which row of this block has the id of `article`, in words.
    fn reason(&self, hash: u64, article: &Article) -> Option<String> {
        let (file, row) = self.places.get(&hash)?;
        let file = &self.files[*file];
        let of = match *file == article.path {
            true => String::new(),
            false => format!(" of {}", file.display()),
        };
        Some(format!(
            "id {:?} was already that of row {row}{of}",
            article.id
        ))
    }

    fn remember(&mut self, hash: u64, article: &Article) {
        if self.files.last() != Some(&article.path) {
            self.files.push(Arc::clone(&article.path));
        }
        let place = (self.files.len() - 1, article.row);
        self.places.entry(hash).or_insert(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;

    /// Rows of two files, an id for each; none where it is empty.
    fn records(ids: &[&str]) -> Records {
        let half = ids.len() / 2;
        let article = |(at, id): (usize, &&str)| {
            let (file, row) = match at < half {
                true => ("a.jsonl", at + 1),
                false => ("b.jsonl", at + 1 - half),
            };
            Ok(Article {
                text: "text".to_owned(),
                headline: 0,
                lang: None,
                id: (*id).to_owned(),
                has_id: !id.is_empty(),
                fields: Fields::default(),
                path: Path::new(file).into(),
                row,
            })
        };
        let records: Vec<Record> = ids.iter().enumerate().map(article).collect();
        Box::new(records.into_iter())
    }

    fn messages(rows: UniqueIds) -> Vec<(u64, Option<String>)> {
        rows.map(|(number, record)| (number, record.err().map(|r| r.error.to_string())))
            .collect()
    }

    #[test]
    fn a_row_with_the_id_of_an_earlier_one_is_rejected() {
        let ids = ["x", "", "x", "y", "", "x", "z", "y"];
        let rows = messages(UniqueIds::new(records(&ids), Shard::WHOLE, 0));
        let rejected: Vec<_> = rows
            .iter()
            .filter_map(|(n, m)| Some((n, m.as_deref()?)))
            .collect();
        assert_eq!(
            rejected,
            [
                (&2, "a.jsonl, row 3: id \"x\" was already that of row 1"),
                (
                    &5,
                    "b.jsonl, row 2: id \"x\" was already that of row 1 of a.jsonl"
                ),
                (
                    &7,
                    "b.jsonl, row 4: id \"y\" was already that of row 4 of a.jsonl"
                ),
            ]
        );
    }

    #[test]
    fn an_id_is_forgotten_after_two_blocks() {
        let ids = ["x", "1", "2", "x", "3", "4", "5", "6", "7", "x"];
        let rows = messages(UniqueIds::in_blocks(3, records(&ids), Shard::WHOLE, 0));
        let rejected: Vec<_> = rows
            .iter()
            .filter(|row| row.1.is_some())
            .map(|row| row.0)
            .collect();
        // Row 3 was rejected and still keeps the id known; row 9 comes two blocks later.
        assert_eq!(rejected, [3]);
    }

    #[test]
    fn rows_from_any_start_are_those_of_the_whole() {
        let ids: Vec<String> = (0..60).map(|n| (n * n % 23).to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for of in 1..4 {
            for shard in (1..=of).map(|index| Shard { index, of }) {
                let from = |start| messages(UniqueIds::in_blocks(7, records(&ids), shard, start));
                let whole = from(0);
                assert!(whole.iter().any(|row| row.1.is_some()));
                for start in 0..whole.len() {
                    assert_eq!(from(start as u64), whole[start..], "{shard}, from {start}");
                }
            }
        }
    }
}
