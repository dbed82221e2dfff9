//! What in a text is not text: tags, comments, Markdown links, web addresses and the remains of such.
//!
//! Scans by hand: each search stops where the next candidate begins or is remembered as failed, so that a text of
//! nothing but `<` or `[` takes linear time.

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

/// What the second pass found at one place.
pub(super) enum Piece {
    /// Not text; nothing is left of it.
    Nothing,
    /// Not text, but words on its two sides are apart by this many line ends.
    Break(usize),
}

/// Recognises what is not text. Remembers failed searches, so that no input is searched twice to its end.
pub(super) struct Scanner<'a> {
    text: &'a str,
    no_comment_end: bool,
    no_element_end: [bool; HIDDEN.len()],
    /// Where the destination of a Markdown link begins, when its label is being read.
    destination: Option<Range<usize>>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            no_comment_end: false,
            no_element_end: [false; HIDDEN.len()],
            destination: None,
        }
    }

    /// The end of the debris that begins with `c` at `at`, and what it leaves behind.
    pub(super) fn debris(&mut self, at: usize, c: char) -> Option<(usize, Piece)> {
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
        if !matches!(c, '/' | 'h' | 'H' | 'w' | 'W' | 'p' | 't') {
            return None;
        }
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
        const STARTS: [&str; 5] = ["https://", "http://", "www.", "pic.twitter.com/", "t.me/"];
        let start = STARTS.iter().find(|start| starts_with(rest, start))?;
        let body = &self.text[at + start.len()..];
        let len = body
            .find(|c: char| {
                !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '[' | ']' | '{' | '}' | '|')
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
