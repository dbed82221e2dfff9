//! What the program says of an article.

use serde::{Deserialize, Serialize};

use crate::text::Lang;

/// The diplomatic tone of an article's main interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// Agreement, talks, aid, praise, easing.
    Cooperative,
    /// Criticism, refusal, threat, sanctions, attack.
    Confrontational,
}

impl Label {
    /// Its name in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cooperative => "cooperative",
            Self::Confrontational => "confrontational",
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a label should not be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abstain {
    /// The article is not about relations between states or intergovernmental bodies.
    NotDiplomatic,
    /// Both labels are plausible at the error rate asked for, or neither is.
    Uncertain,
}

impl Abstain {
    /// Its name in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDiplomatic => "not_diplomatic",
            Self::Uncertain => "uncertain",
        }
    }
}

impl std::fmt::Display for Abstain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A sentence's part in the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// First byte of the sentence in the input text.
    pub start: usize,
    /// One past its last byte in the input text.
    pub end: usize,
    /// The sentence's own tone, -1 (confrontational) to 1 (cooperative).
    pub tone: f32,
    /// Its attention weight, 0 to 1; the weights of an article sum to 1.
    pub weight: f32,
    /// What it adds to the article's logit: scale · weight · tone / temperature.
    pub contribution: f32,
}

/// How much of the article the encoder saw. Nothing is cut off, so the two token counts are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Tokens of the cleaned article.
    pub tokens: usize,
    /// Tokens that the encoder saw.
    pub tokens_scored: usize,
    /// Windows that the article took.
    pub windows: usize,
}

/// The verdict on one article.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The label; always one of the two. See [`Verdict::abstain`].
    pub label: Label,
    /// Article tone, -1 to 1: the weighted mean of the sentence tones.
    pub tone: f32,
    /// Calibrated probability of [`Label::Cooperative`].
    pub p_cooperative: f32,
    /// Probability that the article is about relations between international actors.
    pub relevance: f32,
    /// Why the label should not be trusted, if so.
    pub abstain: Option<Abstain>,
    /// Language, given or identified.
    pub lang: Option<Lang>,
    /// Every sentence of the article, in its order. The contributions and `bias` add up to `logit`.
    pub sentences: Vec<Evidence>,
    /// ln(p / (1 - p)) of `p_cooperative`.
    pub logit: f32,
    /// The part of `logit` that no sentence carries.
    pub bias: f32,
    /// What was seen of the article.
    pub coverage: Coverage,
}

impl Verdict {
    /// Probability of the label that was given, 0.5 to 1.
    pub fn confidence(&self) -> f32 {
        self.p_cooperative.max(1.0 - self.p_cooperative)
    }

    /// The `n` sentences that carry most of the verdict: those with the largest contribution toward the label first,
    /// then, where fewer than `n` point that way, the weakest of the others.
    pub fn evidence(&self, n: usize) -> Vec<Evidence> {
        let toward = match self.label {
            Label::Cooperative => 1.0,
            Label::Confrontational => -1.0,
        };
        let mut sorted = self.sentences.clone();
        sorted.sort_by(|a, b| (toward * b.contribution).total_cmp(&(toward * a.contribution)));
        sorted.truncate(n);
        sorted
    }
}

/// Which model said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The model's name: its hub id, or the `id` of its detente.json.
    pub id: String,
    /// Its revision, as its detente.json has it.
    pub revision: String,
    /// SHA-256 of the weights of encoder and head, hexadecimal.
    pub weights_hash: String,
    /// Version of this crate.
    pub version: String,
}
