//! Near-duplicates: syndicated copies of an article, found among the rows before it.
//!
//! A text becomes the set of its shingles (three words in a row; five characters where words are written without spaces),
//! the set becomes a [`Signature`] (MinHash: of two texts, the share of equal places estimates the Jaccard similarity of
//! their sets), and a [`Window`] looks a signature up by its bands (locality-sensitive hashing). A new headline
//! and a tail cut by ten per cent leave a similarity of about 0.85. Of 3.8 million pairs of news articles on diplomacy 18
//! are more than 0.3 similar and none 0.6; statements after one template, with other names, come up to 0.6.
//!
//! Everything is a fixed function of the texts and their order: the same on every machine and in every run.

mod signature;

pub use signature::Signature;

use signature::{BANDS, CHANCE, HASHES};

use crate::{Error, Result};

/// Entries of one bucket that are looked at, the newest first, so that a row costs the same in a corpus of one template.
const DEPTH: usize = 32;
/// Most rows of a window: 6.6 GB.
const MAX_ROWS: usize = 1 << 24;
/// Where the similarity threshold may be: below, bands miss too much.
const THRESHOLDS: std::ops::RangeInclusive<f64> = 0.5..=1.0;

/// Which copies are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowOptions {
    /// How many rows back an original may lie, 1 to 16,777,216. A window holds 392 bytes for each.
    pub rows: usize,
    /// Least similarity of a copy, 0.5 to 1.
    pub threshold: f64,
}

impl Default for WindowOptions {
    /// 100,000 rows (39 MB) and 0.7.
    fn default() -> Self {
        Self {
            rows: 100_000,
            threshold: 0.7,
        }
    }
}

/// The originals among the last rows.
///
/// Memory grows with the originals up to 392 bytes for each row of the window and no further. A row costs the same however
/// many came before it.
#[derive(Debug)]
pub struct Window {
    rows: usize,
    /// Equal places of a copy.
    needed: usize,
    /// A ring: the original with number n is at n modulo `rows`.
    originals: Vec<Original>,
    /// Originals so far. Numbers may wrap: what a number leads to is compared anyway.
    count: u32,
    /// Of each bucket, one more than the number of its newest original; 0 where it has none.
    newest: Vec<u32>,
}

#[derive(Debug)]
struct Original {
    row: u64,
    signature: Signature,
    /// For each band, the original before this one in the bucket, as in [`Window::newest`].
    before: [u32; BANDS],
}

impl Window {
    /// An empty window.
    ///
    /// # Errors
    /// [`Error::Argument`] where an option is out of its range.
    pub fn new(options: WindowOptions) -> Result<Self> {
        let WindowOptions { rows, threshold } = options;
        if !(1..=MAX_ROWS).contains(&rows) {
            return Err(Error::Argument(format!(
                "a window of {rows} rows for copies; it takes 1 to {MAX_ROWS}"
            )));
        }
        if !THRESHOLDS.contains(&threshold) {
            let (least, most) = THRESHOLDS.into_inner();
            return Err(Error::Argument(format!(
                "a similarity of {threshold} for copies; it takes {least} to {most}"
            )));
        }
        let equal = threshold * (1.0 - CHANCE) + CHANCE;
        Ok(Self {
            rows,
            needed: (equal * HASHES as f64).ceil() as usize,
            originals: Vec::new(),
            count: 0,
            newest: vec![0; rows * BANDS],
        })
    }

    /// The row of which this one is a copy: the earliest original of the window that is similar enough. Without one, the
    /// row becomes an original itself; a copy never does. Rows come in ascending order; their numbers may have gaps.
    pub fn find_or_insert(&mut self, row: u64, signature: Signature) -> Option<u64> {
        if signature == Signature::BLANK {
            return None;
        }
        let found = self.find(row, &signature);
        if found.is_none() {
            self.insert(row, signature);
        }
        found
    }

    fn find(&self, row: u64, signature: &Signature) -> Option<u64> {
        let mut earliest = None;
        for (band, bucket) in signature.buckets(self.newest.len()).enumerate() {
            let mut next = self.newest[bucket];
            for _ in 0..DEPTH {
                let Some(original) = self.original(next) else {
                    break;
                };
                // Those before it in the bucket are older still.
                if row.saturating_sub(original.row) > self.rows as u64 {
                    break;
                }
                if earliest.is_none_or(|row| original.row < row)
                    && original.signature.equal_places(signature) >= self.needed
                {
                    earliest = Some(original.row);
                }
                next = original.before[band];
            }
        }
        earliest
    }

    /// The original that a link leads to, unless the ring has come round since.
    fn original(&self, link: u32) -> Option<&Original> {
        let number = link.checked_sub(1)?;
        let age = self.count.wrapping_sub(number) as usize;
        let place = number as usize % self.rows;
        (age <= self.rows).then(|| self.originals.get(place))?
    }

    fn insert(&mut self, row: u64, signature: Signature) {
        let link = self.count.wrapping_add(1);
        let mut before = [0; BANDS];
        let buckets = signature.buckets(self.newest.len());
        for (before, bucket) in before.iter_mut().zip(buckets) {
            *before = std::mem::replace(&mut self.newest[bucket], link);
        }
        let original = Original {
            row,
            signature,
            before,
        };
        match self.originals.get_mut(self.count as usize % self.rows) {
            Some(oldest) => *oldest = original,
            None => self.originals.push(original),
        }
        self.count = link;
    }
}

#[cfg(test)]
mod testing {
    use proptest::prelude::*;

    /// An article of words drawn from a vocabulary, so that another one has words in common but hardly a shingle.
    pub fn article(words: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec((0..3000).prop_map(|n| format!("word{n}")), words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testing::article;
    use xxhash_rust::xxh3::xxh3_64_with_seed;

    fn window(rows: usize) -> Window {
        Window::new(WindowOptions {
            rows,
            ..WindowOptions::default()
        })
        .unwrap()
    }

    proptest! {
        #[test]
        fn a_copy_with_another_headline_an_agency_line_and_a_cut_tail_is_found(
            words in article(80..600), headline in article(3..5), tail in 0.0..0.06,
        ) {
            let kept = words.len() - (tail * words.len() as f64) as usize;
            let copy = format!("{}! {} (Reuters)", headline.join(" "), words[3..kept].join(", ").to_uppercase());
            let mut window = window(10);
            prop_assert_eq!(window.find_or_insert(1, Signature::of(&words.join(" "))), None);
            prop_assert_eq!(window.find_or_insert(2, Signature::of(&copy)), Some(1));
        }

        #[test]
        fn unrelated_articles_are_no_copies(articles in prop::collection::vec(article(0..300), 30)) {
            let mut window = window(30);
            let mut seen = std::collections::HashSet::new();
            for (row, words) in articles.iter().enumerate() {
                let original = words.is_empty() || seen.insert(words);
                prop_assert_eq!(window.find_or_insert(row as u64, Signature::of(&words.join(" "))).is_none(), original);
            }
        }
    }

    #[test]
    fn short_texts_must_be_equal() {
        let mut window = window(10);
        let mut find = |row, text| window.find_or_insert(row, Signature::of(text));
        assert_eq!(
            find(1, "France summons the envoy of Iran over a drone strike"),
            None
        );
        assert_eq!(
            find(2, "France summons the envoy of Iraq over a drone strike"),
            None
        );
        assert_eq!(
            find(3, "FRANCE summons the envoy of Iran – over a drone strike."),
            Some(1)
        );
    }

    #[test]
    fn texts_without_letters_are_no_copies() {
        let mut window = window(10);
        for (row, text) in ["", "", "…", "…", "\u{feff}"].iter().enumerate() {
            assert_eq!(window.find_or_insert(row as u64, Signature::of(text)), None);
        }
    }

    #[test]
    fn a_copy_is_no_original_and_the_earliest_original_counts() {
        let numbers =
            |range: std::ops::Range<u32>| range.map(|n| format!("n{n} ")).collect::<String>();
        let (first, between, last) = (numbers(0..100), numbers(12..112), numbers(25..125));
        let mut chained = window(10);
        assert_eq!(chained.find_or_insert(1, Signature::of(&first)), None);
        assert_eq!(chained.find_or_insert(2, Signature::of(&between)), Some(1));
        assert_eq!(chained.find_or_insert(3, Signature::of(&last)), None);
        assert_eq!(chained.find_or_insert(4, Signature::of(&between)), Some(1));
    }

    #[test]
    fn rows_are_forgotten_and_memory_is_bounded() {
        let mut window = window(3);
        let mut find = |row, text: &str| {
            let found = window.find_or_insert(row, Signature::of(text));
            assert!(window.originals.len() <= 3);
            found
        };
        assert_eq!(find(1, "first"), None);
        assert_eq!(find(4, "first"), Some(1));
        assert_eq!(find(5, "first"), None);
        for row in 6..100 {
            assert_eq!(find(row, &format!("row {row}")), None);
        }
        assert_eq!(find(101, "row 99"), Some(99));
        assert_eq!(find(103, "row 99"), None);
        assert_eq!(size_of::<Original>() + BANDS * size_of::<u32>(), 392);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for (rows, threshold) in [
            (0, 0.7),
            (usize::MAX, 0.7),
            (9, 0.4),
            (9, 1.1),
            (9, f64::NAN),
        ] {
            let refused = Window::new(WindowOptions { rows, threshold });
            assert!(
                matches!(refused, Err(Error::Argument(_))),
                "{rows} {threshold}"
            );
        }
    }

    /// `cargo test --release --lib dedup -- --ignored --nocapture`
    #[test]
    #[ignore = "prints times"]
    fn times() {
        for bytes in [200, 3000] {
            let articles: Vec<String> = (0..2000_u64)
                .map(|i| {
                    let words = (0..).map(|j| {
                        format!("{:x} ", xxh3_64_with_seed(b"word", i << 32 | j) % (1 << 24))
                    });
                    words.take(bytes / 6).collect()
                })
                .collect();
            let start = std::time::Instant::now();
            let signatures: Vec<_> = articles.iter().map(|text| Signature::of(text)).collect();
            let signed = start.elapsed();
            let mut window = window(100_000);
            let found = (0..)
                .zip(signatures)
                .filter_map(|(row, s)| window.find_or_insert(row, s))
                .count();
            let looked_up = start.elapsed() - signed;
            assert_eq!(found, 0);
            let micros =
                |time: std::time::Duration| time.as_secs_f64() * 1e6 / articles.len() as f64;
            println!(
                "{bytes} characters: {:.1} µs to sign, {:.1} µs to look up",
                micros(signed),
                micros(looked_up)
            );
        }
    }
}
