//! Token ids by a Unigram (sentencepiece) vocabulary of the XLM-R kind, as the `tokenizers` crate gives them.
//!
//! Special tokens are cut out of the text; the rest is normalised, cut into words before every `▁`, and each word is split
//! into the pieces with the highest sum of scores (Viterbi), unless it is known from before.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::charsmap::Charsmap;
use super::pieces::Pieces;
use super::stored::{Special, Stored};
use super::words::Words;

/// Stands for a space and starts every word.
pub(super) const META: char = '▁';
/// How much worse than the worst piece an unknown character is.
const UNKNOWN_PENALTY: f64 = 10.0;
/// Every special token is tried wherever one can start, so that their number is a factor of the time.
const MAX_SPECIALS: usize = 256;
/// Largest vocabulary in bytes; the default model's has 5 MB.
const MAX_SIZE: usize = 32 << 20;

/// A Unigram tokenizer, see the [module](self).
pub(super) struct Unigram {
    pieces: Pieces,
    unknown: u32,
    unknown_score: f64,
    specials: Vec<Special>,
    /// For every byte, whether a special token starts with it.
    starts_special: [bool; 256],
    charsmap: Charsmap,
    /// As many as texts were read at once.
    words: Mutex<Vec<Words>>,
}

impl Unigram {
    /// Makes a tokenizer of what is stored; the error says what in it contradicts itself or is too large.
    pub(super) fn new(stored: Stored) -> Result<Self, String> {
        let Stored {
            text,
            lengths,
            scores,
            unknown,
            specials,
            charsmap,
        } = stored;
        let count = lengths.len();
        if text.len() + 9 * count + charsmap.len() > MAX_SIZE {
            return Err(format!("more than {MAX_SIZE} bytes"));
        }
        if unknown as usize >= count {
            return Err(format!(
                "the unknown piece {unknown} is not among the {count}"
            ));
        }
        let ids: HashSet<_> = specials.iter().map(|s| s.id).collect();
        if ids.len() != specials.len() || ids.len() > MAX_SPECIALS {
            return Err("a special token twice, or too many".into());
        }
        if ids.iter().any(|&id| id as usize >= count) {
            return Err("a special token is not among the pieces".into());
        }
        let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let pieces = Pieces::new(text, &lengths, &scores)?;
        let mut starts_special = [false; 256];
        for special in &specials {
            starts_special[usize::from(pieces.text(special.id).as_bytes()[0])] = true;
        }
        Ok(Self {
            pieces,
            unknown,
            unknown_score: lowest - UNKNOWN_PENALTY,
            specials,
            starts_special,
            charsmap: Charsmap::new(&charsmap)?,
            words: Mutex::default(),
        })
    }

    /// The id of a piece or special token.
    pub(super) fn id(&self, piece: &str) -> Option<u32> {
        self.pieces.id(piece)
    }

    /// Ids of `text`, without the special tokens that frame it; in time and memory linear in its length.
    pub(super) fn ids(&self, text: &str) -> Vec<u32> {
        let idle = || self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let words = idle().pop();
        let mut run = Run::new(self, words.unwrap_or_default());
        run.ids.reserve(text.len() / 4);
        let mut done = 0;
        while let Some((at, special)) = self.next_special(text, done) {
            let before = &text[done..at];
            run.segment(if special.lstrip {
                before.trim_end()
            } else {
                before
            });
            run.ids.push(special.id);
            done = at + self.pieces.text(special.id).len();
        }
        run.segment(&text[done..]);
        idle().push(run.words);
        run.ids
    }

    /// The first special token from the byte `from` on and where it is; of several there, the longest.
    fn next_special(&self, text: &str, from: usize) -> Option<(usize, Special)> {
        let bytes = text.as_bytes();
        let can_start = |&at: &usize| self.starts_special[usize::from(bytes[at])];
        (from..bytes.len()).filter(can_start).find_map(|at| {
            let token = |special: &Special| self.pieces.text(special.id).as_bytes();
            let here = self.specials.iter().copied();
            let here = here.filter(|special| bytes[at..].starts_with(token(special)));
            Some((at, here.max_by_key(|special| token(special).len())?))
        })
    }
}

/// One text on its way to ids; the buffers are used again for every word.
struct Run<'a> {
    model: &'a Unigram,
    words: Words,
    ids: Vec<u32>,
    /// The word being read; empty only at the start of a segment.
    word: String,
    /// The best way to every byte of the word at which a character ends.
    nodes: Vec<Node>,
    after_space: bool,
}

/// The last piece of the best way to a place in a word.
#[derive(Clone, Copy)]
struct Node {
    /// Of the whole way.
    score: f64,
    id: u32,
    /// In bytes; 0 where no way has come yet.
    len: u32,
}

impl Node {
    const START: Self = Self {
        score: 0.0,
        id: 0,
        len: 0,
    };
}

impl<'a> Run<'a> {
    fn new(model: &'a Unigram, words: Words) -> Self {
        Self {
            model,
            words,
            ids: Vec::new(),
            word: String::with_capacity(64),
            nodes: Vec::new(),
            after_space: false,
        }
    }

    /// Appends the ids of a text without special tokens.
    fn segment(&mut self, text: &str) {
        self.model
            .charsmap
            .normalise(text, |piece| self.push(piece));
        self.flush();
        self.after_space = false;
    }

    /// Takes a piece of normalised text: spaces in a row are one, and a word starts at every `▁`.
    fn push(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let found = first_mark(rest);
            let letters = &rest[..found.map_or(rest.len(), |(at, _)| at)];
            if !letters.is_empty() {
                if self.word.is_empty() {
                    self.word.push(META);
                }
                self.word.push_str(letters);
                self.after_space = false;
            }
            let Some((at, mark)) = found else { return };
            let space = mark == ' ';
            if !(space && self.after_space) {
                self.flush();
                self.word.push(META);
                self.after_space = space;
            }
            rest = &rest[at + mark.len_utf8()..];
        }
    }

    /// Appends the ids of the word and empties it.
    fn flush(&mut self) {
        match self.words.find(&self.word) {
            Some(ids) => self.ids.extend_from_slice(ids),
            None => {
                let first = self.ids.len();
                self.split();
                self.words.keep(&self.word, &self.ids[first..]);
            }
        }
        self.word.clear();
    }

    /// Appends the ids of the word.
    fn split(&mut self) {
        self.search();
        let unknown = self.model.unknown;
        let first = self.ids.len();
        let mut end = self.word.len();
        while end > 0 {
            let Node { mut id, len, .. } = self.nodes[end];
            let mut start = end - len as usize;
            if id == unknown {
                // Unknown pieces in a row are one, which may spell a known piece.
                while start > 0 && self.nodes[start].id == unknown {
                    start -= self.nodes[start].len as usize;
                }
                id = self.model.id(&self.word[start..end]).unwrap_or(unknown);
            }
            self.ids.push(id);
            end = start;
        }
        self.ids[first..].reverse();
    }

    /// Fills `nodes`: of ways that score the same, the one whose last piece starts first is kept, as in tokenizers.
    fn search(&mut self) {
        let Self {
            model, word, nodes, ..
        } = self;
        nodes.clear();
        nodes.resize(word.len() + 1, Node::START);
        for (start, c) in word.char_indices() {
            let base = nodes[start].score;
            let mut relax = |id: u32, len: usize, score: f64| {
                let node = &mut nodes[start + len];
                let score = score + base;
                if node.len == 0 || score > node.score {
                    let len = len as u32;
                    *node = Node { score, id, len };
                }
            };
            let mut single = false;
            model.pieces.beginning(&word[start..], |id, len| {
                relax(id, len, model.pieces.score(id));
                single |= len == c.len_utf8();
            });
            if !single {
                relax(model.unknown, c.len_utf8(), model.unknown_score);
            }
        }
    }
}

/// The first space or `▁`, and where it is.
fn first_mark(text: &str) -> Option<(usize, char)> {
    let mut bytes = text.bytes().enumerate();
    bytes.find_map(|(at, byte)| match byte {
        b' ' => Some((at, ' ')),
        // The first byte of `▁`, and of dashes and quotation marks.
        0xe2 => text[at..].starts_with(META).then_some((at, META)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use tokenizers::Tokenizer;

    use super::super::convert::convert;
    use super::super::testing::{STORED, peer, small, their_ids, unpacked};
    use super::*;

    static OURS: LazyLock<Unigram> = LazyLock::new(|| Unigram::new(STORED.clone()).unwrap());

    /// The default tokenizer as the tokenizers crate has it, from the same numbers.
    static THEIRS: LazyLock<Tokenizer> = LazyLock::new(|| peer(&STORED));

    #[test]
    fn the_samples_have_the_ids_of_tokenizers() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/samples");
        let mut compared = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "txt") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(OURS.ids(&text), their_ids(&THEIRS, &text), "{path:?}");
                compared += 1;
            }
        }
        assert!(compared >= 18, "{compared}");
    }

    #[test]
    fn every_character_has_the_ids_of_tokenizers() {
        // Alone, and with a mark after it.
        for c in '\0'..=char::MAX {
            if c > '\u{3400}' && !(c as u32).is_multiple_of(7) {
                continue;
            }
            for text in [format!("{c}"), format!("x {c}\u{301}y")] {
                assert_eq!(OURS.ids(&text), their_ids(&THEIRS, &text), "{text:?}");
            }
        }
    }

    #[test]
    fn every_piece_has_the_ids_of_tokenizers_and_its_own_id() {
        for id in 0..STORED.lengths.len() as u32 {
            let piece = OURS.pieces.text(id);
            assert_eq!(OURS.id(piece), Some(id));
            if id.is_multiple_of(5) {
                assert_eq!(OURS.ids(piece), their_ids(&THEIRS, piece), "{piece:?}");
            }
        }
        assert_eq!(OURS.id("no such piece, and longer than any"), None);
        assert_eq!(OURS.id(""), None);
    }

    #[test]
    fn a_long_run_takes_linear_time() {
        // A quadratic search over 4 MB would not end.
        for run in ["a", "中", "\u{301}", "\u{10fffd}", " <mask>"] {
            let text = run.repeat((4 << 20) / run.len());
            assert!(!OURS.ids(&text).is_empty());
        }
    }

    /// Text in which normaliser, clusters, spaces and special tokens get in each other's way.
    fn odd_text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            4 => "[a-zA-Z0-9 .,]{0,12}",
            2 => "[а-яёіїґ]{1,10}",
            2 => "[\u{600}-\u{6ff}]{1,8}",
            2 => "[\u{fb50}-\u{fdff}\u{fe70}-\u{feff}]{1,4}",
            2 => "[\u{4e00}-\u{9fff}\u{3000}-\u{30ff}]{1,8}",
            2 => "[\u{ff00}-\u{ffef}]{1,8}",
            3 => "[aeiouAEIOUnя][\u{300}-\u{345}]{1,3}",
            2 => "[ \u{a0}\u{2002}\u{200a}\u{3000}\t\r\n]{1,5}",
            1 => "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{feff}\u{ad}]{1,3}",
            1 => "[👩👨👧🏽❤🇺🇦🇫🇷\u{200d}\u{fe0f}]{1,8}",
            1 => "[\u{900}-\u{97f}]{1,8}",
            1 => "[\u{1100}-\u{11ff}\u{ac00}-\u{ac80}]{1,6}",
            1 => "[\u{e00}-\u{e7f}]{1,8}",
            1 => "[\u{e000}-\u{e010}\u{10fff0}-\u{10ffff}\u{1d400}-\u{1d4ff}]{1,4}",
            3 => prop::sample::select(&["<s>", "</s>", "<mask>", "<unk>", "<pad>", " <mask>", "<s", "▁", "＜ｓ＞", "＜unk＞", "\r\n", "..."][..])
                .prop_map(str::to_owned),
            1 => ("[a-z中 ▁!é]", 1usize..300).prop_map(|(run, count)| run.repeat(count)),
            1 => any::<String>(),
        ];
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn odd_texts_have_the_ids_of_tokenizers(text in odd_text()) {
            prop_assert_eq!(OURS.ids(&text), their_ids(&THEIRS, &text));
        }
    }

    #[test]
    fn unknown_characters_in_a_row_are_one_piece() {
        let json = small().to_string();
        let stored = unpacked(&convert(json.as_bytes()).unwrap());
        let stored = Stored::from_bytes(&stored).unwrap();
        let ours = Unigram::new(stored.clone()).unwrap();
        assert_eq!(ours.ids("zzz b zz"), [2, 0, 4, 2, 0]);
        // Together they may spell a piece.
        assert_eq!(ours.ids("xy"), their_ids(&peer(&stored), "xy"));
    }

    #[test]
    fn a_vocabulary_larger_than_any_is_refused() {
        let stored = Stored {
            charsmap: vec![0; MAX_SIZE + 1],
            ..STORED.clone()
        };
        assert!(Unigram::new(stored).err().unwrap().contains("bytes"));
    }
}
