//! Sentence boundaries for news: where a terminator really ends a sentence, and which line ends do.
//!
//! One scan, each decision by a bounded look around a terminator, so that the time is linear in any text.

use std::ops::Range;

use super::Lang;
use super::abbreviations::{self, Abbreviation};
use super::lines::{paragraphs, trimmed};
use super::marks::{
    first_terminator, is_ambiguous_quote, is_closer, is_dash, is_letter, is_opener, is_terminator,
    is_wide,
};

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

fn split_paragraph(
    text: &str,
    paragraph: Range<usize>,
    lang: Option<Lang>,
    pieces: &mut Vec<Range<usize>>,
) {
    let mut start = paragraph.start;
    let mut at = start;
    while at < paragraph.end {
        let Some(stop) = first_terminator(&text[at..paragraph.end]).map(|i| at + i) else {
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
                    || next.opener.is_none()
                        && abbreviations::is_ordinal_before(next.word, lang)));
        }
        let known = abbreviations::find(word, lang);
        let single = word.chars().count() == 1;
        // "5 г." may end a sentence, but not one that has only begun.
        if after_number && single && known.is_none() {
            let begun =
                before.chars().take(SHORTEST_BEFORE_SUFFIX).count() < SHORTEST_BEFORE_SUFFIX;
            return !begun && !first.is_numeric();
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
        let has_letters = text[piece.clone()].contains(is_letter);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'a>(lang: &str, text: &'a str) -> Vec<&'a str> {
        let lang = (!lang.is_empty()).then(|| lang.parse().unwrap());
        split(text, lang)
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    /// Each case is one sentence.
    #[track_caller]
    fn whole(lang: &str, cases: &[&str]) {
        for text in cases {
            assert_eq!(pieces(lang, text), [*text]);
        }
    }

    #[test]
    fn abbreviations_do_not_end_sentences() {
        whole(
            "uk",
            &[
                "Це т. зв. Нормандський формат.",
                "За ст. 5 договору.",
                "Палац ім. Шевченка в м. Київ.",
                "Понад 5 млн. грн. збитків.",
            ],
        );
        whole(
            "ru",
            &[
                "Его т. н. Республика на ул. Ленина.",
                "Более 5 тыс. 300 человек.",
                "В 2024 г. Путин приехал.",
            ],
        );
        whole(
            "en",
            &[
                "Mr. Blinken and Gen. Milley met Dr. Fauci.",
                "The U.S. President on Oct. 7 spoke.",
                "J. R. R. Tolkien.",
            ],
        );
        whole(
            "de",
            &[
                "Das gilt z. B. Frankreich und am 3. Oktober auch Dr. Merkel.",
                "Rund 5 Mio. Euro und ca. 20 Staaten.",
            ],
        );
        whole(
            "pl",
            &["Tzw. Trójkąt Weimarski, np. Francja i prof. Nowak."],
        );
        whole(
            "cs",
            &["Např. Německo a tzv. Visegrádská čtyřka 21. února."],
        );
        whole(
            "",
            &["А. Блінкен і В. В. Путін.", "Mr. Blinken та ім. Шевченка."],
        );
    }

    #[test]
    fn an_abbreviation_may_end_a_sentence() {
        assert_eq!(pieces("en", "He left the U.S. The talks ended.").len(), 2);
        assert_eq!(
            pieces("uk", "Збитки сягнули 5 млн. Переговори тривають.").len(),
            2
        );
        assert_eq!(
            pieces(
                "ru",
                "Договор был подписан в декабре 1991 г. Стороны его соблюдали."
            )
            .len(),
            2
        );
        assert_eq!(pieces("en", "The answer is no. The talks ended.").len(), 2);
        assert_eq!(
            pieces("de", "Es geht um Nord Stream 2. Die Gespräche dauern an.").len(),
            2
        );
        assert_eq!(
            pieces("pl", "Chodzi o Nord Stream 2. Rozmowy trwają.").len(),
            2
        );
    }

    #[test]
    fn numbers_and_names_with_dots_stay_whole() {
        whole(
            "en",
            &[
                "It grew by 3.5 percent to 1.234.567 on example.org at 10.30 a.m. today.",
                "Version 5.0 and No. 10.",
            ],
        );
        assert_eq!(
            pieces(
                "uk",
                "Зустріч відбулася в Пекіні. 17 січня лідери говорили."
            ),
            ["Зустріч відбулася в Пекіні.", "17 січня лідери говорили."]
        );
    }

    #[test]
    fn quotes_close_before_and_attributions_stay() {
        whole(
            "uk",
            &[
                "«Це дуже добре!», - сказав Сі.",
                "«Хто це зробив?» — запитав міністр.",
                "„Чому?“ – запитав він.",
            ],
        );
        assert_eq!(
            pieces("uk", "«Добре. Дуже добре». Він пішов."),
            ["«Добре.", "Дуже добре».", "Він пішов."]
        );
        assert_eq!(
            pieces("en", "\"Go.\" \"No!\" (He left.) Then."),
            ["\"Go.\"", "\"No!\"", "(He left.)", "Then."]
        );
        assert_eq!(pieces("de", "„Ja.“ Er ging."), ["„Ja.“", "Er ging."]);
        assert_eq!(
            pieces("zh", "“我们同意。”王毅说。会谈结束。"),
            ["“我们同意。”王毅说。", "会谈结束。"]
        );
        assert_eq!(
            pieces("ja", "「合意した。」と述べた。会談は終了。"),
            ["「合意した。」と述べた。", "会談は終了。"]
        );
    }

    #[test]
    fn ellipses_go_on_before_lower_case() {
        whole("ru", &["Он подумал... и согласился.", "Мы… не знаем."]);
        assert_eq!(
            pieces("ru", "Он ушёл… Потом вернулся..."),
            ["Он ушёл…", "Потом вернулся..."]
        );
    }

    #[test]
    fn other_scripts_have_their_own_marks() {
        assert_eq!(pieces("zh", "双方同意！会谈何时举行？下周。").len(), 3);
        assert_eq!(
            pieces("ar", "هل انتهت المحادثات؟ نعم. وقال الوزير ذلك.").len(),
            3
        );
        assert_eq!(pieces("ur", "مذاکرات ختم ہوئے۔ وزیر چلے گئے۔").len(), 2);
        assert_eq!(pieces("hi", "वार्ता समाप्त हुई। मंत्री चले गए।").len(), 2);
    }

    #[test]
    fn what_has_no_letters_joins_its_neighbour() {
        assert_eq!(
            pieces("uk", "Перше.\n❓\nДруге. 2024."),
            ["Перше.", "❓\nДруге. 2024."]
        );
        assert_eq!(
            pieces("en", "1. Item one\n2. Item two"),
            ["1. Item one", "2. Item two"]
        );
        whole("", &["...", "2024 – 2025", "слово ".repeat(1000).trim()]);
        assert!(pieces("", " \n ").is_empty());
    }
}
