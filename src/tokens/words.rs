//! Ids of words that were split before. Most of a text is words of the same few thousand, and finding one takes a tenth
//! of the time of splitting it.

use xxhash_rust::xxh3::xxh3_64;

/// Words that are known at most; a power of two. Filled they take about 1 MB.
const SLOTS: usize = 1 << 13;
/// A longer word, in bytes, is not kept: where scripts have no blanks, a word is a sentence and does not come again.
const LONGEST: usize = 48;

/// Words with their ids. Each has one slot, in which it replaces the word before.
pub(super) struct Words {
    slots: Vec<(String, Vec<u32>)>,
}

impl Default for Words {
    /// The empty word alone, which has no ids.
    fn default() -> Self {
        Self {
            slots: vec![Default::default(); SLOTS],
        }
    }
}

impl Words {
    /// The ids of `word`, if it is known.
    pub(super) fn find(&self, word: &str) -> Option<&[u32]> {
        let (known, ids) = &self.slots[slot(word)];
        (known == word).then_some(ids)
    }

    /// Keeps the ids of `word` until another takes its place.
    pub(super) fn keep(&mut self, word: &str, ids: &[u32]) {
        if word.len() > LONGEST {
            return;
        }
        let (known, known_ids) = &mut self.slots[slot(word)];
        word.clone_into(known);
        ids.clone_into(known_ids);
    }
}

fn slot(word: &str) -> usize {
    xxh3_64(word.as_bytes()) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_until_another_takes_its_place() {
        let mut words = Words::default();
        assert_eq!(words.find(""), Some(&[][..]));
        assert_eq!(words.find("▁treaty"), None);
        words.keep("▁treaty", &[7, 8]);
        assert_eq!(words.find("▁treaty"), Some(&[7, 8][..]));
        let mut others = (0..).map(|n| format!("▁{n}"));
        let other = others.find(|word| slot(word) == slot("▁treaty"));
        let other = other.unwrap();
        words.keep(&other, &[9]);
        assert_eq!(words.find("▁treaty"), None);
        assert_eq!(words.find(&other), Some(&[9][..]));
        let long = "x".repeat(LONGEST + 1);
        words.keep(&long, &[1]);
        assert_eq!(words.find(&long), None);
    }
}
