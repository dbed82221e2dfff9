//! Properties of cleaning and segmentation that hold for any text.

use detente::text::{Lang, clean, prepare, split};
use proptest::prelude::*;

fn pieces(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

/// Texts of what trips segmenters: several scripts, quotes, abbreviations, markup, references, line ends.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => pieces(&[
            "слово", "Україна", "ім.", "т. зв.", "А.", "г.", "5", "3.5", "U.S.", "Mr.", "z. B.", "the", "The", "中国", "外交部说",
            "ایران", "قال", "हिन्दी", "e\u{301}", "👩\u{200d}🚀", "Фото: Xinhua", "Читайте також:", "Subscribe to our", "/ Колаж УНІАН",
            "(Photo by AP)", "© 2024",
        ]),
        6 => pieces(&[
            ".", "!", "?", "…", "...", "。", "！", "؟", "۔", ",", ":", " - ", " — ", "«", "»", "„", "“", "”", "\"", "'", "(", ")", "「", "」",
        ]),
        6 => pieces(&[" ", " ", "\n", "\n\n", "\r\n", "\t", "\u{a0}", "\u{3000}", "\u{200b}", "\u{0}", "\u{2028}"]),
        4 => pieces(&[
            "<p>", "</p>", "<br/>", "<b", ">", "<", "<!--", "-->", "<script>", "</script>", "<a href=\"x\">", "&amp;", "&laquo;", "&#1057;",
            "&", ";", "&amp;lt;", "[", "](https://a.example)", "![", "https://a.example/b", "/https%3A%2F%2Fa.jpg)",
        ]),
        1 => "\\PC{0,8}",
        1 => any::<String>(),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

fn langs() -> impl Strategy<Value = Option<Lang>> {
    prop::sample::select(vec!["", "uk", "ru", "en", "zh", "de", "fa"])
        .prop_map(|code| code.parse().ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn sentences_cover_the_cleaned_text_once(original in texts(), lang in langs()) {
        let text = clean(&original).text;
        let mut end = 0;
        for sentence in split(&text, lang) {
            prop_assert!(end <= sentence.start && sentence.start < sentence.end);
            prop_assert!(text.is_char_boundary(sentence.start) && text.is_char_boundary(sentence.end));
            prop_assert!(text[end..sentence.start].trim().is_empty());
            prop_assert_eq!(text[sentence.clone()].trim(), &text[sentence.clone()]);
            end = sentence.end;
        }
        prop_assert!(text[end..].trim().is_empty());
    }

    #[test]
    fn prepared_sentences_lie_in_the_original(original in texts(), lang in langs()) {
        let prepared = prepare(&original, lang);
        let mut end = 0;
        for sentence in &prepared.sentences {
            prop_assert!(end <= sentence.start && sentence.start < sentence.end && sentence.end <= original.len());
            prop_assert!(original.is_char_boundary(sentence.start) && original.is_char_boundary(sentence.end));
            let words: Vec<_> = sentence.text.split_whitespace().collect();
            prop_assert_eq!(words.join(" "), sentence.text.as_str());
            end = sentence.end;
        }
        prop_assert_eq!(prepared.sentences.is_empty(), clean(&original).text.is_empty());
        if lang.is_some() {
            prop_assert_eq!(prepared.lang, lang);
        }
    }

    #[test]
    fn copied_characters_keep_their_place(original in texts()) {
        let cleaned = clean(&original);
        for (at, c) in cleaned.text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let range = cleaned.original_range(at..at + c.len_utf8());
            let source = &original[range];
            prop_assert!(source.starts_with(c) || source.starts_with('&'));
        }
    }

    #[test]
    fn cleaning_clean_text_changes_no_words(words in prop::collection::vec("[а-яa-z]{1,8}[.,!?]?", 1..20)) {
        let text = words.join(" ");
        prop_assert_eq!(clean(&text).text, text);
    }
}
