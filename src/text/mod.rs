//! From an article as it came to the sentences that the encoder reads.
//!
//! Clean ([`clean()`]) → language ([`identify`]) → sentences ([`split`]) → boilerplate out. Offsets always point into the
//! original text.

mod abbreviations;
mod boilerplate;
mod clean;
mod language;
mod phrases;
mod sentences;

pub use clean::{Cleaned, clean};
pub use language::{Lang, identify};
pub use sentences::split;

/// An article ready for the encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The language given or identified; `None` where the text does not decide.
    pub lang: Option<Lang>,
    /// In the order of the text, apart from each other.
    pub sentences: Vec<Sentence>,
}

/// A sentence and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentence {
    /// Byte offset of the first character in the original text.
    pub start: usize,
    /// Byte offset behind the last character in the original text; more than `start`.
    pub end: usize,
    /// The cleaned sentence: no markup, references decoded, each run of blanks one blank.
    pub text: String,
}

/// Prepares an article. A given `lang` wins over the identified one.
///
/// Text that is empty or only markup has no sentences. Boilerplate is dropped unless nothing else is there.
pub fn prepare(original: &str, lang: Option<Lang>) -> Prepared {
    let cleaned = clean(original);
    let lang = lang.or_else(|| identify(&cleaned.text));
    let all = split(&cleaned.text, lang);
    let sentences = boilerplate::remove(&cleaned.text, all)
        .into_iter()
        .map(|range| {
            let text = cleaned.text[range.clone()]
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let original = cleaned.original_range(range);
            Sentence {
                start: original.start,
                end: original.end,
                text,
            }
        })
        .collect();
    Prepared { lang, sentences }
}
