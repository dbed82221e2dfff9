//! One window through the layers.

use super::attention::Attention;
use super::kernels::{LANES, Level, Product, Simd, Task, WIDE};
use super::linear::{Encoded, Format, Linear, Outputs};
use super::math::{LayerNorm, activate, least};
use super::numbers::{Numbers, Part};
use crate::encoder::config::BertConfig;
use crate::encoder::weights::Weights;
use crate::{Error, Result};
use candle_nn::Activation;
use rayon::prelude::*;
use std::sync::Mutex;

/// Rows that go through a layer together, a multiple of a tile's rows: as f32, a slice of their inner states takes 0.8 MB.
const BLOCK: usize = 264;

/// Inner states of the feed-forward network that are there at once.
const SLICE: usize = 768;

/// The norm of the embeddings, all layers, and memory for as many windows as run at once.
pub(super) struct Stack<N: Numbers> {
    level: Level,
    hidden: usize,
    norm: LayerNorm,
    activation: Activation,
    layers: Vec<Layer<N>>,
    scratch: Mutex<Vec<Scratch<N>>>,
}

struct Layer<N: Numbers> {
    heads: Vec<Heads<N>>,
    output: Linear<N::Linear>,
    attention_norm: LayerNorm,
    feed_forward: Vec<Slice<N>>,
    output_norm: LayerNorm,
}

/// As many heads as fill a panel: what attention has of them at once stays in the second-level cache.
struct Heads<N: Numbers> {
    count: usize,
    /// All queries, all keys and all values in one product; the attention scale log₂ e / √d is in the queries.
    qkv: Linear<N::Linear>,
}

/// [`SLICE`] inner states of the feed-forward network: in, and from them a part of each output. In int8 a row of them has
/// a scale of its own.
struct Slice<N: Numbers> {
    up: Linear<N::Linear>,
    down: Linear<N::Linear>,
}

/// Memory of one window on its way through the layers.
struct Scratch<N: Numbers> {
    /// The states, as linear layers take them.
    rows: Encoded<N::Linear>,
    attention: Attention<N::Attention>,
    context: Encoded<N::Linear>,
    inner: Encoded<N::Linear>,
    /// Sums on their way through a linear layer.
    sums: Sums<N::Linear>,
}

/// Sums of the rows of a panel.
type Sums<F> = Vec<[<F as Product>::Sum; WIDE]>;

impl<N: Numbers> Default for Scratch<N> {
    fn default() -> Self {
        Self {
            rows: Encoded::default(),
            attention: Attention::default(),
            context: Encoded::default(),
            inner: Encoded::default(),
            sums: Vec::new(),
        }
    }
}

/// Inner states on their way into the rows of the next layer.
struct Activated<'a, F: Format>(&'a mut Encoded<F>, Activation);

impl<F: Format> Outputs for Activated<'_, F> {
    #[inline(always)]
    fn put<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        outputs: [S::Vector; 2],
        width: usize,
    ) {
        let [first, second] = outputs;
        let outputs = [
            activate(simd, self.1, F::SCALED, first),
            activate(simd, self.1, F::SCALED, second),
        ];
        self.0.put(simd, row, column, outputs, width);
    }
}

/// States of a block, to which outputs are added.
struct Residual<'a> {
    states: &'a mut [f32],
    hidden: usize,
}

impl Residual<'_> {
    /// Normalises the states, and sets rows from `first` on to them.
    #[inline(always)]
    fn norm<S: Simd, F: Format>(
        &mut self,
        simd: S,
        norm: &LayerNorm,
        rows: &mut Encoded<F>,
        first: usize,
    ) {
        let states = self.states.chunks_exact_mut(self.hidden);
        for (row, state) in states.enumerate() {
            let range = norm.apply(simd, state);
            rows.set(simd, first + row, state, range);
        }
    }
}

impl Outputs for Residual<'_> {
    #[inline(always)]
    fn put<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        outputs: [S::Vector; 2],
        width: usize,
    ) {
        let state = &mut self.states[row * self.hidden + column..][..width];
        for (state, outputs) in state.chunks_mut(LANES).zip(outputs) {
            simd.store_some(simd.add(simd.load_some(state, 0.0), outputs), state);
        }
    }
}

impl<N: Numbers> Stack<N> {
    pub(super) fn load(level: Level, config: &BertConfig, weights: &Weights) -> Result<Self> {
        let layers = (0..config.num_hidden_layers)
            .into_par_iter()
            .map(|layer| Layer::load(level, config, weights, &format!("encoder.layer.{layer}")));
        Ok(Self {
            level,
            hidden: config.hidden_size,
            norm: norm(config, weights, "embeddings.LayerNorm")?,
            activation: config.hidden_act,
            layers: layers.collect::<Result<_>>()?,
            scratch: Mutex::default(),
        })
    }

    /// Turns the embeddings of every window into its states.
    pub(super) fn run(&self, windows: Vec<&mut [f32]>) {
        windows.into_par_iter().for_each(|states| {
            let pool = || {
                self.scratch
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
            };
            let mut scratch = pool().pop().unwrap_or_default();
            self.level.run(Window {
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
        scratch.rows.reset(states.len() / hidden, hidden);
        Residual { states, hidden }.norm(simd, &stack.norm, &mut scratch.rows, 0);
        for layer in &stack.layers {
            layer.forward(simd, stack, states, scratch);
        }
    }
}

impl<N: Numbers> Layer<N> {
    fn load(level: Level, config: &BertConfig, weights: &Weights, prefix: &str) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let load = |part: &str, rows, columns| {
            let name = format!("{prefix}.{part}");
            let matrix = N::load(weights, &format!("{name}.weight"), (rows, columns))?;
            let bias = weights.vector(&format!("{name}.bias"), rows)?;
            Ok::<_, Error>((matrix, bias))
        };
        let width = hidden / config.num_attention_heads;
        let scale = std::f32::consts::LOG2_E / (width as f32).sqrt();
        let qkv = [
            (load("attention.self.query", hidden, hidden)?, scale),
            (load("attention.self.key", hidden, hidden)?, 1.0),
            (load("attention.self.value", hidden, hidden)?, 1.0),
        ];
        let together = WIDE.div_ceil(width) * width;
        let heads = (0..hidden).step_by(together).map(|first| {
            let rows = first..hidden.min(first + together);
            let parts = qkv.each_ref().map(|((matrix, _), factor)| Part {
                matrix,
                width: hidden,
                rows: rows.clone(),
                columns: 0..hidden,
                factor: *factor,
            });
            let biases = qkv
                .iter()
                .flat_map(|((_, bias), factor)| bias[rows.clone()].iter().map(move |b| b * factor));
            Heads {
                count: rows.len() / width,
                qkv: N::pack(level, &parts, &biases.collect::<Vec<_>>()),
            }
        });
        let all = |matrix| Part {
            matrix,
            width: hidden,
            rows: 0..hidden,
            columns: 0..hidden,
            factor: 1.0,
        };
        let (output, bias) = load("attention.output.dense", hidden, hidden)?;
        let (up, up_bias) = load("intermediate.dense", inner, hidden)?;
        let (down, mut down_bias) = load("output.dense", hidden, inner)?;
        let slices = (0..inner).step_by(SLICE).map(|first| {
            let states = first..inner.min(first + SLICE);
            let up = Part {
                rows: states.clone(),
                ..all(&up)
            };
            let down = Part {
                width: inner,
                columns: states.clone(),
                ..all(&down)
            };
            let slice = Slice {
                up: N::pack(level, &[up], &up_bias[states]),
                down: N::pack(level, &[down], &down_bias),
            };
            // The first slice has brought it.
            down_bias.fill(0.0);
            slice
        });
        Ok(Self {
            heads: heads.collect(),
            output: N::pack(level, &[all(&output)], &bias),
            attention_norm: norm(
                config,
                weights,
                &format!("{prefix}.attention.output.LayerNorm"),
            )?,
            feed_forward: slices.collect(),
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
        let Scratch {
            rows,
            attention,
            context,
            inner,
            sums,
        } = scratch;
        context.reset_pieces(tokens, hidden);
        let mut first = 0;
        for heads in &self.heads {
            let width = heads.qkv.outputs() / (3 * heads.count);
            attention.reset(tokens, heads.count, width);
            heads.qkv.forward(simd, rows, 0..tokens, sums, attention);
            attention.forward(simd, context, first);
            first += heads.count * width;
        }
        context.finish(simd, 0..tokens, f32::NEG_INFINITY);
        for (number, states) in states.chunks_mut(BLOCK * hidden).enumerate() {
            let count = states.len() / hidden;
            let range = number * BLOCK..number * BLOCK + count;
            let mut residual = Residual { states, hidden };
            self.output
                .forward(simd, context, range.clone(), sums, &mut residual);
            residual.norm(simd, &self.attention_norm, rows, range.start);
            for slice in &self.feed_forward {
                inner.reset_pieces(count, slice.up.outputs());
                let mut activated = Activated(&mut *inner, stack.activation);
                slice
                    .up
                    .forward(simd, rows, range.clone(), sums, &mut activated);
                inner.finish(simd, 0..count, least(stack.activation));
                slice
                    .down
                    .forward(simd, inner, 0..count, sums, &mut residual);
            }
            residual.norm(simd, &self.output_norm, rows, range.start);
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
