//! BERT, RoBERTa and XLM-R on candle.
//!
//! All windows of a batch are packed into one matrix `[tokens, hidden]`: linear layers, layer norms and the activation
//! run over it as it is, without padding; only attention pads, window by window ([`Buckets`]). A row of a matrix product
//! does not depend on the rows beside it, so neither does a window on the windows beside it, to the last bit on the CPU.

use super::buckets::{Bucket, Buckets};
use super::config::BertConfig;
use super::embeddings::Embeddings;
use super::weights::Weights;
use super::{Device, Encoder, Precision};
use crate::Result;
use candle_core::{D, DType, Tensor};
use candle_nn::{Activation, ops};
use std::path::Path;

/// A post-norm transformer encoder on any of candle's devices: BERT, RoBERTa, XLM-R.
pub struct Bert {
    hidden: usize,
    heads: usize,
    device: candle_core::Device,
    dtype: DType,
    embeddings: Embeddings,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Opens a model folder in f32: weights as [`Weights::open`] finds them, the shape as [`BertConfig::open`] does.
    ///
    /// # Errors
    /// As those two and [`Bert::new`].
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let weights = Weights::open(&[folder.into()])?;
        let config = BertConfig::open(folder, &weights)?;
        Self::new(&config, &weights, device)
    }

    /// Builds the encoder that `config` describes from `weights`, in f32.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) where a tensor is missing or has another shape than `config` says; the errors of
    /// [`Device::open`].
    pub fn new(config: &BertConfig, weights: &Weights, device: &Device) -> Result<Self> {
        Self::with_precision(config, weights, device, Precision::F32)
    }

    /// As [`Bert::new`], in f32, f16 or bf16. Halves are made for GPUs: on the CPU they are slower than f32.
    ///
    /// # Errors
    /// As [`Bert::new`]; [`Error::Argument`](crate::Error::Argument) for int8.
    pub fn with_precision(
        config: &BertConfig,
        weights: &Weights,
        device: &Device,
        precision: Precision,
    ) -> Result<Self> {
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
            Precision::Int8 => return Err(precision.not_on(*device)),
        };
        let device = device.open()?;
        let hidden = config.hidden_size;
        let load = Load {
            weights,
            device: &device,
            dtype,
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
            dtype,
        })
    }

    /// Attention of each window of a bucket over itself: `[windows · len, 3 · hidden]` to `[windows · len, hidden]`.
    fn attend(&self, qkv: &Tensor, bucket: &Bucket) -> candle_core::Result<Tensor> {
        let (windows, len) = (bucket.windows, bucket.len);
        let qkv = qkv
            .reshape((windows, len, 3, self.heads, self.hidden / self.heads))?
            .permute((2, 0, 3, 1, 4))?
            .contiguous()?;
        let (query, key, value) = (qkv.get(0)?, qkv.get(1)?, qkv.get(2)?);
        // In f32: a softmax in halves rounds what it takes the exponential of.
        let scores = query.matmul(&key.t()?)?.to_dtype(DType::F32)?;
        let weights = ops::softmax_last_dim(&scores.broadcast_add(&bucket.mask)?)?;
        let context = weights.to_dtype(self.dtype)?.matmul(&value)?;
        context
            .transpose(1, 2)?
            .reshape((windows * len, self.hidden))
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
        let buckets = Buckets::new(windows, self.heads, &self.device)?;
        let mut states = self.norm.forward(&embedded.to_dtype(self.dtype)?)?;
        for layer in &self.layers {
            let qkv = layer.qkv.forward(&states)?;
            let context = buckets.map(&qkv, |qkv, bucket| self.attend(qkv, bucket))?;
            let attended = (layer.attention_output.forward(&context)? + states)?;
            let attended = layer.attention_norm.forward(&attended)?;
            let inner = layer.up.forward(&attended)?.apply(&layer.activation)?;
            let output = (layer.down.forward(&inner)? + attended)?;
            states = layer.output_norm.forward(&output)?;
        }
        Ok(states.to_dtype(DType::F32)?)
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

    fn to_dtype(&self, dtype: DType) -> candle_core::Result<Self> {
        Ok(Self {
            weight: self.weight.to_dtype(dtype)?,
            bias: self.bias.to_dtype(dtype)?,
        })
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
    dtype: DType,
    config: &'a BertConfig,
}

impl Load<'_> {
    fn linear(&self, name: &str, rows: usize, columns: usize) -> Result<Linear> {
        Ok(self.linear_f32(name, rows, columns)?.to_dtype(self.dtype)?)
    }

    fn linear_f32(&self, name: &str, rows: usize, columns: usize) -> Result<Linear> {
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
        let query = self.linear_f32(&format!("{prefix}.query"), hidden, hidden)?;
        let key = self.linear_f32(&format!("{prefix}.key"), hidden, hidden)?;
        let value = self.linear_f32(&format!("{prefix}.value"), hidden, hidden)?;
        let qkv = Linear {
            weight: Tensor::cat(
                &[(query.weight * scale)?, key.weight, value.weight],
                D::Minus1,
            )?,
            bias: Tensor::cat(&[(query.bias * scale)?, key.bias, value.bias], 0)?,
        };
        Ok(qkv.to_dtype(self.dtype)?)
    }

    fn norm(&self, name: &str) -> Result<LayerNorm> {
        let vector = |part: &str| -> Result<Tensor> {
            let hidden = self.config.hidden_size;
            let numbers = self.weights.vector(&format!("{name}.{part}"), hidden)?;
            Ok(Tensor::from_vec(numbers, hidden, self.device)?.to_dtype(self.dtype)?)
        };
        Ok(LayerNorm {
            weight: vector("weight")?,
            bias: vector("bias")?,
            eps: self.config.layer_norm_eps as f32,
        })
    }
}
