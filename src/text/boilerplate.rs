//! What surrounds an article on its page and is not the article: credits, "read also" lists, prompts, copyright lines.
//!
//! Phrases of every language are looked for in every text: pages mix languages, and a phrase is long enough to mean one
//! thing. Each must begin a short sentence, so that an article that speaks of subscriptions or photos keeps its sentences.

use std::ops::Range;

use super::lines::ends_complete;
use super::marks::is_letter;
use super::phrases::{
    AGENCY_LINE, BEGINNING, BRACKETED, CREDIT, HEADING, LABEL, PICTURE_WORD, PROMPT, READ_ALSO,
};

/// No credit, prompt or headline in a list is longer, in characters.
const LONGEST: usize = 240;
const LONGEST_CREDIT: usize = 110;

/// Who is credited has no more words.
const MOST_NAMES: usize = 8;

/// Takes boilerplate out of the `sentences` of `text`: drops whole ones and cuts credits off the ends of others.
///
/// Returns `sentences` unchanged where nothing would be left.
pub(super) fn remove(text: &str, sentences: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let units: Vec<Unit<'_>> = sentences
        .iter()
        .map(|range| Unit::new(text, range.clone()))
        .collect();
    let kept: Vec<_> = units[..tail_start(&units)]
        .iter()
        .filter(|unit| !unit.is_boilerplate)
        .filter_map(Unit::without_credits)
        .collect();
    let has_letters = |range: &Range<usize>| text[range.clone()].contains(is_letter);
    if kept.iter().any(has_letters) {
        kept
    } else {
        sentences
    }
}

/// Where a "read also" heading begins a list of headlines that runs to the end; the number of units if none does.
fn tail_start(units: &[Unit<'_>]) -> usize {
    let mut start = units.len();
    for (index, unit) in units.iter().enumerate().rev() {
        if unit.is_heading() {
            start = index;
        } else if !(unit.is_headline() || unit.is_boilerplate) {
            break;
        }
    }
    // An article of headlines only would be lost with its first heading.
    if start == 0 { units.len() } else { start }
}

/// A sentence with its place on its line.
struct Unit<'a> {
    text: &'a str,
    range: Range<usize>,
    begins_line: bool,
    ends_line: bool,
    /// In lower case, from the first letter or digit; empty where the sentence is too long to be boilerplate.
    key: String,
    /// Whether the key begins as boilerplate may.
    begins: bool,
    is_boilerplate: bool,
}

impl<'a> Unit<'a> {
    fn new(text: &'a str, range: Range<usize>) -> Self {
        let before = text[..range.start].trim_end_matches(' ');
        let after = text[range.end..].trim_start_matches(' ');
        let sentence = &text[range.clone()];
        let key = if is_short(sentence, LONGEST) {
            key(sentence)
        } else {
            String::new()
        };
        let mut unit = Self {
            text,
            begins_line: before.is_empty() || before.ends_with('\n'),
            ends_line: after.is_empty() || after.starts_with('\n'),
            range,
            begins: BEGINNING.is_match(&key),
            key,
            is_boilerplate: false,
        };
        unit.is_boilerplate = unit.is_known();
        unit
    }

    fn sentence(&self) -> &'a str {
        &self.text[self.range.clone()]
    }

    fn is_whole_line(&self) -> bool {
        self.begins_line && self.ends_line
    }

    fn is_heading(&self) -> bool {
        self.begins && self.is_whole_line() && HEADING.is_match(&self.key)
    }

    /// A short line that does not end as sentences do; questions and cries may be headlines.
    fn is_headline(&self) -> bool {
        let line = self.sentence();
        self.is_whole_line()
            && !self.key.is_empty()
            && (!ends_complete(line)
                || line.ends_with(['?', '!', '？', '！', '؟', '…', '"', '»', '”']))
    }

    /// Whether it is one of the known phrases, or a credit.
    fn is_known(&self) -> bool {
        if self.key.is_empty() {
            return false;
        }
        self.is_credit()
            || self.begins
                && (PROMPT.is_match(&self.key)
                    || self.is_whole_line()
                        && (LABEL.is_match(&self.key)
                            || HEADING.is_match(&self.key)
                            || READ_ALSO.is_match(&self.key)))
    }

    fn is_credit(&self) -> bool {
        // "ФОТО: …" may be how a headline begins, and a headline speaks of photos that follow.
        if self.range.start == 0 || !is_short(self.sentence(), LONGEST_CREDIT) {
            return false;
        }
        let named = self.begins.then(|| CREDIT.find(&self.key)).flatten();
        let named = named.is_some_and(|head| is_name(&self.key[head.end()..]));
        named || self.ends_line && is_name(&self.key) && AGENCY_LINE.is_match(&self.key)
    }

    /// The sentence without the credits at its two ends; `None` if it was nothing else.
    fn without_credits(&self) -> Option<Range<usize>> {
        let mut range = self.range.clone();
        range.start += leading_credit(self.sentence()).unwrap_or(0);
        let sentence = &self.text[range.clone()];
        let cut = bracketed_credit(sentence)
            .or_else(|| caption_credit(sentence).filter(|_| self.ends_line));
        if let Some(at) = cut {
            range.end = range.start + sentence[..at].trim_end().len();
        }
        self.text[range.clone()]
            .contains(char::is_alphanumeric)
            .then_some(range)
    }
}

/// The length of "(Photo by …) " at the start of a sentence.
fn leading_credit(sentence: &str) -> Option<usize> {
    let inside = sentence.strip_prefix(['(', '[', '（', '【'])?;
    let from = sentence.len() - inside.len();
    let close = inside
        .char_indices()
        .take(LONGEST_CREDIT)
        .find(|(_, c)| matches!(c, ')' | ']' | '）' | '】'))?;
    if !BRACKETED.is_match(&key(&inside[..close.0])) {
        return None;
    }
    let end = from + close.0 + close.1.len_utf8();
    Some(sentence.len() - sentence[end..].trim_start().len())
}

/// Where "(… photo: …)" begins that ends a sentence.
fn bracketed_credit(sentence: &str) -> Option<usize> {
    let inside = sentence
        .trim_end_matches(['.', '。'])
        .strip_suffix([')', ']', '）', '】'])?;
    let (at, _) = inside
        .char_indices()
        .rev()
        .take(LONGEST_CREDIT)
        .find(|(_, c)| matches!(c, '(' | '[' | '（' | '【' | ')' | ']' | '）' | '】'))?;
    let inside = key(inside[at..].strip_prefix(['(', '[', '（', '【'])?);
    let credits = inside
        .split(['/', '|', ',', '，'])
        .any(|part| BRACKETED.is_match(part.trim_start()))
        && (CREDIT.is_match(&inside)
            || inside.contains(['/', '|', ':', '：'])
            || inside.split_whitespace().count() <= 2);
    credits.then_some(at)
}

/// Where "/ Photo Agency", "Photo: Agency" or "© Agency" begins at the end of a caption.
fn caption_credit(sentence: &str) -> Option<usize> {
    // Most sentences have none of the marks below, and their first bytes say so at once.
    let begins_mark = |byte| matches!(byte, b'/' | b'|' | b':' | 0xc2 | 0xef);
    if !sentence.bytes().any(begins_mark) {
        return None;
    }
    let first = sentence.char_indices().rev().nth(LONGEST_CREDIT - 1);
    let from = first.map_or(0, |(at, _)| at);
    sentence[from..]
        .match_indices(['/', '|', '©', ':', '：'])
        .map(|(at, mark)| (from + at, mark))
        .find_map(|(at, mark)| {
            let (before, after) = (&sentence[..at], &sentence[at + mark.len()..]);
            let credited = key(after);
            if !is_name(&credited) {
                return None;
            }
            match mark {
                "©" => Some(at),
                ":" | "：" => {
                    let word = before.trim_end().rsplit(char::is_whitespace).next()?;
                    let start = before.trim_end().len() - word.len();
                    (start > 0
                        && !credited.is_empty()
                        && PICTURE_WORD.is_match(&word.to_lowercase()))
                    .then_some(start)
                }
                _ => (before.ends_with(' ') && BRACKETED.is_match(&credited)).then_some(at),
            }
        })
        // A bracket that opens before the cut would stay open.
        .filter(|at| sentence[..*at].matches('(').count() == sentence[..*at].matches(')').count())
}

/// Whether `text` may be who is credited: a few words, no sentence, no quotation.
fn is_name(text: &str) -> bool {
    let name = text.trim_end_matches(['.', ' ', ')']);
    name.chars().count() <= LONGEST_CREDIT
        && name.split_whitespace().count() <= MOST_NAMES
        && !name.contains(['"', '«', '“', '„', '?', '!', '？', '！', '。'])
        && !has_sentence_end(name)
}

/// Whether a full stop stands before a blank other than behind an initial, as in "D. Okafor".
fn has_sentence_end(name: &str) -> bool {
    name.match_indices(". ").any(|(at, _)| {
        let word = name[..at].rsplit(|c: char| !c.is_alphanumeric()).next();
        word.is_none_or(|word| word.chars().count() > 1)
    })
}

/// Lower case from the first letter or digit; a copyright sign counts as one.
fn key(text: &str) -> String {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '©');
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut key = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\x7f' => key.push(c.to_ascii_lowercase()),
            // Cyrillic, whose capitals are so many letters before the small ones.
            'а'..='џ' => key.push(c),
            'А'..='Я' => key.extend(char::from_u32(c as u32 + 0x20)),
            _ => key.extend(c.to_lowercase()),
        }
    }
    key
}

fn is_short(text: &str, most: usize) -> bool {
    text.len() <= most || text.len() <= 4 * most && text.chars().count() <= most
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::*;

    fn kept(text: &str) -> Vec<&str> {
        remove(text, split(text, None))
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn credits_go() {
        for credit in [
            "Фото: Xinhua",
            "Фото: twitter.com/SecBlinken",
            "Photo by Justin Sullivan/Getty Images",
            "Photo: Harbour Wire / D. Okafor-Lindqvist",
            "Image credit: NASA",
            "图源：新华社",
            "(Photo: AP)",
            "新华社记者 张三 摄",
            "Bild: dpa",
            "عکس: ایرنا",
            "Anna Moneymaker/Getty Images",
            "© armenews.com 2024",
            "Copyright 2025 BBC.",
            "Все права защищены",
            "責任編輯：李四",
        ] {
            assert_eq!(
                kept(&format!("Сторони домовилися.\n{credit}")),
                ["Сторони домовилися."],
                "{credit}"
            );
        }
    }

    #[test]
    fn a_caption_keeps_its_words() {
        assert_eq!(
            kept("Сі і Путін / Колаж УНІАН, скріншоти\n\nТекст."),
            ["Сі і Путін", "Текст."]
        );
        assert_eq!(
            kept("Leaders met (Photo by Jo Doe/AP)\nText."),
            ["Leaders met", "Text."]
        );
        assert_eq!(
            kept("Текст.\nВ Кишиневе сносят особняк. Фото: соцсети"),
            ["Текст.", "В Кишиневе сносят особняк."]
        );
    }

    #[test]
    fn a_read_also_list_goes_to_the_end() {
        let text = "Текст статті.\n\nВас також можуть зацікавити новини:\n\nПутін заявив, що готовий, - ISW\n\nТрамп: Гренландія потрібна США";
        assert_eq!(kept(text), ["Текст статті."]);
        assert_eq!(
            kept("正文。\n相关阅读\n中美举行会谈\n外交部回应"),
            ["正文。"]
        );
    }

    /// A prompt below the list is of several sentences, none of them a headline.
    #[test]
    fn a_prompt_does_not_keep_the_list_above_it() {
        let text = "Text of it.\nRead more:\nLeaders agree\nEnjoying this story? Subscribe now and get three months for $1. Already a member? Sign in.";
        assert_eq!(kept(text), ["Text of it."]);
    }

    #[test]
    fn a_read_also_line_inside_goes_alone() {
        let text = "Перший абзац.\nЧитайте також: Інша новина\nДругий абзац має крапку.";
        assert_eq!(kept(text), ["Перший абзац.", "Другий абзац має крапку."]);
        let text = "First.\nRelated articles\nThe minister said that talks go on.";
        assert_eq!(
            kept(text),
            ["First.", "The minister said that talks go on."]
        );
    }

    #[test]
    fn articles_that_speak_of_such_things_are_kept() {
        for text in [
            "ФОТО: Гаврилица провела встречу с послом Польши",
            "Росія не підписувала угоду. Читайте також уважно протокол, сказав він.",
            "Photos show the ministers in Geneva.",
            "Reuters reported that the talks failed.",
            "Як повідомляв Укрінформ, сторони домовилися.",
            "Subscribers in both countries pay more.",
            "Copyright rules divide the two sides.",
            "Повне або часткове перемир'я обговорювали в Женеві.",
            "Подписаться под заявлением отказались три страны.",
            "Приєднуйтеся до санкцій, закликав президент.",
            "Sigue en pie el acuerdo entre ambos países.",
            "انضم إلى الاتحاد الأوروبي عام 2004.",
            "识别风险引发各方关注。",
        ] {
            assert_eq!(
                kept(text).concat(),
                split(text, None)
                    .iter()
                    .map(|r| &text[r.clone()])
                    .collect::<String>()
            );
        }
    }

    #[test]
    fn something_is_always_left() {
        assert_eq!(kept("Читайте також:\nОдин\nДва"), ["Один", "Два"]);
        assert_eq!(kept("Фото: Xinhua"), ["Фото: Xinhua"]);
        assert_eq!(kept("Subscribe now!"), ["Subscribe now!"]);
    }
}
