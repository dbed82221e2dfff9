//! From an article as it came to the sentences that the encoder reads.
//!
//! Clean ([`clean()`]) → language ([`identify`]) → sentences ([`split`]) → boilerplate out. Offsets always point into the
//! original text.

mod abbreviations;
mod boilerplate;
mod clean;
mod language;
mod lines;
mod marks;
mod markup;
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
            let text = in_one_line(&cleaned.text[range.clone()]);
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

/// A sentence of a cleaned text, whose only blanks are single ones and line ends.
fn in_one_line(sentence: &str) -> String {
    let mut lines = sentence.split('\n').filter(|line| !line.is_empty());
    let mut text = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        text.push(' ');
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &str = "/https%3A%2F%2Fs3.example%2Fa.jpg)\n<p>Лідери зустрілися / Колаж УНІАН, скріншоти</p>\n\n\
        «Це&nbsp;дуже добре», - сказав міністр.\nПро це повідомляє МЗС.\nФото: Xinhua\n\n\
        Вас також можуть зацікавити новини:\n\nІнша новина, - ISW\n\nЩе одна новина";

    #[test]
    fn tails_and_debris_are_gone_and_offsets_are_original() {
        let prepared = prepare(ARTICLE, None);
        assert_eq!(prepared.lang.map(Lang::code), Some("uk"));
        let texts: Vec<_> = prepared.sentences.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Лідери зустрілися",
                "«Це дуже добре», - сказав міністр.",
                "Про це повідомляє МЗС."
            ]
        );
        let originals: Vec<_> = prepared
            .sentences
            .iter()
            .map(|s| &ARTICLE[s.start..s.end])
            .collect();
        assert_eq!(
            originals,
            [
                "Лідери зустрілися",
                "«Це&nbsp;дуже добре», - сказав міністр.",
                "Про це повідомляє МЗС."
            ]
        );
    }

    #[test]
    fn a_given_language_wins() {
        let uk: Lang = "uk".parse().unwrap();
        assert_eq!(prepare("The ministers met.", Some(uk)).lang, Some(uk));
    }

    #[test]
    fn nothing_to_read_is_no_sentences() {
        for text in [
            "",
            " \n\t",
            "<p></p><br/>",
            "&nbsp;<script>x()</script>",
            "\u{feff}\u{200b}",
        ] {
            assert_eq!(prepare(text, None).sentences, [], "{text:?}");
        }
    }

    #[test]
    fn long_and_degenerate_texts_take_linear_time() {
        let times = 200_000;
        for part in [
            "<",
            "<a b=\"",
            "&",
            "&amp;",
            "[a](",
            "\n",
            "a\n",
            ".",
            ")",
            ". ",
            "a.",
            "(фото ",
            "я ",
            "<!--",
            "».",
        ] {
            let text = part.repeat(times);
            assert!(prepare(&text, None).sentences.len() <= times);
        }
    }
}
