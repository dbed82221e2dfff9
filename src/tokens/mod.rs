//! Token ids of a sentence, without special tokens.
//!
//! A tokenizer comes as Hugging Face's `tokenizer.json` or as detente's `tokenizer.bin.gz`. The latter holds a Unigram
//! vocabulary of the XLM-R kind, gives the same ids and loads in a tenth of the time; `detente pack` writes it.

mod charsmap;
mod convert;
mod pieces;
mod stored;
#[cfg(test)]
pub(crate) mod testing;
mod unigram;
mod words;

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::{Error, Result};
pub(crate) use convert::convert;
use stored::Stored;
pub(crate) use stored::is_stored;
use unigram::Unigram;

/// Largest unpacked tokenizer that is read, many times the largest there is: a small gzip file could unpack to any size.
const MAX_UNPACKED: u64 = 256 << 20;

/// A tokenizer together with the two tokens that frame every window.
pub struct Tokenizer {
    inner: Inner,
    frame: Frame,
}

enum Inner {
    Unigram(Box<Unigram>),
    HuggingFace(Box<tokenizers::Tokenizer>),
}

/// The special tokens around a window: `<s> … </s>` in XLM-R vocabularies, `[CLS] … [SEP]` in BERT's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// First id of every window.
    pub start: u32,
    /// Last id of every window.
    pub end: u32,
}

/// Pairs of framing tokens, in the order in which they are looked for.
const FRAMES: [(&str, &str); 2] = [("<s>", "</s>"), ("[CLS]", "[SEP]")];

/// Why a file is no tokenizer, and what to do.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("cannot be unpacked: {0}; copy or download it again")]
    Gzip(#[source] std::io::Error),
    #[error("damaged: {0}; copy or download it again")]
    Stored(String),
    #[error("layout {0} is not known, only {known}; update detente", known = stored::VERSION)]
    Version(u8),
    #[error("not a tokenizer.json as Hugging Face writes it: {0}")]
    HuggingFace(#[source] tokenizers::Error),
    #[error(
        "neither <s> and </s> nor [CLS] and [SEP] are in its vocabulary; take the tokenizer of a BERT or XLM-R model"
    )]
    NoFrame,
}

impl Tokenizer {
    /// Reads a `tokenizer.bin.gz` or a `tokenizer.json`, gzip or plain, by what it holds and not by its name.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] naming `path` when the bytes are no tokenizer, or one without framing tokens.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let unpacked = unpack(path, bytes)?;
        Self::read(&unpacked).map_err(|source| unusable(path, source))
    }

    fn read(bytes: &[u8]) -> Result<Self, Unusable> {
        let inner = if let Some(version) = stored::version(bytes) {
            if version != stored::VERSION {
                return Err(Unusable::Version(version));
            }
            let unigram = Stored::from_bytes(bytes).and_then(Unigram::new);
            Inner::Unigram(Box::new(unigram.map_err(Unusable::Stored)?))
        } else {
            let mut inner =
                tokenizers::Tokenizer::from_bytes(bytes).map_err(Unusable::HuggingFace)?;
            // Windows are cut here, on sentence bounds; a tokenizer's own truncation would lose text silently.
            inner.with_padding(None);
            inner.with_truncation(None).map_err(Unusable::HuggingFace)?;
            Inner::HuggingFace(Box::new(inner))
        };
        let id = |token: &str| match &inner {
            Inner::Unigram(inner) => inner.id(token),
            Inner::HuggingFace(inner) => inner.token_to_id(token),
        };
        let mut frames = FRAMES.iter().filter_map(|(start, end)| {
            Some(Frame {
                start: id(start)?,
                end: id(end)?,
            })
        });
        let frame = frames.next().ok_or(Unusable::NoFrame)?;
        Ok(Self { inner, frame })
    }

    /// The tokens that frame a window.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// Ids of `text`, any number of them, without special tokens.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokenizer refuses the text.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        match &self.inner {
            Inner::Unigram(inner) => Ok(inner.ids(text)),
            Inner::HuggingFace(inner) => {
                let encoding = inner.encode_fast(text, false);
                let encoding = encoding.map_err(|source| Error::Tokenizer {
                    path: "tokenizer.json".into(),
                    source,
                })?;
                Ok(encoding.get_ids().to_vec())
            }
        }
    }
}

/// The bytes of a tokenizer's file without gzip around them.
///
/// # Errors
/// [`Error::Tokenizer`] naming `path` for gzip that is cut short, damaged or larger than any tokenizer.
pub(crate) fn unpack<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.into());
    }
    // The pages of a growing buffer cost as much as a tenth of the load.
    let mut unpacked = Vec::with_capacity(3 * bytes.len());
    let mut gzip = GzDecoder::new(bytes).take(MAX_UNPACKED);
    gzip.read_to_end(&mut unpacked)
        .and_then(|_| match gzip.into_inner().into_inner() {
            [] => Ok(unpacked.into()),
            _ => Err(std::io::Error::other("too large, or bytes after its end")),
        })
        .map_err(|error| unusable(path, Unusable::Gzip(error)))
}

fn unusable(path: &Path, source: Unusable) -> Error {
    Error::Tokenizer {
        path: path.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{framed, gzip};
    use super::*;

    fn open(bytes: &[u8]) -> Result<Tokenizer> {
        Tokenizer::from_bytes(Path::new("some/file"), bytes)
    }

    #[test]
    fn what_a_file_holds_decides_and_not_its_name() {
        let json = framed().to_string().into_bytes();
        let stored = convert(&json).unwrap();
        let text = "a b <m>xy ä";
        let of_json = open(&json).unwrap();
        assert!(matches!(of_json.inner, Inner::HuggingFace(_)));
        for (bytes, fast) in [(&gzip(&json), false), (&stored, true)] {
            let opened = open(bytes).unwrap();
            assert_eq!(matches!(opened.inner, Inner::Unigram(_)), fast);
            assert_eq!(opened.frame(), of_json.frame());
            assert_eq!(opened.ids(text).unwrap(), of_json.ids(text).unwrap());
        }
    }

    #[test]
    fn errors_name_the_file_and_say_what_to_do() {
        let json = framed().to_string().into_bytes();
        let stored = convert(&json).unwrap();
        let plain = unpack(Path::new(""), &stored).unwrap().into_owned();
        let mut newer = plain.clone();
        newer[15] += 1;
        let mut longer = stored.clone();
        longer.push(0);
        let bomb = gzip(&vec![b' '; MAX_UNPACKED as usize + 1]);
        let frameless = testing::small().to_string().into_bytes();
        for (bytes, reason) in [
            (&stored[..stored.len() / 2], "download it again"),
            (&longer, "after its end"),
            (&bomb, "too large"),
            (&gzip(&plain[..plain.len() - 1]), "download it again"),
            (&gzip(&newer), "update detente"),
            (b"", "tokenizer.json"),
            (b"{}", "tokenizer.json"),
            (&frameless, "<s>"),
            (&convert(&frameless).unwrap(), "<s>"),
        ] {
            let error = open(bytes).err().unwrap();
            assert!(matches!(error, Error::Tokenizer { .. }));
            let message = error.to_string();
            assert!(message.starts_with("tokenizer some/file: "), "{message}");
            assert!(message.contains(reason), "{message}");
        }
    }
}
