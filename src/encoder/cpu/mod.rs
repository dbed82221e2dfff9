//! The CPU core: BERT, RoBERTa and XLM-R window by window, in int8 or f32, on the best instructions of the processor.
//!
//! Windows are never padded and never meet: each is one task of rayon's pool with memory of its own, so its states do
//! not depend on the windows beside it or on the number of threads. Within a window attention goes by groups of heads, and
//! the rest of a layer by blocks of rows and slices of inner states, so that what is at work stays in the cache.
//!
//! In int8, matrices are as stored, a scale for each row; the rows they meet are quantised to bytes, each by its own
//! range, inner states slice by slice; queries, keys, values and softmax weights are bytes too; the rest is f32.

mod attention;
mod kernels;
mod layers;
mod linear;
mod math;
mod numbers;

use super::config::BertConfig;
use super::embeddings::Embeddings;
use super::weights::Weights;
use super::{Device, Encoder, Precision};
use crate::{Error, Result};
use candle_core::Tensor;
use kernels::Level;
use layers::Stack;
use numbers::{F32, Int8};

/// A post-norm transformer encoder on the CPU: BERT, RoBERTa, XLM-R.
pub struct CpuBert {
    embeddings: Embeddings,
    level: Level,
    layers: Layers,
}

/// The layers, with the numbers that they multiply.
enum Layers {
    Int8(Stack<Int8>),
    F32(Stack<F32>),
}

impl CpuBert {
    /// Whether the core has what this model needs; [`Bert`](super::Bert) has more activations.
    pub fn supports(config: &BertConfig) -> bool {
        math::supports(config.hidden_act)
    }

    /// Builds the encoder that `config` describes from `weights`.
    ///
    /// # Errors
    /// [`Error::Tensor`] where a tensor is missing or has another shape than `config` says; [`Error::Argument`] for a
    /// model that the core does not [support](CpuBert::supports), and for f16 and bf16.
    pub fn new(config: &BertConfig, weights: &Weights, precision: Precision) -> Result<Self> {
        if !Self::supports(config) {
            return Err(Error::Argument(format!(
                "the CPU core has no activation {:?}",
                config.hidden_act
            )));
        }
        let level = Level::best();
        Ok(Self {
            embeddings: Embeddings::new(config, weights)?,
            level,
            layers: match precision {
                Precision::F32 => Layers::F32(Stack::load(level, config, weights)?),
                Precision::Int8 => Layers::Int8(Stack::load(level, config, weights)?),
                Precision::F16 | Precision::Bf16 => return Err(precision.not_on(Device::Cpu)),
            },
        })
    }

    /// The instructions that the core found: `avx512-vnni`, `avx-vnni`, `avx2`, `neon-dotprod` or `portable`.
    pub fn instructions(&self) -> &'static str {
        self.level.name()
    }
}

impl Encoder for CpuBert {
    fn hidden_size(&self) -> usize {
        self.embeddings.hidden()
    }

    fn max_positions(&self) -> usize {
        self.embeddings.positions()
    }

    fn encode(&self, windows: &[&[u32]]) -> Result<Tensor> {
        let hidden = self.hidden_size();
        let mut states = self.embeddings.embed(windows)?;
        let mut rest = &mut states[..];
        let mut parts = Vec::with_capacity(windows.len());
        for window in windows {
            let (part, after) = rest.split_at_mut(window.len() * hidden);
            parts.push(part);
            rest = after;
        }
        match &self.layers {
            Layers::Int8(stack) => stack.run(parts),
            Layers::F32(stack) => stack.run(parts),
        }
        let tokens = states.len() / hidden;
        Ok(Tensor::from_vec(
            states,
            (tokens, hidden),
            &candle_core::Device::Cpu,
        )?)
    }
}
