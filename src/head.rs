//! The scoring head: sentence vectors to sentence tones, article tone, tone logit and relevance.
//!
//! For an article of n sentences, vᵢ being the layer-normalised mean of the token states of sentence i:
//!
//! - tone of a sentence: tᵢ = tanh(w·vᵢ + b)
//! - weight of a sentence: aᵢ = softmax over i of (u·vᵢ + p·min(i / 20, 2) + f·\[i = 0\])
//! - tone of the article: Σ aᵢ tᵢ; its tone logit: s · Σ aᵢ tᵢ + c; its relevance logit: Σ aᵢ r·vᵢ + d
//!
//! But for c, the tone logit is a sum over the sentences: the evidence shown is the computation.

use std::path::Path;

use ndarray::{Array1, Array2, ArrayView1, Axis};
use safetensors::{Dtype, SafeTensors};

use crate::{Error, Result};

const LAYER_NORM_EPS: f32 = 1e-5;
/// Sentences after which the position feature has grown by one, and where it stops growing.
const POSITION_SCALE: f32 = 20.0;
const POSITION_CAP: f32 = 2.0;

/// The parameters of the head for sentence vectors of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// w: direction of cooperation, `[hidden]`.
    pub tone: Array1<f32>,
    /// b.
    pub tone_bias: f32,
    /// u: direction of importance, `[hidden]`.
    pub attention: Array1<f32>,
    /// p: how importance changes down the article.
    pub position: f32,
    /// f: extra importance of the headline.
    pub first: f32,
    /// s.
    pub scale: f32,
    /// c.
    pub bias: f32,
    /// r: direction of relevance, `[hidden]`.
    pub relevance: Array1<f32>,
    /// d.
    pub relevance_bias: f32,
}

/// What the head makes of one article.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadOutput {
    /// Tone of each sentence, -1 to 1.
    pub tones: Array1<f32>,
    /// Attention weight of each sentence; they sum to 1.
    pub weights: Array1<f32>,
    /// Tone of the article, -1 to 1.
    pub tone: f32,
    /// Tone logit, before calibration.
    pub logit: f32,
    /// Relevance logit, before calibration.
    pub relevance_logit: f32,
}

impl Head {
    /// A head that has learned nothing: every tone is 0, later sentences weigh less, everything is as relevant as not.
    pub fn untrained(hidden: usize) -> Self {
        Self {
            tone: Array1::zeros(hidden),
            tone_bias: 0.0,
            attention: Array1::zeros(hidden),
            position: -0.5,
            first: 1.0,
            scale: 4.0,
            bias: 0.0,
            relevance: Array1::zeros(hidden),
            relevance_bias: 0.0,
        }
    }

    /// Size of the sentence vectors.
    pub fn hidden_size(&self) -> usize {
        self.tone.len()
    }

    /// Scores one article of at least one sentence. `means` is `[sentences, hidden]`: the mean token state of each.
    pub fn score(&self, means: &Array2<f32>) -> HeadOutput {
        let sentences = means.nrows();
        let mut tones = Array1::zeros(sentences);
        let mut weights = Array1::zeros(sentences);
        let mut relevances = Array1::zeros(sentences);
        for (index, vector) in normalise(means).rows().into_iter().enumerate() {
            tones[index] = (vector.dot(&self.tone) + self.tone_bias).tanh();
            weights[index] = vector.dot(&self.attention) + self.position_energy(index);
            relevances[index] = vector.dot(&self.relevance);
        }
        softmax(&mut weights);
        let tone = weights.dot(&tones);
        HeadOutput {
            tone,
            logit: self.scale * tone + self.bias,
            relevance_logit: weights.dot(&relevances) + self.relevance_bias,
            tones,
            weights,
        }
    }

    /// The part of a sentence's importance that comes from its place alone.
    fn position_energy(&self, index: usize) -> f32 {
        let headline = if index == 0 { self.first } else { 0.0 };
        self.position * position_feature(index) + headline
    }

    /// Reads `head.safetensors`; `path` is named in errors.
    ///
    /// # Errors
    /// [`Error::Model`] for a broken file, [`Error::Tensor`] for a tensor that is missing or of another shape.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| {
            Error::model(
                path,
                format!("not a safetensors file ({e}); copy or train it again"),
            )
        })?;
        let error = |tensor: &str, reason: String| Error::Tensor {
            path: path.to_owned(),
            tensor: tensor.to_owned(),
            reason,
        };
        let vector = |name: &str| {
            let view = file.tensor(name).map_err(|_| {
                error(
                    name,
                    "missing; this is not the head of a detente model".into(),
                )
            })?;
            if view.dtype() != Dtype::F32 || view.shape().len() != 1 {
                return Err(error(
                    name,
                    format!(
                        "expected a vector of F32, found {:?} {:?}",
                        view.shape(),
                        view.dtype()
                    ),
                ));
            }
            let values = view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b));
            Ok(values.collect::<Array1<f32>>())
        };
        let scalar = |name: &str| {
            let values = vector(name)?;
            match values.as_slice() {
                Some(&[value]) => Ok(value),
                _ => Err(error(
                    name,
                    format!("expected one value, found {}", values.len()),
                )),
            }
        };
        let head = Self {
            tone: vector("tone.weight")?,
            tone_bias: scalar("tone.bias")?,
            attention: vector("attention.weight")?,
            position: scalar("attention.position")?,
            first: scalar("attention.first")?,
            scale: scalar("logit.scale")?,
            bias: scalar("logit.bias")?,
            relevance: vector("relevance.weight")?,
            relevance_bias: scalar("relevance.bias")?,
        };
        for (name, length) in [
            ("attention.weight", head.attention.len()),
            ("relevance.weight", head.relevance.len()),
        ] {
            if length != head.hidden_size() {
                return Err(error(
                    name,
                    format!(
                        "has {length} values, tone.weight has {}",
                        head.hidden_size()
                    ),
                ));
            }
        }
        Ok(head)
    }

    /// The head as a safetensors file, as [`Head::from_bytes`] reads it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = |values: ArrayView1<f32>| {
            values
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let one = |value: f32| value.to_le_bytes().to_vec();
        let tensors = [
            ("tone.weight", bytes(self.tone.view())),
            ("tone.bias", one(self.tone_bias)),
            ("attention.weight", bytes(self.attention.view())),
            ("attention.position", one(self.position)),
            ("attention.first", one(self.first)),
            ("logit.scale", one(self.scale)),
            ("logit.bias", one(self.bias)),
            ("relevance.weight", bytes(self.relevance.view())),
            ("relevance.bias", one(self.relevance_bias)),
        ];
        let views = tensors.iter().map(|(name, data)| {
            let view = safetensors::tensor::TensorView::new(Dtype::F32, vec![data.len() / 4], data);
            view.map(|v| (*name, v))
        });
        let broken = |e| Error::model("head.safetensors", format!("cannot be written: {e}"));
        let views = views.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        safetensors::serialize(views, None).map_err(broken)
    }
}

/// The position feature of sentence number `index`.
pub(crate) fn position_feature(index: usize) -> f32 {
    (index as f32 / POSITION_SCALE).min(POSITION_CAP)
}

/// Layer norm of each row, without learned scale and shift.
pub(crate) fn normalise(means: &Array2<f32>) -> Array2<f32> {
    let mut out = means.clone();
    for mut row in out.axis_iter_mut(Axis(0)) {
        let n = row.len() as f32;
        let mean = row.sum() / n;
        row -= mean;
        let variance = row.dot(&row) / n;
        row /= (variance + LAYER_NORM_EPS).sqrt();
    }
    out
}

/// Energies to weights.
fn softmax(energies: &mut Array1<f32>) {
    let top = energies.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    energies.mapv_inplace(|e| (e - top).exp());
    *energies /= energies.sum();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(hidden: usize, seed: u64) -> Head {
        let value = |i: usize, k: u64| {
            (((i as u64 * 7919 + k * 104_729 + seed * 31) % 1000) as f32 / 1000.0 - 0.5) * 2.0
        };
        Head {
            tone: Array1::from_shape_fn(hidden, |i| value(i, 1)),
            attention: Array1::from_shape_fn(hidden, |i| value(i, 2)),
            relevance: Array1::from_shape_fn(hidden, |i| value(i, 3)),
            tone_bias: 0.1,
            bias: -0.3,
            relevance_bias: 0.2,
            ..Head::untrained(hidden)
        }
    }

    proptest! {
        #[test]
        fn contributions_and_bias_add_up_to_the_logit(
            n in 1usize..60, seed in 0u64..1000, spread in 0.01f32..100.0,
        ) {
            let head = head(16, seed);
            let means = Array2::from_shape_fn((n, 16), |(i, j)| ((i * 31 + j * 17 + seed as usize) % 97) as f32 * spread);
            let out = head.score(&means);
            let sum: f32 = out.weights.iter().zip(&out.tones).map(|(a, t)| head.scale * a * t).sum();
            prop_assert!((sum + head.bias - out.logit).abs() < 1e-4);
            prop_assert!((out.weights.sum() - 1.0).abs() < 1e-5);
            prop_assert!(out.tones.iter().all(|t| t.abs() <= 1.0));
        }
    }

    #[test]
    fn attention_survives_energies_of_any_size() {
        let mut weights = Array1::from_vec(vec![-1e30, 1e30, 1e30]);
        softmax(&mut weights);
        assert_eq!(weights.to_vec(), [0.0, 0.5, 0.5]);
    }

    #[test]
    fn the_file_gives_the_head_back() {
        let head = head(8, 3);
        let path = Path::new("head.safetensors");
        let bytes = head.to_bytes().unwrap();
        assert_eq!(Head::from_bytes(path, &bytes).unwrap(), head);
        assert!(matches!(
            Head::from_bytes(path, &bytes[..40]),
            Err(Error::Model { .. })
        ));
    }
}
