//! Letters and the punctuation of sentences, in every script of news.

/// [`char::is_alphabetic`], at once for the letters of most news.
pub(super) fn is_letter(c: char) -> bool {
    matches!(c,
        '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' // Latin
        | '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' // Cyrillic
        | '\u{620}'..='\u{64a}' // Arabic
        | '\u{4e00}'..='\u{9fff}') // Han
        || c.is_alphabetic()
}

pub(super) fn is_terminator(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '.' | '!' | '?');
    }
    matches!(
        c,
        '…' | '؟' | '۔' | '।' | '॥' | '։' | '።' | '။' | '។' | '‼' | '⁇' | '⁈' | '⁉'
    ) || is_wide(c)
}

/// Where the first terminator of `text` is.
pub(super) fn first_terminator(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text.as_bytes()[at..]
            .iter()
            .position(|&b| begins_terminator(b))?;
        let c = text[at..].chars().next()?;
        if is_terminator(c) {
            return Some(at);
        }
        at += c.len_utf8();
    }
}

/// Whether a terminator may begin with this byte: no Latin, Cyrillic or Chinese letter does.
fn begins_terminator(byte: u8) -> bool {
    matches!(
        byte,
        b'.' | b'!' | b'?' | 0xd6 | 0xd8 | 0xdb | 0xe0..=0xe3 | 0xef
    )
}

/// Terminators of scripts written without blanks.
pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '｡' | '．')
}

pub(super) fn is_closer(c: char) -> bool {
    is_ambiguous_quote(c)
        || matches!(
            c,
            '”' | ')' | ']' | '}' | '」' | '』' | '】' | '）' | '》' | '〉' | '］' | '›'
        )
}

/// Quotation marks that close in some languages, or at some places, and open in others.
pub(super) fn is_ambiguous_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '»' | '«' | '’' | '‘' | '‹')
}

pub(super) fn is_opener(c: char) -> bool {
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

pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '•')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_terminator_is_found_whatever_stands_before_it() {
        for c in ('\0'..=char::MAX).filter(|&c| is_terminator(c)) {
            let before = "a, я中ب」";
            assert_eq!(first_terminator(before), None);
            assert_eq!(
                first_terminator(&format!("{before}{c}.")),
                Some(before.len()),
                "{c:?}"
            );
        }
    }

    #[test]
    fn letters_are_those_of_the_standard_library() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_letter(c), c.is_alphabetic(), "{c:?}");
        }
    }
}
