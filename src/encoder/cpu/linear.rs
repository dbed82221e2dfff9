//! Linear layers on packed matrices, in int8 or f32.

use super::kernels::{Bytes, COLUMNS, Floats, LANES, Line, Product, Rows, Simd, WIDE, WIDE_ROWS};

/// Words of a panel that go through a tile at once: 24 KiB, which stay in a first-level cache beside the rows.
const DEPTH: usize = 96;

/// The numbers that linear layers multiply.
pub(super) trait Format: Product {
    /// Whether a row is multiplied by a scale of its own, for which it has to be known whole.
    const SCALED: bool;

    /// Numbers times `scale` as they are multiplied.
    fn encode<S: Simd>(
        simd: S,
        numbers: S::Vector,
        scale: S::Vector,
        out: &mut [Self::Input; LANES],
    );
}

/// Each row by its own scale, symmetrically.
impl Format for Bytes {
    const SCALED: bool = true;

    #[inline(always)]
    fn encode<S: Simd>(simd: S, numbers: S::Vector, scale: S::Vector, out: &mut [u8; LANES]) {
        simd.store_u8(simd.mul_add(numbers, scale, simd.splat(128.0)), out);
    }
}

impl Format for Floats {
    const SCALED: bool = false;

    #[inline(always)]
    fn encode<S: Simd>(simd: S, numbers: S::Vector, _: S::Vector, out: &mut [f32; LANES]) {
        simd.store(numbers, out);
    }
}

/// Rows that a linear layer takes.
pub(super) struct Encoded<F: Format> {
    columns: usize,
    /// Numbers from one row to the next, a multiple of [`LANES`].
    stride: usize,
    numbers: Vec<F::Input>,
    /// What the products of each row are to be multiplied by.
    factors: Vec<f32>,
    /// Rows on their way in, [put](Encoded::put) piece by piece, where they have to be known whole.
    pieces: Vec<f32>,
    /// Largest magnitudes of `pieces`, by lane.
    tops: Vec<[f32; LANES]>,
}

impl<F: Format> Default for Encoded<F> {
    fn default() -> Self {
        Self {
            columns: 0,
            stride: 0,
            numbers: Vec::new(),
            factors: Vec::new(),
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
        self.factors.resize(rows, 1.0);
    }

    /// Makes room for rows that come in pieces.
    pub(super) fn reset_pieces(&mut self, rows: usize, columns: usize) {
        self.reset(rows, columns);
        if F::SCALED {
            self.pieces.resize(rows * columns, 0.0);
            self.tops.clear();
            self.tops.resize(rows, [0.0; LANES]);
        }
    }

    /// Sets a row whose largest magnitude is `top`.
    #[inline(always)]
    pub(super) fn set<S: Simd>(&mut self, simd: S, row: usize, numbers: &[f32], top: f32) {
        let out = &mut self.numbers[row * self.stride..][..self.stride];
        self.factors[row] = encode::<F, S>(simd, numbers, top, out);
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
                simd.store_some(numbers, out);
            }
            return;
        }
        let one = simd.splat(1.0);
        let out = &mut self.numbers[row * self.stride + column..][..width];
        for (out, numbers) in out.chunks_mut(LANES).zip(numbers) {
            match out.first_chunk_mut() {
                Some(out) => F::encode(simd, numbers, one, out),
                None => {
                    let mut lanes = [F::Input::default(); LANES];
                    F::encode(simd, numbers, one, &mut lanes);
                    out.copy_from_slice(&lanes[..out.len()]);
                }
            }
        }
    }

    /// Ends rows `range`, which were put piece by piece, and makes them ready for the next pieces.
    #[inline(always)]
    pub(super) fn finish<S: Simd>(&mut self, simd: S, range: std::ops::Range<usize>) {
        if !F::SCALED {
            return;
        }
        for row in range {
            let tops = std::mem::replace(&mut self.tops[row], [0.0; LANES]);
            let top = simd.top(simd.load(&tops));
            let out = &mut self.numbers[row * self.stride..][..self.stride];
            let pieces = &self.pieces[row * self.columns..][..self.columns];
            self.factors[row] = encode::<F, S>(simd, pieces, top, out);
        }
    }
}

/// Encodes a row whose largest magnitude is `top`; returns what its products are to be multiplied by.
#[inline(always)]
fn encode<F: Format, S: Simd>(simd: S, numbers: &[f32], top: f32, out: &mut [F::Input]) -> f32 {
    let (scale, factor) = match F::SCALED {
        true if top > 0.0 => (127.0 / top, top / 127.0),
        true => (0.0, 0.0),
        false => (1.0, 1.0),
    };
    let scale = simd.splat(scale);
    for (out, numbers) in out.as_chunks_mut().0.iter_mut().zip(numbers.chunks(LANES)) {
        F::encode(simd, simd.load_some(numbers, 0.0), scale, out);
    }
    factor
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
    bias: [f32; WIDE],
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
                    lines[column / COLUMNS].0[column % COLUMNS] = word(inputs);
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
                            let factor = rows.factors[range.start + first + row];
                            self.put(simd, panel, sums, factor, first + row, out);
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
        factor: f32,
        row: usize,
        out: &mut impl Outputs,
    ) {
        let of = &self.columns[panel];
        let factor = simd.splat(factor);
        let mut outputs = [factor; 2];
        let shape = of.scale.as_chunks().0.iter().zip(of.bias.as_chunks().0);
        let sums = sums.as_chunks().0.iter().zip(shape);
        for (output, (sums, (scale, bias))) in outputs.iter_mut().zip(sums) {
            let scale = simd.mul(factor, simd.load(scale));
            *output = simd.mul_add(F::load(simd, sums), scale, simd.load(bias));
        }
        let column = panel * WIDE;
        let width = WIDE.min(self.outputs - column);
        out.put(simd, row, column, outputs, width);
    }
}
