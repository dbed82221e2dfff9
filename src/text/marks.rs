//! The punctuation of sentences, in every script of news.

pub(super) fn is_terminator(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '.' | '!' | '?');
    }
    matches!(
        c,
        '…' | '؟' | '۔' | '।' | '॥' | '։' | '።' | '။' | '។' | '‼' | '⁇' | '⁈' | '⁉'
    ) || is_wide(c)
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
