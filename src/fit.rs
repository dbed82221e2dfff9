//! Adapting the head to a user's own labels and codebook, on the frozen encoder.
//!
//! Sentence vectors are computed once; then only the head learns, from where it stands, held back toward it by a penalty
//! on the distance. How strongly it is held is chosen by cross-validation, and keeping the head as it is is one of the
//! choices. Calibration is fitted on the predictions for the folds that each head has not seen.

use candle_core::{Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use ndarray::{Array1, Array2};

use crate::calibration::{Calibration, Observation, sigmoid};
use crate::eval::{Evaluation, Report};
use crate::head::{Head, normalise, position_feature};
use crate::labels::Labels;
use crate::score::verdict;
use crate::windows::Windowed;
use crate::{Error, Label, Result};

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
    let mut best: Option<(f64, f32, Vec<Head>)> = None;
    for &penalty in &options.penalties {
        let mut heads = Vec::with_capacity(folds);
        for fold in 0..folds {
            let seen: Vec<usize> = all
                .iter()
                .copied()
                .filter(|&i| fold_of[i] != fold)
                .collect();
            heads.push(train(head, examples, &seen, penalty, options)?);
        }
        let loss = unseen_loss(&heads, examples, &fold_of);
        if best.as_ref().is_none_or(|(least, ..)| loss < *least) {
            best = Some((loss, penalty, heads));
        }
    }
    let (_, penalty, heads) =
        best.ok_or_else(|| Error::Argument("no penalty to choose from".into()))?;

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
        head: train(head, examples, &all, penalty, options)?,
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

/// Weights of the losses beside that of the label, as in the training of the encoder.
const TONE_WEIGHT: f64 = 0.5;
const RELEVANCE_WEIGHT: f64 = 0.3;
const SENTENCE_WEIGHT: f64 = 0.5;

/// The head as variables; a scalar is a tensor of one value.
struct Variables {
    tone: Var,
    tone_bias: Var,
    attention: Var,
    place: Var,
    log_scale: Var,
    bias: Var,
    relevance: Var,
    relevance_bias: Var,
}

/// Articles as padded tensors; labels that are absent have weight 0.
struct Batch {
    vectors: Tensor,
    /// `[articles · sentences, 2]`: position feature, and being the headline.
    place: Tensor,
    /// `[articles, sentences]`: 0 for a sentence, a large negative number for padding.
    padding: Tensor,
    lean: Target,
    tone: Target,
    relevant: Target,
    sentence_tone: Target,
}

/// Values to reach and how much each counts, of one shape.
struct Target {
    value: Tensor,
    weight: Tensor,
}

impl Target {
    fn new(
        values: Vec<Option<f32>>,
        shape: impl Into<candle_core::Shape> + Clone,
    ) -> candle_core::Result<Self> {
        let known = values.iter().flatten().count().max(1) as f32;
        let weight = values
            .iter()
            .map(|v| if v.is_some() { 1.0 / known } else { 0.0 })
            .collect::<Vec<_>>();
        let value = values
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect::<Vec<_>>();
        Ok(Self {
            value: Tensor::from_vec(value, shape.clone(), &Device::Cpu)?,
            weight: Tensor::from_vec(weight, shape, &Device::Cpu)?,
        })
    }

    fn squared_error(&self, predicted: &Tensor) -> candle_core::Result<Tensor> {
        ((predicted - &self.value)?.sqr()? * &self.weight)?.sum_all()
    }

    /// Cross-entropy of logits: max(x, 0) - x·y + ln(1 + e^-|x|).
    fn cross_entropy(&self, logits: &Tensor) -> candle_core::Result<Tensor> {
        let log = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
        let loss = ((logits.relu()? - (logits * &self.value)?)? + log)?;
        (loss * &self.weight)?.sum_all()
    }
}

impl Batch {
    fn new(examples: &[Example], chosen: &[usize], hidden: usize) -> candle_core::Result<Self> {
        let articles = chosen.len();
        let longest = chosen
            .iter()
            .map(|&i| examples[i].means.nrows())
            .max()
            .unwrap_or(0);
        let rows = articles * longest;
        let mut vectors = vec![0f32; rows * hidden];
        let mut place = vec![0f32; rows * 2];
        let mut padding = vec![-1e9f32; rows];
        let mut sentence_tone = vec![None; rows];
        for (article, &i) in chosen.iter().enumerate() {
            let normal = normalise(&examples[i].means);
            let tones = examples[i]
                .labels
                .sentence_tones(&examples[i].article.sentences);
            for (index, (row, tone)) in normal.rows().into_iter().zip(tones).enumerate() {
                let at = article * longest + index;
                vectors[at * hidden..(at + 1) * hidden]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(to, from)| *to = *from);
                place[at * 2] = position_feature(index);
                place[at * 2 + 1] = f32::from(u8::from(index == 0));
                padding[at] = 0.0;
                sentence_tone[at] = tone.map(|t| t / 2.0);
            }
        }
        let labels = |value: fn(&Labels) -> Option<f32>| {
            chosen.iter().map(|&i| value(&examples[i].labels)).collect()
        };
        let lean = labels(|l| {
            l.binary()
                .map(|b| f32::from(u8::from(b == Label::Cooperative)))
        });
        let tone = labels(|l| l.tone.filter(|_| l.rel != Some(0)).map(|t| t / 2.0));
        let relevant = labels(|l| l.rel.map(|r| f32::from(u8::from(r > 0))));
        Ok(Self {
            vectors: Tensor::from_vec(vectors, (rows, hidden), &Device::Cpu)?,
            place: Tensor::from_vec(place, (rows, 2), &Device::Cpu)?,
            padding: Tensor::from_vec(padding, (articles, longest), &Device::Cpu)?,
            lean: Target::new(lean, articles)?,
            tone: Target::new(tone, articles)?,
            relevant: Target::new(relevant, articles)?,
            sentence_tone: Target::new(sentence_tone, (articles, longest))?,
        })
    }
}

/// Fits the head on the chosen examples; a penalty of infinity gives `start` back.
fn train(
    start: &Head,
    examples: &[Example],
    chosen: &[usize],
    penalty: f32,
    options: &FitOptions,
) -> Result<Head> {
    if penalty.is_infinite() {
        return Ok(start.clone());
    }
    let batch = Batch::new(examples, chosen, start.hidden_size())?;
    let variables = Variables::new(start)?;
    let origin = variables
        .vectors()
        .map(|v| v.as_tensor().copy())
        .into_iter()
        .collect::<candle_core::Result<Vec<_>>>()?;
    let parameters = ParamsAdamW {
        lr: options.learning_rate,
        weight_decay: 0.0,
        ..ParamsAdamW::default()
    };
    let mut optimiser = AdamW::new(variables.all(), parameters)?;
    for step in 0..options.steps {
        optimiser
            .set_learning_rate(options.learning_rate * (1.0 - step as f64 / options.steps as f64));
        let mut loss = variables.loss(&batch)?;
        for (vector, origin) in variables.vectors().iter().zip(&origin) {
            let distance = (vector.as_tensor() - origin)?.sqr()?.sum_all()?;
            loss = (loss + (distance * f64::from(penalty))?)?;
        }
        optimiser.backward_step(&loss)?;
    }
    variables.head()
}

impl Variables {
    fn new(head: &Head) -> candle_core::Result<Self> {
        let var = |values: Vec<f32>| Var::from_vec(values.clone(), (values.len(), 1), &Device::Cpu);
        Ok(Self {
            tone: var(head.tone.to_vec())?,
            tone_bias: var(vec![head.tone_bias])?,
            attention: var(head.attention.to_vec())?,
            place: var(vec![head.position, head.first])?,
            log_scale: var(vec![head.scale.ln()])?,
            bias: var(vec![head.bias])?,
            relevance: var(head.relevance.to_vec())?,
            relevance_bias: var(vec![head.relevance_bias])?,
        })
    }

    fn vectors(&self) -> [&Var; 3] {
        [&self.tone, &self.attention, &self.relevance]
    }

    fn all(&self) -> Vec<Var> {
        let scalars = [
            &self.tone_bias,
            &self.place,
            &self.log_scale,
            &self.bias,
            &self.relevance_bias,
        ];
        self.vectors().into_iter().chain(scalars).cloned().collect()
    }

    /// The head of [`crate::head`] in operations that have gradients, and its losses.
    fn loss(&self, batch: &Batch) -> candle_core::Result<Tensor> {
        let (articles, longest) = batch.padding.dims2()?;
        let shape = (articles, longest);
        let tones = batch
            .vectors
            .matmul(&self.tone)?
            .broadcast_add(&self.tone_bias)?
            .tanh()?
            .reshape(shape)?;
        let energy = (batch.vectors.matmul(&self.attention)? + batch.place.matmul(&self.place)?)?
            .reshape(shape)?;
        let energy = (energy + &batch.padding)?;
        let top = energy.max_keepdim(1)?.detach();
        let exp = energy.broadcast_sub(&top)?.exp()?;
        let weights = exp.broadcast_div(&exp.sum_keepdim(1)?)?;
        let tone = (&weights * &tones)?.sum(1)?;
        let scale = self.log_scale.exp()?.reshape(1)?;
        let logit = tone
            .broadcast_mul(&scale)?
            .broadcast_add(&self.bias.reshape(1)?)?;
        // r · Σ aᵢ vᵢ = Σ aᵢ (r · vᵢ)
        let relevances = batch.vectors.matmul(&self.relevance)?.reshape(shape)?;
        let relevance = (&weights * relevances)?
            .sum(1)?
            .broadcast_add(&self.relevance_bias.reshape(1)?)?;
        let loss = batch.lean.cross_entropy(&logit)?;
        let loss = (loss + (batch.tone.squared_error(&tone)? * TONE_WEIGHT)?)?;
        let loss = (loss + (batch.relevant.cross_entropy(&relevance)? * RELEVANCE_WEIGHT)?)?;
        loss + (batch.sentence_tone.squared_error(&tones)? * SENTENCE_WEIGHT)?
    }

    fn head(&self) -> Result<Head> {
        let values = |var: &Var| var.flatten_all()?.to_vec1::<f32>();
        let scalar = |var: &Var| var.flatten_all()?.get(0)?.to_scalar::<f32>();
        let place = values(&self.place)?;
        Ok(Head {
            tone: Array1::from_vec(values(&self.tone)?),
            tone_bias: scalar(&self.tone_bias)?,
            attention: Array1::from_vec(values(&self.attention)?),
            position: place[0],
            first: place[1],
            scale: scalar(&self.log_scale)?.exp(),
            bias: scalar(&self.bias)?,
            relevance: Array1::from_vec(values(&self.relevance)?),
            relevance_bias: scalar(&self.relevance_bias)?,
        })
    }
}
