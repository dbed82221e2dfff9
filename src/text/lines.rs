//! Which line ends are paragraph ends: every one, except in text wrapped at a fixed width or broken inside a sentence.

use std::ops::Range;

use super::marks::{is_closer, is_terminator};

/// Lines of `text`, with hard-wrapped lines put together again.
pub(super) fn paragraphs(text: &str) -> Vec<Range<usize>> {
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

/// `range` of `text` without blanks at its ends.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        paragraphs(text).len()
    }

    #[test]
    fn each_line_is_a_paragraph() {
        assert_eq!(count("Talks resume\nThe ministers met.\n\nNo full stop"), 3);
        let headlines = "Leaders meet in Geneva to talk about the borders of both\nMinister says that the talks will go on until the summer\n\
            President signs the law on the trade with the neighbours\nParliament votes on the treaty with the other countries";
        assert_eq!(count(headlines), 4);
    }

    #[test]
    fn a_line_that_goes_on_is_joined() {
        assert_eq!(
            count("The ministers met in Geneva and\nagreed to go on."),
            1
        );
        assert_eq!(count("In Geneva,\nParis and Rome"), 1);
        assert_eq!(count("The talks failed\n. The next ones are in May."), 1);
        assert_eq!(count("Two reasons:\nfirst the border"), 2);
    }

    #[test]
    fn wrapped_lines_are_one_paragraph() {
        let wrapped = "The ministers of the two countries met on Monday with President\nBiden and agreed to go on with the talks about the borders that\n\
            divide them, said a spokesman of the government, who was in the\ntown for the talks. They will meet again in the spring to sign a\n\
            treaty.\n\nAnother paragraph.";
        assert_eq!(count(wrapped), 2);
        let wrapped = "两国外交部长星期一在日内瓦举行会谈并同意继续就边界\n问题进行磋商政府发言人在声明中说双方将在春天再次会\n\
            面签署条约并讨论贸易和安全方面的合作以及其他共同关\n心的问题。";
        assert_eq!(count(wrapped), 1);
    }
}
