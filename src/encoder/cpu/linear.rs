//! Linear layers on packed matrices, in int8 or f32.

use super::kernels::{Bytes, Floats, Line, Product, Rows, Simd, WIDE, WIDE_ROWS};
use super::math::{ROUND, activate, max_abs};
use candle_nn::Activation;

/// The numbers that linear layers multiply.
pub(super) trait Format: Product {
    /// Turns a row into what is multiplied; returns the factor that the products are to be multiplied by.
    fn encode(row: &[f32], out: &mut [Self::Input]) -> f32;

    /// `sum`, which started at [`Linear`]'s start, as a number.
    fn number(sum: Self::Sum) -> f32;
}

/// Each row by its own scale, symmetrically, as unsigned bytes with 128 for 0.
impl Format for Bytes {
    #[inline(always)]
    fn encode(row: &[f32], out: &mut [u8]) -> f32 {
        let top = max_abs(row);
        let inverse = if top > 0.0 { 127.0 / top } else { 0.0 };
        for (out, x) in out.iter_mut().zip(row) {
            *out = (x * inverse + (ROUND + 128.0)).to_bits() as u8;
        }
        top / 127.0
    }

    #[inline(always)]
    fn number(sum: i32) -> f32 {
        sum as f32
    }
}

impl Format for Floats {
    #[inline(always)]
    fn encode(row: &[f32], out: &mut [f32]) -> f32 {
        out[..row.len()].copy_from_slice(row);
        1.0
    }

    #[inline(always)]
    fn number(sum: f32) -> f32 {
        sum
    }
}

/// Rows that a linear layer takes, each with its factor.
pub(super) struct Encoded<F: Format> {
    numbers: Vec<F::Input>,
    factors: Vec<f32>,
    stride: usize,
}

impl<F: Format> Default for Encoded<F> {
    fn default() -> Self {
        Self {
            numbers: Vec::new(),
            factors: Vec::new(),
            stride: 0,
        }
    }
}

impl<F: Format> Encoded<F> {
    /// Makes room for `rows` rows of `columns` numbers.
    pub(super) fn reset(&mut self, rows: usize, columns: usize) {
        self.stride = columns.next_multiple_of(F::INPUTS);
        self.numbers.resize(rows * self.stride, F::Input::default());
        self.factors.resize(rows, 0.0);
    }

    #[inline(always)]
    pub(super) fn set(&mut self, row: usize, numbers: &[f32]) {
        let out = &mut self.numbers[row * self.stride..][..self.stride];
        self.factors[row] = F::encode(numbers, out);
    }
}

/// `x · weightᵀ + bias`, the weight packed into panels of [`WIDE`] outputs.
pub(super) struct Linear<F: Format> {
    outputs: usize,
    /// Words of a row.
    words: usize,
    /// `words` times four lines for each panel.
    lines: Vec<[Line; 4]>,
    columns: Vec<Columns<F>>,
}

/// What belongs to the outputs of a panel.
struct Columns<F: Format> {
    start: [F::Sum; WIDE],
    scale: [f32; WIDE],
    bias: [f32; WIDE],
}

impl<F: Format> Columns<F> {
    /// Sums to outputs, as many as `out` takes.
    #[inline(always)]
    fn finish<S: Simd>(
        &self,
        simd: S,
        sums: &[F::Sum; WIDE],
        factor: f32,
        activation: Option<Activation>,
        out: &mut [f32],
    ) {
        let columns = sums.iter().zip(self.scale.iter().zip(&self.bias));
        for (out, (&sum, (scale, &bias))) in out.iter_mut().zip(columns) {
            *out = simd.mul_add(F::number(sum), factor * scale, bias);
        }
        if let Some(activation) = activation {
            activate(simd, activation, out);
        }
    }
}

impl Linear<Bytes> {
    /// `weight` is `[outputs, inputs]` in row order, each row with its scale.
    pub(super) fn new(weight: &[i8], scales: &[f32], bias: &[f32]) -> Self {
        let inputs = weight.len() / scales.len();
        // What the 128 in every byte of a row adds to each sum.
        let offset = |row: &[i8]| -128 * row.iter().map(|&w| i32::from(w)).sum::<i32>();
        let word = |row: &[i8]| {
            let mut bytes = [0; 4];
            for (byte, w) in bytes.iter_mut().zip(row) {
                *byte = w.cast_unsigned();
            }
            u32::from_ne_bytes(bytes)
        };
        Self::pack(weight, inputs, bias, word, offset, |output| scales[output])
    }
}

impl Linear<Floats> {
    /// `weight` is `[outputs, inputs]` in row order.
    pub(super) fn new(weight: &[f32], bias: &[f32]) -> Self {
        let inputs = weight.len() / bias.len();
        Self::pack(
            weight,
            inputs,
            bias,
            |row| row[0].to_bits(),
            |_| 0.0,
            |_| 1.0,
        )
    }
}

impl<F: Format> Linear<F> {
    fn pack<T>(
        weight: &[T],
        inputs: usize,
        bias: &[f32],
        word: impl Fn(&[T]) -> u32,
        start: impl Fn(&[T]) -> F::Sum,
        scale: impl Fn(usize) -> f32,
    ) -> Self {
        let outputs = bias.len();
        let words = inputs.div_ceil(F::INPUTS);
        let panels = outputs.div_ceil(WIDE);
        let mut lines = vec![[Line::ZERO; 4]; panels * words];
        let mut columns = Vec::with_capacity(panels);
        for (panel, bias) in bias.chunks(WIDE).enumerate() {
            let mut of = Columns {
                start: [F::Sum::default(); WIDE],
                scale: [0.0; WIDE],
                bias: [0.0; WIDE],
            };
            let lines = &mut lines[panel * words..][..words];
            for (column, &bias) in bias.iter().enumerate() {
                let output = panel * WIDE + column;
                let row = &weight[output * inputs..][..inputs];
                of.start[column] = start(row);
                of.scale[column] = scale(output);
                of.bias[column] = bias;
                for (lines, inputs) in lines.iter_mut().zip(row.chunks(F::INPUTS)) {
                    lines[column / 16].0[column % 16] = word(inputs);
                }
            }
            columns.push(of);
        }
        Self {
            outputs,
            words,
            lines,
            columns,
        }
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Rows `range` of `rows` to as many rows of `out`, `[rows, outputs]`.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(
        &self,
        simd: S,
        rows: &Encoded<F>,
        range: std::ops::Range<usize>,
        activation: Option<Activation>,
        out: &mut [f32],
    ) {
        let tiles = range.len().div_ceil(WIDE_ROWS).max(1);
        let mut sums = [F::Sum::default(); WIDE * WIDE_ROWS];
        for (panel, of) in self.columns.iter().enumerate() {
            let (lines, after) = self.lines[panel * self.words..].split_at(self.words);
            // The next panel comes into the cache while this one is at work.
            let next = &after[..self.words.min(after.len())];
            let mut next = next.chunks(self.words.div_ceil(tiles));
            let width = WIDE.min(self.outputs - panel * WIDE);
            let mut first = range.start;
            while first < range.end {
                let count = WIDE_ROWS.min(range.end - first);
                simd.prefetch(next.next().unwrap_or_default());
                let tile = Rows {
                    numbers: &rows.numbers[first * rows.stride..],
                    stride: rows.stride,
                    count,
                };
                simd.wide::<F>(tile, lines, &of.start, &mut sums, WIDE);
                for (row, sums) in sums.as_chunks::<WIDE>().0[..count].iter().enumerate() {
                    let factor = rows.factors[first + row];
                    let start = (first - range.start + row) * self.outputs + panel * WIDE;
                    let out = &mut out[start..start + width];
                    // Two branches, because a loop of known length needs no rest.
                    match out.first_chunk_mut::<WIDE>() {
                        Some(out) => of.finish(simd, sums, factor, activation, out),
                        None => of.finish(simd, sums, factor, activation, out),
                    }
                }
                first += count;
            }
        }
    }
}
