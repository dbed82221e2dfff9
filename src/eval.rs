//! How good the verdicts on labelled articles are.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::calibration::sigmoid;
use crate::labels::Labels;
use crate::metrics::{self, Prediction};
use crate::text::Sentence;
use crate::verdict::{Abstain, Label, Verdict};

/// A sentence tone nearer to zero than this counts as none when sentences are judged in three classes.
pub const NEUTRAL_SENTENCE: f32 = 0.25;

/// Shares of the rows at which the abstention curve is given.
const COVERAGES: [f64; 6] = [1.0, 0.95, 0.9, 0.8, 0.7, 0.5];

/// Error rates at which the conformal abstention is tried.
const ALPHAS: [f32; 5] = [0.02, 0.05, 0.1, 0.15, 0.2];

/// The figures of a labelled set. Those on the label count rows that have one, with rel 1 or 2.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// All rows together.
    pub overall: Figures,
    /// By language.
    pub languages: BTreeMap<String, Figures>,
    /// By the column `kind`, where rows have it.
    pub kinds: BTreeMap<String, Figures>,
    /// Relevance.
    pub relevance: Relevance,
    /// Macro-F1 of the sentences in three classes: cooperative, confrontational, none.
    pub sentence_macro_f1: Option<f64>,
    /// Labelled sentences.
    pub sentences: usize,
    /// Groups of `kind` pair of which every member is right.
    pub pairs_right: Option<f64>,
    /// Groups of `kind` pair.
    pub pairs: usize,
    /// Accuracy of the most confident share of the rows.
    pub abstention: Vec<Coverage>,
    /// What the conformal rule does at several error rates.
    pub conformal: Vec<Conformal>,
}

/// Figures on the label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Rows with a label.
    pub rows: usize,
    /// Share right.
    pub accuracy: Option<f64>,
    /// Mean F1 of the two labels.
    pub macro_f1: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Expected calibration error.
    pub ece: Option<f64>,
    /// The error that a perfectly calibrated model would show on these rows, on average.
    pub ece_by_chance: Option<f64>,
    /// Brier score.
    pub brier: Option<f64>,
}

/// Figures on relevance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Relevance {
    /// Rows with rel 0.
    pub other: usize,
    /// Share of them that is found to be `not_diplomatic`.
    pub found: Option<f64>,
    /// Rows with rel 2.
    pub main: usize,
    /// Share of them that is lost as `not_diplomatic`.
    pub lost: Option<f64>,
}

/// A point of the abstention curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Share of the rows kept, the most confident ones.
    pub coverage: f64,
    /// Accuracy on them.
    pub accuracy: Option<f64>,
}

/// The conformal rule at one error rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conformal {
    /// The error rate.
    pub alpha: f32,
    /// Share of the rows that are not `uncertain`.
    pub certain: Option<f64>,
    /// Accuracy on them.
    pub accuracy: Option<f64>,
}

/// Collects verdicts on labelled articles, in any order, and reports on them.
#[derive(Default)]
pub struct Evaluation {
    predictions: Vec<Prediction>,
    by_language: BTreeMap<String, Vec<Prediction>>,
    by_kind: BTreeMap<String, Vec<Prediction>>,
    groups: BTreeMap<String, bool>,
    sentences: Vec<(usize, usize)>,
    found: Vec<bool>,
    lost: Vec<bool>,
    certain: Vec<Vec<(bool, Prediction)>>,
}

impl Evaluation {
    /// Adds one article: its labels, the verdict, and for each error rate whether the model is certain at it.
    pub fn add(&mut self, labels: &Labels, verdict: &Verdict, is_certain: impl Fn(f32) -> bool) {
        let dismissed = verdict.abstain == Some(Abstain::NotDiplomatic);
        match labels.rel {
            Some(0) => self.found.push(dismissed),
            Some(2) => self.lost.push(dismissed),
            _ => {}
        }
        let spans: Vec<_> = verdict
            .sentences
            .iter()
            .map(|e| Sentence {
                start: e.start,
                end: e.end,
                text: String::new(),
            })
            .collect();
        for (evidence, tone) in verdict.sentences.iter().zip(labels.sentence_tones(&spans)) {
            if let Some(tone) = tone {
                self.sentences.push((
                    class(evidence.tone, NEUTRAL_SENTENCE),
                    class(tone, f32::MIN_POSITIVE),
                ));
            }
        }
        let Some(label) = labels.binary() else { return };
        let prediction = Prediction {
            p: sigmoid(verdict.logit),
            positive: label == Label::Cooperative,
        };
        self.predictions.push(prediction);
        let lang = verdict.lang.map_or("?", |l| l.code());
        self.by_language
            .entry(lang.to_owned())
            .or_default()
            .push(prediction);
        if let Some(kind) = &labels.kind {
            self.by_kind
                .entry(kind.clone())
                .or_default()
                .push(prediction);
        }
        if let (Some("pair"), Some(group)) = (labels.kind.as_deref(), &labels.group) {
            *self.groups.entry(group.clone()).or_insert(true) &= verdict.label == label;
        }
        self.certain.resize(ALPHAS.len(), Vec::new());
        for (rows, alpha) in self.certain.iter_mut().zip(ALPHAS) {
            rows.push((is_certain(alpha), prediction));
        }
    }

    /// The figures of everything added.
    pub fn report(&self) -> Report {
        let by = |groups: &BTreeMap<String, Vec<Prediction>>| {
            groups
                .iter()
                .map(|(k, v)| (k.clone(), figures(v)))
                .collect()
        };
        Report {
            overall: figures(&self.predictions),
            languages: by(&self.by_language),
            kinds: by(&self.by_kind),
            relevance: Relevance {
                other: self.found.len(),
                found: metrics::share(self.found.iter().copied()),
                main: self.lost.len(),
                lost: metrics::share(self.lost.iter().copied()),
            },
            sentence_macro_f1: metrics::macro_f1(&self.sentences, 3),
            sentences: self.sentences.len(),
            pairs_right: metrics::share(self.groups.values().copied()),
            pairs: self.groups.len(),
            abstention: COVERAGES
                .iter()
                .map(|&coverage| Coverage {
                    coverage,
                    accuracy: metrics::accuracy_at_coverage(&self.predictions, coverage),
                })
                .collect(),
            conformal: self
                .certain
                .iter()
                .zip(ALPHAS)
                .map(|(rows, alpha)| conformal(rows, alpha))
                .collect(),
        }
    }
}

fn conformal(rows: &[(bool, Prediction)], alpha: f32) -> Conformal {
    let certain: Vec<_> = rows
        .iter()
        .filter(|(certain, _)| *certain)
        .map(|(_, p)| *p)
        .collect();
    Conformal {
        alpha,
        certain: metrics::share(rows.iter().map(|(certain, _)| *certain)),
        accuracy: metrics::accuracy(&certain),
    }
}

fn figures(predictions: &[Prediction]) -> Figures {
    Figures {
        rows: predictions.len(),
        accuracy: metrics::accuracy(predictions),
        macro_f1: metrics::binary_macro_f1(predictions),
        auc: metrics::auc(predictions),
        ece: metrics::ece(predictions),
        ece_by_chance: metrics::ece_by_chance(predictions),
        brier: metrics::brier(predictions),
    }
}

/// Confrontational, none, cooperative.
fn class(tone: f32, neutral: f32) -> usize {
    if tone.abs() < neutral {
        1
    } else if tone < 0.0 {
        0
    } else {
        2
    }
}
