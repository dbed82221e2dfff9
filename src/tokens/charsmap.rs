//! Normalisation by sentencepiece's precompiled charsmap, as the `tokenizers` crate applies it.
//!
//! Text is taken cluster by cluster (what a reader sees as one character). A rule that fits the beginning of a short
//! cluster replaces the whole of it; otherwise each of its characters is replaced for itself.

use unicode_segmentation::UnicodeSegmentation;

/// tokenizers applies a rule to a whole cluster only when it is shorter than this, in bytes.
const LONG_CLUSTER: usize = 6;

/// The rules of a normaliser: what text becomes what.
pub(super) struct Charsmap {
    /// Sorted; no key begins another, so at most one begins any text.
    rules: Vec<(String, String)>,
    /// The characters that keys begin with.
    first: Characters,
    /// The characters that are keys.
    alone: Characters,
    /// The characters of the basic plane that [stand alone](stands_alone) and are no keys: nearly all of most texts.
    plain: Characters,
}

/// A bit for each character.
struct Characters(Vec<u64>);

impl Characters {
    fn of(chars: impl Iterator<Item = char>) -> Self {
        let mut bits = vec![0; (char::MAX as usize >> 6) + 1];
        chars.for_each(|c| bits[c as usize >> 6] |= 1 << (c as u32 & 63));
        Self(bits)
    }

    fn contain(&self, c: char) -> bool {
        self.0[c as usize >> 6] >> (c as u32 & 63) & 1 == 1
    }
}

impl Charsmap {
    /// Reads the bytes that sentencepiece writes; the error says what is wrong with them.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, String> {
        let rules = rules(bytes)?;
        let begins = |(key, _): &(String, String)| key.chars().next();
        let is = |(key, _): &(String, String)| {
            let mut chars = key.chars();
            chars.next().filter(|_| chars.next().is_none())
        };
        let alone = Characters::of(rules.iter().filter_map(is));
        let plain = ('\0'..='\u{ffff}').filter(|&c| stands_alone(c) && !alone.contain(c));
        Ok(Self {
            first: Characters::of(rules.iter().filter_map(begins)),
            plain: Characters::of(plain),
            alone,
            rules,
        })
    }

    /// Hands the normalised `text` to `push`, piece by piece.
    pub(super) fn normalise(&self, mut text: &str, mut push: impl FnMut(&str)) {
        while !text.is_empty() {
            let (plain, rest) = text.split_at(self.plain(text));
            if !plain.is_empty() {
                push(plain);
            }
            let mut chars = rest.chars();
            let single =
                chars.next().is_none_or(stands_alone) && chars.next().is_none_or(stands_alone);
            let cluster = match single {
                true => rest.split_at(rest.ceil_char_boundary(1)).0,
                false => rest.graphemes(true).next().unwrap_or(rest),
            };
            let short = cluster.len() < LONG_CLUSTER;
            match short.then(|| self.rule(cluster)).flatten() {
                Some(new) => push(new),
                None => {
                    for (at, c) in cluster.char_indices() {
                        let c = &cluster[at..at + c.len_utf8()];
                        push(self.rule(c).unwrap_or(c));
                    }
                }
            }
            text = &rest[cluster.len()..];
        }
    }

    /// Bytes at the start of `text` that stay as they are: clusters of one character each without a rule.
    fn plain(&self, text: &str) -> usize {
        let mut start = 0;
        for (at, c) in text.char_indices() {
            if !self.plain.contain(c) {
                // What does not stand alone may be of one cluster with the character before it.
                return if stands_alone(c) { at } else { start };
            }
            start = at;
        }
        text.len()
    }

    /// What `chunk` is replaced by: the whole of it, even where the key is only its beginning.
    fn rule(&self, chunk: &str) -> Option<&str> {
        let first = chunk.chars().next()?;
        // Letters begin rules for what stands on them, but hardly one is a rule by itself.
        let may_have_one = match first.len_utf8() == chunk.len() {
            true => &self.alone,
            false => &self.first,
        };
        if !may_have_one.contain(first) {
            return None;
        }
        let after = self.rules.partition_point(|(key, _)| &key[..] <= chunk);
        let (key, value) = &self.rules[after.checked_sub(1)?];
        chunk.starts_with(&key[..]).then_some(value)
    }
}

/// Common characters that are a cluster of their own next to each other, so that most text needs no segmentation.
fn stands_alone(c: char) -> bool {
    matches!(c,
        ' '..='~'
        | '\u{c0}'..='\u{24f}' // Latin
        | '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' // Cyrillic
        | '\u{620}'..='\u{64a}' | '\u{671}'..='\u{6d5}' // Arabic
        | '\u{2010}'..='\u{2027}' // dashes and quotation marks
        | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' // Chinese punctuation, kana
        | '\u{4e00}'..='\u{9fff}' // Han
        | '\u{ff01}'..='\u{ff5e}') // fullwidth
}

/// The rules, sorted: a double array trie from keys to places in a text, of values that end with NUL. Only the shortest
/// of keys that begin one another is ever found, and only in a chunk that is shorter than [`LONG_CLUSTER`]; the others are
/// left out.
fn rules(charsmap: &[u8]) -> Result<Vec<(String, String)>, String> {
    let cut = || "its charsmap is cut short".to_owned();
    let (size, rest) = charsmap.split_first_chunk().ok_or_else(cut)?;
    let (units, text) = rest
        .split_at_checked(u32::from_le_bytes(*size) as usize / 4 * 4)
        .ok_or_else(cut)?;
    let (units, _) = units.as_chunks();
    let text = str::from_utf8(text).map_err(|e| format!("the text of its charsmap: {e}"))?;
    let unit = |at: usize| {
        units
            .get(at)
            .map(|unit| u32::from_le_bytes(*unit))
            .ok_or_else(cut)
    };
    let offset = |unit: u32| ((unit >> 10) << ((unit & 0x200) >> 6)) as usize;

    let mut rules = Vec::new();
    let mut open = vec![(offset(unit(0)?), Vec::new())];
    let mut visited = 0;
    while let Some((node, key)) = open.pop() {
        visited += 1;
        if visited > units.len() {
            return Err("its charsmap is not a tree".into());
        }
        for byte in 1..=u8::MAX {
            let at = node ^ usize::from(byte);
            let child = unit(at)?;
            if child & 0x8000_00ff != u32::from(byte) {
                continue;
            }
            let mut key = key.clone();
            key.push(byte);
            let next = at ^ offset(child);
            if child & 0x100 != 0 {
                let value = text.get((unit(next)? & 0x7fff_ffff) as usize..);
                let value = value
                    .and_then(|value| value.split('\0').next())
                    .ok_or_else(cut)?;
                let key = String::from_utf8(key).map_err(|e| format!("its charsmap: {e}"))?;
                rules.push((key, value.to_owned()));
            } else if key.len() + 1 < LONG_CLUSTER {
                open.push((next, key));
            }
        }
    }
    rules.sort_unstable();
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::super::testing::STORED;
    use super::*;

    fn normalised(text: &str) -> String {
        let mut out = String::new();
        let charsmap = Charsmap::new(&STORED.charsmap).unwrap();
        charsmap.normalise(text, |piece| out.push_str(piece));
        out
    }

    #[test]
    fn characters_that_stand_alone_are_clusters_next_to_each_other() {
        for c in ('\0'..=char::MAX).filter(|&c| stands_alone(c)) {
            let text = format!("a{c}{c}я{c}中");
            assert_eq!(text.graphemes(true).count(), 6, "{c:?}");
        }
    }

    #[test]
    fn the_default_rules_fold_widths_ligatures_and_blanks() {
        assert_eq!(normalised("ＡＢ ﬁ\u{a0}x\t…"), "AB fi x ...");
        assert_eq!(normalised("e\u{301}"), "é");
        assert_eq!(normalised("Київ, 北京, ایران"), "Київ, 北京, ایران");
    }
}
