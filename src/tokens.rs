//! Token ids of a sentence, without special tokens.

use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

/// A Hugging Face tokenizer together with the two tokens that frame every window.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    frame: Frame,
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

impl Tokenizer {
    /// Reads a `tokenizer.json`, gzip or plain.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] naming `path` when the bytes are no tokenizer, or one without framing tokens.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let error = |source| Error::Tokenizer {
            path: path.to_owned(),
            source,
        };
        let unpacked;
        let json = if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut buffer = Vec::new();
            flate2::read::GzDecoder::new(bytes)
                .read_to_end(&mut buffer)
                .map_err(|e| error(e.into()))?;
            unpacked = buffer;
            &unpacked[..]
        } else {
            bytes
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(error)?;
        // Windows are cut here, on sentence bounds; a tokenizer's own truncation would lose text silently.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(error)?;
        let frame = FRAMES
            .iter()
            .find_map(|(start, end)| {
                Some(Frame {
                    start: inner.token_to_id(start)?,
                    end: inner.token_to_id(end)?,
                })
            })
            .ok_or_else(|| {
                error("neither <s> and </s> nor [CLS] and [SEP] are in its vocabulary".into())
            })?;
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
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|source| Error::Tokenizer {
                path: "tokenizer.json".into(),
                source,
            })?;
        Ok(encoding.get_ids().to_vec())
    }
}
