//! The pieces of a vocabulary, and which of them a text begins with.
//!
//! They are found by hashing longer and longer prefixes of the text. A filter of two bits per hash says whether a prefix
//! can be a piece and whether a longer piece can begin with it, so most searches end in it; only likely pieces are looked
//! up in the table, and their bytes compared. False positives of the filter cost time only.

/// Filter bit: a piece has this hash.
const PIECE: u64 = 1;
/// Filter bit: a piece goes on after a prefix of this hash.
const MORE: u64 = 2;
/// Filter cells of two bits in a `u64`, as a shift.
const CELLS: u32 = 5;
/// Id of an empty slot of the table.
const EMPTY: u32 = u32::MAX;

/// All pieces by id and by text.
pub(super) struct Pieces {
    /// In id order, end to end.
    text: String,
    pieces: Vec<Piece>,
    /// Open addressing: part of the hash, and the id.
    table: Vec<(u32, u32)>,
    filter: Vec<u64>,
    /// Characters of the longest piece.
    longest: usize,
}

struct Piece {
    score: f64,
    start: u32,
    len: u32,
}

impl Pieces {
    /// Pieces that lie end to end in `text`, in id order, with their lengths in bytes and their scores.
    ///
    /// The error says which piece is empty, twice there or without a finite score, or that the lengths are not the text's.
    pub(super) fn new(text: String, lengths: &[u8], scores: &[f64]) -> Result<Self, String> {
        let count = lengths.len();
        // At most half full, and eight filter cells a slot: the filter of 250,000 pieces is 1 MB.
        let slots = (2 * count).next_power_of_two().max(64);
        let mut new = Self {
            text,
            pieces: Vec::with_capacity(count),
            table: vec![(0, EMPTY); slots],
            filter: vec![0; (8 * slots) >> CELLS],
            longest: 0,
        };
        let mut start = 0;
        for (&len, &score) in lengths.iter().zip(scores) {
            let len = len.into();
            new.insert(Piece { score, start, len })?;
            start += len;
        }
        if start as usize != new.text.len() {
            return Err("its pieces are not all of its text".into());
        }
        Ok(new)
    }

    /// Adds the next piece in id order.
    fn insert(&mut self, piece: Piece) -> Result<(), String> {
        let id = self.pieces.len() as u32;
        let (start, end) = (piece.start as usize, (piece.start + piece.len) as usize);
        let text = self.text.get(start..end).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| format!("piece {id} is empty or ends inside a character"))?;
        if !piece.score.is_finite() {
            return Err(format!("piece {id} has no finite score"));
        }
        let (mut hash, mut chars) = (0, 0);
        for c in text.chars() {
            if chars > 0 {
                let (word, shift) = cell(hash, self.filter.len());
                self.filter[word] |= MORE << shift;
            }
            hash = step(hash, c);
            chars += 1;
        }
        let (word, shift) = cell(hash, self.filter.len());
        if self.filter[word] >> shift & PIECE != 0 && self.find(hash, text).is_some() {
            return Err(format!("piece {id}, {text:?}, is there twice"));
        }
        self.filter[word] |= PIECE << shift;
        self.longest = self.longest.max(chars);
        let mut slot = slot(hash, self.table.len());
        while self.table[slot].1 != EMPTY {
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.table[slot] = (tag(hash), id);
        self.pieces.push(piece);
        Ok(())
    }

    /// The text of a piece.
    pub(super) fn text(&self, id: u32) -> &str {
        let piece = &self.pieces[id as usize];
        &self.text[piece.start as usize..(piece.start + piece.len) as usize]
    }

    /// The score of a piece.
    pub(super) fn score(&self, id: u32) -> f64 {
        self.pieces[id as usize].score
    }

    /// The id of the piece `text`.
    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.find(text.chars().fold(0, step), text)
    }

    /// Hands every piece that `text` begins with to `found`, the shortest first: its id and its length in bytes.
    pub(super) fn beginning(&self, text: &str, mut found: impl FnMut(u32, usize)) {
        let mut hash = 0;
        for (at, c) in text.char_indices().take(self.longest) {
            hash = step(hash, c);
            let (word, shift) = cell(hash, self.filter.len());
            let bits = self.filter[word] >> shift;
            let end = at + c.len_utf8();
            if bits & PIECE != 0
                && let Some(id) = self.find(hash, &text[..end])
            {
                found(id, end);
            }
            if bits & MORE == 0 {
                break;
            }
        }
    }

    /// The id of the piece `text`, of this hash.
    fn find(&self, hash: u64, text: &str) -> Option<u32> {
        let mut slot = slot(hash, self.table.len());
        loop {
            match self.table[slot] {
                (_, EMPTY) => return None,
                (part, id) if part == tag(hash) && self.text(id) == text => return Some(id),
                _ => slot = (slot + 1) & (self.table.len() - 1),
            }
        }
    }
}

/// Hash of a text with `c` after it, from the hash of the text.
fn step(hash: u64, c: char) -> u64 {
    (hash.rotate_left(5) ^ u64::from(c)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Top bits choose the slot: a product mixes them best. `slots` is a power of two above one.
fn slot(hash: u64, slots: usize) -> usize {
    (hash >> (64 - slots.trailing_zeros())) as usize
}

/// Filter word and shift of a hash.
fn cell(hash: u64, words: usize) -> (usize, u64) {
    let cell = slot(hash, words << CELLS);
    (cell >> CELLS, 2 * (cell as u64 & ((1 << CELLS) - 1)))
}

/// The part of the hash that the table keeps.
fn tag(hash: u64) -> u32 {
    (hash >> 13) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_begins_with_its_pieces_shortest_first() {
        let texts = ["a", "ab", "abcd", "b", "я", "яб"];
        let lengths = texts.map(|text| text.len() as u8);
        let pieces = Pieces::new(texts.concat(), &lengths, &[0.0; 6]).unwrap();
        let beginning = |text: &str| {
            let mut found = Vec::new();
            pieces.beginning(text, |id, len| found.push((id, len)));
            found
        };
        assert_eq!(beginning("abcde"), [(0, 1), (1, 2), (2, 4)]);
        assert_eq!(beginning("abc"), [(0, 1), (1, 2)]);
        assert_eq!(beginning("ябя"), [(4, 2), (5, 4)]);
        assert_eq!(beginning("c"), []);
        assert_eq!(beginning(""), []);
        for (id, text) in texts.iter().enumerate() {
            assert_eq!(pieces.id(text), Some(id as u32));
            assert_eq!(pieces.text(id as u32), *text);
        }
        assert_eq!(pieces.id("abc"), None);
        assert_eq!(pieces.id(""), None);
    }
}
