//! Markup, character references and link debris out; offsets into the original kept.
//!
//! Two passes over the text, each linear: character references are decoded first, so that escaped markup
//! (`&lt;p&gt;`) is seen as markup by the second. Each pass records where its output came from.

use std::borrow::Cow;
use std::ops::Range;

/// Elements whose content is not prose.
const HIDDEN: [&str; 7] = [
    "script", "style", "template", "svg", "math", "iframe", "object",
];

/// Elements that begin and end a paragraph.
const PARAGRAPHS: [&str; 24] = [
    "p",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "section",
    "article",
    "header",
    "footer",
    "aside",
    "figure",
    "figcaption",
    "table",
    "ul",
    "ol",
    "dl",
    "hr",
    "pre",
    "main",
    "nav",
];

/// Elements that begin and end a line.
const LINES: [&str; 9] = [
    "br", "li", "tr", "dt", "dd", "option", "caption", "title", "td",
];

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
}

impl<'a> Writer<'a> {
    fn new(input: &'a str) -> Self {
        Self {
            input,
            text: String::with_capacity(input.len()),
            map: Map::default(),
        }
    }

    fn copy(&mut self, source: Range<usize>) {
        if source.is_empty() {
            return;
        }
        let at = self.text.len();
        self.text.push_str(&self.input[source.clone()]);
        match self.map.runs.last_mut() {
            Some(last) if last.verbatim && last.source.end == source.start => {
                last.source.end = source.end
            }
            _ => self.map.runs.push(Run {
                at,
                source,
                verbatim: true,
            }),
        }
    }

    fn replace(&mut self, source: Range<usize>, by: &str) {
        if by == &self.input[source.clone()] {
            return self.copy(source);
        }
        self.map.runs.push(Run {
            at: self.text.len(),
            source,
            verbatim: false,
        });
        self.text.push_str(by);
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
    if done == 0 && out.text.is_empty() {
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
    (Cow::Owned(out.text), out.map)
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

/// What the second pass found at one place.
enum Piece {
    /// Not text; nothing is left of it.
    Nothing,
    /// Not text, but words on its two sides are apart by this many line ends.
    Break(usize),
}

/// Takes out tags, comments, links, control characters, and makes blanks uniform.
fn strip(input: &str) -> (String, Map) {
    let mut out = Writer::new(input);
    let mut scanner = Scanner::new(input);
    // Blanks seen since the last visible character: where they began, and how many line ends.
    let mut blank: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(c) = input[at..].chars().next() {
        let next = at + c.len_utf8();
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
                && !out.text.is_empty()
            {
                let by = match lines {
                    0 => " ",
                    1 => "\n",
                    _ => "\n\n",
                };
                out.replace(start..at, by);
            }
            out.copy(at..next);
        }
        at = next;
    }
    (out.text, out.map)
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Zero-width characters that carry no meaning. The joiners do (Persian, emoji) and stay.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Recognises what is not text. Remembers failed searches, so that no input is searched twice to its end.
struct Scanner<'a> {
    text: &'a str,
    no_comment_end: bool,
    no_element_end: [bool; HIDDEN.len()],
    /// Where the destination of a Markdown link begins, when its label is being read.
    destination: Option<Range<usize>>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            no_comment_end: false,
            no_element_end: [false; HIDDEN.len()],
            destination: None,
        }
    }

    /// The end of the debris that begins with `c` at `at`, and what it leaves behind.
    fn debris(&mut self, at: usize, c: char) -> Option<(usize, Piece)> {
        if let Some(destination) = self.destination.clone()
            && destination.start == at
        {
            self.destination = None;
            return Some((destination.end, Piece::Nothing));
        }
        match c {
            '<' => self.markup(at),
            '[' => self.link(at).map(|label| (label, Piece::Nothing)),
            '!' if self.text[at..].starts_with("![") => {
                self.link(at + 1)?;
                let end = self.destination.take()?.end;
                Some((end, Piece::Break(0)))
            }
            _ => self.address(at, c).map(|end| (end, Piece::Nothing)),
        }
    }

    fn markup(&mut self, at: usize) -> Option<(usize, Piece)> {
        let rest = &self.text[at..];
        if rest.starts_with("<!--") {
            if !self.no_comment_end {
                if let Some(end) = rest.find("-->") {
                    return Some((at + end + 3, Piece::Break(0)));
                }
                self.no_comment_end = true;
            }
            return None;
        }
        let tag = Tag::parse(rest)?;
        let mut end = at + tag.len;
        if let Some(index) = HIDDEN.iter().position(|name| tag.is(name)) {
            if tag.opens && !self.no_element_end[index] {
                match closing_tag(&self.text[end..], HIDDEN[index]) {
                    Some(close) => end += close,
                    None => self.no_element_end[index] = true,
                }
            }
            return Some((end, Piece::Break(1)));
        }
        let piece = if PARAGRAPHS.iter().any(|name| tag.is(name)) {
            Piece::Break(2)
        } else if LINES.iter().any(|name| tag.is(name)) {
            Piece::Break(1)
        } else {
            Piece::Nothing
        };
        Some((end, piece))
    }

    /// A Markdown link `[label](address)`: remembers the destination and returns where the label begins.
    fn link(&mut self, at: usize) -> Option<usize> {
        let label = at + 1;
        // Stopping at the next `[` keeps a text of nothing but brackets linear.
        let close = label + self.text[label..].find(['[', ']', '\n'])?;
        let open = self.text[close..].strip_prefix("](")?;
        let end = close + 2 + open.find([')', '[', ']', '\n'])?;
        let address = &self.text[close + 2..end];
        let is_address =
            address.starts_with('/') || address.contains("://") || address.starts_with("www.");
        if !is_address || !self.text[end..].starts_with(')') {
            return None;
        }
        self.destination = Some(close..end + 1);
        Some(label)
    }

    /// A web address or the remains of one.
    fn address(&self, at: usize, c: char) -> Option<usize> {
        let before = self.text[..at].chars().next_back();
        if before.is_some_and(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let rest = &self.text.as_bytes()[at..];
        // An image proxy's path with the picture's address percent-encoded: all of the token is debris.
        let token = rest.strip_prefix(b"/").unwrap_or(rest);
        if starts_with(token, "https%3A") || starts_with(token, "http%3A") {
            let len = self.text[at..].find(|c: char| !c.is_ascii_graphic());
            return Some(len.map_or(self.text.len(), |len| at + len));
        }
        if !matches!(c, 'h' | 'H' | 'w' | 'W' | 'p' | 't') {
            return None;
        }
        const STARTS: [&str; 5] = ["https://", "http://", "www.", "pic.twitter.com/", "t.me/"];
        let start = STARTS.iter().find(|start| starts_with(rest, start))?;
        let body = &self.text[at + start.len()..];
        let len = body
            .find(|c: char| {
                !(c.is_ascii_graphic()
                    && !matches!(c, '"' | '<' | '>' | '[' | ']' | '{' | '}' | '|'))
            })
            .unwrap_or(body.len());
        // Punctuation at its end belongs to the sentence around it.
        let body = body[..len].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'']);
        (!body.is_empty()).then_some(at + start.len() + body.len())
    }
}

fn starts_with(text: &[u8], prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// The length of `text` up to and including the end tag of `element`.
fn closing_tag(text: &str, element: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find("</").map(|i| from + i) {
        from = at + 2;
        if starts_with(&text.as_bytes()[from..], element) {
            return Some(
                text[from..]
                    .find('>')
                    .map_or(text.len(), |end| from + end + 1),
            );
        }
    }
    None
}

/// One tag at the start of a text.
struct Tag<'a> {
    name: &'a str,
    opens: bool,
    /// Bytes from `<` to `>`.
    len: usize,
}

impl<'a> Tag<'a> {
    /// A tag must look like one: a name, then nothing or attributes. `a <b and c> d` is text.
    fn parse(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('<')?;
        if inner.starts_with("!DOCTYPE")
            || inner.starts_with("!doctype")
            || inner.starts_with("?xml")
        {
            let len = 2 + inner
                .find(['<', '>'])
                .filter(|end| inner[*end..].starts_with('>'))?;
            return Some(Self {
                name: "",
                opens: false,
                len,
            });
        }
        let opens = !inner.starts_with('/');
        let body = inner.strip_prefix('/').unwrap_or(inner);
        let name_len = body
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':'))
            .count();
        if !body.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let (name, rest) = body.split_at(name_len);
        // No tag holds another `<`: a text of nothing but `<` is read once.
        let rest = &rest[..rest.find('<').unwrap_or(rest.len())];
        let close = tag_end(rest)?;
        let attributes = rest[..close].trim_end_matches('/').trim();
        let separated = rest.starts_with(|c: char| c.is_whitespace() || c == '/' || c == '>');
        if !separated || !(attributes.is_empty() || attributes.contains('=')) {
            return None;
        }
        let len = text.len() - body.len() + name_len + close + 1;
        // `body` is the tail of `text`, so the difference of lengths is where it begins.
        Some(Self { name, opens, len })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Where the `>` is that ends a tag: outside quotes, or the first one if quotes do not close.
fn tag_end(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, b) in rest.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(open), _) if open == b => quote = None,
            _ => {}
        }
    }
    rest.find('>')
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
