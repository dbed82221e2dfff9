//! NEON with the dot product of bytes.

use super::{
    COLUMNS, Kind, LANES, Line, Product, Rows, Simd, TALL, TALL_ROWS, Task, WIDE, WIDE_ROWS,
};
use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};
use std::ptr;

/// Columns of a tile, four to a register of sums.
const WIDTH: usize = 32;

/// A processor with NEON and its dot product.
#[derive(Clone, Copy)]
pub(in super::super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Self> {
        // The tiles take the inputs of a word from registers in the order that memory has them.
        let has = cfg!(target_endian = "little")
            && is_aarch64_feature_detected!("neon")
            && is_aarch64_feature_detected!("dotprod");
        has.then_some(Self(()))
    }

    pub(super) fn run(self, task: impl Task) {
        // SAFETY: there is a `self` only where `detect` has seen the features.
        unsafe { run(self, task) }
    }

    /// All rows and all columns; sums go on from `out`, or start from 0.
    ///
    /// # Safety
    /// The rows hold `panel.len()` words each; `out` has 16 · `L` sums for each row, `out_stride` sums apart.
    #[inline(always)]
    unsafe fn tiles<P: Product, const L: usize>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; L]],
        mut go_on: bool,
        out: *mut i32,
        out_stride: usize,
    ) {
        if P::KIND == Kind::Unsigned {
            // SAFETY: as below, for all rows and columns.
            unsafe { lift(rows.count, panel, go_on, out, out_stride) }
            go_on = true;
        }
        let stride = rows.stride * size_of::<P::Input>();
        for column in (0..COLUMNS * L).step_by(WIDTH) {
            for first in (0..rows.count).step_by(3) {
                let tile = match rows.count - first {
                    1 => tile::<P, 1, L>,
                    2 => tile::<P, 2, L>,
                    _ => tile::<P, 3, L>,
                };
                // SAFETY: `self` says that the features are there; the rest is the caller's contract, for the rows from
                // `first` and some columns.
                unsafe {
                    let rows = rows.numbers.as_ptr().cast::<u8>().add(first * stride);
                    let out = out.add(first * out_stride + column);
                    tile(rows, stride, panel, column, go_on, out, out_stride);
                }
            }
        }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn run(simd: Neon, task: impl Task) {
    task.run(simd);
}

/// An instruction on all eighths of vectors.
macro_rules! eighths {
    ($instruction:ident, $($v:expr),+) => {
        // SAFETY: a value of `Neon` is there only where the features are.
        unsafe {
            [
                $instruction($($v[0]),+),
                $instruction($($v[1]),+),
                $instruction($($v[2]),+),
                $instruction($($v[3]),+),
                $instruction($($v[4]),+),
                $instruction($($v[5]),+),
                $instruction($($v[6]),+),
                $instruction($($v[7]),+),
            ]
        }
    };
}

impl Neon {
    #[inline(always)]
    fn integers(self, numbers: &[i32; LANES]) -> [int32x4_t; 8] {
        let eighths = numbers.as_chunks::<4>().0;
        let at = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| eighths[i].as_ptr());
        eighths!(vld1q_s32, at)
    }
}

impl Simd for Neon {
    type Vector = [float32x4_t; 8];

    #[inline(always)]
    fn wide<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 4]],
        start: Option<&[P::Sum; WIDE]>,
        out: &mut [P::Sum],
        out_stride: usize,
    ) {
        assert!(rows.count <= WIDE_ROWS && rows.hold(panel.len(), P::INPUTS));
        assert!(out.len() >= (rows.count - 1) * out_stride + WIDE);
        let out = out.as_mut_ptr().cast();
        // SAFETY: the assertions say that rows and output are long enough.
        unsafe { self.tiles::<P, 4>(rows, panel, start.is_none(), out, out_stride) }
    }

    #[inline(always)]
    fn tall<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 2]],
        out: &mut [P::Sum; TALL * TALL_ROWS],
    ) {
        assert!(rows.count <= TALL_ROWS && rows.hold(panel.len(), P::INPUTS));
        // SAFETY: as for `wide`; `out` has a place for every row.
        unsafe { self.tiles::<P, 2>(rows, panel, false, out.as_mut_ptr().cast(), TALL) }
    }

    #[inline(always)]
    fn top_i32(self, scores: &[i32]) -> i32 {
        // SAFETY: `self` says that the features are there.
        let mut tops = unsafe { [vdupq_n_s32(i32::MIN); 8] };
        for scores in scores.as_chunks().0 {
            tops = eighths!(vmaxq_s32, tops, self.integers(scores));
        }
        // SAFETY: as above.
        unsafe {
            let low = vmaxq_s32(vmaxq_s32(tops[0], tops[1]), vmaxq_s32(tops[2], tops[3]));
            let high = vmaxq_s32(vmaxq_s32(tops[4], tops[5]), vmaxq_s32(tops[6], tops[7]));
            vmaxvq_s32(vmaxq_s32(low, high))
        }
    }

    #[inline(always)]
    fn prefetch(self, lines: &[[Line; 4]]) {
        for line in lines.as_flattened() {
            // SAFETY: a prefetch reads nothing that the program sees. Its intrinsic is not stable.
            unsafe {
                asm!(
                    "prfm pldl2keep, [{line}]",
                    line = in(reg) ptr::from_ref(line),
                    options(readonly, nostack, preserves_flags),
                );
            }
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Vector {
        // SAFETY: `self` says that the features are there.
        unsafe { [vdupq_n_f32(x); 8] }
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; LANES]) -> Self::Vector {
        let eighths = numbers.as_chunks::<4>().0;
        let at = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| eighths[i].as_ptr());
        eighths!(vld1q_f32, at)
    }

    #[inline(always)]
    fn store(self, v: Self::Vector, out: &mut [f32; LANES]) {
        for (out, v) in out.as_chunks_mut::<4>().0.iter_mut().zip(v) {
            // SAFETY: as above; the array has the length of the instruction's.
            unsafe { vst1q_f32(out.as_mut_ptr(), v) }
        }
    }

    #[inline(always)]
    fn load_i32(self, numbers: &[i32; LANES]) -> Self::Vector {
        let numbers = self.integers(numbers);
        eighths!(vcvtq_f32_s32, numbers)
    }

    #[inline(always)]
    fn store_u8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        let v = eighths!(vcvtnq_u32_f32, v);
        for (out, v) in out.as_chunks_mut::<16>().0.iter_mut().zip(v.as_chunks().0) {
            let [a, b, c, d] = *v;
            // SAFETY: as above.
            unsafe {
                let low = vqmovn_high_u32(vqmovn_u32(a), b);
                let high = vqmovn_high_u32(vqmovn_u32(c), d);
                vst1q_u8(out.as_mut_ptr(), vqmovn_high_u16(vqmovn_u16(low), high));
            }
        }
    }

    #[inline(always)]
    fn store_i8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        let v = eighths!(vcvtnq_s32_f32, v);
        for (out, v) in out.as_chunks_mut::<16>().0.iter_mut().zip(v.as_chunks().0) {
            let [a, b, c, d] = *v;
            // SAFETY: as above.
            unsafe {
                let low = vqmovn_high_s32(vqmovn_s32(a), b);
                let high = vqmovn_high_s32(vqmovn_s32(c), d);
                let bytes = vqmovn_high_s16(vqmovn_s16(low), high);
                vst1q_s8(out.as_mut_ptr().cast(), bytes);
            }
        }
    }

    #[inline(always)]
    fn store_half(self, v: Self::Vector, out: &mut [u16; LANES]) {
        let v = eighths!(vreinterpretq_u32_f32, v);
        for (out, v) in out.as_chunks_mut::<8>().0.iter_mut().zip(v.as_chunks().0) {
            let [a, b] = *v;
            // SAFETY: as above.
            unsafe {
                let low = vrshrn_n_u32::<16>(a);
                vst1q_u16(out.as_mut_ptr(), vrshrn_high_n_u32::<16>(low, b));
            }
        }
    }

    #[inline(always)]
    fn load_half(self, halves: &[u16; LANES]) -> Self::Vector {
        let eighths = halves.as_chunks::<4>().0;
        let at = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| eighths[i].as_ptr());
        let halves = eighths!(vld1_u16, at);
        let bits = eighths!(upper, halves);
        eighths!(vreinterpretq_f32_u32, bits)
    }

    #[inline(always)]
    fn store_words(self, v: [Self::Vector; 4], out: &mut [Line; 2]) {
        let [a, b, c, d] = v.map(|v| eighths!(vcvtnq_s32_f32, v));
        let words = eighths!(words, a, b, c, d);
        let out = out.iter_mut().flat_map(|line| line.0.as_chunks_mut().0);
        for (out, words) in out.zip(words) {
            let out: &mut [u32; 4] = out;
            // SAFETY: as above.
            unsafe { vst1q_u32(out.as_mut_ptr(), words) }
        }
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        eighths!(vaddq_f32, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        eighths!(vsubq_f32, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        eighths!(vmulq_f32, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        eighths!(vdivq_f32, a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        eighths!(vfmaq_f32, c, a, b)
    }

    // Of a number and NaN both take the number.
    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        eighths!(vmaxnmq_f32, a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        eighths!(vminnmq_f32, a, b)
    }

    #[inline(always)]
    fn abs(self, v: Self::Vector) -> Self::Vector {
        eighths!(vabsq_f32, v)
    }

    #[inline(always)]
    fn fraction(self, x: Self::Vector) -> Self::Vector {
        self.sub(x, eighths!(vrndmq_f32, x))
    }

    #[inline(always)]
    fn scale(self, v: Self::Vector, x: Self::Vector) -> Self::Vector {
        let x = self.max(x, self.splat(-126.0));
        let powers = eighths!(vcvtmq_s32_f32, x);
        let powers = eighths!(shift, powers);
        let v = eighths!(vreinterpretq_s32_f32, v);
        let v = eighths!(vaddq_s32, v, powers);
        eighths!(vreinterpretq_f32_s32, v)
    }

    #[inline(always)]
    fn sum(self, v: Self::Vector) -> f32 {
        // SAFETY: as above.
        unsafe {
            let low = vaddq_f32(vaddq_f32(v[0], v[1]), vaddq_f32(v[2], v[3]));
            let high = vaddq_f32(vaddq_f32(v[4], v[5]), vaddq_f32(v[6], v[7]));
            vaddvq_f32(vaddq_f32(low, high))
        }
    }

    #[inline(always)]
    fn top(self, v: Self::Vector) -> f32 {
        // SAFETY: as above.
        unsafe {
            let low = vmaxnmq_f32(vmaxnmq_f32(v[0], v[1]), vmaxnmq_f32(v[2], v[3]));
            let high = vmaxnmq_f32(vmaxnmq_f32(v[4], v[5]), vmaxnmq_f32(v[6], v[7]));
            vmaxnmvq_f32(vmaxnmq_f32(low, high))
        }
    }
}

/// Integers to exponents.
#[target_feature(enable = "neon")]
#[inline]
fn shift(steps: int32x4_t) -> int32x4_t {
    vshlq_n_s32::<23>(steps)
}

/// Halves to where they came from.
#[target_feature(enable = "neon")]
#[inline]
fn upper(halves: uint16x4_t) -> uint32x4_t {
    vshll_n_u16::<16>(halves)
}

/// Words of the lowest bytes of four numbers.
#[target_feature(enable = "neon")]
#[inline]
fn words(a: int32x4_t, b: int32x4_t, c: int32x4_t, d: int32x4_t) -> uint32x4_t {
    let first = vsliq_n_s32::<8>(a, b);
    let second = vsliq_n_s32::<8>(c, d);
    vreinterpretq_u32_s32(vsliq_n_s32::<16>(first, second))
}

/// Puts into `out` what tiles of unsigned bytes go on from: 128 times the sum of each column, which they lack because
/// they take 128 from every byte of a row.
///
/// # Safety
/// `out` has 16 · `L` sums for each of `count` rows, `out_stride` sums apart.
#[target_feature(enable = "neon,dotprod")]
unsafe fn lift<const L: usize>(
    count: usize,
    panel: &[[Line; L]],
    go_on: bool,
    out: *mut i32,
    out_stride: usize,
) {
    let mut sums = [[vdupq_n_s32(0); COLUMNS / 4]; L];
    for lines in panel {
        for (line, sums) in lines.iter().zip(&mut sums) {
            for (words, sum) in line.0.as_chunks::<4>().0.iter().zip(sums) {
                // SAFETY: four words are as long as a register.
                let columns = unsafe { vld1q_s8(words.as_ptr().cast()) };
                *sum = dot::<0>(*sum, columns, vdupq_n_s8(1));
            }
        }
    }
    for row in 0..count {
        for (c, &sum) in sums.as_flattened().iter().enumerate() {
            let sum = vshlq_n_s32::<7>(sum);
            // SAFETY: the caller's contract.
            unsafe {
                let out = out.add(row * out_stride + 4 * c);
                let sum = match go_on {
                    true => vaddq_s32(sum, vld1q_s32(out)),
                    false => sum,
                };
                vst1q_s32(out, sum);
            }
        }
    }
}

/// A tile of `R` rows × [`WIDTH`] columns from number `column` on: 3 × 32 fill 24 of the 32 registers with sums and 3
/// with four words of each row.
///
/// # Safety
/// `rows` points to `R` rows, `stride` bytes apart, of at least `panel.len()` words; `out` to `R` rows of [`WIDTH`]
/// sums, `out_stride` sums apart. The lines have the columns.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile<P: Product, const R: usize, const L: usize>(
    rows: *const u8,
    stride: usize,
    panel: &[[Line; L]],
    column: usize,
    go_on: bool,
    out: *mut i32,
    out_stride: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); WIDTH / 4]; R];
        if go_on {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = vld1q_s32(out.add(r * out_stride + 4 * c));
                }
            }
        }
        let mut rows = rows;
        let mut words = [vdupq_n_u32(0); R];
        let (fours, rest) = panel.as_chunks::<4>();
        for lines in fours {
            for (r, words) in words.iter_mut().enumerate() {
                *words = signed::<P>(vreinterpretq_u32_u8(vld1q_u8(rows.add(r * stride))));
            }
            let [a, b, c, d] = lines
                .each_ref()
                .map(|lines| lines.as_ptr().cast::<u32>().add(column));
            add::<P, R, 0>(&mut sums, words, a);
            add::<P, R, 1>(&mut sums, words, b);
            add::<P, R, 2>(&mut sums, words, c);
            add::<P, R, 3>(&mut sums, words, d);
            rows = rows.add(16);
        }
        for lines in rest {
            for (r, words) in words.iter_mut().enumerate() {
                let word: *const u32 = rows.add(r * stride).cast();
                *words = signed::<P>(vdupq_n_u32(word.read_unaligned()));
            }
            add::<P, R, 0>(&mut sums, words, lines.as_ptr().cast::<u32>().add(column));
            rows = rows.add(4);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, &sum) in sums.iter().enumerate() {
                vst1q_s32(out.add(r * out_stride + 4 * c), sum);
            }
        }
    }
}

/// Words of a row, in signed bytes: so the sums of [`Bytes`](super::Bytes) need no start.
#[target_feature(enable = "neon")]
#[inline]
fn signed<P: Product>(words: uint32x4_t) -> uint32x4_t {
    match P::KIND {
        Kind::Bytes | Kind::Unsigned => veorq_u32(words, vdupq_n_u32(0x8080_8080)),
        Kind::Floats => words,
    }
}

/// Adds the products of word number `WORD` of each row with those of [`WIDTH`] columns.
///
/// # Safety
/// `columns` points to the words of as many.
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn add<P: Product, const R: usize, const WORD: i32>(
    sums: &mut [[int32x4_t; WIDTH / 4]; R],
    words: [uint32x4_t; R],
    columns: *const u32,
) {
    for c in 0..WIDTH / 8 {
        let (low, high) = (2 * c, 2 * c + 1);
        // SAFETY: the caller's contract; every arm loads eight words.
        unsafe {
            let columns = columns.add(8 * c);
            match P::KIND {
                Kind::Bytes | Kind::Unsigned => {
                    let columns = [vld1q_s8(columns.cast()), vld1q_s8(columns.add(4).cast())];
                    for (sums, words) in sums.iter_mut().zip(words) {
                        let words = vreinterpretq_s8_u32(words);
                        sums[low] = dot::<WORD>(sums[low], columns[0], words);
                        sums[high] = dot::<WORD>(sums[high], columns[1], words);
                    }
                }
                Kind::Floats => {
                    let columns = [vld1q_f32(columns.cast()), vld1q_f32(columns.add(4).cast())];
                    for (sums, words) in sums.iter_mut().zip(words) {
                        let words = vreinterpretq_f32_u32(words);
                        for (sum, columns) in sums[low..].iter_mut().zip(columns) {
                            let products = vreinterpretq_f32_s32(*sum);
                            let products = vfmaq_laneq_f32::<WORD>(products, columns, words);
                            *sum = vreinterpretq_s32_f32(products);
                        }
                    }
                }
            }
        }
    }
}

/// Adds the products of the bytes of four columns with those of word number `WORD`.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot<const WORD: i32>(mut sums: int32x4_t, columns: int8x16_t, words: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction is there with the feature, and touches its registers only. Its intrinsic is not stable.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {columns:v}.16b, {words:v}.4b[{word}]",
            sums = inout(vreg) sums,
            columns = in(vreg) columns,
            words = in(vreg) words,
            word = const WORD,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[cfg(test)]
impl Neon {
    /// Products a second, in 10⁹, of independent sums that never leave the registers: the roof of the tiles.
    pub(super) fn peak<P: Product>(self) -> f64 {
        use std::hint::black_box;
        const ROUNDS: usize = 2_000_000;
        const ROWS: usize = 3;

        #[target_feature(enable = "neon,dotprod")]
        fn rounds<P: Product>() -> i32 {
            let words = [vdupq_n_u32(black_box(1)); ROWS];
            let lines = black_box([Line([1; COLUMNS]); WIDTH / COLUMNS]);
            let mut sums = [[vdupq_n_s32(0); WIDTH / 4]; ROWS];
            for _ in 0..ROUNDS {
                // SAFETY: the lines have the words of as many columns.
                unsafe { add::<P, ROWS, 0>(&mut sums, words, lines.as_ptr().cast()) }
            }
            let all = sums.into_iter().flatten();
            vaddvq_s32(all.fold(vdupq_n_s32(0), |a, b| veorq_s32(a, b)))
        }

        let started = std::time::Instant::now();
        // SAFETY: there is a `self` only where the features are.
        black_box(unsafe { rounds::<P>() });
        let products = ROUNDS * ROWS * WIDTH * P::INPUTS;
        products as f64 / started.elapsed().as_secs_f64() / 1e9
    }
}
