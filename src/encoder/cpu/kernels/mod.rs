//! Tiles of matrix products and vectors for all that stands between them, for the best instructions that the processor has.
//!
//! A product of two matrices is cut into tiles of a few rows × [`WIDE`] or [`TALL`] columns whose sums stay in registers.
//! All products work on words of 32 bits: one f32 or four bytes. A word of a row meets the words of all
//! columns of a [`Line`] at once. The rows are stored as they are; the columns are packed into panels of lines by
//! whoever owns them.
//!
//! [`Portable`] is the reference: integer tiles are equal to its bit for bit at every level, floats but for rounding.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
pub(super) mod weights;

use portable::Portable;
use std::ops::Neg;

/// Columns of a line.
pub(super) const COLUMNS: usize = 16;

/// Words of some columns, all for the same inputs.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub [u32; COLUMNS]);

impl Line {
    pub(super) const ZERO: Self = Self([0; COLUMNS]);
}

/// Numbers of a vector: several registers, so that instructions need not wait for one another.
pub(super) const LANES: usize = 32;

/// Columns of a wide tile, and its rows at most.
pub(super) const WIDE: usize = 64;
pub(super) const WIDE_ROWS: usize = 6;
/// Columns of a tall tile, as many as lanes, and its rows at most.
pub(super) const TALL: usize = LANES;
pub(super) const TALL_ROWS: usize = 12;

/// What is multiplied and how it adds up.
pub(super) trait Product: Copy + Send + Sync + 'static {
    /// A number of a row.
    type Input: Copy + Default + Send + Sync;
    /// A sum of products.
    type Sum: Copy + Default + Neg<Output = Self::Sum> + Send + Sync;
    /// Numbers of a word.
    const INPUTS: usize;
    /// For the levels, which cannot be generic in instructions.
    const KIND: Kind;

    /// The first word of these numbers.
    fn word(numbers: &[Self::Input]) -> u32;

    /// Sums as numbers.
    fn load<S: Simd>(simd: S, sums: &[Self::Sum; LANES]) -> S::Vector;

    /// Adds the products of the numbers of a row's word with those of a column's.
    fn add(sum: Self::Sum, row: &[Self::Input], column: u32) -> Self::Sum;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bytes,
    Unsigned,
    Floats,
}

/// Bytes of a row, with 128 for 0, times signed bytes of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes;

/// Bytes of a row, from 0 to 255, times signed bytes of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsigned;

/// f32 times f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floats;

impl Product for Bytes {
    type Input = u8;
    type Sum = i32;
    const INPUTS: usize = 4;
    const KIND: Kind = Kind::Bytes;

    #[inline(always)]
    fn word(numbers: &[u8]) -> u32 {
        u32::from_ne_bytes([numbers[0], numbers[1], numbers[2], numbers[3]])
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, sums: &[i32; LANES]) -> S::Vector {
        simd.load_i32(sums)
    }

    #[inline(always)]
    fn add(sum: i32, row: &[u8], column: u32) -> i32 {
        let column = column.to_ne_bytes();
        let products = row.iter().zip(column);
        sum + products
            .map(|(&a, b)| (i32::from(a) - 128) * i32::from(b.cast_signed()))
            .sum::<i32>()
    }
}

impl Product for Unsigned {
    type Input = u8;
    type Sum = i32;
    const INPUTS: usize = 4;
    const KIND: Kind = Kind::Unsigned;

    #[inline(always)]
    fn word(numbers: &[u8]) -> u32 {
        Bytes::word(numbers)
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, sums: &[i32; LANES]) -> S::Vector {
        simd.load_i32(sums)
    }

    #[inline(always)]
    fn add(sum: i32, row: &[u8], column: u32) -> i32 {
        let column = column.to_ne_bytes();
        let products = row.iter().zip(column);
        sum + products
            .map(|(&a, b)| i32::from(a) * i32::from(b.cast_signed()))
            .sum::<i32>()
    }
}

impl Product for Floats {
    type Input = f32;
    type Sum = f32;
    const INPUTS: usize = 1;
    const KIND: Kind = Kind::Floats;

    #[inline(always)]
    fn word(numbers: &[f32]) -> u32 {
        numbers[0].to_bits()
    }

    #[inline(always)]
    fn load<S: Simd>(simd: S, sums: &[f32; LANES]) -> S::Vector {
        simd.load(sums)
    }

    #[inline(always)]
    fn add(sum: f32, row: &[f32], column: u32) -> f32 {
        sum + row[0] * f32::from_bits(column)
    }
}

/// Rows of numbers in one slice, `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a, T> {
    pub(super) numbers: &'a [T],
    pub(super) stride: usize,
    pub(super) count: usize,
}

impl<T> Rows<'_, T> {
    /// Whether every row has the numbers that `words` words need.
    fn hold(&self, words: usize, inputs: usize) -> bool {
        self.count > 0 && self.numbers.len() >= (self.count - 1) * self.stride + words * inputs
    }
}

/// Instructions of one level: tiles, and vectors of [`LANES`] f32 for all that stands between them.
///
/// A value of an implementing type exists only where the processor has the instructions.
pub(super) trait Simd: Copy + Send + Sync {
    type Vector: Copy;

    /// `out[r][c] = Σ rows[r] · panel[c]` for up to [`WIDE_ROWS`] rows; row `r` of `out` starts at `r · out_stride`.
    ///
    /// `start` is, for each column of bytes, what a row of nothing but 128 gives without it, negated ([`Level::start`]), and 0 for
    /// other products; a level that has no need of it may leave it out. Without `start` the sums go on from what `out` holds.
    ///
    /// # Panics
    /// Where the rows are none or too many, or a slice is too short for them.
    fn wide<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 4]],
        start: Option<&[P::Sum; WIDE]>,
        out: &mut [P::Sum],
        out_stride: usize,
    );

    /// The same for up to [`TALL_ROWS`] rows and [`TALL`] columns of [`Unsigned`] or [`Floats`], from 0.
    ///
    /// # Panics
    /// As [`Simd::wide`].
    fn tall<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 2]],
        out: &mut [P::Sum; TALL * TALL_ROWS],
    );

    /// Makes the words of [`COLUMNS`] rows a line each: `lines[w][line]` takes word `w` of every row. Rows have whole lines
    /// of words, whether or not as many are taken.
    ///
    /// # Panics
    /// Where the rows are not as many, or too short.
    #[inline(always)]
    fn columns<P: Product>(self, rows: Rows<P::Input>, lines: &mut [[Line; 4]], line: usize) {
        for (word, lines) in lines.iter_mut().enumerate() {
            for (row, column) in lines[line].0.iter_mut().enumerate() {
                *column = P::word(&rows.numbers[row * rows.stride + word * P::INPUTS..]);
            }
        }
    }

    /// The largest of some scores, whole vectors of them.
    #[inline(always)]
    fn top_i32(self, scores: &[i32]) -> i32 {
        scores.iter().copied().fold(i32::MIN, i32::max)
    }

    /// Softmax weights of integer scores, whole panels of them, none more than 2^31 from another, as [`weights`] says.
    ///
    /// # Panics
    /// Where there are not as many weights as scores.
    #[inline(always)]
    fn weights(self, scores: &[i32], top: i32, bits: u32, out: &mut [u8]) -> i32 {
        weights::weights(scores, top, bits, out)
    }

    /// Says that these lines are wanted soon.
    fn prefetch(self, lines: &[[Line; 4]]);

    fn splat(self, x: f32) -> Self::Vector;

    fn load(self, numbers: &[f32; LANES]) -> Self::Vector;

    fn store(self, v: Self::Vector, out: &mut [f32; LANES]);

    fn load_i32(self, numbers: &[i32; LANES]) -> Self::Vector;

    /// Numbers of −0.5 to 255.5, rounded half to even.
    fn store_u8(self, v: Self::Vector, out: &mut [u8; LANES]);

    /// Numbers of −128 to 127, rounded half to even: signed bytes, bit by bit.
    fn store_i8(self, v: Self::Vector, out: &mut [u8; LANES]);

    /// Numbers as bfloat16, the upper halves of f32, half away from 0.
    #[inline(always)]
    fn store_half(self, v: Self::Vector, out: &mut [u16; LANES]) {
        let mut numbers = [0.0; LANES];
        self.store(v, &mut numbers);
        *out = numbers.map(|x: f32| (x.to_bits().wrapping_add(1 << 15) >> 16) as u16);
    }

    /// Numbers that [`Simd::store_half`] stored.
    #[inline(always)]
    fn load_half(self, halves: &[u16; LANES]) -> Self::Vector {
        self.load(&halves.map(|half| f32::from_bits(u32::from(half) << 16)))
    }

    /// Words of four signed bytes, rounded as by [`Simd::store_i8`]: the first of the first vector and so on.
    fn store_words(self, v: [Self::Vector; 4], out: &mut [Line; 2]);

    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// a · b + c, rounded once where that is one instruction.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;

    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;

    fn abs(self, v: Self::Vector) -> Self::Vector;

    /// x, or the limit with the sign of x where x is beyond it.
    #[inline(always)]
    fn clamp(self, x: Self::Vector, limit: f32) -> Self::Vector {
        self.min(self.max(x, self.splat(-limit)), self.splat(limit))
    }

    /// Whether [`Simd::find`] is one instruction.
    const FINDS: bool = false;

    /// Numbers of a table, by the lowest five bits of the lanes of `at`.
    #[inline(always)]
    fn find(self, table: &[f32; LANES], at: Self::Vector) -> Self::Vector {
        let mut places = [0.0; LANES];
        self.store(at, &mut places);
        self.load(&places.map(|place| table[place.to_bits() as usize % LANES]))
    }

    /// x − ⌊x⌋
    fn fraction(self, x: Self::Vector) -> Self::Vector;

    /// v · 2^⌊x⌋, where v is at least 1 and x below 127; about 0 where x is below −126.
    fn scale(self, v: Self::Vector, x: Self::Vector) -> Self::Vector;

    /// The sum of all lanes, always in the same order.
    fn sum(self, v: Self::Vector) -> f32;

    /// The largest lane.
    fn top(self, v: Self::Vector) -> f32;

    /// Numbers of a slice, which may be shorter than a vector; `rest` behind them.
    #[inline(always)]
    fn load_some(self, numbers: &[f32], rest: f32) -> Self::Vector {
        match numbers.first_chunk() {
            Some(numbers) => self.load(numbers),
            None => {
                let mut lanes = [rest; LANES];
                lanes[..numbers.len()].copy_from_slice(numbers);
                self.load(&lanes)
            }
        }
    }

    /// [`Simd::load_half`] of a slice, which may be shorter than a vector; 0 behind it.
    #[inline(always)]
    fn load_some_half(self, halves: &[u16]) -> Self::Vector {
        match halves.first_chunk() {
            Some(halves) => self.load_half(halves),
            None => {
                let mut lanes = [0; LANES];
                lanes[..halves.len()].copy_from_slice(halves);
                self.load_half(&lanes)
            }
        }
    }

    /// [`Simd::store_half`] of as many lanes as `out` takes.
    #[inline(always)]
    fn store_some_half(self, v: Self::Vector, out: &mut [u16]) {
        match out.first_chunk_mut() {
            Some(out) => self.store_half(v, out),
            None => {
                let mut lanes = [0; LANES];
                self.store_half(v, &mut lanes);
                out.copy_from_slice(&lanes[..out.len()]);
            }
        }
    }

    /// As many lanes as `out` takes.
    #[inline(always)]
    fn store_some(self, v: Self::Vector, out: &mut [f32]) {
        match out.first_chunk_mut() {
            Some(out) => self.store(v, out),
            None => {
                let mut lanes = [0.0; LANES];
                self.store(v, &mut lanes);
                out.copy_from_slice(&lanes[..out.len()]);
            }
        }
    }
}

/// Work that is compiled for every level.
///
/// `run` and all that it calls down to the loops must be `#[inline(always)]`: only what is inlined into a level's own
/// function is compiled for its instructions.
pub(super) trait Task {
    fn run<S: Simd>(self, simd: S);
}

/// A level of instructions that this processor has.
#[derive(Clone, Copy)]
pub(super) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2<{ avx2::SIGNS }>),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(avx2::Avx2<{ avx2::VNNI }>),
    #[cfg(all(target_arch = "x86_64", test))]
    Evex(avx2::Avx2<{ avx2::EVEX }>),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl Level {
    /// All levels of this processor, the best one last.
    pub(super) fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(avx2::Avx2::detect().map(Self::Avx2));
            levels.extend(avx2::Avx2::detect().map(Self::AvxVnni));
            #[cfg(test)]
            levels.extend(avx2::Avx2::detect().map(Self::Evex));
            levels.extend(avx512::Avx512::detect().map(Self::Avx512));
        }
        #[cfg(target_arch = "aarch64")]
        levels.extend(neon::Neon::detect().map(Self::Neon));
        levels
    }

    /// The best level of this processor.
    pub(super) fn best() -> Self {
        Self::available().pop().unwrap_or(Self::Portable)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) => "avx-vnni",
            #[cfg(all(target_arch = "x86_64", test))]
            Self::Evex(_) => "avx-vnni as avx512vl",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon-dotprod",
        }
    }

    /// Where the sums of [`Bytes`] with these bytes of a column start.
    pub(super) fn start(self, column: impl Iterator<Item = i8>) -> i32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => column.map(|w| -i32::from(w.min(0))).sum(),
            _ => column.map(|w| -128 * i32::from(w)).sum(),
        }
    }

    /// Runs `task` with the instructions of this level.
    pub(super) fn run(self, task: impl Task) {
        match self {
            Self::Portable => task.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.run(task),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(simd) => simd.run(task),
            #[cfg(all(target_arch = "x86_64", test))]
            Self::Evex(simd) => simd.run(task),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.run(task),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => simd.run(task),
        }
    }
}

#[cfg(test)]
mod tests;
