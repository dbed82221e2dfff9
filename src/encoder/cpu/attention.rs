//! Attention of one window over itself, head by head, in blocks of a few queries: no matrix of all scores is made.

use super::kernels::{Floats, Line, Product, Rows, Shorts, Simd, TALL, TALL_ROWS, WIDE, WIDE_ROWS};
use super::math::{LANES, ROUND, exp2, fold, larger};

/// The numbers that attention multiplies.
///
/// Scores are powers of two: the scale 1/√d and log₂ e are in the weights of the queries.
pub(super) trait Format: Product {
    /// The largest sum, where sums are integers and inputs have to be scaled so that they stay below it.
    const ROOM: Option<f32>;

    /// An input from a number of at most `ROOM`'s root.
    fn input(number: f32) -> Self::Input;

    /// The word of a column; the second input counts only where a word has two.
    fn word(first: Self::Input, second: Self::Input) -> u32;

    /// A sum as a number.
    fn number(sum: Self::Sum) -> f32;
}

/// As many bits as i32 sums leave: 13 for queries and keys of 32 numbers, 13 for softmax weights, 10 for values.
impl Format for Shorts {
    // A little below i32::MAX, for what rounding adds.
    const ROOM: Option<f32> = Some(2.1e9);

    #[inline(always)]
    fn input(number: f32) -> i16 {
        (number + ROUND).to_bits() as i16
    }

    #[inline(always)]
    fn word(first: i16, second: i16) -> u32 {
        let ([a, b], [c, d]) = (first.to_ne_bytes(), second.to_ne_bytes());
        u32::from_ne_bytes([a, b, c, d])
    }

    #[inline(always)]
    fn number(sum: i32) -> f32 {
        sum as f32
    }
}

impl Format for Floats {
    const ROOM: Option<f32> = None;

    #[inline(always)]
    fn input(number: f32) -> f32 {
        number
    }

    #[inline(always)]
    fn word(first: f32, _: f32) -> u32 {
        first.to_bits()
    }

    #[inline(always)]
    fn number(sum: f32) -> f32 {
        sum
    }
}

/// Softmax weights are up to this where they are integers.
const WEIGHT: f32 = 8191.0;
/// Queries, keys and values are at most this where they are integers.
const MOST: f32 = 32_000.0;

/// Memory for a head's keys and values and for a block of queries, used again and again.
pub(super) struct Attention<F: Format> {
    /// The largest magnitude of each of the 3 · hidden numbers over all tokens.
    tops: Vec<f32>,
    keys: Vec<[Line; 4]>,
    values: Vec<[Line; 2]>,
    value_scales: Vec<f32>,
    queries: Vec<F::Input>,
    scores: Vec<F::Sum>,
    weights: Vec<F::Input>,
}

impl<F: Format> Default for Attention<F> {
    fn default() -> Self {
        Self {
            tops: Vec::new(),
            keys: Vec::new(),
            values: Vec::new(),
            value_scales: Vec::new(),
            queries: Vec::new(),
            scores: Vec::new(),
            weights: Vec::new(),
        }
    }
}

/// Query, key and value of every token of a window, `[tokens, 3 · hidden]`.
#[derive(Clone, Copy)]
pub(super) struct Qkv<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) hidden: usize,
    pub(super) heads: usize,
}

impl<'a> Qkv<'a> {
    fn tokens(&self) -> usize {
        self.numbers.len() / (3 * self.hidden)
    }

    fn width(&self) -> usize {
        self.hidden / self.heads
    }

    /// Part 0, 1 or 2, query, key or value, of a token in a head.
    #[inline(always)]
    fn get(&self, token: usize, part: usize, head: usize) -> &'a [f32] {
        let start = (3 * token + part) * self.hidden + head * self.width();
        &self.numbers[start..start + self.width()]
    }

    /// Inputs of a panel of a token's values, each times its factor; zeros after the last token.
    #[inline(always)]
    fn values<F: Format>(
        &self,
        token: usize,
        head: usize,
        panel: usize,
        factors: &[f32; TALL],
    ) -> [F::Input; TALL] {
        let mut numbers = [0f32; TALL];
        if token < self.tokens() {
            let row = &self.get(token, 2, head)[panel * TALL..];
            match row.first_chunk() {
                Some(row) => numbers = *row,
                None => numbers[..row.len()].copy_from_slice(row),
            }
        }
        let mut inputs = [F::Input::default(); TALL];
        for i in 0..TALL {
            inputs[i] = F::input(numbers[i] * factors[i]);
        }
        inputs
    }
}

impl<F: Format> Attention<F> {
    /// The context of every token, `[tokens, hidden]`.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(&mut self, simd: S, qkv: Qkv, out: &mut [f32]) {
        let (tokens, width) = (qkv.tokens(), qkv.width());
        let padded = tokens.next_multiple_of(WIDE);
        let words = width.div_ceil(F::INPUTS);
        self.keys.resize(padded / WIDE * words, [Line::ZERO; 4]);
        let value_lines = width.div_ceil(TALL) * (padded / F::INPUTS);
        self.values.resize(value_lines, [Line::ZERO; 2]);
        self.value_scales.resize(width.next_multiple_of(TALL), 0.0);
        if F::ROOM.is_some() {
            self.tops.clear();
            self.tops.resize(3 * qkv.hidden, 0.0);
            for token in qkv.numbers.chunks_exact(3 * qkv.hidden) {
                for (top, x) in self.tops.iter_mut().zip(token) {
                    *top = larger(x.abs(), *top);
                }
            }
        }
        self.queries
            .resize(TALL_ROWS * words * F::INPUTS, F::Input::default());
        self.scores.resize(TALL_ROWS * padded, F::Sum::default());
        self.weights.resize(TALL_ROWS * padded, F::Input::default());
        for head in 0..qkv.heads {
            let scale = self.pack_keys(qkv, head, words);
            self.pack_values(qkv, head, padded);
            let mut first = 0;
            while first < tokens {
                let count = TALL_ROWS.min(tokens - first);
                self.score(simd, qkv, head, first..first + count, words, scale.query);
                let mut sums = [0f32; TALL_ROWS];
                for (row, sum) in sums[..count].iter_mut().enumerate() {
                    *sum = self.softmax(simd, row, tokens, padded, scale.score);
                }
                self.mix(simd, qkv, head, first, &sums[..count], out);
                first += count;
            }
        }
    }

    /// Packs the keys of a head, one column a token.
    #[inline(always)]
    fn pack_keys(&mut self, qkv: Qkv, head: usize, words: usize) -> Scale {
        let width = qkv.width();
        let limit = F::ROOM.map(|room| (room / width as f32).sqrt().floor().min(MOST));
        let scale = |part| {
            let Some(limit) = limit else { return 1.0 };
            let tops = &self.tops[part * qkv.hidden + head * width..][..width];
            let top = tops.iter().fold(0f32, |a, &b| larger(a, b));
            if top > 0.0 { limit / top } else { 0.0 }
        };
        let (query, key) = (scale(0), scale(1));
        let row = &mut self.queries[..words * F::INPUTS];
        for token in 0..qkv.tokens() {
            encode::<F>(qkv.get(token, 1, head), key, row);
            let lines = &mut self.keys[token / WIDE * words..][..words];
            let (line, column) = (token % WIDE / 16, token % 16);
            for (lines, word) in lines.iter_mut().zip(row.chunks_exact(F::INPUTS)) {
                lines[line].0[column] = F::word(word[0], word[F::INPUTS - 1]);
            }
        }
        let product = query * key;
        Scale {
            query,
            score: if product > 0.0 { 1.0 / product } else { 0.0 },
        }
    }

    /// Packs the values of a head, one column a number, scaled by the column's largest.
    #[inline(always)]
    fn pack_values(&mut self, qkv: Qkv, head: usize, padded: usize) {
        let (width, tokens) = (qkv.width(), qkv.tokens());
        if F::ROOM.is_some() {
            let tops = &self.tops[2 * qkv.hidden + head * width..][..width];
            self.value_scales[..width].copy_from_slice(tops);
        }
        let limit = F::ROOM.map(|room| (room / WEIGHT / tokens as f32).floor().min(MOST));
        let mut inverses = [0f32; TALL];
        let words = padded / F::INPUTS;
        let panels = self.values.chunks_exact_mut(words);
        let scales = self.value_scales.as_chunks_mut::<TALL>().0;
        for (panel, (lines, scales)) in panels.zip(scales).enumerate() {
            for (scale, inverse) in scales.iter_mut().zip(&mut inverses) {
                (*scale, *inverse) = match limit {
                    Some(limit) if *scale > 0.0 => (*scale / limit, limit / *scale),
                    Some(_) => (0.0, 0.0),
                    None => (1.0, 1.0),
                };
            }
            for (word, lines) in lines.iter_mut().enumerate() {
                let token = word * F::INPUTS;
                let first = qkv.values::<F>(token, head, panel, &inverses);
                let second = qkv.values::<F>(token + F::INPUTS - 1, head, panel, &inverses);
                for (line, half) in lines.iter_mut().zip([0, 16]) {
                    for c in 0..16 {
                        line.0[c] = F::word(first[half + c], second[half + c]);
                    }
                }
            }
        }
    }

    /// Scores of a block of queries against all keys.
    #[inline(always)]
    fn score<S: Simd>(
        &mut self,
        simd: S,
        qkv: Qkv,
        head: usize,
        block: std::ops::Range<usize>,
        words: usize,
        scale: f32,
    ) {
        let stride = words * F::INPUTS;
        let padded = self.scores.len() / TALL_ROWS;
        for (token, out) in block.clone().zip(self.queries.chunks_exact_mut(stride)) {
            encode::<F>(qkv.get(token, 0, head), scale, out);
        }
        let start = [F::Sum::default(); WIDE];
        for (panel, lines) in self.keys.chunks_exact(words).enumerate() {
            let mut row = 0;
            while row < block.len() {
                let count = WIDE_ROWS.min(block.len() - row);
                let rows = Rows {
                    numbers: &self.queries[row * stride..],
                    stride,
                    count,
                };
                let out = &mut self.scores[row * padded + panel * WIDE..];
                simd.wide::<F>(rows, lines, &start, out, padded);
                row += count;
            }
        }
    }

    /// Softmax weights of one row of scores, up to [`WEIGHT`] where they are integers; returns what their sum divides.
    #[inline(always)]
    fn softmax<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        tokens: usize,
        padded: usize,
        scale: f32,
    ) -> f32 {
        let scores = &self.scores[row * padded..][..tokens];
        let weights = &mut self.weights[row * padded..][..padded];
        let (chunks, rest) = scores.as_chunks::<LANES>();
        let (weights, after) = weights
            .as_chunks_mut::<LANES>()
            .0
            .split_at_mut(chunks.len());
        // Tokens that do not fill the lanes; whatever the scores after them are, they count for nothing.
        let mut last = [F::Sum::default(); LANES];
        last[..rest.len()].copy_from_slice(rest);
        let live: [bool; LANES] = std::array::from_fn(|i| i < rest.len());

        let mut tops = [f32::MIN; LANES];
        for chunk in chunks {
            for i in 0..LANES {
                tops[i] = larger(F::number(chunk[i]), tops[i]);
            }
        }
        for i in 0..LANES {
            let number = F::number(last[i]);
            tops[i] = larger(if live[i] { number } else { f32::MIN }, tops[i]);
        }
        let top = fold(tops, larger);

        let full = F::ROOM.map_or(1.0, |_| WEIGHT);
        after.as_flattened_mut().fill(F::Input::default());
        let mut sums = [0f32; LANES];
        if let Some(weights) = after.first_mut() {
            for i in 0..LANES {
                let weight = exp2(simd, (F::number(last[i]) - top) * scale);
                sums[i] = if live[i] { weight } else { 0.0 };
                weights[i] = F::input(sums[i] * full);
            }
        }
        for (chunk, weights) in chunks.iter().zip(weights) {
            for i in 0..LANES {
                let weight = exp2(simd, (F::number(chunk[i]) - top) * scale);
                sums[i] += weight;
                weights[i] = F::input(weight * full);
            }
        }
        1.0 / (full * fold(sums, |a, b| a + b))
    }

    /// Values mixed by the weights of a block of queries.
    #[inline(always)]
    fn mix<S: Simd>(
        &self,
        simd: S,
        qkv: Qkv,
        head: usize,
        first: usize,
        factors: &[f32],
        out: &mut [f32],
    ) {
        let padded = self.weights.len() / TALL_ROWS;
        let mut sums = [F::Sum::default(); TALL * TALL_ROWS];
        let rows = Rows {
            numbers: &self.weights[..],
            stride: padded,
            count: factors.len(),
        };
        let scales = self.value_scales.as_chunks::<TALL>().0;
        for (panel, lines) in self.values.chunks_exact(padded / F::INPUTS).enumerate() {
            simd.tall::<F>(rows, lines, &mut sums);
            let width = TALL.min(qkv.width() - panel * TALL);
            for (row, sums) in sums.as_chunks::<TALL>().0[..factors.len()]
                .iter()
                .enumerate()
            {
                let start = (first + row) * qkv.hidden + head * qkv.width() + panel * TALL;
                let mixed = sums.iter().zip(&scales[panel]);
                for (out, (&sum, scale)) in out[start..start + width].iter_mut().zip(mixed) {
                    *out = F::number(sum) * factors[row] * scale;
                }
            }
        }
    }
}

/// Inputs of numbers times `scale`. (Loops over arrays of 16 would be unrolled and then gathered across rows.)
#[inline(always)]
fn encode<F: Format>(numbers: &[f32], scale: f32, out: &mut [F::Input]) {
    for (out, x) in out.iter_mut().zip(numbers) {
        *out = F::input(x * scale);
    }
}

/// What queries are multiplied by, and then their scores.
struct Scale {
    query: f32,
    score: f32,
}
