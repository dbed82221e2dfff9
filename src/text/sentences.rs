//! Sentence boundaries for news: where a terminator really ends a sentence, and which line ends do.
//!
//! One scan, each decision by a bounded look around a terminator, so that the time is linear in any text.

use std::ops::Range;

use super::Lang;
use super::abbreviations::{self, Abbreviation};

/// How far a decision looks back for the word before a full stop, or ahead for the next word, in characters.
const REACH: usize = 24;

/// A sentence that begins so shortly before a word like "г." cannot end there.
const SHORTEST_BEFORE_SUFFIX: usize = 24;

/// The sentences of `text` as byte ranges: in order, apart, without blanks at their ends, together all that is not blank.
///
/// `lang` tells which abbreviations to expect. A text without letters is one sentence.
pub fn split(text: &str, lang: Option<Lang>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    for paragraph in paragraphs(text) {
        split_paragraph(text, paragraph, lang, &mut pieces);
    }
    join_letterless(text, pieces)
}

/// Lines of `text`, with hard-wrapped lines put together again.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut block: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for line in text.split('\n') {
        let range = trimmed(text, at..at + line.len());
        at += line.len() + 1;
        if range.is_empty() {
            join_wrapped(text, &mut block, &mut found);
        } else {
            block.push(range);
        }
    }
    join_wrapped(text, &mut block, &mut found);
    found
}

/// Moves the lines of one block (no blank line inside) to `found`, joining those that one paragraph was wrapped into.
fn join_wrapped(text: &str, block: &mut Vec<Range<usize>>, found: &mut Vec<Range<usize>>) {
    let wrapped = is_wrapped(text, block);
    let mut open: Option<Range<usize>> = None;
    for line in block.drain(..) {
        match &mut open {
            Some(before) if wrapped || continues(&text[before.clone()], &text[line.clone()]) => {
                before.end = line.end
            }
            _ => found.extend(open.replace(line)),
        }
    }
    found.extend(open);
}

/// Whether the lines look cut at one width: of similar length, mostly going on in the next.
fn is_wrapped(text: &str, block: &[Range<usize>]) -> bool {
    let Some((_, full)) = block.split_last().filter(|(_, full)| full.len() >= 3) else {
        return false;
    };
    let width = |line: &Range<usize>| text[line.clone()].chars().take(200).count();
    let widest = block.iter().map(width).max().unwrap_or(0);
    let going_on = full
        .iter()
        .filter(|line| !ends_complete(&text[(*line).clone()]))
        .count();
    let starts = |test: fn(char) -> bool| {
        let lines = block.iter().skip(1);
        lines
            .filter(|line| text[(*line).clone()].starts_with(test))
            .count()
    };
    let cased = starts(|c| c.is_lowercase() || c.is_uppercase());
    // Headlines in a list are of similar length too, but each begins with a capital.
    let follow = if cased == 0 {
        true
    } else {
        2 * starts(char::is_lowercase) >= cased
    };
    let narrow = if cased == 0 { 20..=60 } else { 45..=120 };
    narrow.contains(&widest)
        && full.iter().all(|line| 4 * width(line) >= 3 * widest)
        && 2 * going_on >= full.len()
        && follow
}

/// Whether `line` goes on with the sentence that `before` began.
fn continues(before: &str, line: &str) -> bool {
    let stray = |c: char| {
        is_terminator(c) && c != '…' || matches!(c, ',' | ';' | ':' | ')' | '»' | '”' | '，' | '、')
    };
    line.starts_with(stray)
        || before.ends_with(',') && line.starts_with(char::is_alphabetic)
        || line.starts_with(char::is_lowercase)
            && !ends_complete(before)
            && !before.ends_with([':', ';', '：', '；'])
}

/// Whether a line ends as sentences do.
pub(super) fn ends_complete(line: &str) -> bool {
    line.trim_end_matches(is_closer).ends_with(is_terminator)
}

fn split_paragraph(
    text: &str,
    paragraph: Range<usize>,
    lang: Option<Lang>,
    pieces: &mut Vec<Range<usize>>,
) {
    let mut start = paragraph.start;
    let mut at = start;
    while at < paragraph.end {
        let Some(stop) = text[at..paragraph.end].find(is_terminator).map(|i| at + i) else {
            break;
        };
        let end = Stop::at(text, stop, paragraph.end);
        if end.breaks(text, start, paragraph.end, lang) {
            pieces.push(trimmed(text, start..end.end));
            start = end.end;
        }
        at = end.end;
    }
    pieces.push(trimmed(text, start..paragraph.end));
    if pieces.last().is_some_and(Range::is_empty) {
        pieces.pop();
    }
}

/// A run of terminators with the quotes and brackets that close behind it.
struct Stop {
    start: usize,
    end: usize,
    /// The last terminator.
    mark: char,
    /// A single full stop: it may belong to an abbreviation.
    dot: bool,
    quoted: bool,
}

impl Stop {
    fn at(text: &str, start: usize, limit: usize) -> Self {
        let mut stop = Self {
            start,
            end: start,
            mark: '.',
            dot: true,
            quoted: false,
        };
        let mut marks = 0;
        let mut chars = text[start..limit].chars().peekable();
        while let Some(c) = chars.next() {
            let terminator = is_terminator(c);
            // A quote mark that stands before a word opens.
            let opens =
                is_ambiguous_quote(c) && chars.peek().is_some_and(|next| next.is_alphanumeric());
            if !(terminator || is_closer(c) && !opens) {
                break;
            }
            if terminator {
                marks += 1;
                stop.mark = c;
            } else {
                stop.quoted |= !matches!(c, ')' | ']' | '）' | '］' | '}');
            }
            stop.end += c.len_utf8();
        }
        stop.dot = marks == 1 && stop.mark == '.';
        stop
    }

    /// Whether the sentence that began at `start` ends here.
    fn breaks(&self, text: &str, start: usize, limit: usize, lang: Option<Lang>) -> bool {
        let rest = &text[self.end..limit];
        let spaced = rest.starts_with(char::is_whitespace);
        let next = Next::of(rest);
        let Some(first) = next.first else {
            return true;
        };
        if matches!(
            first,
            ',' | ';' | ':' | '，' | '、' | '；' | '：' | '،' | '؛'
        ) || first.is_lowercase()
        {
            return false;
        }
        if is_wide(self.mark) {
            return !(self.quoted && is_attribution(rest));
        }
        let uncased = first.is_alphabetic() && !first.is_uppercase();
        if !spaced {
            // "5.0", "example.org", "U.S": only marks that are no part of words end a sentence without a blank.
            return !matches!(self.mark, '.' | '…')
                && first.is_alphabetic()
                && (first.is_uppercase() || uncased);
        }
        if next.dash && !first.is_uppercase() && !uncased {
            return false;
        }
        if self.dot && self.end == self.start + 1 {
            return self.full_stop_breaks(text, start, first, &next, lang);
        }
        true
    }

    /// The decision for one full stop with a blank behind it.
    fn full_stop_breaks(
        &self,
        text: &str,
        start: usize,
        first: char,
        next: &Next<'_>,
        lang: Option<Lang>,
    ) -> bool {
        let before = &text[start..self.start];
        let word = last_word(before);
        let earlier = before[..before.len() - word.len()].trim_end();
        let after_number = earlier.ends_with(|c: char| c.is_numeric());
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        if letters == 0 {
            let short = !word.is_empty() && word.len() <= 2;
            // "3. Oktober"; at the start of a line a number counts an item.
            return !(short
                && (earlier.is_empty()
                    || abbreviations::has_ordinal_dots(lang) && next.opener.is_none()));
        }
        let known = abbreviations::find(word, lang);
        let single = word.chars().count() == 1;
        if after_number && (single || known.is_some()) {
            return !first.is_numeric()
                && before.chars().take(SHORTEST_BEFORE_SUFFIX).count() == SHORTEST_BEFORE_SUFFIX;
        }
        match known {
            Some(Abbreviation::Prefix) => false,
            Some(Abbreviation::Other) => !first.is_numeric(),
            // An initial, or one letter of "т. д.".
            None if single => word == "I" && lang.is_some_and(|lang| lang.code() == "en"),
            // "U.S.", "z.B.", "п.п.": dots between single letters.
            None if word.contains('.') && word.split('.').all(|part| part.chars().count() == 1) => {
                abbreviations::starts_sentences(next.word)
            }
            None => true,
        }
    }
}

/// What comes after a stop.
struct Next<'a> {
    /// The first character behind blanks, dashes and opening quotes.
    first: Option<char>,
    opener: Option<char>,
    dash: bool,
    word: &'a str,
}

impl<'a> Next<'a> {
    fn of(rest: &'a str) -> Self {
        let mut next = Self {
            first: None,
            opener: None,
            dash: false,
            word: "",
        };
        for (at, c) in rest.char_indices().take(REACH) {
            if c.is_whitespace() {
                continue;
            }
            next.first = Some(c);
            if is_dash(c) {
                next.dash = true;
            } else if is_opener(c) {
                next.opener = Some(c);
            } else {
                let word = &rest[at..];
                let len = word
                    .char_indices()
                    .take(REACH)
                    .find(|(_, c)| !c.is_alphanumeric())
                    .map_or(word.len(), |(len, _)| len);
                next.word = &word[..len];
                break;
            }
        }
        next
    }
}

/// Whether what follows a closed quotation only says who spoke: "王毅说。", "と述べた。".
fn is_attribution(rest: &str) -> bool {
    if rest.starts_with(|c: char| matches!(c, '\u{3041}'..='\u{309f}')) {
        return true;
    }
    let Some((clause, _)) = rest
        .char_indices()
        .take(REACH / 2)
        .find(|(_, c)| is_wide(*c))
    else {
        return false;
    };
    let clause = &rest[..clause];
    !clause.contains(['，', '：'])
        && ["说", "說", "称", "稱", "表示", "指出", "强调", "強調", "道"]
            .iter()
            .any(|verb| clause.ends_with(verb))
}

/// The word that ends `text`, dots inside it included; no longer than [`REACH`] characters.
fn last_word(text: &str) -> &str {
    let start = text
        .char_indices()
        .rev()
        .take(REACH)
        .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '.' | '’' | '\'') || is_mark(*c))
        .last()
        .map_or(text.len(), |(at, _)| at);
    text[start..].trim_start_matches(['.', '’', '\''])
}

/// Combining accents, as in decomposed text.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Merges pieces without a letter into a neighbour: the one before on the same line, else the one after.
fn join_letterless(text: &str, pieces: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(pieces.len());
    // The start of pieces that wait for one with letters.
    let mut waiting: Option<usize> = None;
    for piece in pieces {
        let has_letters = text[piece.clone()].contains(char::is_alphabetic);
        if has_letters {
            joined.push(waiting.take().unwrap_or(piece.start)..piece.end);
            continue;
        }
        match joined.last_mut() {
            Some(last) if waiting.is_none() && !text[last.end..piece.start].contains('\n') => {
                last.end = piece.end
            }
            _ => {
                waiting.get_or_insert(piece.start);
            }
        }
    }
    if let Some(start) = waiting {
        let end = trimmed(text, start..text.len()).end;
        match joined.last_mut() {
            Some(last) => last.end = end,
            None => joined.push(start..end),
        }
    }
    joined
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

fn is_terminator(c: char) -> bool {
    matches!(
        c,
        '.' | '!'
            | '?'
            | '…'
            | '؟'
            | '۔'
            | '।'
            | '॥'
            | '։'
            | '።'
            | '။'
            | '។'
            | '‼'
            | '⁇'
            | '⁈'
            | '⁉'
    ) || is_wide(c)
}

/// Terminators of scripts written without blanks.
fn is_wide(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '．')
}

fn is_closer(c: char) -> bool {
    is_ambiguous_quote(c)
        || matches!(
            c,
            '”' | ')' | ']' | '}' | '」' | '』' | '】' | '）' | '》' | '〉' | '］' | '›'
        )
}

/// Quotation marks that close in some languages, or at some places, and open in others.
fn is_ambiguous_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '»' | '«' | '’' | '‘' | '‹')
}

fn is_opener(c: char) -> bool {
    is_ambiguous_quote(c)
        || matches!(
            c,
            '„' | '‚'
                | '('
                | '['
                | '{'
                | '「'
                | '『'
                | '【'
                | '（'
                | '《'
                | '〈'
                | '［'
                | '”'
                | '¿'
                | '¡'
        )
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '•')
}
