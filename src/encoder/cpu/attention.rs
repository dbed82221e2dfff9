//! Attention of one window over itself, head by head, in blocks of a few queries: no matrix of all scores is made.

use super::kernels::weights::{self, FRACTION};
use super::kernels::{
    COLUMNS, Floats, LANES, Line, Product, Rows, Shorts, Simd, TALL, TALL_ROWS, WIDE,
};
use super::linear::{Encoded, Format as LinearFormat, Outputs};
use super::math::exp2;

/// The numbers that attention multiplies.
///
/// Scores are powers of two: the scale 1/√d and log₂ e are in the weights of the queries.
pub(super) trait Format: Product {
    /// The largest sum, where sums are integers and inputs have to be scaled so that they stay below it.
    const ROOM: Option<f32>;

    /// The largest softmax weight.
    const LARGEST: f32;

    /// Less than any score.
    const LOWEST: Self::Sum;

    /// The largest of a row of scores.
    fn top<S: Simd>(simd: S, scores: &[Self::Sum]) -> Self::Sum;

    /// Softmax weights of the first `tokens` of a row of scores, and their sum; those of the others are 0. Integer scores
    /// have [`FRACTION`] + `shift` bits behind the point.
    fn weights<S: Simd>(
        simd: S,
        scores: &[Self::Sum],
        tokens: usize,
        top: Self::Sum,
        shift: i32,
        out: &mut [Self::Input],
    ) -> f32;

    /// Inputs from numbers of at most `ROOM`'s root.
    fn inputs<S: Simd>(simd: S, numbers: S::Vector, out: &mut [Self::Input; LANES]);

    /// Words from the numbers of one token and, where a word has two, of the next.
    fn words<S: Simd>(simd: S, first: S::Vector, second: S::Vector, out: &mut [Line; 2]);
}

/// As many bits as i32 sums leave: 12 or 13 for queries of 32 numbers and 13 for keys, 13 for softmax weights, 10 for values.
impl Format for Shorts {
    // A little below i32::MAX, for what rounding adds.
    const ROOM: Option<f32> = Some(2.1e9);
    const LARGEST: f32 = weights::LARGEST as f32;
    const LOWEST: i32 = i32::MIN;

    #[inline(always)]
    fn top<S: Simd>(simd: S, scores: &[i32]) -> i32 {
        simd.top_i32(scores)
    }

    #[inline(always)]
    fn weights<S: Simd>(
        simd: S,
        scores: &[i32],
        tokens: usize,
        top: i32,
        shift: i32,
        out: &mut [i16],
    ) -> f32 {
        simd.weights(scores, tokens, top, shift, out) as f32
    }

    #[inline(always)]
    fn inputs<S: Simd>(simd: S, numbers: S::Vector, out: &mut [i16; LANES]) {
        simd.store_i16(numbers, out);
    }

    #[inline(always)]
    fn words<S: Simd>(simd: S, first: S::Vector, second: S::Vector, out: &mut [Line; 2]) {
        simd.store_pairs(first, second, out);
    }
}

impl Format for Floats {
    const ROOM: Option<f32> = None;
    const LARGEST: f32 = 1.0;
    const LOWEST: f32 = f32::MIN;

    #[inline(always)]
    fn top<S: Simd>(simd: S, scores: &[f32]) -> f32 {
        let mut tops = simd.splat(f32::MIN);
        for scores in scores.as_chunks().0 {
            tops = simd.max(simd.load(scores), tops);
        }
        simd.top(tops)
    }

    #[inline(always)]
    fn weights<S: Simd>(
        simd: S,
        scores: &[f32],
        _: usize,
        top: f32,
        _: i32,
        out: &mut [f32],
    ) -> f32 {
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
    fn inputs<S: Simd>(simd: S, numbers: S::Vector, out: &mut [f32; LANES]) {
        simd.store(numbers, out);
    }

    #[inline(always)]
    fn words<S: Simd>(simd: S, first: S::Vector, _: S::Vector, out: &mut [Line; 2]) {
        let mut numbers = [0.0; LANES];
        simd.store(first, &mut numbers);
        for (line, numbers) in out.iter_mut().zip(numbers.as_chunks().0) {
            line.0 = numbers.map(f32::to_bits);
        }
    }
}

/// Queries, keys and values are at most this where they are integers.
const MOST: f32 = 32_000.0;

/// Queries, keys and values of some heads, and memory for one head's packed keys and values and a block of its queries,
/// all used again and again.
pub(super) struct Attention<F: Format> {
    tokens: usize,
    heads: usize,
    /// Numbers of a head.
    width: usize,
    /// `[tokens, 3 · heads · width]`: the queries of all heads, their keys, their values.
    qkv: Vec<f32>,
    /// The largest magnitude of each column of `qkv`, in whole vectors.
    tops: Vec<[f32; LANES]>,
    /// Inputs of as many tokens as a line has columns, before they become columns.
    rows: Vec<F::Input>,
    keys: Vec<[Line; 4]>,
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
            simd.store_some(outputs, out);
        }
        if F::ROOM.is_some() {
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
        self.qkv.resize(tokens * columns, 0.0);
        self.tops.clear();
        self.tops.resize(columns.div_ceil(LANES), [0.0; LANES]);
        let (padded, words) = (self.padded(), self.words());
        self.rows
            .resize(COLUMNS * self.stride(), F::Input::default());
        self.keys.resize(padded / WIDE * words, [Line::ZERO; 4]);
        let value_lines = width.div_ceil(TALL) * (padded / F::INPUTS);
        self.values.resize(value_lines, [Line::ZERO; 2]);
        self.value_scales.resize(width.div_ceil(TALL), [0.0; TALL]);
        let queries = TALL_ROWS * self.stride();
        self.queries.resize(queries, F::Input::default());
        let rows = TALL_ROWS * padded;
        self.scores.resize(rows, F::Sum::default());
        self.weights.resize(rows, F::Input::default());
    }

    /// Tokens in whole panels of keys.
    fn padded(&self) -> usize {
        self.tokens.next_multiple_of(WIDE)
    }

    /// Words of a query or a key.
    fn words(&self) -> usize {
        self.width.div_ceil(F::INPUTS)
    }

    /// Inputs from one query to the next.
    fn stride(&self) -> usize {
        self.width.next_multiple_of(LANES)
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
            let mut token = 0;
            while token < self.tokens {
                let count = TALL_ROWS.min(self.tokens - token);
                self.score(simd, head, token..token + count, scale.query);
                let factors = self.softmax(simd, count, scale.shift);
                let column = first + head * self.width;
                self.mix(simd, &factors[..count], out, token, column);
                token += count;
            }
        }
    }

    /// What queries and keys of a head are multiplied by, so that the point of their scores is between two bits.
    fn scale(&self, head: usize) -> Scale {
        let Some(room) = F::ROOM else {
            return Scale {
                query: 1.0,
                key: 1.0,
                shift: 0,
            };
        };
        let limit = (room / self.width as f32).sqrt().floor().min(MOST);
        let (query, key) = (self.top(0, head), self.top(1, head));
        if query == 0.0 || key == 0.0 {
            return Scale {
                query: 0.0,
                key: 0.0,
                shift: 1,
            };
        }
        let (query, key) = (limit / query, limit / key);
        // More would be lost where scores become weights.
        let bits = (query * key).log2().floor();
        let bits = bits.clamp(-99.0, (FRACTION + 31) as f32);
        Scale {
            query: bits.exp2() / key,
            key,
            shift: bits as i32 - FRACTION,
        }
    }

    /// Packs the keys of a head, one column a token.
    #[inline(always)]
    fn pack_keys<S: Simd>(&mut self, simd: S, head: usize, scale: f32) {
        let (words, stride) = (self.words(), self.stride());
        for first in (0..self.tokens).step_by(COLUMNS) {
            for (row, token) in (first..self.tokens.min(first + COLUMNS)).enumerate() {
                let key = &self.qkv[self.part(token, 1, head)];
                encode::<F, S>(simd, key, scale, &mut self.rows[row * stride..][..stride]);
            }
            let rows = Rows {
                numbers: &self.rows[..],
                stride,
                count: COLUMNS,
            };
            let lines = &mut self.keys[first / WIDE * words..][..words];
            simd.columns::<F>(rows, lines, first % WIDE / COLUMNS);
        }
    }

    /// Packs the values of a head, one column a number, scaled by the column's largest.
    #[inline(always)]
    fn pack_values<S: Simd>(&mut self, simd: S, head: usize) {
        let words = self.padded() / F::INPUTS;
        let values = self.part(0, 2, head);
        let limit = F::ROOM.map(|room| {
            let limit = room / F::LARGEST / self.tokens as f32;
            limit.floor().min(MOST)
        });
        let panels = self.values.chunks_exact_mut(words);
        for ((panel, lines), scales) in panels.enumerate().zip(&mut self.value_scales) {
            let start = values.start + panel * TALL;
            let columns = start..values.end.min(start + TALL);
            let mut inverses = [1.0; LANES];
            *scales = inverses;
            if let Some(limit) = limit {
                let tops = &self.tops.as_flattened()[columns.clone()];
                for ((scale, inverse), &top) in scales.iter_mut().zip(&mut inverses).zip(tops) {
                    (*scale, *inverse) = match top > 0.0 {
                        true => (top / limit, limit / top),
                        false => (0.0, 0.0),
                    };
                }
            }
            let inverses = simd.load(&inverses);
            for (word, lines) in lines.iter_mut().enumerate() {
                let mut numbers = [simd.splat(0.0); 2];
                let tokens = word * F::INPUTS..self.tokens.min((word + 1) * F::INPUTS);
                for (numbers, token) in numbers.iter_mut().zip(tokens) {
                    let row = token * 3 * self.heads * self.width;
                    let values = &self.qkv[row + columns.start..row + columns.end];
                    *numbers = simd.mul(simd.load_some(values, 0.0), inverses);
                }
                F::words(simd, numbers[0], numbers[1], lines);
            }
        }
    }

    /// Scores of a block of queries against all keys.
    #[inline(always)]
    fn score<S: Simd>(&mut self, simd: S, head: usize, block: std::ops::Range<usize>, scale: f32) {
        let (words, stride, padded) = (self.words(), self.stride(), self.padded());
        for (row, token) in block.clone().enumerate() {
            let query = &self.qkv[self.part(token, 0, head)];
            encode::<F, S>(
                simd,
                query,
                scale,
                &mut self.queries[row * stride..][..stride],
            );
        }
        let rows = Rows {
            numbers: &self.queries[..],
            stride,
            count: block.len(),
        };
        simd.panels::<F>(rows, &self.keys, words, &mut self.scores, padded);
    }

    /// Softmax weights of `count` rows of scores; returns what the values that they mix are to be multiplied by.
    #[inline(always)]
    fn softmax<S: Simd>(&mut self, simd: S, count: usize, shift: i32) -> [f32; TALL_ROWS] {
        let padded = self.padded();
        // First all rows' largest scores, then all weights: short loops of different rows can go side by side.
        let mut tops = [F::LOWEST; TALL_ROWS];
        let rows = self.scores.chunks_exact_mut(padded).take(count);
        for (scores, top) in rows.zip(&mut tops) {
            scores[self.tokens..].fill(F::LOWEST);
            *top = F::top(simd, scores);
        }
        let mut factors = [0.0; TALL_ROWS];
        let rows = self.scores.chunks_exact(padded);
        let rows = rows.zip(self.weights.chunks_exact_mut(padded)).take(count);
        for ((scores, weights), (top, factor)) in rows.zip(tops.into_iter().zip(&mut factors)) {
            *factor = 1.0 / F::weights(simd, scores, self.tokens, top, shift, weights);
        }
        factors
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
            simd.tall::<F>(rows, lines, &mut sums);
            let width = TALL.min(self.width - panel * TALL);
            for (row, (sums, factor)) in sums.as_chunks().0.iter().zip(factors).enumerate() {
                let scale = simd.mul(simd.splat(*factor), simd.load(scales));
                let context = simd.mul(F::load(simd, sums), scale);
                out.put(simd, first + row, column + panel * TALL, [context], width);
            }
        }
    }
}

/// Inputs of numbers times `scale`.
#[inline(always)]
fn encode<F: Format, S: Simd>(simd: S, numbers: &[f32], scale: f32, out: &mut [F::Input]) {
    let scale = simd.splat(scale);
    for (out, numbers) in out.as_chunks_mut().0.iter_mut().zip(numbers.chunks(LANES)) {
        F::inputs(simd, simd.mul(simd.load_some(numbers, 0.0), scale), out);
    }
}

/// What queries and keys are multiplied by; their scores then have [`FRACTION`] + `shift` bits behind the point.
struct Scale {
    query: f32,
    key: f32,
    shift: i32,
}
