//! From logits to probabilities, and when not to trust them.
//!
//! Everything here is fitted on articles that the model has not learned from. Abstention is split conformal prediction,
//! label by label: a label is plausible at error rate α when its nonconformity (one minus its probability) is among the
//! lowest of the calibration articles that truly have it. If new articles are like the calibration articles, the true
//! label is among the plausible ones with probability at least 1 - α; where both or neither is plausible, the verdict
//! is `uncertain`.

use serde::{Deserialize, Serialize};

use crate::Label;

/// Fitted calibration of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Divides the tone logit.
    pub temperature: f32,
    /// Relevance below which an article is `not_diplomatic`, 0 to 1.
    pub relevance_threshold: f32,
    /// Nonconformity of the calibration articles whose label is cooperative, ascending.
    pub cooperative: Vec<f32>,
    /// Nonconformity of the calibration articles whose label is confrontational, ascending.
    pub confrontational: Vec<f32>,
}

impl Default for Calibration {
    /// Of a model that was never calibrated: logits as they are, no abstention.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            relevance_threshold: 0.0,
            cooperative: Vec::new(),
            confrontational: Vec::new(),
        }
    }
}

/// What calibration learns from: one article.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Tone logit, before calibration.
    pub logit: f32,
    /// Relevance, 0 to 1.
    pub relevance: f32,
    /// The true label, where the article has one.
    pub label: Option<Label>,
    /// Whether the article is about international relations as a main topic (2), a side topic (1) or not at all (0).
    pub rel: Option<u8>,
}

impl Calibration {
    /// Fits everything on `observations`. At most `max_lost` of the articles with rel 2 fall under the relevance
    /// threshold, which is otherwise as high as the articles with rel 0 need.
    pub fn fit(observations: &[Observation], max_lost: f32) -> Self {
        let labelled: Vec<_> = observations
            .iter()
            .filter_map(|o| Some((o.logit, o.label?)))
            .collect();
        let temperature = fit_temperature(&labelled);
        Self {
            temperature,
            relevance_threshold: fit_relevance_threshold(observations, max_lost),
            cooperative: nonconformity(&labelled, temperature, Label::Cooperative),
            confrontational: nonconformity(&labelled, temperature, Label::Confrontational),
        }
    }

    /// Whether exactly one label is plausible at error rate `alpha` (0 to 1) for a calibrated tone logit.
    ///
    /// A model without calibration articles cannot say, and trusts its label.
    pub fn is_certain(&self, calibrated_logit: f32, alpha: f32) -> bool {
        if self.cooperative.is_empty() || self.confrontational.is_empty() {
            return true;
        }
        let plausible = |label| self.is_plausible(label, calibrated_logit, alpha);
        plausible(Label::Cooperative) != plausible(Label::Confrontational)
    }

    /// Whether `label` is plausible at error rate `alpha`: whether its conformal p-value, the share of calibration articles
    /// of this label, the new one counted among them, that fit it no better, is above `alpha`.
    pub fn is_plausible(&self, label: Label, calibrated_logit: f32, alpha: f32) -> bool {
        let scores = match label {
            Label::Cooperative => &self.cooperative,
            Label::Confrontational => &self.confrontational,
        };
        let score = 1.0 - probability(calibrated_logit, label);
        let no_better = scores.len() - scores.partition_point(|s| *s < score);
        (no_better + 1) as f32 / (scores.len() + 1) as f32 > alpha
    }
}

/// Nonconformity of the articles whose label is `label`, ascending.
fn nonconformity(labelled: &[(f32, Label)], temperature: f32, label: Label) -> Vec<f32> {
    let mut scores: Vec<f32> = labelled
        .iter()
        .filter(|(_, l)| *l == label)
        .map(|(logit, _)| 1.0 - probability(logit / temperature, label))
        .collect();
    scores.sort_by(f32::total_cmp);
    scores
}

/// The logistic function.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Probability of `label` under a calibrated logit of [`Label::Cooperative`].
fn probability(logit: f32, label: Label) -> f32 {
    match label {
        Label::Cooperative => sigmoid(logit),
        Label::Confrontational => sigmoid(-logit),
    }
}

/// The temperature with the least negative log likelihood, by golden-section search over 0.1 to 10 on a log scale.
fn fit_temperature(labelled: &[(f32, Label)]) -> f32 {
    if labelled.is_empty() {
        return 1.0;
    }
    let loss = |log_t: f64| -> f64 {
        let t = log_t.exp();
        labelled
            .iter()
            .map(|(logit, label)| {
                let sign = if *label == Label::Cooperative {
                    1.0
                } else {
                    -1.0
                };
                // ln(1 + e^-x) without overflow.
                let x = sign * f64::from(*logit) / t;
                (-x).max(0.0) + (-x.abs()).exp().ln_1p()
            })
            .sum()
    };
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.1f64.ln(), 10f64.ln());
    while high - low > 1e-4 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(a) < loss(b) {
            high = b;
        } else {
            low = a;
        }
    }
    ((low + high) / 2.0).exp() as f32
}

/// The threshold that tells rel 0 from rel 1 and 2 best (mean of both shares right) among those that lose at most
/// `max_lost` of rel 2; 0 without articles of both kinds.
fn fit_relevance_threshold(observations: &[Observation], max_lost: f32) -> f32 {
    let of = |keep: fn(u8) -> bool| {
        let mut values: Vec<f32> = observations
            .iter()
            .filter(|o| o.rel.is_some_and(keep))
            .map(|o| o.relevance)
            .collect();
        values.sort_by(f32::total_cmp);
        values
    };
    let (other, side, main) = (of(|r| r == 0), of(|r| r == 1), of(|r| r == 2));
    if other.is_empty() || main.is_empty() {
        return 0.0;
    }
    let below = |values: &[f32], t: f32| {
        values.partition_point(|v| *v < t) as f32 / values.len().max(1) as f32
    };
    let mut candidates: Vec<f32> = (1..100).map(|i| i as f32 / 100.0).collect();
    candidates.retain(|&t| below(&main, t) <= max_lost);
    let merit = |t: f32| {
        let lost = (below(&main, t) * main.len() as f32 + below(&side, t) * side.len() as f32)
            / (main.len() + side.len()) as f32;
        below(&other, t) - lost
    };
    candidates
        .into_iter()
        .max_by(|a, b| merit(*a).total_cmp(&merit(*b)))
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn observation(logit: f32, cooperative: bool) -> Observation {
        Observation {
            logit,
            relevance: 0.9,
            label: Some(if cooperative {
                Label::Cooperative
            } else {
                Label::Confrontational
            }),
            rel: Some(2),
        }
    }

    #[test]
    fn overconfident_logits_are_cooled() {
        // Nine in ten right at a logit of ±6: the honest logit is ln 9.
        let observations: Vec<_> = (0..400)
            .map(|i| {
                observation(
                    if i % 2 == 0 { 6.0 } else { -6.0 },
                    (i % 2 == 0) != (i % 20 < 2),
                )
            })
            .collect();
        let calibration = Calibration::fit(&observations, 0.03);
        assert!(
            (6.0 / calibration.temperature - 9f32.ln()).abs() < 0.01,
            "{}",
            calibration.temperature
        );
    }

    #[test]
    fn the_relevance_threshold_keeps_the_main_articles() {
        let article = |relevance, rel| Observation {
            relevance,
            rel: Some(rel),
            label: None,
            logit: 0.0,
        };
        let mut observations: Vec<_> = (0..100)
            .map(|i| article(0.5 + i as f32 / 200.0, 2))
            .collect();
        observations.extend((0..100).map(|i| article(i as f32 / 150.0, 0)));
        let threshold = Calibration::fit(&observations, 0.03).relevance_threshold;
        assert!((0.5..=0.52).contains(&threshold), "{threshold}");
    }

    proptest! {
        /// The stated guarantee. Over all choices of which article is the new one, it holds exactly.
        #[test]
        fn the_true_label_is_plausible_at_the_stated_rate(
            logits in prop::collection::vec(-5f32..5.0, 30..80), alpha in 0.02f32..0.4,
        ) {
            let missed = (0..logits.len()).filter(|&new| {
                let others: Vec<_> = (0..logits.len()).filter(|i| *i != new).map(|i| (logits[i], Label::Cooperative)).collect();
                let cooperative = nonconformity(&others, 1.0, Label::Cooperative);
                let calibration = Calibration { cooperative, ..Calibration::default() };
                !calibration.is_plausible(Label::Cooperative, logits[new], alpha)
            });
            prop_assert!(missed.count() as f32 <= alpha * logits.len() as f32);
        }
    }

    #[test]
    fn a_clear_logit_is_certain_and_a_weak_one_is_not() {
        let observations: Vec<_> = (0..200)
            .map(|i| {
                let right = i % 20 > 1;
                let side = if i % 2 == 0 { 1.0 } else { -1.0 };
                observation(side * if right { 3.0 } else { 0.3 }, (side > 0.0) == right)
            })
            .collect();
        let calibration = Calibration::fit(&observations, 0.03);
        assert!(calibration.is_certain(3.0 / calibration.temperature, 0.1));
        assert!(!calibration.is_certain(0.0, 0.05));
    }
}
