//! Windows of whole sentences: what the encoder sees at once.

use serde::Serialize;

use crate::Result;
use crate::text::{Lang, Sentence, prepare};
use crate::tokens::{Frame, Tokenizer};

/// An article cut into windows, ready for the encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Windowed {
    /// Language given or identified.
    pub lang: Option<Lang>,
    /// The sentences that have tokens, in the article's order.
    pub sentences: Vec<Sentence>,
    /// All their tokens, each in exactly one window.
    pub windows: Vec<Window>,
    /// Tokens of the sentences, counted before they were packed.
    pub tokens: usize,
}

impl Windowed {
    /// Cleans `text`, splits it into sentences and packs their tokens into windows of at most `size` tokens. A given
    /// `lang` wins over the identified one.
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer) when the tokenizer refuses a sentence.
    pub fn new(text: &str, lang: Option<Lang>, tokenizer: &Tokenizer, size: usize) -> Result<Self> {
        let prepared = prepare(text, lang);
        let mut sentences = Vec::with_capacity(prepared.sentences.len());
        let mut ids = Vec::with_capacity(prepared.sentences.len());
        for sentence in prepared.sentences {
            let tokens = tokenizer.ids(&sentence.text)?;
            // A sentence of characters that the vocabulary ignores has no state to score.
            if !tokens.is_empty() {
                sentences.push(sentence);
                ids.push(tokens);
            }
        }
        Ok(Self {
            lang: prepared.lang,
            sentences,
            tokens: ids.iter().map(Vec::len).sum(),
            windows: pack(&ids, size, tokenizer.frame()),
        })
    }

    /// Tokens of text that the windows hold, framing not counted.
    pub fn tokens_in_windows(&self) -> usize {
        let spans = self.windows.iter().flat_map(|w| &w.spans);
        spans.map(|s| s.end - s.start).sum()
    }
}

/// One pass of the encoder: framed token ids, and which of them belong to which sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Token ids with the framing tokens.
    pub ids: Vec<u32>,
    /// The sentences inside, in order.
    pub spans: Vec<Span>,
}

/// The tokens `ids[start..end]` of a window are (a piece of) sentence number `sentence`. Written as `[sentence, start, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "[usize; 3]")]
pub struct Span {
    /// Number of the sentence in its article.
    pub sentence: usize,
    /// First token in the window.
    pub start: usize,
    /// One past the last token in the window.
    pub end: usize,
}

impl From<Span> for [usize; 3] {
    fn from(span: Span) -> Self {
        [span.sentence, span.start, span.end]
    }
}

/// Packs sentences, given as token ids, into windows of at most `size` tokens, framing included.
///
/// A sentence moves whole to the next window when it does not fit; one longer than a window is split into pieces, so
/// every token is in exactly one window. `size` below 3 counts as 3: two framing tokens and one of text.
pub fn pack(sentences: &[Vec<u32>], size: usize, frame: Frame) -> Vec<Window> {
    let room = size.max(3) - 2;
    let mut windows = Vec::new();
    let mut left: usize = sentences.iter().map(Vec::len).sum();
    let mut open = Window::open(frame, left.min(room));
    for (sentence, ids) in sentences.iter().enumerate() {
        for piece in ids.chunks(room) {
            if open.tokens() + piece.len() > room {
                let next = Window::open(frame, left.min(room));
                windows.push(std::mem::replace(&mut open, next).close(frame));
            }
            left -= piece.len();
            let start = open.ids.len();
            open.ids.extend_from_slice(piece);
            open.spans.push(Span {
                sentence,
                start,
                end: open.ids.len(),
            });
        }
    }
    if open.tokens() > 0 {
        windows.push(open.close(frame));
    }
    windows
}

impl Window {
    /// With room for so many tokens of text.
    fn open(frame: Frame, tokens: usize) -> Self {
        let mut ids = Vec::with_capacity(tokens + 2);
        ids.push(frame.start);
        Self {
            ids,
            spans: Vec::new(),
        }
    }

    fn close(mut self, frame: Frame) -> Self {
        self.ids.push(frame.end);
        self
    }

    /// Tokens of text while the window is open.
    fn tokens(&self) -> usize {
        self.ids.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Frame = Frame { start: 0, end: 2 };

    #[test]
    fn a_sentence_that_does_not_fit_moves_whole() {
        let windows = pack(&[vec![10, 11, 12], vec![20, 21]], 6, FRAME);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0].ids, [0, 10, 11, 12, 2]);
        assert_eq!(
            windows[1].spans,
            [Span {
                sentence: 1,
                start: 1,
                end: 3
            }]
        );
    }

    #[test]
    fn a_sentence_longer_than_a_window_is_split_and_nothing_is_lost() {
        let windows = pack(&[(10..20).collect()], 6, FRAME);
        let text: Vec<u32> = windows
            .iter()
            .flat_map(|w| w.ids[1..w.ids.len() - 1].to_vec())
            .collect();
        assert_eq!(text, (10..20).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn every_token_is_in_exactly_one_span(
            lengths in prop::collection::vec(0usize..40, 0..20),
            size in 0usize..30,
        ) {
            let mut next = 100;
            let sentences: Vec<Vec<u32>> = lengths
                .iter()
                .map(|&n| (0..n).map(|_| { next += 1; next }).collect())
                .collect();
            let windows = pack(&sentences, size, FRAME);
            let mut rebuilt = vec![Vec::new(); sentences.len()];
            for window in &windows {
                prop_assert!(window.ids.len() <= size.max(3));
                prop_assert_eq!((window.ids[0], *window.ids.last().unwrap()), (0, 2));
                let covered: usize = window.spans.iter().map(|s| s.end - s.start).sum();
                prop_assert_eq!(covered, window.ids.len() - 2);
                for span in &window.spans {
                    rebuilt[span.sentence].extend_from_slice(&window.ids[span.start..span.end]);
                }
            }
            prop_assert_eq!(rebuilt, sentences);
        }
    }
}
