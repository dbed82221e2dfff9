//! What is compared of two texts: MinHash over their shingles.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Places of a signature: the standard error of a similarity of 0.7 is 0.04.
pub(super) const HASHES: usize = 128;
/// Places looked up together, and how often: texts that are 0.7 similar share a band with probability 0.9998, those that
/// are 0.5 similar with 0.87, those that are 0.1 similar with 0.003.
const BAND: usize = 4;
pub(super) const BANDS: usize = HASHES / BAND;
/// Tokens of a shingle that begins with a word, and of one that begins with a character.
const WORDS: usize = 3;
const CHARACTERS: usize = 5;
/// A text with fewer shingles is compared as a whole: in a headline one other name is another event.
const FEW_SHINGLES: usize = 30;
/// How often places of different minima are equal.
pub(super) const CHANCE: f64 = 1.0 / 256.0;

/// The hash functions x → a·x + b modulo 2³², a odd.
const FACTORS: [u32; HASHES] = constants(0, 1);
const SUMMANDS: [u32; HASHES] = constants(HASHES as u64, 0);

/// What is compared of a text: 128 bytes.
///
/// Letters are compared without case; punctuation, blanks and invisible characters count for nothing. Texts of fewer than
/// 30 shingles are similar only where they are equal in that sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; HASHES]);

impl Signature {
    /// That of a text without letters and digits, which is no copy of anything.
    pub(super) const BLANK: Self = Self([0; HASHES]);

    /// The signature of a text, in time linear in its length.
    pub fn of(text: &str) -> Self {
        let folded = Folded::of(text);
        if folded.tokens.is_empty() {
            return Self::BLANK;
        }
        let mut minima = [u32::MAX; HASHES];
        let mut shingles = 0;
        for shingle in folded.shingles() {
            shingles += 1;
            let x = (xxh3_64(shingle) >> 32) as u32;
            for ((minimum, a), b) in minima.iter_mut().zip(&FACTORS).zip(&SUMMANDS) {
                *minimum = (*minimum).min(a.wrapping_mul(x).wrapping_add(*b));
            }
        }
        let mut signature = [0; HASHES];
        if shingles < FEW_SHINGLES {
            for (seed, bytes) in signature.chunks_exact_mut(8).enumerate() {
                let hash = xxh3_64_with_seed(folded.text.as_bytes(), seed as u64);
                bytes.copy_from_slice(&hash.to_le_bytes());
            }
        } else {
            // The low bits of a minimum follow from the low bits of x; the high bits of a product depend on all.
            for (byte, minimum) in signature.iter_mut().zip(minima) {
                *byte = (minimum.wrapping_mul(0x9E37_79B1) >> 24) as u8;
            }
        }
        Self(signature)
    }

    /// Estimated Jaccard similarity of the two sets of shingles, 0 to 1.
    pub fn similarity(&self, other: &Self) -> f64 {
        let equal = self.equal_places(other) as f64 / HASHES as f64;
        ((equal - CHANCE) / (1.0 - CHANCE)).max(0.0)
    }

    pub(super) fn equal_places(&self, other: &Self) -> usize {
        let places = self.0.iter().zip(&other.0);
        places.map(|(a, b)| usize::from(a == b)).sum()
    }

    /// The bucket of each band among `buckets`, without a modulo.
    pub(super) fn buckets(&self, buckets: usize) -> impl Iterator<Item = usize> {
        let bands = self.0.chunks_exact(BAND).enumerate();
        bands.map(move |(band, places)| {
            let key = places
                .iter()
                .fold(band as u64, |key, &place| key << 8 | u64::from(place));
            let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((u128::from(hash) * buckets as u128) >> 64) as usize
        })
    }
}

/// A text as it is compared: its tokens in lower case, a blank between them.
struct Folded {
    text: String,
    tokens: Vec<Token>,
}

/// A word, or a character of a script that does not space words.
struct Token {
    start: usize,
    /// Tokens of the shingle that begins here.
    shingle: usize,
}

impl Folded {
    fn of(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut tokens = Vec::with_capacity(original.len() / 6);
        let mut in_word = false;
        for c in original.chars() {
            if !c.is_alphanumeric() {
                in_word &= is_invisible(c);
                continue;
            }
            let unspaced = is_unspaced(c);
            if unspaced || !in_word {
                if !tokens.is_empty() {
                    text.push(' ');
                }
                tokens.push(Token {
                    start: text.len(),
                    shingle: if unspaced { CHARACTERS } else { WORDS },
                });
            }
            in_word = !unspaced;
            if c.is_ascii() {
                text.push(c.to_ascii_lowercase());
            } else {
                text.extend(c.to_lowercase());
            }
        }
        Self { text, tokens }
    }

    fn shingles(&self) -> impl Iterator<Item = &[u8]> {
        let tokens = self.tokens.iter().enumerate();
        tokens.filter_map(|(i, token)| {
            let end = match self.tokens.get(i + token.shingle) {
                Some(next) => next.start - 1,
                None if i + token.shingle == self.tokens.len() => self.text.len(),
                None => return None,
            };
            self.text.as_bytes().get(token.start..end)
        })
    }
}

/// Characters that are within words or nowhere: soft hyphens, joiners, marks of byte order.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

/// Scripts that do not space words: Thai, Lao, Burmese, Khmer, kana, Han.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{323af}')
}

/// Fixed random numbers (SplitMix64), each with the bits of `set`.
const fn constants(first: u64, set: u32) -> [u32; HASHES] {
    let mut numbers = [0; HASHES];
    let mut i = 0;
    while i < HASHES {
        let mut z = (first + i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        numbers[i] = (z >> 32) as u32 | set;
        i += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::testing::article;
    use proptest::prelude::*;

    fn similarity(a: &str, b: &str) -> f64 {
        Signature::of(a).similarity(&Signature::of(b))
    }

    proptest! {
        #[test]
        fn characters_of_unspaced_scripts_are_shingled(
            text in "[一-龥]{100,300}", other in "[一-龥]{100,300}", cut in 1..8_usize,
        ) {
            let copy: String = text.chars().skip(cut).collect();
            prop_assert!(similarity(&text, &copy) > 0.8);
            prop_assert!(similarity(&text, &other) < 0.2);
        }

        #[test]
        fn any_text_has_a_signature_that_case_and_punctuation_do_not_change(text in any::<String>()) {
            let signature = Signature::of(&text);
            let shouted = format!("…{}?!", text.replace(' ', " – \u{200b}"));
            prop_assert_eq!(signature, Signature::of(&shouted));
        }

        #[test]
        fn the_estimate_is_near_the_jaccard_similarity(words in article(400..401), shared in 0..399_usize) {
            // The first `shared` of 400 words are common: shingles in common over shingles in all.
            let other: Vec<_> = (0..400).map(|i| if i < shared { words[i].clone() } else { format!("x{i}") }).collect();
            let common = shared.saturating_sub(2) as f64;
            let exact = common / (2.0 * 398.0 - common);
            let estimate = similarity(&words.join(" "), &other.join(" "));
            prop_assert!((estimate - exact).abs() < 0.2, "{estimate} for {exact}");
        }
    }

    #[test]
    fn two_reports_of_one_meeting_are_no_copies() {
        let one = "The foreign ministers of France and Germany met in Berlin on Monday to discuss the war in Ukraine. \
            They agreed to send more air defence systems and said that sanctions against Russia would stay in place until \
            its troops have left the country. A joint statement is expected on Tuesday.";
        let other = "Germany and France will deliver further air defence systems to Ukraine, their foreign ministers said \
            after talks in Berlin on Monday. Sanctions against Russia are to stay until its troops leave Ukraine. Both \
            governments plan to publish a joint statement on Tuesday, a spokeswoman said.";
        assert!(similarity(one, other) < 0.3);
        assert!(similarity(one, &format!("{one} (dpa)")) > 0.9);
    }

    #[test]
    fn signatures_never_change() {
        let text = "Die Außenminister trafen sich in Genf. ".repeat(9);
        let hash = |text: &str| xxh3_64(&Signature::of(text).0);
        assert_eq!(
            [hash("Genf"), hash(&text)],
            [8259442748485973890, 1964578450359422477]
        );
    }
}
