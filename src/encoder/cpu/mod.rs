//! The CPU core: BERT, RoBERTa and XLM-R window by window, in int8 or f32, on the best instructions of the processor.
//!
//! Windows are never padded and never meet: each is one task of rayon's pool with memory of its own, so its states do
//! not depend on the windows beside it or on the number of threads. Within a window the layers run over blocks of rows
//! that stay in the cache; attention goes head by head.
//!
//! In int8, matrices are as stored, a scale for each row; the rows they meet are quantised to bytes, each by its own
//! largest magnitude; attention multiplies i16; the rest is f32.

#![allow(
    clippy::needless_range_loop,
    reason = "lanes of several arrays go in step, and a known number of them becomes vectors"
)]

mod attention;
mod kernels;
mod linear;
mod math;

use super::config::BertConfig;
use super::embeddings::Embeddings;
use super::weights::Weights;
use super::{Encoder, Precision, quantize_row};
use crate::{Error, Result};
use attention::{Attention, Qkv};
use candle_core::Tensor;
use candle_nn::Activation;
use kernels::{Bytes, Floats, Level, Shorts, Simd, Task};
use linear::{Encoded, Linear};
use math::LayerNorm;
use rayon::prelude::*;
use std::sync::Mutex;

/// Rows that go through a layer together: a multiple of a tile's rows, whose wide inner states (0.9 MB) just fit into a cache of 1 MiB.
const BLOCK: usize = 144;

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
    /// model that the core does not [support](CpuBert::supports).
    pub fn new(config: &BertConfig, weights: &Weights, precision: Precision) -> Result<Self> {
        if !Self::supports(config) {
            return Err(Error::Argument(format!(
                "the CPU core has no activation {:?}",
                config.hidden_act
            )));
        }
        Ok(Self {
            embeddings: Embeddings::new(config, weights)?,
            level: Level::best(),
            layers: match precision {
                Precision::F32 => Layers::F32(Stack::load(config, weights)?),
                Precision::Int8 => Layers::Int8(Stack::load(config, weights)?),
            },
        })
    }

    /// The instructions that the core found: `avx512-vnni`, `avx2` or `portable`.
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
            Layers::Int8(stack) => stack.run(self.level, parts),
            Layers::F32(stack) => stack.run(self.level, parts),
        }
        let tokens = states.len() / hidden;
        Ok(Tensor::from_vec(
            states,
            (tokens, hidden),
            &candle_core::Device::Cpu,
        )?)
    }
}

/// The numbers of a core: those of its linear layers and those of its attention.
trait Numbers: Sized {
    type Linear: linear::Format;
    type Attention: attention::Format;

    /// A matrix on its way from the file, row after row.
    type Matrix: Default;

    /// Adds the rows of a stored matrix of this shape, rows and columns, times `factor`.
    fn load(
        matrix: &mut Self::Matrix,
        weights: &Weights,
        name: &str,
        shape: (usize, usize),
        factor: f32,
    ) -> Result<()>;

    /// Packs a matrix, `[outputs, inputs]`.
    fn pack(matrix: Self::Matrix, bias: &[f32]) -> Linear<Self::Linear>;
}

struct Int8;
struct F32;

impl Numbers for Int8 {
    type Linear = Bytes;
    type Attention = Shorts;
    /// Numbers, and a scale for each row.
    type Matrix = (Vec<i8>, Vec<f32>);

    fn load(
        (numbers, scales): &mut Self::Matrix,
        weights: &Weights,
        name: &str,
        (rows, columns): (usize, usize),
        factor: f32,
    ) -> Result<()> {
        if let Some((stored, of)) = weights.int8_matrix(name, rows, columns)? {
            numbers.extend(stored);
            scales.extend(of.iter().map(|scale| scale * factor));
        } else {
            for row in weights.matrix(name, rows, columns)?.chunks_exact(columns) {
                scales.push(quantize_row(row, numbers) * factor);
            }
        }
        Ok(())
    }

    fn pack((numbers, scales): Self::Matrix, bias: &[f32]) -> Linear<Bytes> {
        Linear::<Bytes>::new(&numbers, &scales, bias)
    }
}

impl Numbers for F32 {
    type Linear = Floats;
    type Attention = Floats;
    type Matrix = Vec<f32>;

    fn load(
        matrix: &mut Self::Matrix,
        weights: &Weights,
        name: &str,
        (rows, columns): (usize, usize),
        factor: f32,
    ) -> Result<()> {
        let numbers = weights.matrix(name, rows, columns)?;
        matrix.extend(numbers.iter().map(|x| x * factor));
        Ok(())
    }

    fn pack(matrix: Self::Matrix, bias: &[f32]) -> Linear<Floats> {
        Linear::<Floats>::new(&matrix, bias)
    }
}

/// The norm of the embeddings, all layers, and memory for as many windows as run at once.
struct Stack<N: Numbers> {
    hidden: usize,
    heads: usize,
    norm: LayerNorm,
    activation: Activation,
    layers: Vec<Layer<N>>,
    scratch: Mutex<Vec<Scratch<N>>>,
}

struct Layer<N: Numbers> {
    /// Query, key and value in one product; the attention scale log₂ e / √d is in the query's part.
    qkv: Linear<N::Linear>,
    output: Linear<N::Linear>,
    attention_norm: LayerNorm,
    up: Linear<N::Linear>,
    down: Linear<N::Linear>,
    output_norm: LayerNorm,
}

/// Memory of one window on its way through the layers.
struct Scratch<N: Numbers> {
    /// What the next linear layer takes: the states, but for the context after attention.
    rows: Encoded<N::Linear>,
    qkv: Vec<f32>,
    attention: Attention<N::Attention>,
    context: Vec<f32>,
    inner: Vec<f32>,
    inner_rows: Encoded<N::Linear>,
    block: Vec<f32>,
}

impl<N: Numbers> Default for Scratch<N> {
    fn default() -> Self {
        Self {
            rows: Encoded::default(),
            qkv: Vec::new(),
            attention: Attention::default(),
            context: Vec::new(),
            inner: Vec::new(),
            inner_rows: Encoded::default(),
            block: Vec::new(),
        }
    }
}

impl<N: Numbers + Send + Sync> Stack<N>
where
    Scratch<N>: Send,
    Layer<N>: Send + Sync,
{
    fn load(config: &BertConfig, weights: &Weights) -> Result<Self> {
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let layers = (0..config.num_hidden_layers)
            .into_par_iter()
            .map(|layer| Layer::load(config, weights, &format!("encoder.layer.{layer}")));
        Ok(Self {
            hidden,
            heads,
            norm: norm(config, weights, "embeddings.LayerNorm")?,
            activation: config.hidden_act,
            layers: layers.collect::<Result<_>>()?,
            scratch: Mutex::default(),
        })
    }

    /// Turns the embeddings of every window into its states.
    fn run(&self, level: Level, windows: Vec<&mut [f32]>) {
        windows.into_par_iter().for_each(|states| {
            let pool = || {
                self.scratch
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
            };
            let mut scratch = pool().pop().unwrap_or_default();
            level.run(Window {
                stack: self,
                states,
                scratch: &mut scratch,
            });
            pool().push(scratch);
        });
    }
}

/// One window on its way through the layers.
struct Window<'a, N: Numbers> {
    stack: &'a Stack<N>,
    /// `[tokens, hidden]`
    states: &'a mut [f32],
    scratch: &'a mut Scratch<N>,
}

impl<N: Numbers> Task for Window<'_, N> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            stack,
            states,
            scratch,
        } = self;
        let hidden = stack.hidden;
        let tokens = states.len() / hidden;
        scratch.qkv.resize(tokens * 3 * hidden, 0.0);
        scratch.context.resize(tokens * hidden, 0.0);
        scratch.block.resize(BLOCK * hidden, 0.0);
        scratch.rows.reset(tokens, hidden);
        for (row, state) in states.chunks_exact_mut(hidden).enumerate() {
            stack.norm.apply(simd, state);
            scratch.rows.set(row, state);
        }
        for layer in &stack.layers {
            layer.forward(simd, stack, states, scratch);
        }
    }
}

impl<N: Numbers> Layer<N> {
    fn load(config: &BertConfig, weights: &Weights, prefix: &str) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let width = (hidden / config.num_attention_heads) as f32;
        let scale = std::f32::consts::LOG2_E / width.sqrt();
        // Matrices of the same shape below one another, each with the factor of its outputs.
        let linear = |parts: &[(&str, f32)], rows, columns| {
            let (mut matrix, mut biases) = (N::Matrix::default(), Vec::new());
            for &(part, factor) in parts {
                let name = format!("{prefix}.{part}");
                let shape = (rows, columns);
                N::load(
                    &mut matrix,
                    weights,
                    &format!("{name}.weight"),
                    shape,
                    factor,
                )?;
                let bias = weights.vector(&format!("{name}.bias"), rows)?;
                biases.extend(bias.iter().map(|b| b * factor));
            }
            Ok::<_, Error>(N::pack(matrix, &biases))
        };
        let qkv = [
            ("attention.self.query", scale),
            ("attention.self.key", 1.0),
            ("attention.self.value", 1.0),
        ];
        Ok(Self {
            qkv: linear(&qkv, hidden, hidden)?,
            output: linear(&[("attention.output.dense", 1.0)], hidden, hidden)?,
            attention_norm: norm(
                config,
                weights,
                &format!("{prefix}.attention.output.LayerNorm"),
            )?,
            up: linear(&[("intermediate.dense", 1.0)], inner, hidden)?,
            down: linear(&[("output.dense", 1.0)], hidden, inner)?,
            output_norm: norm(config, weights, &format!("{prefix}.output.LayerNorm"))?,
        })
    }

    /// From states to states, both of them also in `scratch.rows`.
    #[inline(always)]
    fn forward<S: Simd>(
        &self,
        simd: S,
        stack: &Stack<N>,
        states: &mut [f32],
        scratch: &mut Scratch<N>,
    ) {
        let hidden = stack.hidden;
        let tokens = states.len() / hidden;
        let rows = &mut scratch.rows;
        self.qkv
            .forward(simd, rows, 0..tokens, None, &mut scratch.qkv);
        let qkv = Qkv {
            numbers: &scratch.qkv,
            hidden,
            heads: stack.heads,
        };
        scratch.attention.forward(simd, qkv, &mut scratch.context);
        for (row, context) in scratch.context.chunks_exact(hidden).enumerate() {
            rows.set(row, context);
        }
        let inner = self.up.outputs();
        scratch.inner.resize(BLOCK * inner, 0.0);
        scratch.inner_rows.reset(BLOCK, inner);
        for (block, states) in states.chunks_mut(BLOCK * hidden).enumerate() {
            let range = block * BLOCK..block * BLOCK + states.len() / hidden;
            let outputs = &mut scratch.block[..];
            self.output
                .forward(simd, rows, range.clone(), None, outputs);
            let pairs = states
                .chunks_exact_mut(hidden)
                .zip(outputs.chunks_exact(hidden));
            for (row, (state, output)) in range.clone().zip(pairs) {
                self.attention_norm.add(simd, state, output);
                rows.set(row, state);
            }
            let activation = Some(stack.activation);
            self.up
                .forward(simd, rows, range.clone(), activation, &mut scratch.inner);
            for (row, inner) in scratch
                .inner
                .chunks_exact(inner)
                .take(range.len())
                .enumerate()
            {
                scratch.inner_rows.set(row, inner);
            }
            self.down
                .forward(simd, &scratch.inner_rows, 0..range.len(), None, outputs);
            let pairs = states
                .chunks_exact_mut(hidden)
                .zip(outputs.chunks_exact(hidden));
            for (row, (state, output)) in range.zip(pairs) {
                self.output_norm.add(simd, state, output);
                rows.set(row, state);
            }
        }
    }
}

fn norm(config: &BertConfig, weights: &Weights, name: &str) -> Result<LayerNorm> {
    let vector = |part: &str| weights.vector(&format!("{name}.{part}"), config.hidden_size);
    Ok(LayerNorm {
        weight: vector("weight")?,
        bias: vector("bias")?,
        eps: config.layer_norm_eps as f32,
    })
}
