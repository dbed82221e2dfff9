//! The output row: the input's columns untouched, then ours. The same columns in every format.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::text::Lang;
use crate::verdict::{self, Abstain, Coverage, Label, Provenance, Verdict};

/// The columns that we add, in their order. Of an input column of the same name only ours is written.
pub const COLUMNS: [&str; 11] = [
    "label",
    "tone",
    "p_cooperative",
    "relevance",
    "abstain",
    "lang",
    "evidence",
    "coverage",
    "model",
    "duplicate_of",
    "error",
];

/// One output row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The input's columns.
    pub fields: Fields,
    /// What was found, or why nothing was.
    pub result: Result<Scores, String>,
    /// The id of an earlier row of which this one is a copy; its scores are those of that row.
    pub duplicate_of: Option<String>,
}

/// A verdict as the output has it. Numbers have four decimals, so that every format holds the same ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// See [`Verdict::label`].
    pub label: Label,
    /// See [`Verdict::tone`].
    pub tone: f64,
    /// See [`Verdict::p_cooperative`].
    pub p_cooperative: f64,
    /// See [`Verdict::relevance`].
    pub relevance: f64,
    /// See [`Verdict::abstain`].
    pub abstain: Option<Abstain>,
    /// See [`Verdict::lang`].
    pub lang: Option<Lang>,
    /// The sentences that carry most of the verdict.
    pub evidence: Vec<Evidence>,
    /// See [`Verdict::coverage`].
    pub coverage: Coverage,
}

/// A sentence's part in the verdict, see [`verdict::Evidence`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Whether `start` and `end` count the bytes of the headline column, and not of the text column.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_title: bool,
    /// First byte of the sentence.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// The sentence's own tone.
    pub tone: f64,
    /// Its attention weight.
    pub weight: f64,
    /// What it adds to the article's logit.
    pub contribution: f64,
}

impl Scores {
    /// The scores of a verdict with its `evidence` weightiest sentences. The first `headline` bytes of the text that was
    /// scored are another column's.
    pub fn new(verdict: &Verdict, evidence: usize, headline: usize) -> Self {
        let sentence = |e: &verdict::Evidence| {
            let in_title = e.start < headline;
            let offset = if in_title { 0 } else { headline };
            Evidence {
                in_title,
                start: e.start - offset,
                end: e.end - offset,
                tone: rounded(e.tone),
                weight: rounded(e.weight),
                contribution: rounded(e.contribution),
            }
        };
        Self {
            label: verdict.label,
            tone: rounded(verdict.tone),
            p_cooperative: rounded(verdict.p_cooperative),
            relevance: rounded(verdict.relevance),
            abstain: verdict.abstain,
            lang: verdict.lang,
            evidence: verdict.evidence(evidence).iter().map(sentence).collect(),
            coverage: verdict.coverage,
        }
    }
}

impl Row {
    /// The row as a JSON object: the input's columns, then ours; of a row that failed, `error` alone.
    pub fn into_json(self, model: &Provenance) -> Map<String, Value> {
        let mut row = self.fields.into_json();
        row.retain(|name, _| !is_ours(name));
        let mut add = |name: &str, value: Value| row.insert(name.to_owned(), value);
        match self.result {
            Ok(scores) => {
                add("label", json!(scores.label));
                add("tone", json!(scores.tone));
                add("p_cooperative", json!(scores.p_cooperative));
                add("relevance", json!(scores.relevance));
                add("abstain", json!(scores.abstain));
                add("lang", json!(scores.lang));
                add("evidence", json!(scores.evidence));
                add("coverage", json!(scores.coverage));
                add("model", json!(model));
                if let Some(original) = self.duplicate_of {
                    add("duplicate_of", Value::from(original));
                }
            }
            Err(reason) => {
                add("error", Value::from(reason));
            }
        }
        row
    }
}

/// Whether a column of this name is one of ours.
pub fn is_ours(name: &str) -> bool {
    COLUMNS.contains(&name)
}

fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}
