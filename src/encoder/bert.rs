//! BERT, RoBERTa and XLM-R on candle.
//!
//! All windows of a batch are packed into one matrix `[tokens, hidden]`: linear layers, layer norms and the activation
//! run over it as it is, without padding; only attention looks at one window at a time. A row of a matrix product does
//! not depend on the rows beside it, so neither does a window on the windows beside it, to the last bit on the CPU.

use super::config::BertConfig;
use super::embeddings::Embeddings;
use super::weights::Weights;
use super::{Device, Encoder};
use crate::Result;
use candle_core::{D, Tensor};
use candle_nn::{Activation, ops};
use std::path::Path;

/// A post-norm transformer encoder in f32 on any of candle's devices: BERT, RoBERTa, XLM-R.
pub struct Bert {
    hidden: usize,
    heads: usize,
    device: candle_core::Device,
    embeddings: Embeddings,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Opens a model folder: weights as [`Weights::open`] finds them, the shape as [`BertConfig::open`] does.
    ///
    /// # Errors
    /// As those two and [`Bert::new`].
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let weights = Weights::open(&[folder.into()])?;
        let config = BertConfig::open(folder, &weights)?;
        Self::new(&config, &weights, device)
    }

    /// Builds the encoder that `config` describes from `weights`.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where a tensor is missing or has another shape than `config` says; the errors of
    /// [`Device::open`].
    pub fn new(config: &BertConfig, weights: &Weights, device: &Device) -> Result<Self> {
        let device = device.open()?;
        let hidden = config.hidden_size;
        let load = Load {
            weights,
            device: &device,
            config,
        };
        let layers = (0..config.num_hidden_layers)
            .map(|layer| Layer::load(&load, &format!("encoder.layer.{layer}")))
            .collect::<Result<_>>()?;
        Ok(Self {
            hidden,
            heads: config.num_attention_heads,
            embeddings: Embeddings::new(config, weights)?,
            norm: load.norm("embeddings.LayerNorm")?,
            layers,
            device,
        })
    }

    /// Attention of each window over itself: `[tokens, 3 · hidden]` to `[tokens, hidden]`.
    fn attend(&self, qkv: &Tensor, windows: &[&[u32]]) -> candle_core::Result<Tensor> {
        let mut start = 0;
        let mut contexts = Vec::with_capacity(windows.len());
        for window in windows {
            let len = window.len();
            let qkv = qkv
                .narrow(0, start, len)?
                .reshape((len, 3, self.heads, self.hidden / self.heads))?
                .permute((1, 2, 0, 3))?
                .contiguous()?;
            let (query, key, value) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
            let weights = ops::softmax_last_dim(&query.matmul(&key.t()?)?)?;
            let context = weights.matmul(&value)?;
            contexts.push(context.transpose(0, 1)?.reshape((len, self.hidden))?);
            start += len;
        }
        Tensor::cat(&contexts, 0)
    }
}

impl Encoder for Bert {
    fn hidden_size(&self) -> usize {
        self.hidden
    }

    fn max_positions(&self) -> usize {
        self.embeddings.positions()
    }

    fn encode(&self, windows: &[&[u32]]) -> Result<Tensor> {
        let embedded = self.embeddings.embed(windows)?;
        let tokens = embedded.len() / self.hidden;
        let embedded = Tensor::from_vec(embedded, (tokens, self.hidden), &self.device)?;
        if windows.is_empty() {
            return Ok(embedded);
        }
        let mut states = self.norm.forward(&embedded)?;
        for layer in &self.layers {
            let context = self.attend(&layer.qkv.forward(&states)?, windows)?;
            let attended = (layer.attention_output.forward(&context)? + states)?;
            let attended = layer.attention_norm.forward(&attended)?;
            let inner = layer.up.forward(&attended)?.apply(&layer.activation)?;
            let output = (layer.down.forward(&inner)? + attended)?;
            states = layer.output_norm.forward(&output)?;
        }
        Ok(states)
    }
}

struct Layer {
    /// Query, key and value in one product; the attention scale 1/√d is in the query's part.
    qkv: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    activation: Activation,
    down: Linear,
    output_norm: LayerNorm,
}

impl Layer {
    fn load(load: &Load, prefix: &str) -> Result<Self> {
        let (hidden, inner) = (load.config.hidden_size, load.config.intermediate_size);
        let name = |part: &str| format!("{prefix}.{part}");
        Ok(Self {
            qkv: load.qkv(&name("attention.self"))?,
            attention_output: load.linear(&name("attention.output.dense"), hidden, hidden)?,
            attention_norm: load.norm(&name("attention.output.LayerNorm"))?,
            up: load.linear(&name("intermediate.dense"), inner, hidden)?,
            activation: load.config.hidden_act,
            down: load.linear(&name("output.dense"), hidden, inner)?,
            output_norm: load.norm(&name("output.LayerNorm"))?,
        })
    }
}

/// `x · weight + bias`; the weight is kept as `[in, out]`, contiguous, as the product wants it.
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn forward(&self, states: &Tensor) -> candle_core::Result<Tensor> {
        states.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}

struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    fn forward(&self, states: &Tensor) -> candle_core::Result<Tensor> {
        ops::layer_norm(states, &self.weight, &self.bias, self.eps)
    }
}

/// What the parts of a layer are loaded from.
struct Load<'a> {
    weights: &'a Weights,
    device: &'a candle_core::Device,
    config: &'a BertConfig,
}

impl Load<'_> {
    fn linear(&self, name: &str, rows: usize, columns: usize) -> Result<Linear> {
        let weight = self
            .weights
            .matrix(&format!("{name}.weight"), rows, columns)?;
        let bias = self.weights.vector(&format!("{name}.bias"), rows)?;
        Ok(Linear {
            weight: Tensor::from_vec(weight, (rows, columns), self.device)?
                .t()?
                .contiguous()?,
            bias: Tensor::from_vec(bias, rows, self.device)?,
        })
    }

    fn qkv(&self, prefix: &str) -> Result<Linear> {
        let hidden = self.config.hidden_size;
        let scale = ((hidden / self.config.num_attention_heads) as f64)
            .sqrt()
            .recip();
        let query = self.linear(&format!("{prefix}.query"), hidden, hidden)?;
        let key = self.linear(&format!("{prefix}.key"), hidden, hidden)?;
        let value = self.linear(&format!("{prefix}.value"), hidden, hidden)?;
        Ok(Linear {
            weight: Tensor::cat(
                &[(query.weight * scale)?, key.weight, value.weight],
                D::Minus1,
            )?,
            bias: Tensor::cat(&[(query.bias * scale)?, key.bias, value.bias], 0)?,
        })
    }

    fn norm(&self, name: &str) -> Result<LayerNorm> {
        let vector = |part: &str| -> Result<Tensor> {
            let hidden = self.config.hidden_size;
            let numbers = self.weights.vector(&format!("{name}.{part}"), hidden)?;
            Ok(Tensor::from_vec(numbers, hidden, self.device)?)
        };
        Ok(LayerNorm {
            weight: vector("weight")?,
            bias: vector("bias")?,
            eps: self.config.layer_norm_eps as f32,
        })
    }
}
