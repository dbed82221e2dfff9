//! Linear layers on packed matrices, in int8 or f32.

use super::kernels::{
    Bytes, COLUMNS, Floats, LANES, Level, Line, Product, Rows, Simd, WIDE, WIDE_ROWS,
};

/// Words of a panel that go through a tile at once: 24 KiB, which stay in a first-level cache beside the rows.
const DEPTH: usize = 96;

/// The numbers that linear layers multiply.
pub(super) trait Format: Product {
    /// Whether a row is scaled by its own range, for which it has to be known whole.
    const SCALED: bool;

    /// Numbers times `scale` plus `zero` as they are multiplied.
    fn encode<S: Simd>(
        simd: S,
        numbers: S::Vector,
        scale: S::Vector,
        zero: S::Vector,
        out: &mut [Self::Input; LANES],
    );
}

/// Each row by its own range: states are far from symmetric, and activated ones hardly less than 0.
impl Format for Bytes {
    const SCALED: bool = true;

    #[inline(always)]
    fn encode<S: Simd>(
        simd: S,
        numbers: S::Vector,
        scale: S::Vector,
        zero: S::Vector,
        out: &mut [u8; LANES],
    ) {
        simd.store_u8(simd.mul_add(numbers, scale, zero), out);
    }
}

impl Format for Floats {
    const SCALED: bool = false;

    #[inline(always)]
    fn encode<S: Simd>(
        simd: S,
        numbers: S::Vector,
        _: S::Vector,
        _: S::Vector,
        out: &mut [f32; LANES],
    ) {
        simd.store(numbers, out);
    }
}

/// How a row is scaled, and what that does to its products.
#[derive(Debug, Clone, Copy)]
struct Scale {
    scale: f32,
    /// What 0 becomes: a byte, or a number between two.
    zero: f32,
    /// What sums are to be multiplied by.
    factor: f32,
    /// What the sums of columns alone are to be multiplied by: bytes are multiplied as if 128 were 0.
    shift: f32,
}

impl Scale {
    const NONE: Self = Self {
        scale: 1.0,
        zero: 0.0,
        factor: 1.0,
        shift: 0.0,
    };

    /// For numbers from `low`, at most 0, to `high`, at least 0.
    fn new(low: f32, high: f32) -> Self {
        // One byte at either end is for halves, which may be beyond the range by a part of 256.
        const STEPS: f32 = 253.0;
        let range = high - low;
        // Of less there is nothing to tell, and its steps would have no inverse.
        let scale = if range > 1e-30 { STEPS / range } else { 0.0 };
        let (zero, factor) = (1.0 - low * scale, range / STEPS);
        Self {
            scale,
            zero,
            factor,
            shift: factor * (128.0 - zero),
        }
    }
}

/// Rows that a linear layer takes.
pub(super) struct Encoded<F: Format> {
    columns: usize,
    /// Numbers from one row to the next, a multiple of [`LANES`].
    stride: usize,
    numbers: Vec<F::Input>,
    scales: Vec<Scale>,
    /// Rows on their way in, [put](Encoded::put) piece by piece, where they have to be known whole: in halves, as they will
    /// be bytes, and there are more of them than a second-level cache holds of f32.
    pieces: Vec<u16>,
    /// Largest magnitudes of `pieces`, by lane.
    tops: Vec<[f32; LANES]>,
}

impl<F: Format> Default for Encoded<F> {
    fn default() -> Self {
        Self {
            columns: 0,
            stride: 0,
            numbers: Vec::new(),
            scales: Vec::new(),
            pieces: Vec::new(),
            tops: Vec::new(),
        }
    }
}

impl<F: Format> Encoded<F> {
    /// Makes room for `rows` rows of `columns` numbers.
    pub(super) fn reset(&mut self, rows: usize, columns: usize) {
        self.columns = columns;
        self.stride = columns.next_multiple_of(LANES);
        self.numbers.resize(rows * self.stride, F::Input::default());
        self.scales.resize(rows, Scale::NONE);
    }

    /// Makes room for rows that come in pieces.
    pub(super) fn reset_pieces(&mut self, rows: usize, columns: usize) {
        self.reset(rows, columns);
        if F::SCALED {
            self.pieces.resize(rows * columns, 0);
            self.tops.clear();
            self.tops.resize(rows, [0.0; LANES]);
        }
    }

    /// Sets a row of numbers from `low`, at most 0, to `high`, at least 0.
    #[inline(always)]
    pub(super) fn set<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        numbers: &[f32],
        [low, high]: [f32; 2],
    ) {
        let out = &mut self.numbers[row * self.stride..][..self.stride];
        let of = if F::SCALED {
            Scale::new(low, high)
        } else {
            Scale::NONE
        };
        let (scale, zero) = (simd.splat(of.scale), simd.splat(of.zero));
        for (out, numbers) in out.as_chunks_mut().0.iter_mut().zip(numbers.chunks(LANES)) {
            F::encode(simd, simd.load_some(numbers, 0.0), scale, zero, out);
        }
        self.scales[row] = of;
    }

    /// Sets `width` numbers of a row; the lanes of `numbers` after them are 0.
    #[inline(always)]
    pub(super) fn put<S: Simd, const N: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        numbers: [S::Vector; N],
        width: usize,
    ) {
        if F::SCALED {
            let tops = &mut self.tops[row];
            let mut top = simd.load(tops);
            for numbers in numbers {
                top = simd.max(simd.abs(numbers), top);
            }
            simd.store(top, tops);
            let out = &mut self.pieces[row * self.columns + column..][..width];
            for (out, numbers) in out.chunks_mut(LANES).zip(numbers) {
                simd.store_some_half(numbers, out);
            }
            return;
        }
        let (one, zero) = (simd.splat(1.0), simd.splat(0.0));
        let out = &mut self.numbers[row * self.stride + column..][..width];
        for (out, numbers) in out.chunks_mut(LANES).zip(numbers) {
            match out.first_chunk_mut() {
                Some(out) => F::encode(simd, numbers, one, zero, out),
                None => {
                    let mut lanes = [F::Input::default(); LANES];
                    F::encode(simd, numbers, one, zero, &mut lanes);
                    out.copy_from_slice(&lanes[..out.len()]);
                }
            }
        }
    }

    /// Ends rows `range`, which were put piece by piece and have no number below `least`, at most 0, and makes them ready for
    /// the next pieces.
    #[inline(always)]
    pub(super) fn finish<S: Simd>(&mut self, simd: S, range: std::ops::Range<usize>, least: f32) {
        if !F::SCALED {
            return;
        }
        for row in range {
            let tops = std::mem::replace(&mut self.tops[row], [0.0; LANES]);
            let top = simd.top(simd.load(&tops));
            let of = Scale::new(least.max(-top), top);
            let (scale, zero) = (simd.splat(of.scale), simd.splat(of.zero));
            let out = &mut self.numbers[row * self.stride..][..self.stride];
            let pieces = &self.pieces[row * self.columns..][..self.columns];
            for (out, halves) in out.as_chunks_mut().0.iter_mut().zip(pieces.chunks(LANES)) {
                F::encode(simd, simd.load_some_half(halves), scale, zero, out);
            }
            self.scales[row] = of;
        }
    }
}

/// Where the outputs of a linear layer go.
pub(super) trait Outputs {
    /// Takes a panel's outputs of a row, `width` of them, the first of them of `column`; lanes after them are 0.
    fn put<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        outputs: [S::Vector; 2],
        width: usize,
    );
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
    /// The sum of a column, scaled.
    sum: [f32; WIDE],
    bias: [f32; WIDE],
}

impl Linear<Bytes> {
    /// `weight` is `[outputs, inputs]` in row order, each row with its scale; to be multiplied at this level.
    pub(super) fn new(level: Level, weight: &[i8], scales: &[f32], bias: &[f32]) -> Self {
        let inputs = weight.len() / scales.len();
        let column = |output: usize, row: &[i8]| {
            let sum = row.iter().map(|&w| i32::from(w)).sum::<i32>();
            let start = level.start(row.iter().copied());
            (start, scales[output], scales[output] * sum as f32)
        };
        let word = |row: &[i8]| {
            let mut bytes = [0; 4];
            for (byte, w) in bytes.iter_mut().zip(row) {
                *byte = w.cast_unsigned();
            }
            u32::from_ne_bytes(bytes)
        };
        Self::pack(weight, inputs, bias, word, column)
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
            |_, _| (0.0, 1.0, 0.0),
        )
    }
}

impl<F: Format> Linear<F> {
    /// `column` gives the start, the scale and the scaled sum of an output.
    fn pack<T>(
        weight: &[T],
        inputs: usize,
        bias: &[f32],
        word: impl Fn(&[T]) -> u32,
        column: impl Fn(usize, &[T]) -> (F::Sum, f32, f32),
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
                sum: [0.0; WIDE],
                bias: [0.0; WIDE],
            };
            let lines = &mut lines[panel * words..][..words];
            for (at, &bias) in bias.iter().enumerate() {
                let output = panel * WIDE + at;
                let row = &weight[output * inputs..][..inputs];
                (of.start[at], of.scale[at], of.sum[at]) = column(output, row);
                of.bias[at] = bias;
                for (lines, inputs) in lines.iter_mut().zip(row.chunks(F::INPUTS)) {
                    lines[at / COLUMNS].0[at % COLUMNS] = word(inputs);
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

    /// Rows `range` of `rows` to as many rows of `out`, counted from 0.
    ///
    /// `sums` is memory, used again and again.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(
        &self,
        simd: S,
        rows: &Encoded<F>,
        range: std::ops::Range<usize>,
        sums: &mut Vec<[F::Sum; WIDE]>,
        out: &mut impl Outputs,
    ) {
        let tiles = range.len().div_ceil(WIDE_ROWS).max(1);
        // Sums of panels that are deeper than a tile wait for the rest of their words.
        sums.resize(tiles * WIDE_ROWS, [F::Sum::default(); WIDE]);
        for (panel, of) in self.columns.iter().enumerate() {
            let mut word = 0;
            while word < self.words {
                let depth = DEPTH.min(self.words - word);
                let (lines, after) = self.lines[panel * self.words + word..].split_at(depth);
                // What comes next moves into the cache while this is at work.
                let next = &after[..DEPTH.min(after.len())];
                let mut next = next.chunks(DEPTH.div_ceil(tiles));
                let start = (word == 0).then_some(&of.start);
                let done = word + depth == self.words;
                for (tile, sums) in sums.chunks_exact_mut(WIDE_ROWS).enumerate() {
                    simd.prefetch(next.next().unwrap_or_default());
                    let first = tile * WIDE_ROWS;
                    let count = WIDE_ROWS.min(range.len() - first);
                    let rows_of = Rows {
                        numbers: &rows.numbers
                            [(range.start + first) * rows.stride + word * F::INPUTS..],
                        stride: rows.stride,
                        count,
                    };
                    simd.wide::<F>(rows_of, lines, start, sums.as_flattened_mut(), WIDE);
                    if done {
                        for (row, sums) in sums[..count].iter().enumerate() {
                            let scale = rows.scales[range.start + first + row];
                            self.put(simd, panel, sums, scale, first + row, out);
                        }
                    }
                }
                word += depth;
            }
        }
    }

    /// Sums of a row and a panel to outputs.
    #[inline(always)]
    fn put<S: Simd>(
        &self,
        simd: S,
        panel: usize,
        sums: &[F::Sum; WIDE],
        of: Scale,
        row: usize,
        out: &mut impl Outputs,
    ) {
        let columns = &self.columns[panel];
        let (factor, shift) = (simd.splat(of.factor), simd.splat(of.shift));
        let mut outputs = [factor; 2];
        for (half, (output, sums)) in outputs.iter_mut().zip(sums.as_chunks().0).enumerate() {
            let mut bias = simd.load(&columns.bias.as_chunks().0[half]);
            if F::SCALED {
                bias = simd.mul_add(shift, simd.load(&columns.sum.as_chunks().0[half]), bias);
            }
            let scale = simd.mul(factor, simd.load(&columns.scale.as_chunks().0[half]));
            *output = simd.mul_add(F::load(simd, sums), scale, bias);
        }
        let column = panel * WIDE;
        let width = WIDE.min(self.outputs - column);
        out.put(simd, row, column, outputs, width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_fills_the_bytes_but_one_at_either_end() {
        for high in [1e-20, 0.3, 1.0, 70.0, 1e20] {
            for low in [0.0, -high / 20.0, -high, -9.0 * high] {
                let of = Scale::new(low, high);
                assert!((low * of.scale + of.zero - 1.0).abs() < 1e-3);
                assert!((high * of.scale + of.zero - 254.0).abs() < 1e-3);
                assert!((of.factor * of.scale - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_row_of_next_to_nothing_is_finite() {
        for high in [0.0, f32::from_bits(1), 1e-38, 1e-31] {
            let of = Scale::new(-high / 2.0, high);
            let all = [of.scale, of.zero, of.factor, of.shift];
            assert!(all.iter().all(|x| x.is_finite()), "{high}: {of:?}");
        }
    }
}
