//! Row numbers, and every n-th row of an input for one of n machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::input::{Record, Records};
use crate::{Error, Result};

/// Part `index` of `of`, `2/8` as text: of rows numbered from 0 those whose number is `index - 1` modulo `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 1 to `of`.
    pub index: u64,
    /// Number of shards, at least 1.
    pub of: u64,
}

impl Shard {
    /// The only shard: every row.
    pub const WHOLE: Self = Self { index: 1, of: 1 };

    /// How many of `rows` rows are its own.
    pub fn rows_of(self, rows: u64) -> u64 {
        (rows + self.of - self.index) / self.of
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let shard = text.split_once('/').and_then(|(index, of)| {
            let (index, of) = (index.parse().ok()?, of.parse().ok()?);
            (1..=of).contains(&index).then_some(Self { index, of })
        });
        shard.ok_or_else(|| {
            Error::Argument(format!(
                "shard {text:?}: expected I/N with I from 1 to N, as 2/8"
            ))
        })
    }
}

/// The rows of a shard with their numbers in the whole input, from 0.
pub struct Numbered {
    records: Records,
    next: u64,
    /// Rows to pass over before the next one.
    gap: u64,
    step: u64,
}

impl Numbered {
    /// The rows of `shard` from its row `start` on, the first being 0.
    pub fn new(records: Records, shard: Shard, start: u64) -> Self {
        let first = shard.index - 1 + start * shard.of;
        Self {
            records,
            next: first,
            gap: first,
            step: shard.of,
        }
    }
}

impl Numbered {
    /// Passes over so many rows of the shard.
    pub fn pass(&mut self, rows: u64) {
        self.next += rows * self.step;
        self.gap += rows * self.step;
    }
}

impl Iterator for Numbered {
    type Item = (u64, Record);

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.nth(usize::try_from(self.gap).ok()?)?;
        let number = self.next;
        self.next += self.step;
        self.gap = self.step - 1;
        Some((number, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(rows: usize) -> Records {
        Box::new((0..rows).map(|row| Err(Error::Argument(row.to_string()).into())))
    }

    #[test]
    fn shards_hold_every_row_once_and_know_its_number() {
        for of in 1..5 {
            let mut all: Vec<_> = (1..=of)
                .flat_map(|index| Numbered::new(records(11), Shard { index, of }, 0))
                .map(|(number, record)| {
                    assert_eq!(record.unwrap_err().error.to_string(), number.to_string());
                    number
                })
                .collect();
            let own = |index| Shard { index, of }.rows_of(11);
            assert_eq!((1..=of).map(own).sum::<u64>(), 11);
            all.sort_unstable();
            assert_eq!(all, (0..11).collect::<Vec<_>>());
        }
        let shard = Shard { index: 2, of: 3 };
        let later: Vec<_> = Numbered::new(records(11), shard, 2).map(|r| r.0).collect();
        assert_eq!(later, [7, 10]);
        let mut passing = Numbered::new(records(11), shard, 0);
        passing.pass(1);
        let next = passing.next().map(|(number, _)| number);
        passing.pass(1);
        assert_eq!((next, passing.next().map(|r| r.0)), (Some(4), Some(10)));
    }

    #[test]
    fn text_and_back() {
        assert_eq!("2/8".parse::<Shard>().unwrap().to_string(), "2/8");
        for text in ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
