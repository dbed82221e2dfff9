//! `tokenizer.bin.gz`: what it holds, read and written.
//!
//! Unpacked it is, little endian: the bytes `detente unigram` and the [`VERSION`]; five `u32`: pieces, bytes of their
//! text, id of the unknown piece, special tokens, bytes of the charsmap; a length (`u8`) per piece; the scores (`f64`) as
//! eight planes, all first bytes first, which halves them once packed; the text; per special token its id (`u32`) and
//! whether it swallows the white space before it (`u8`); the charsmap as sentencepiece writes it.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// First bytes of an unpacked file, before its version.
const NAME: &[u8] = b"detente unigram";
/// The layout that is read and written.
pub(super) const VERSION: u8 = 1;

/// What a file holds; [`Unigram::new`](super::unigram::Unigram::new) checks that it fits together.
#[cfg_attr(test, derive(Clone))]
pub(super) struct Stored {
    /// All pieces in id order, end to end.
    pub(super) text: String,
    /// Bytes of each piece.
    pub(super) lengths: Vec<u8>,
    /// Score of each piece, a log probability.
    pub(super) scores: Vec<f64>,
    /// Id of the unknown piece.
    pub(super) unknown: u32,
    pub(super) specials: Vec<Special>,
    /// The normaliser's rules, see [`Charsmap`](super::charsmap::Charsmap).
    pub(super) charsmap: Vec<u8>,
}

/// A piece that is cut out of the text before everything else.
#[derive(Clone, Copy)]
pub(super) struct Special {
    pub(super) id: u32,
    /// Whether it swallows the white space before it.
    pub(super) lstrip: bool,
}

/// The layout's version, where unpacked bytes are of this format.
pub(super) fn version(unpacked: &[u8]) -> Option<u8> {
    unpacked.strip_prefix(NAME)?.first().copied()
}

/// Whether unpacked bytes are of this format, in whatever version.
pub(crate) fn is_stored(unpacked: &[u8]) -> bool {
    version(unpacked).is_some()
}

impl Stored {
    /// Reads unpacked bytes of this [`VERSION`]; the error says what is wrong with them.
    pub(super) fn from_bytes(unpacked: &[u8]) -> Result<Self, String> {
        let mut rest = Rest(unpacked);
        rest.take(NAME.len() + 1)?;
        let [count, text, unknown, specials, charsmap] = [(); 5].map(|()| rest.number());
        let (count, text, specials) = (count? as usize, text? as usize, specials? as usize);
        let (unknown, charsmap) = (unknown?, charsmap? as usize);
        let lengths = rest.take(count)?.to_vec();
        let planes = rest.take(8 * count)?;
        let score = |piece| f64::from_le_bytes(std::array::from_fn(|p| planes[p * count + piece]));
        let scores = (0..count).map(score).collect();
        let text = str::from_utf8(rest.take(text)?).map_err(|e| format!("its text: {e}"))?;
        let (specials, _) = rest.take(5 * specials)?.as_chunks();
        let specials = specials.iter().map(|&[a, b, c, d, lstrip]| Special {
            id: u32::from_le_bytes([a, b, c, d]),
            lstrip: lstrip != 0,
        });
        let stored = Self {
            text: text.to_owned(),
            lengths,
            scores,
            unknown,
            specials: specials.collect(),
            charsmap: rest.take(charsmap)?.to_vec(),
        };
        match rest.0 {
            [] => Ok(stored),
            _ => Err("bytes after its last part".into()),
        }
    }

    /// The file, packed.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = [NAME, &[VERSION]].concat();
        let sizes = [
            self.lengths.len(),
            self.text.len(),
            self.unknown as usize,
            self.specials.len(),
            self.charsmap.len(),
        ];
        // Sizes that a u32 does not hold are refused by Unigram::new.
        out.extend(sizes.iter().flat_map(|&size| (size as u32).to_le_bytes()));
        out.extend(&self.lengths);
        for plane in 0..8 {
            out.extend(self.scores.iter().map(|s| s.to_le_bytes()[plane]));
        }
        out.extend(self.text.as_bytes());
        for special in &self.specials {
            out.extend(special.id.to_le_bytes());
            out.push(special.lstrip.into());
        }
        out.extend(&self.charsmap);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&out)
            .and_then(|()| gzip.finish())
            .expect("a Vec takes every write")
    }
}

/// What is left of a file; nothing is allocated before its bytes are there.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, String> {
        let (number, _) = self.take(4)?.as_chunks();
        Ok(u32::from_le_bytes(number[0]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::convert::convert;
    use super::super::testing::{FILE, small, unpacked};
    use super::super::unigram::Unigram;
    use super::*;

    fn read(bytes: &[u8]) -> Result<Unigram, String> {
        Stored::from_bytes(bytes).and_then(Unigram::new)
    }

    fn good() -> Vec<u8> {
        unpacked(&convert(small().to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_file_comes_back_as_it_was_written() {
        for bytes in [unpacked(FILE), good()] {
            let again = Stored::from_bytes(&bytes).unwrap().to_bytes();
            assert!(unpacked(&again) == bytes);
        }
    }

    #[test]
    fn only_its_name_makes_it_one() {
        assert_eq!(version(&good()), Some(VERSION));
        assert_eq!(version(b"detente unigram\x07"), Some(7));
        assert_eq!(version(b"detente unigram"), None);
        assert_eq!(version(b"{}"), None);
    }

    #[test]
    fn broken_files_are_errors() {
        let good = good();
        let malformed = |bytes: &[u8]| read(bytes).err().unwrap();
        for end in 0..good.len() {
            malformed(&good[..end]);
        }
        assert!(malformed(&[&good[..], b"x"].concat()).contains("bytes after"));
        let with = |at: usize, value: &[u8]| {
            let mut bytes = good.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            bytes
        };
        for size in 0..5 {
            malformed(&with(16 + 4 * size, &[0xff; 4]));
        }
        // Lengths: empty pieces, and ones that end elsewhere.
        malformed(&with(36, &[0]));
        malformed(&with(36, &[4]));
        // The two highest bytes of the first score, of planes of seven bytes: not a number.
        let mut bytes = with(36 + 7 + 6 * 7, &[0xf8]);
        bytes[36 + 7 + 7 * 7] = 0xff;
        assert!(malformed(&bytes).contains("finite"));
    }

    proptest! {
        #[test]
        fn a_damaged_file_never_panics(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
            let mut bytes = good();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            let read = read(&bytes);
            prop_assert!(!cut || read.is_err());
            if let Ok(read) = read {
                read.ids("a b <m>xy ä");
            }
        }
    }
}
