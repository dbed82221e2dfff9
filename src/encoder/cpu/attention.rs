//! Attention of one window over itself, head by head, in blocks of a few queries: no matrix of all scores is made.

use super::kernels::weights::FRACTION;
use super::kernels::{
    Bytes, COLUMNS, Floats, LANES, Line, Product, Rows, Simd, TALL, TALL_ROWS, Unsigned, WIDE,
    WIDE_ROWS,
};
use super::linear::{Encoded, Format as LinearFormat, Outputs};
use super::math::exp2;

/// The numbers that attention multiplies.
///
/// Scores are powers of two: the scale 1/√d and log₂ e are in the weights of the queries.
pub(super) trait Format: Product {
    /// How softmax weights meet values.
    type Mixing: Product<Input = Self::Input, Sum = Self::Sum>;

    /// A number before it becomes an input.
    type Number: Copy + Default + Send + Sync;

    /// The largest magnitude of queries, keys and values, where they are integers and have to be scaled.
    const MOST: Option<f32>;

    /// Less than any score, and so far below that it has no weight.
    const LOWEST: Self::Sum;

    /// Puts as many lanes by as `out` takes.
    fn keep<S: Simd>(simd: S, numbers: S::Vector, out: &mut [Self::Number]);

    /// Up to a vector of numbers that were put by; 0 behind them.
    fn kept<S: Simd>(simd: S, numbers: &[Self::Number]) -> S::Vector;

    /// The largest of a row of scores.
    fn top<S: Simd>(simd: S, scores: &[Self::Sum]) -> Self::Sum;

    /// Softmax weights of a row of scores, and their sum. Integer scores have `bits` bits behind the point.
    fn weights<S: Simd>(
        simd: S,
        scores: &[Self::Sum],
        top: Self::Sum,
        bits: u32,
        out: &mut [Self::Input],
    ) -> f32;

    /// Inputs of a query from numbers of at most `MOST`.
    fn query<S: Simd>(simd: S, numbers: S::Vector, out: &mut [Self::Input; LANES]);

    /// Inputs of a key from numbers of at most `MOST`.
    fn key<S: Simd>(simd: S, numbers: S::Vector, out: &mut [Self::Input; LANES]);

    /// Words from the numbers of as many tokens as a word has, each at most `MOST`.
    fn words<S: Simd>(simd: S, tokens: [S::Vector; 4], out: &mut [Line; 2]);
}

impl Format for Bytes {
    type Mixing = Unsigned;
    /// Half of an f32: it will be a byte.
    type Number = u16;
    const MOST: Option<f32> = Some(127.0);
    // As far below 0 as no sum of heads of up to 66,000 numbers comes, and not so far below one that i32 overflows.
    const LOWEST: i32 = -(1 << 30);

    #[inline(always)]
    fn keep<S: Simd>(simd: S, numbers: S::Vector, out: &mut [u16]) {
        simd.store_some_half(numbers, out);
    }

    #[inline(always)]
    fn kept<S: Simd>(simd: S, numbers: &[u16]) -> S::Vector {
        simd.load_some_half(numbers)
    }

    #[inline(always)]
    fn top<S: Simd>(simd: S, scores: &[i32]) -> i32 {
        simd.top_i32(scores)
    }

    #[inline(always)]
    fn weights<S: Simd>(simd: S, scores: &[i32], top: i32, bits: u32, out: &mut [u8]) -> f32 {
        simd.weights(scores, top, bits, out) as f32
    }

    #[inline(always)]
    fn query<S: Simd>(simd: S, numbers: S::Vector, out: &mut [u8; LANES]) {
        simd.store_u8(simd.add(numbers, simd.splat(128.0)), out);
    }

    #[inline(always)]
    fn key<S: Simd>(simd: S, numbers: S::Vector, out: &mut [u8; LANES]) {
        simd.store_i8(numbers, out);
    }

    #[inline(always)]
    fn words<S: Simd>(simd: S, tokens: [S::Vector; 4], out: &mut [Line; 2]) {
        simd.store_words(tokens, out);
    }
}

impl Format for Floats {
    type Mixing = Self;
    type Number = f32;
    const MOST: Option<f32> = None;
    const LOWEST: f32 = f32::MIN;

    #[inline(always)]
    fn keep<S: Simd>(simd: S, numbers: S::Vector, out: &mut [f32]) {
        simd.store_some(numbers, out);
    }

    #[inline(always)]
    fn kept<S: Simd>(simd: S, numbers: &[f32]) -> S::Vector {
        simd.load_some(numbers, 0.0)
    }

    #[inline(always)]
    fn top<S: Simd>(simd: S, scores: &[f32]) -> f32 {
        let mut tops = simd.splat(f32::MIN);
        for scores in scores.as_chunks().0 {
            tops = simd.max(simd.load(scores), tops);
        }
        simd.top(tops)
    }

    #[inline(always)]
    fn weights<S: Simd>(simd: S, scores: &[f32], top: f32, _: u32, out: &mut [f32]) -> f32 {
        let top = simd.splat(top);
        let mut sums = simd.splat(0.0);
        for (scores, out) in scores.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
            let weights = exp2(simd, simd.sub(simd.load(scores), top));
            sums = simd.add(sums, weights);
            simd.store(weights, out);
        }
        simd.sum(sums)
    }

    #[inline(always)]
    fn query<S: Simd>(simd: S, numbers: S::Vector, out: &mut [f32; LANES]) {
        simd.store(numbers, out);
    }

    #[inline(always)]
    fn key<S: Simd>(simd: S, numbers: S::Vector, out: &mut [f32; LANES]) {
        simd.store(numbers, out);
    }

    #[inline(always)]
    fn words<S: Simd>(simd: S, tokens: [S::Vector; 4], out: &mut [Line; 2]) {
        let mut numbers = [0.0; LANES];
        simd.store(tokens[0], &mut numbers);
        for (line, numbers) in out.iter_mut().zip(numbers.as_chunks().0) {
            line.0 = numbers.map(f32::to_bits);
        }
    }
}

/// Queries, keys and values of some heads, and memory for one head's packed keys and values and a block of its queries,
/// all used again and again.
pub(super) struct Attention<F: Format> {
    tokens: usize,
    heads: usize,
    /// Numbers of a head.
    width: usize,
    /// `[tokens, 3 · heads · width]`: the queries of all heads, their keys, their values.
    qkv: Vec<F::Number>,
    /// The largest magnitude of each column of `qkv`, in whole vectors.
    tops: Vec<[f32; LANES]>,
    /// Inputs of as many tokens as a line has columns, before they become columns.
    rows: Vec<F::Input>,
    keys: Vec<[Line; 4]>,
    /// For each panel of `keys`, as [`Simd::wide`] takes it.
    starts: Vec<[F::Sum; WIDE]>,
    values: Vec<[Line; 2]>,
    /// For each panel of `values`.
    value_scales: Vec<[f32; TALL]>,
    queries: Vec<F::Input>,
    scores: Vec<F::Sum>,
    weights: Vec<F::Input>,
}

impl<F: Format> Default for Attention<F> {
    fn default() -> Self {
        Self {
            tokens: 0,
            heads: 0,
            width: 0,
            qkv: Vec::new(),
            tops: Vec::new(),
            rows: Vec::new(),
            keys: Vec::new(),
            starts: Vec::new(),
            values: Vec::new(),
            value_scales: Vec::new(),
            queries: Vec::new(),
            scores: Vec::new(),
            weights: Vec::new(),
        }
    }
}

/// Takes queries, keys and values from their linear layer.
impl<F: Format> Outputs for Attention<F> {
    #[inline(always)]
    fn put<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        outputs: [S::Vector; 2],
        width: usize,
    ) {
        let columns = 3 * self.heads * self.width;
        let out = &mut self.qkv[row * columns + column..][..width];
        for (out, outputs) in out.chunks_mut(LANES).zip(outputs) {
            F::keep(simd, outputs, out);
        }
        if F::MOST.is_some() {
            let tops = &mut self.tops[column / LANES..][..width.div_ceil(LANES)];
            for (tops, outputs) in tops.iter_mut().zip(outputs) {
                simd.store(simd.max(simd.abs(outputs), simd.load(tops)), tops);
            }
        }
    }
}

impl<F: Format> Attention<F> {
    /// Makes room for queries, keys and values of `heads` heads of `width` numbers.
    pub(super) fn reset(&mut self, tokens: usize, heads: usize, width: usize) {
        (self.tokens, self.heads, self.width) = (tokens, heads, width);
        let columns = 3 * heads * width;
        self.qkv.resize(tokens * columns, F::Number::default());
        self.tops.clear();
        self.tops.resize(columns.div_ceil(LANES), [0.0; LANES]);
        let (padded, words) = (self.padded(), self.words());
        self.rows
            .resize(COLUMNS * self.stride(), F::Input::default());
        self.keys.resize(padded / WIDE * words, [Line::ZERO; 4]);
        self.starts.resize(padded / WIDE, [F::Sum::default(); WIDE]);
        let value_lines = width.div_ceil(TALL) * (padded / F::INPUTS);
        self.values.resize(value_lines, [Line::ZERO; 2]);
        self.value_scales.resize(width.div_ceil(TALL), [0.0; TALL]);
        let queries = WIDE_ROWS * self.stride();
        self.queries.resize(queries, F::Input::default());
        self.scores.resize(WIDE_ROWS * padded, F::Sum::default());
        self.weights.resize(TALL_ROWS * padded, F::Input::default());
    }

    /// Tokens in whole panels of keys.
    fn padded(&self) -> usize {
        self.tokens.next_multiple_of(WIDE)
    }

    /// Words of a query or a key.
    fn words(&self) -> usize {
        self.width.div_ceil(F::INPUTS)
    }

    /// Inputs from one query or key to the next: whole vectors, and whole lines of words.
    fn stride(&self) -> usize {
        self.width.next_multiple_of(LANES.max(COLUMNS * F::INPUTS))
    }

    /// Where part 0, 1 or 2, query, key or value, of a token in a head stands in `qkv`.
    #[inline(always)]
    fn part(&self, token: usize, part: usize, head: usize) -> std::ops::Range<usize> {
        let start = ((3 * token + part) * self.heads + head) * self.width;
        start..start + self.width
    }

    /// The largest magnitude of a part in a head, over all tokens.
    fn top(&self, part: usize, head: usize) -> f32 {
        let columns = &self.tops.as_flattened()[self.part(0, part, head)];
        columns.iter().fold(0f32, |a, &b| if a > b { a } else { b })
    }

    /// Puts the context of every token into `out`, the first head's from column `first` on.
    #[inline(always)]
    pub(super) fn forward<S: Simd, L: LinearFormat>(
        &mut self,
        simd: S,
        out: &mut Encoded<L>,
        first: usize,
    ) {
        for head in 0..self.heads {
            let scale = self.scale(head);
            self.pack_keys(simd, head, scale.key);
            self.pack_values(simd, head);
            let column = first + head * self.width;
            for token in (0..self.tokens).step_by(TALL_ROWS) {
                let count = TALL_ROWS.min(self.tokens - token);
                let mut factors = [0.0; TALL_ROWS];
                // Half of the rows at a time: their scores and the keys stay in the first-level cache.
                for (tile, factors) in factors[..count].chunks_mut(WIDE_ROWS).enumerate() {
                    let row = tile * WIDE_ROWS;
                    self.score(simd, head, token + row, factors.len(), scale.query);
                    self.softmax(simd, row, scale.bits, factors);
                }
                self.mix(simd, &factors[..count], out, token, column);
            }
        }
    }

    /// What queries and keys of a head are multiplied by, so that the point of their scores is between two bits.
    fn scale(&self, head: usize) -> Scale {
        let Some(most) = F::MOST else {
            return Scale {
                query: 1.0,
                key: 1.0,
                bits: 0,
            };
        };
        let (query, key) = (self.top(0, head), self.top(1, head));
        if query == 0.0 || key == 0.0 {
            return Scale {
                query: 0.0,
                key: 0.0,
                bits: 0,
            };
        }
        let (query, key) = (most / query, most / key);
        // More would be lost where scores become weights.
        let bits = (query * key).log2().floor().clamp(0.0, FRACTION as f32);
        Scale {
            query: query.min(bits.exp2() / key),
            key,
            bits: bits as u32,
        }
    }

    /// Packs the keys of a head, one column a token.
    #[inline(always)]
    fn pack_keys<S: Simd>(&mut self, simd: S, head: usize, scale: f32) {
        let (words, stride) = (self.words(), self.stride());
        for first in (0..self.tokens).step_by(COLUMNS) {
            for (row, token) in (first..self.tokens.min(first + COLUMNS)).enumerate() {
                let key = &self.qkv[self.part(token, 1, head)];
                let (scale, row) = (simd.splat(scale), &mut self.rows[row * stride..][..stride]);
                for (numbers, out) in key.chunks(LANES).zip(row.as_chunks_mut().0) {
                    F::key(simd, simd.mul(F::kept(simd, numbers), scale), out);
                }
            }
            let rows = Rows {
                numbers: &self.rows[..],
                stride,
                count: COLUMNS,
            };
            let lines = &mut self.keys[first / WIDE * words..][..words];
            simd.columns::<F>(rows, lines, first % WIDE / COLUMNS);
        }
        // The sums of floats start from 0.
        if F::MOST.is_some() {
            self.start_scores(simd);
        }
    }

    /// Sets where the sums of each key start: at what a query of nothing but 0 gives, negated.
    #[inline(always)]
    fn start_scores<S: Simd>(&mut self, simd: S) {
        let (words, stride) = (self.words(), self.stride());
        for out in self.queries[..stride].as_chunks_mut().0 {
            F::query(simd, simd.splat(0.0), out);
        }
        let rows = Rows {
            numbers: &self.queries[..stride],
            stride,
            count: 1,
        };
        let zero = [F::Sum::default(); WIDE];
        for (lines, start) in self.keys.chunks_exact(words).zip(&mut self.starts) {
            simd.wide::<F>(rows, lines, Some(&zero), start, WIDE);
            *start = start.map(|sum| -sum);
        }
    }

    /// Packs the values of a head, one column a number, scaled by the column's largest.
    #[inline(always)]
    fn pack_values<S: Simd>(&mut self, simd: S, head: usize) {
        let words = self.padded() / F::INPUTS;
        let values = self.part(0, 2, head);
        let panels = self.values.chunks_exact_mut(words);
        for ((panel, lines), scales) in panels.enumerate().zip(&mut self.value_scales) {
            let start = values.start + panel * TALL;
            let columns = start..values.end.min(start + TALL);
            let mut inverses = [1.0; LANES];
            *scales = inverses;
            if let Some(most) = F::MOST {
                let tops = &self.tops.as_flattened()[columns.clone()];
                for ((scale, inverse), &top) in scales.iter_mut().zip(&mut inverses).zip(tops) {
                    (*scale, *inverse) = match top > 0.0 {
                        true => (top / most, most / top),
                        false => (0.0, 0.0),
                    };
                }
            }
            let inverses = simd.load(&inverses);
            for (word, lines) in lines.iter_mut().enumerate() {
                let mut numbers = [simd.splat(0.0); 4];
                let tokens = word * F::INPUTS..self.tokens.min((word + 1) * F::INPUTS);
                for (numbers, token) in numbers.iter_mut().zip(tokens) {
                    let row = token * 3 * self.heads * self.width;
                    let values = &self.qkv[row + columns.start..row + columns.end];
                    *numbers = simd.mul(F::kept(simd, values), inverses);
                }
                F::words(simd, numbers, lines);
            }
        }
    }

    /// Scores of `count` queries from token `first` on against all keys.
    #[inline(always)]
    fn score<S: Simd>(&mut self, simd: S, head: usize, first: usize, count: usize, scale: f32) {
        let (words, stride, padded) = (self.words(), self.stride(), self.padded());
        for row in 0..count {
            let query = &self.qkv[self.part(first + row, 0, head)];
            let (scale, row) = (
                simd.splat(scale),
                &mut self.queries[row * stride..][..stride],
            );
            for (numbers, out) in query.chunks(LANES).zip(row.as_chunks_mut().0) {
                F::query(simd, simd.mul(F::kept(simd, numbers), scale), out);
            }
        }
        let rows = Rows {
            numbers: &self.queries[..],
            stride,
            count,
        };
        let panels = self.keys.chunks_exact(words).zip(&self.starts);
        for (panel, (lines, start)) in panels.enumerate() {
            let out = &mut self.scores[panel * WIDE..];
            simd.wide::<F>(rows, lines, Some(start), out, padded);
        }
    }

    /// Softmax weights of rows of scores, from row `first` of a block on, and what the values that they mix are to be
    /// multiplied by, for as many rows as there are `factors`.
    #[inline(always)]
    fn softmax<S: Simd>(&mut self, simd: S, first: usize, bits: u32, factors: &mut [f32]) {
        let (padded, count) = (self.padded(), factors.len());
        // First all rows' largest scores, then all weights: short loops of different rows can go side by side.
        let mut tops = [F::LOWEST; WIDE_ROWS];
        let rows = self.scores.chunks_exact_mut(padded).take(count);
        for (scores, top) in rows.zip(&mut tops) {
            scores[self.tokens..].fill(F::LOWEST);
            *top = F::top(simd, scores);
        }
        let weights = self.weights[first * padded..].chunks_exact_mut(padded);
        let rows = self.scores.chunks_exact(padded).zip(weights);
        for ((scores, weights), (top, factor)) in rows.zip(tops.into_iter().zip(factors)) {
            *factor = 1.0 / F::weights(simd, scores, top, bits, weights);
        }
    }

    /// Values mixed by the weights of a block of queries, each row times its factor, into the rows from `first` on.
    #[inline(always)]
    fn mix<S: Simd, L: LinearFormat>(
        &self,
        simd: S,
        factors: &[f32],
        out: &mut Encoded<L>,
        first: usize,
        column: usize,
    ) {
        let padded = self.padded();
        let mut sums = [F::Sum::default(); TALL * TALL_ROWS];
        let rows = Rows {
            numbers: &self.weights[..],
            stride: padded,
            count: factors.len(),
        };
        let panels = self.values.chunks_exact(padded / F::INPUTS);
        for (panel, (lines, scales)) in panels.zip(&self.value_scales).enumerate() {
            simd.tall::<F::Mixing>(rows, lines, &mut sums);
            let width = TALL.min(self.width - panel * TALL);
            for (row, (sums, factor)) in sums.as_chunks().0.iter().zip(factors).enumerate() {
                let scale = simd.mul(simd.splat(*factor), simd.load(scales));
                let context = simd.mul(F::load(simd, sums), scale);
                out.put(simd, first + row, column + panel * TALL, [context], width);
            }
        }
    }
}

/// What queries and keys are multiplied by; their scores then have `bits` bits behind the point.
struct Scale {
    query: f32,
    key: f32,
    bits: u32,
}
