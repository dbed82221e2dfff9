//! Markup, character references and link debris out; offsets into the original kept.
//!
//! Two passes over the text, each linear: character references are decoded first, so that escaped markup
//! (`&lt;p&gt;`) is seen as markup by the second. Each pass records where its output came from.

use std::borrow::Cow;
use std::ops::Range;

use super::marks::is_letter;
use super::markup::{Piece, Scanner};

/// The longest character reference that is looked at, in bytes, from `&` to `;`.
const LONGEST_REFERENCE: usize = 32;

/// Text without markup, character references, control characters and link debris.
///
/// A run of blanks is one blank, one line end, or two line ends where the run held more than one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// The cleaned text; no blanks at either end.
    pub text: String,
    decoding: Map,
    stripping: Map,
}

impl Cleaned {
    /// The bytes of the original text that `range` of [`Cleaned::text`] was made from, on character boundaries.
    ///
    /// An empty range stays empty. Offsets past the end of the cleaned text stand for the end of the original text used.
    pub fn original_range(&self, range: Range<usize>) -> Range<usize> {
        self.decoding.source(self.stripping.source(range))
    }
}

/// Cleans `original`; see [`Cleaned`].
pub fn clean(original: &str) -> Cleaned {
    let (decoded, decoding) = decode(original);
    let (text, stripping) = strip(&decoded);
    Cleaned {
        text,
        decoding,
        stripping,
    }
}

/// Where each byte of an output came from, as runs in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Map {
    runs: Vec<Run>,
}

/// Output from `at` up to the next run was made from `source`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    at: usize,
    source: Range<usize>,
    /// Byte for byte, so that offsets inside the run are known too.
    verbatim: bool,
}

impl Map {
    fn source(&self, range: Range<usize>) -> Range<usize> {
        let start = self.source_of(range.start, |source, verbatim, inside| {
            if verbatim {
                (source.start + inside).min(source.end)
            } else {
                source.start
            }
        });
        if range.end <= range.start {
            return start..start;
        }
        let end = self.source_of(range.end - 1, |source, verbatim, inside| {
            if verbatim {
                (source.start + inside + 1).min(source.end)
            } else {
                source.end
            }
        });
        start..end.max(start)
    }

    fn source_of(&self, at: usize, place: impl Fn(&Range<usize>, bool, usize) -> usize) -> usize {
        let after = self.runs.partition_point(|run| run.at <= at);
        match after.checked_sub(1).and_then(|index| self.runs.get(index)) {
            Some(run) => place(&run.source, run.verbatim, at - run.at),
            None => 0,
        }
    }
}

/// Builds an output text together with its [`Map`].
struct Writer<'a> {
    input: &'a str,
    text: String,
    map: Map,
    /// What is copied next, as soon as it is known where it ends.
    verbatim: Range<usize>,
}

impl<'a> Writer<'a> {
    fn new(input: &'a str) -> Self {
        Self {
            input,
            text: String::with_capacity(input.len()),
            map: Map::default(),
            verbatim: 0..0,
        }
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.verbatim.is_empty()
    }

    fn copy(&mut self, source: Range<usize>) {
        if source.start != self.verbatim.end {
            self.write_verbatim();
            self.verbatim.start = source.start;
        }
        self.verbatim.end = source.end;
    }

    fn write_verbatim(&mut self) {
        let source = self.verbatim.clone();
        if source.is_empty() {
            return;
        }
        let at = self.text.len();
        self.text.push_str(&self.input[source.clone()]);
        self.verbatim.start = source.end;
        self.map.runs.push(Run {
            at,
            source,
            verbatim: true,
        });
    }

    fn replace(&mut self, source: Range<usize>, by: &str) {
        if by == &self.input[source.clone()] {
            return self.copy(source);
        }
        self.write_verbatim();
        self.map.runs.push(Run {
            at: self.text.len(),
            source,
            verbatim: false,
        });
        self.text.push_str(by);
    }

    fn finish(mut self) -> (String, Map) {
        self.write_verbatim();
        (self.text, self.map)
    }
}

/// Decodes character references, also those encoded twice (`&amp;quot;`).
fn decode(original: &str) -> (Cow<'_, str>, Map) {
    let mut out = Writer::new(original);
    let mut done = 0;
    let mut from = 0;
    while let Some(at) = original[from..].find('&').map(|i| from + i) {
        from = at + 1;
        if let Some((end, decoded)) = reference(original, at) {
            out.copy(done..at);
            out.replace(at..end, &decoded);
            (done, from) = (end, end);
        }
    }
    if out.is_empty() && done == 0 {
        let map = Map {
            runs: vec![Run {
                at: 0,
                source: 0..original.len(),
                verbatim: true,
            }],
        };
        return (Cow::Borrowed(original), map);
    }
    out.copy(done..original.len());
    let (text, map) = out.finish();
    (Cow::Owned(text), map)
}

/// The end and the meaning of the character reference that starts at `at`.
fn reference(text: &str, at: usize) -> Option<(usize, String)> {
    let end = reference_end(text, at)?;
    let decoded = html_escape::decode_html_entities(&text[at..end]);
    if decoded == text[at..end] {
        return None;
    }
    if decoded == "&" {
        // Feeds often encode twice: the text behind `&amp;` may itself finish a reference.
        if let Some(twice) = reference_end(text, end - 1) {
            let inner = format!("&{}", &text[end..twice]);
            let again = html_escape::decode_html_entities(&inner);
            if again != inner {
                return Some((twice, again.into_owned()));
            }
        }
    }
    Some((end, decoded.into_owned()))
}

/// The end of what has the shape of a character reference whose `&` (or what stands for it) is at `at`.
fn reference_end(text: &str, at: usize) -> Option<usize> {
    let body = text.as_bytes()[at + 1..]
        .iter()
        .take(LONGEST_REFERENCE)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'#')
        .count();
    let end = at + 1 + body;
    (body > 0 && text.as_bytes().get(end) == Some(&b';')).then_some(end + 1)
}

/// Takes out tags, comments, links, control characters, and makes blanks uniform.
fn strip(input: &str) -> (String, Map) {
    let mut out = Writer::new(input);
    let mut scanner = Scanner::new(input);
    // Blanks seen since the last visible character: where they began, and how many line ends.
    let mut blank: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(c) = input[at..].chars().next() {
        let mut next = at + c.len_utf8();
        if c == ' ' {
            blank.get_or_insert((at, 0));
            at = next;
            continue;
        }
        if let Some((end, piece)) = scanner.debris(at, c) {
            if let Piece::Break(lines) = piece {
                let (start, seen) = blank.unwrap_or((at, 0));
                blank = Some((start, seen.max(lines)));
            }
            at = end.max(next);
            continue;
        }
        if is_line_end(c) {
            // A carriage return and its line feed are one line end.
            let pair = c == '\n' && at > 0 && input.as_bytes()[at - 1] == b'\r';
            let (start, seen) = blank.unwrap_or((at, 0));
            blank = Some((start, seen + usize::from(!pair)));
        } else if c.is_whitespace() || c.is_control() {
            blank.get_or_insert((at, 0));
        } else if !is_invisible(c) {
            if let Some((start, lines)) = blank.take()
                && !out.is_empty()
            {
                let by = match lines {
                    0 => " ",
                    1 => "\n",
                    _ => "\n\n",
                };
                out.replace(start..at, by);
            }
            next = word_end(input, next, c);
            out.copy(at..next);
        }
        at = next;
    }
    out.finish()
}

/// The end of the word that goes on at `at`, behind `before`: within a word nothing begins that is not text.
fn word_end(text: &str, at: usize, before: char) -> usize {
    let bytes = text.as_bytes();
    let mut end = at;
    if before.is_ascii_alphanumeric() {
        end += bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
    }
    if bytes.get(end).is_none_or(u8::is_ascii) {
        return end;
    }
    let ends = |c: char| c.is_ascii() || !is_letter(c);
    text[end..].find(ends).map_or(text.len(), |len| end + len)
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Zero-width characters that carry no meaning. The joiners do (Persian, emoji) and stay.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(original: &str) -> String {
        clean(original).text
    }

    #[test]
    fn tags_go_and_paragraphs_stay() {
        assert_eq!(
            text("<p>One <b>tw</b>o</p><p>three</p>"),
            "One two\n\nthree"
        );
        assert_eq!(text("a<br/>b<BR>c"), "a\nb\nc");
        assert_eq!(
            text("<a href=\"x>y\" title='q'>link</a> <!-- gone --> end"),
            "link end"
        );
        assert_eq!(
            text("<script>if (a<b) {}</script>after<style>p{}</style>"),
            "after"
        );
        assert_eq!(text("<p>only</p"), "only</p");
        assert_eq!(text("<p></p> <br> &nbsp;"), "");
    }

    #[test]
    fn text_that_only_looks_like_markup_stays() {
        for kept in [
            "a < b and c > d",
            "x <y and z> w",
            "<<<>>>",
            "5 <6",
            "AT&T & co; &bogus;",
            "[1] (2)",
        ] {
            assert_eq!(text(kept), kept);
        }
    }

    #[test]
    fn references_are_decoded_also_twice() {
        assert_eq!(
            text("&laquo;A&raquo; &amp;quot;B&amp;quot; &#1057;&#x456;"),
            "«A» \"B\" Сі"
        );
        assert_eq!(text("&lt;p&gt;x&lt;/p&gt;"), "x");
        assert_eq!(text("a &lt; b"), "a < b");
    }

    #[test]
    fn links_and_their_remains_go() {
        assert_eq!(text("/https%3A%2F%2Fs3.example%2Fa.jpg)\nText"), "Text");
        assert_eq!(
            text("see https://a.example/x?y=1, then (www.b.example)."),
            "see , then ()."
        );
        assert_eq!(
            text("[label](https://a.example) ![alt](/b.png) end"),
            "label end"
        );
        assert_eq!(text("见https://a.example/x。后"), "见。后");
    }

    #[test]
    fn blanks_are_uniform_and_controls_go() {
        assert_eq!(
            text("\u{feff} a\u{a0}\t b\r\nc\r\n\r\n\u{3000}d\u{0}\u{ad}e "),
            "a b\nc\n\nd e"
        );
        assert_eq!(text("می\u{200c}خواهد"), "می\u{200c}خواهد");
    }

    #[test]
    fn ranges_point_into_the_original() {
        let original = "<p>А &amp; <b>Б</b>\u{a0} «В»</p>";
        let cleaned = clean(original);
        assert_eq!(cleaned.text, "А & Б «В»");
        let range = |part: &str| {
            let start = cleaned.text.find(part).unwrap();
            &original[cleaned.original_range(start..start + part.len())]
        };
        assert_eq!(range("А & Б"), "А &amp; <b>Б");
        assert_eq!(range("&"), "&amp;");
        assert_eq!(range("«В»"), "«В»");
        assert_eq!(cleaned.original_range(0..0), 3..3);
    }
}
