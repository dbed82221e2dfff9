//! Adapting the head to a user's own labels and codebook, on the frozen encoder.
//!
//! Sentence vectors are computed once; then only the head learns, from where it stands, held back toward it by a penalty
//! on the distance. How strongly it is held is chosen by cross-validation, and keeping the head as it is is one of the
//! choices. Calibration is fitted on the predictions for the folds that each head has not seen.

mod descent;

use ndarray::Array2;
use rayon::prelude::*;

use crate::calibration::{Calibration, Observation, sigmoid};
use crate::eval::{Evaluation, Report};
use crate::head::Head;
use crate::labels::Labels;
use crate::score::verdict;
use crate::windows::Windowed;
use crate::{Error, Label, Result};

use descent::{Batch, RELEVANCE_WEIGHT, train};

/// One labelled article with its sentence vectors.
pub struct Example {
    /// The article in windows.
    pub article: Windowed,
    /// Its mean token states, `[sentences, hidden]`, from [`Model::sentence_means`](crate::Model::sentence_means).
    pub means: Array2<f32>,
    /// Its labels.
    pub labels: Labels,
}

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Parts of the cross-validation, at least 2.
    pub folds: usize,
    /// How strongly the head is held to where it started, to choose from; infinity keeps it.
    pub penalties: Vec<f32>,
    /// Optimiser steps of each fit.
    pub steps: usize,
    /// Learning rate of AdamW.
    pub learning_rate: f64,
    /// At most this share of the articles with rel 2 may fall under the relevance threshold.
    pub max_lost: f32,
    /// Error rate of the abstention in the reports.
    pub alpha: f32,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            folds: 5,
            penalties: vec![f32::INFINITY, 10.0, 1.0, 0.1],
            steps: 120,
            learning_rate: 5e-3,
            max_lost: 0.02,
            alpha: 0.1,
        }
    }
}

/// What fitting found.
pub struct Fitted {
    /// The head, fitted on all articles.
    pub head: Head,
    /// Its calibration, fitted on predictions for unseen folds.
    pub calibration: Calibration,
    /// The penalty that cross-validation chose.
    pub penalty: f32,
    /// The model as it was, on all articles.
    pub before: Report,
    /// Heads fitted without the article they judge, on all articles.
    pub after: Report,
}

/// Fits head and calibration on `examples`, starting from `head` with `calibration`.
///
/// # Errors
/// [`Error::Argument`] for fewer than two examples with a label a fold, or labels of one kind only.
pub fn fit(
    head: &Head,
    calibration: &Calibration,
    examples: &[Example],
    options: &FitOptions,
) -> Result<Fitted> {
    let folds = options.folds.max(2);
    let labelled = |label| {
        examples
            .iter()
            .filter(|e| e.labels.binary() == Some(label))
            .count()
    };
    let (plus, minus) = (
        labelled(Label::Cooperative),
        labelled(Label::Confrontational),
    );
    if plus < folds || minus < folds {
        return Err(Error::Argument(format!(
            "{plus} cooperative and {minus} confrontational articles; {folds} folds need at least {folds} of each"
        )));
    }
    let all: Vec<usize> = (0..examples.len()).collect();
    let fold_of = assign_folds(examples, folds);
    let batches = (0..folds)
        .into_par_iter()
        .map(|fold| {
            let seen = all.iter().copied().filter(|&i| fold_of[i] != fold);
            Batch::new(examples, &seen.collect::<Vec<_>>())
        })
        .collect::<candle_core::Result<Vec<_>>>()?;
    let candidates = options
        .penalties
        .par_iter()
        .map(|&penalty| {
            let heads = batches.par_iter();
            let heads = heads.map(|batch| train(head, batch, penalty, options));
            let heads = heads.collect::<Result<Vec<_>>>()?;
            Ok((unseen_loss(&heads, examples, &fold_of), penalty, heads))
        })
        .collect::<Result<Vec<_>>>()?;
    let (_, penalty, heads) = candidates
        .into_iter()
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .ok_or_else(|| Error::Argument("no penalty to choose from".into()))?;

    let observe = |keep: &dyn Fn(usize) -> bool| {
        let kept = all.iter().copied().filter(|&i| keep(i));
        let seen: Vec<Observation> = kept
            .map(|i| observation(&heads[fold_of[i]], &examples[i]))
            .collect();
        Calibration::fit(&seen, options.max_lost)
    };
    let mut after = Evaluation::default();
    for (fold, head) in heads.iter().enumerate() {
        // Judged with a calibration that has not seen the fold either.
        let calibration = observe(&|i| fold_of[i] != fold);
        for &i in all.iter().filter(|&&i| fold_of[i] == fold) {
            evaluate(&mut after, head, &calibration, &examples[i], options.alpha);
        }
    }
    Ok(Fitted {
        head: train(head, &Batch::new(examples, &all)?, penalty, options)?,
        calibration: observe(&|_| true),
        penalty,
        before: report(head, calibration, examples, options.alpha),
        after: after.report(),
    })
}

/// Fits calibration alone, on articles that the model has not learned from.
///
/// Here the conformal guarantee is exact.
pub fn calibrate(head: &Head, examples: &[Example], max_lost: f32) -> Calibration {
    let observations: Vec<_> = examples.iter().map(|e| observation(head, e)).collect();
    Calibration::fit(&observations, max_lost)
}

/// The figures of a head with its calibration.
pub fn report(head: &Head, calibration: &Calibration, examples: &[Example], alpha: f32) -> Report {
    let mut evaluation = Evaluation::default();
    for example in examples {
        evaluate(&mut evaluation, head, calibration, example, alpha);
    }
    evaluation.report()
}

fn evaluate(
    evaluation: &mut Evaluation,
    head: &Head,
    calibration: &Calibration,
    example: &Example,
    alpha: f32,
) {
    let verdict = verdict(&example.article, &example.means, head, calibration, alpha);
    evaluation.add(&example.labels, &verdict, |alpha| {
        calibration.is_certain(verdict.logit, alpha)
    });
}

fn observation(head: &Head, example: &Example) -> Observation {
    let out = head.score(&example.means);
    Observation {
        logit: out.logit,
        relevance: sigmoid(out.relevance_logit),
        label: example.labels.binary(),
        rel: example.labels.rel,
    }
}

/// A fold for each example: groups stay together, labels are spread evenly.
fn assign_folds(examples: &[Example], folds: usize) -> Vec<usize> {
    let mut groups = std::collections::HashMap::new();
    let mut next = std::collections::HashMap::new();
    examples
        .iter()
        .map(|e| {
            let mut deal = || {
                let counter = next.entry(e.labels.binary()).or_insert(0);
                *counter += 1;
                (*counter - 1) % folds
            };
            match &e.labels.group {
                Some(group) => *groups.entry(group.clone()).or_insert_with(deal),
                None => deal(),
            }
        })
        .collect()
}

/// Negative log likelihood of labels and relevance, each article judged by the head of its fold.
fn unseen_loss(heads: &[Head], examples: &[Example], fold_of: &[usize]) -> f64 {
    let softplus = |x: f32| f64::from(x.max(0.0) + (-x.abs()).exp().ln_1p());
    let observed: Vec<_> = examples
        .iter()
        .zip(fold_of)
        .map(|(e, &fold)| observation(&heads[fold], e))
        .collect();
    // Compared at its best temperature: overconfidence is mended by calibration, not by the choice of the penalty.
    let temperature = Calibration::fit(&observed, 1.0).temperature;
    let tone = observed.iter().filter_map(|o| {
        let logit = o.logit / temperature;
        Some(softplus(if o.label? == Label::Cooperative {
            -logit
        } else {
            logit
        }))
    });
    let relevance = examples.iter().zip(fold_of).filter_map(|(e, &fold)| {
        let logit = heads[fold].score(&e.means).relevance_logit;
        Some(RELEVANCE_WEIGHT * softplus(if e.labels.rel? > 0 { -logit } else { logit }))
    });
    tone.chain(relevance).sum()
}
