//! NEON with the dot product of bytes.

use super::{
    COLUMNS, Kind, LANES, Line, Product, Rows, Simd, TALL, TALL_ROWS, Task, WIDE, WIDE_ROWS,
};
use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};
use std::ptr;

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
        go_on: bool,
        out: *mut i32,
        out_stride: usize,
    ) {
        // The words of columns come apart into two registers of shorts; beside 24 sums the compiler runs out of them.
        let (most, columns) = match P::KIND {
            Kind::Shorts => (6, 8),
            Kind::Bytes | Kind::Floats => (3, 32),
        };
        let stride = rows.stride * size_of::<P::Input>();
        for column in (0..COLUMNS * L).step_by(columns) {
            for first in (0..rows.count).step_by(most) {
                let tile = match (P::KIND, most.min(rows.count - first)) {
                    (Kind::Shorts, 1) => tile::<P, 1, 2, L>,
                    (Kind::Shorts, 2) => tile::<P, 2, 2, L>,
                    (Kind::Shorts, 3) => tile::<P, 3, 2, L>,
                    (Kind::Shorts, 4) => tile::<P, 4, 2, L>,
                    (Kind::Shorts, 5) => tile::<P, 5, 2, L>,
                    (Kind::Shorts, _) => tile::<P, 6, 2, L>,
                    (_, 1) => tile::<P, 1, 8, L>,
                    (_, 2) => tile::<P, 2, 8, L>,
                    (_, _) => tile::<P, 3, 8, L>,
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
        let eighths = numbers.as_chunks::<4>().0;
        let at = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| eighths[i].as_ptr());
        let numbers = eighths!(vld1q_s32, at);
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
    fn store_i16(self, v: Self::Vector, out: &mut [i16; LANES]) {
        let v = eighths!(vcvtnq_s32_f32, v);
        for (out, v) in out.as_chunks_mut::<8>().0.iter_mut().zip(v.as_chunks().0) {
            let [a, b] = *v;
            // SAFETY: as above.
            unsafe { vst1q_s16(out.as_mut_ptr(), vqmovn_high_s32(vqmovn_s32(a), b)) }
        }
    }

    #[inline(always)]
    fn store_pairs(self, first: Self::Vector, second: Self::Vector, out: &mut [Line; 2]) {
        let first = eighths!(vcvtnq_s32_f32, first);
        let second = eighths!(vcvtnq_s32_f32, second);
        let words = eighths!(pairs, first, second);
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

/// Words of two i16.
#[target_feature(enable = "neon")]
#[inline]
fn pairs(first: int32x4_t, second: int32x4_t) -> uint32x4_t {
    vreinterpretq_u32_s32(vsliq_n_s32::<16>(first, second))
}

/// A tile of `R` rows × 4 · `V` columns from number `column` on: 3 × 32 fill 24 of the 32 registers with sums and 3 with
/// four words of each row; 6 × 8 fill 12 and 6.
///
/// # Safety
/// `rows` points to `R` rows, `stride` bytes apart, of at least `panel.len()` words; `out` to `R` rows of 4 · `V` sums,
/// `out_stride` sums apart. The lines have the columns.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile<P: Product, const R: usize, const V: usize, const L: usize>(
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
        let mut sums = [[vdupq_n_s32(0); V]; R];
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
            add::<P, R, V, 0>(&mut sums, words, a);
            add::<P, R, V, 1>(&mut sums, words, b);
            add::<P, R, V, 2>(&mut sums, words, c);
            add::<P, R, V, 3>(&mut sums, words, d);
            rows = rows.add(16);
        }
        for lines in rest {
            for (r, words) in words.iter_mut().enumerate() {
                let word: *const u32 = rows.add(r * stride).cast();
                *words = signed::<P>(vdupq_n_u32(word.read_unaligned()));
            }
            add::<P, R, V, 0>(&mut sums, words, lines.as_ptr().cast::<u32>().add(column));
            rows = rows.add(4);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, &sum) in sums.iter().enumerate() {
                vst1q_s32(out.add(r * out_stride + 4 * c), sum);
            }
        }
    }
}

/// Words of a row, in signed bytes: so the sums need no start.
#[target_feature(enable = "neon")]
#[inline]
fn signed<P: Product>(words: uint32x4_t) -> uint32x4_t {
    match P::KIND {
        Kind::Bytes => veorq_u32(words, vdupq_n_u32(0x8080_8080)),
        Kind::Shorts | Kind::Floats => words,
    }
}

/// Adds the products of word number `WORD` of each row with those of 4 · `V` columns.
///
/// # Safety
/// `columns` points to the words of as many.
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn add<P: Product, const R: usize, const V: usize, const WORD: i32>(
    sums: &mut [[int32x4_t; V]; R],
    words: [uint32x4_t; R],
    columns: *const u32,
) {
    for c in 0..V / 2 {
        let (low, high) = (2 * c, 2 * c + 1);
        // SAFETY: the caller's contract; every arm loads eight words.
        unsafe {
            let columns = columns.add(8 * c);
            match P::KIND {
                Kind::Bytes => {
                    let columns = [vld1q_s8(columns.cast()), vld1q_s8(columns.add(4).cast())];
                    for (sums, words) in sums.iter_mut().zip(words) {
                        let words = vreinterpretq_s8_u32(words);
                        sums[low] = dot::<WORD>(sums[low], columns[0], words);
                        sums[high] = dot::<WORD>(sums[high], columns[1], words);
                    }
                }
                Kind::Shorts => {
                    let columns = [vld1q_s16(columns.cast()), vld1q_s16(columns.add(4).cast())];
                    let columns = vuzpq_s16(columns[0], columns[1]);
                    for (sums, words) in sums.iter_mut().zip(words) {
                        let words = vreinterpretq_s16_u32(words);
                        let eight = [sums[low], sums[high]];
                        [sums[low], sums[high]] = dot_pairs::<WORD>(eight, columns, words);
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

/// Adds the products of the shorts of eight columns, all first ones and all second ones, with those of word number `WORD`.
#[target_feature(enable = "neon")]
#[inline]
fn dot_pairs<const WORD: i32>(
    [mut low, mut high]: [int32x4_t; 2],
    int16x8x2_t(first, second): int16x8x2_t,
    words: int16x8_t,
) -> [int32x4_t; 2] {
    // SAFETY: the instructions are NEON's, and touch their registers only. The compiler would take their intrinsics apart
    // and add some products before the sums, with more instructions.
    unsafe {
        asm!(
            "smlal {low:v}.4s, {first:v}.4h, {words:v}.h[2 * {word}]",
            "smlal2 {high:v}.4s, {first:v}.8h, {words:v}.h[2 * {word}]",
            "smlal {low:v}.4s, {second:v}.4h, {words:v}.h[2 * {word} + 1]",
            "smlal2 {high:v}.4s, {second:v}.8h, {words:v}.h[2 * {word} + 1]",
            low = inout(vreg) low,
            high = inout(vreg) high,
            first = in(vreg) first,
            second = in(vreg) second,
            words = in(vreg_low16) words,
            word = const WORD,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    [low, high]
}

#[cfg(test)]
impl Neon {
    /// Products a second, in 10⁹, of independent sums that never leave the registers: the roof of the tiles.
    pub(super) fn peak<P: Product>(self) -> f64 {
        use std::hint::black_box;
        const ROUNDS: usize = 2_000_000;
        const ROWS: usize = 6;

        #[target_feature(enable = "neon,dotprod")]
        fn rounds<P: Product>() -> i32 {
            let words = [vdupq_n_u32(black_box(1)); ROWS];
            let line = black_box(Line([1; COLUMNS]));
            let mut sums = [[vdupq_n_s32(0); 4]; ROWS];
            for _ in 0..ROUNDS {
                // SAFETY: a line has the words of 4 · 4 columns.
                unsafe { add::<P, ROWS, 4, 0>(&mut sums, words, line.0.as_ptr()) }
            }
            let all = sums.into_iter().flatten();
            vaddvq_s32(all.fold(vdupq_n_s32(0), |a, b| veorq_s32(a, b)))
        }

        let started = std::time::Instant::now();
        // SAFETY: there is a `self` only where the features are.
        black_box(unsafe { rounds::<P>() });
        let products = ROUNDS * ROWS * COLUMNS * P::INPUTS;
        products as f64 / started.elapsed().as_secs_f64() / 1e9
    }
}
