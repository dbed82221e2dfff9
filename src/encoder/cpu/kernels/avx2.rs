//! AVX2 with FMA, and AVX-VNNI where it is there.

mod bytes;
mod tiles;

use super::weights::{self, FRACTION, POLYNOMIAL};
use super::{LANES, Line, Product, Rows, Simd, TALL, TALL_ROWS, Task, WIDE, WIDE_ROWS};
use std::arch::x86_64::*;
use std::ptr;

/// Magnitudes of bytes times bytes with their signs.
pub(super) const SIGNS: u8 = 0;
/// The dot products of AVX-VNNI.
pub(super) const VNNI: u8 = 1;
/// The same dot products as AVX-512 encodes them: what tests run where there is no AVX-VNNI.
#[cfg(test)]
pub(super) const EVEX: u8 = 2;

/// A processor with AVX2, FMA and the dot products that `DOT` names.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx2<const DOT: u8>(());

impl<const DOT: u8> Avx2<DOT> {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let dot = match DOT {
            SIGNS => true,
            VNNI => is_x86_feature_detected!("avxvnni"),
            _ => is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni"),
        };
        (has && dot).then_some(Self(()))
    }

    pub(super) fn run(self, task: impl Task) {
        // SAFETY: there is a `self` only where `detect` has seen the features.
        unsafe { run(self, task) }
    }

    /// # Safety
    /// As [`tiles::signs`].
    #[inline(always)]
    unsafe fn tiles<P: Product, const L: usize>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; L]],
        start: *const i32,
        out: *mut i32,
        out_stride: usize,
    ) {
        let multiply = match DOT {
            SIGNS => tiles::signs::<P, L>,
            VNNI => tiles::vnni::<P, L>,
            #[cfg(test)]
            _ => tiles::evex::<P, L>,
            #[cfg(not(test))]
            _ => unreachable!(),
        };
        // SAFETY: `self` says that the features are there; the rest is the caller's contract.
        unsafe { multiply(rows, panel, start, out, out_stride) }
    }
}

/// Softmax weights of scores, as the reference in [`super::weights`] has them; returns their sum.
///
/// # Safety
/// There are as many weights as scores, and whole vectors of them.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn weigh(scores: &[i32], top: i32, bits: u32, out: &mut [u8]) -> i32 {
    let zero = _mm256_setzero_si256();
    let top = _mm256_set1_epi32(top);
    let (left, right) = (
        _mm_cvtsi32_si128(16 - bits as i32),
        _mm_cvtsi32_si128(bits as i32),
    );
    let first = _mm256_set1_epi16(POLYNOMIAL[0].cast_signed());
    let second = _mm256_set1_epi16(POLYNOMIAL[1].cast_signed());
    let one = _mm256_set1_epi16(u16::MAX.cast_signed());
    // Packing goes by halves of 128 bits: four tokens of the first vector, four of the second.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let [a, b, c, d] = weights::thresholds();
    let thresholds = _mm256_setr_epi64x(a, c, b, d);
    let mut sums = zero;
    let vectors = scores.as_chunks::<LANES>().0.iter();
    for (scores, out) in vectors.zip(out.as_chunks_mut::<LANES>().0) {
        let mut weights = [zero; 2];
        for half in 0..2 {
            let at: *const __m256i = scores[half * 16..].as_ptr().cast();
            // SAFETY: a vector has four quarters.
            let (low, high) = unsafe {
                (
                    _mm256_sub_epi32(top, _mm256_loadu_si256(at)),
                    _mm256_sub_epi32(top, _mm256_loadu_si256(at.add(1))),
                )
            };
            let fraction = _mm256_sll_epi16(_mm256_packus_epi32(low, high), left);
            let power = _mm256_sub_epi16(first, _mm256_mulhi_epu16(fraction, second));
            let power = _mm256_sub_epi16(one, _mm256_mulhi_epu16(fraction, power));
            // There are shifts by different numbers for words only.
            let weight = _mm256_packus_epi32(
                _mm256_srlv_epi32(
                    _mm256_unpacklo_epi16(power, zero),
                    _mm256_srl_epi32(low, right),
                ),
                _mm256_srlv_epi32(
                    _mm256_unpackhi_epi16(power, zero),
                    _mm256_srl_epi32(high, right),
                ),
            );
            weights[half] = _mm256_srli_epi16::<8>(_mm256_adds_epu16(weight, thresholds));
        }
        let packed = _mm256_packus_epi16(weights[0], weights[1]);
        let weights = _mm256_permutevar8x32_epi32(packed, order);
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(weights, zero));
        // SAFETY: the array has the length of the instruction's.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), weights) }
    }
    let mut lanes = [0i64; 4];
    // SAFETY: as above.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) }
    lanes.iter().sum::<i64>() as i32
}

#[target_feature(enable = "avx2,fma")]
fn run<const DOT: u8>(simd: Avx2<DOT>, task: impl Task) {
    task.run(simd);
}

/// An instruction on all quarters of vectors.
macro_rules! quarters {
    ($instruction:ident, $($v:expr),+) => {
        // SAFETY: a value of `Avx2` is there only where the features are.
        unsafe {
            [
                $instruction($($v[0]),+),
                $instruction($($v[1]),+),
                $instruction($($v[2]),+),
                $instruction($($v[3]),+),
            ]
        }
    };
}

impl<const DOT: u8> Avx2<DOT> {
    #[inline(always)]
    fn integers(self, numbers: &[i32; LANES]) -> [__m256i; 4] {
        let quarters = numbers.as_chunks::<8>().0;
        let at = [0, 1, 2, 3].map(|i| quarters[i].as_ptr().cast());
        quarters!(_mm256_loadu_si256, at)
    }
}

impl<const DOT: u8> Simd for Avx2<DOT> {
    type Vector = [__m256; 4];

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
        let start = start.map_or(ptr::null(), |start| start.as_ptr().cast());
        // SAFETY: the assertions say that rows and output are long enough.
        unsafe { self.tiles::<P, 4>(rows, panel, start, out.as_mut_ptr().cast(), out_stride) }
    }

    #[inline(always)]
    fn tall<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 2]],
        out: &mut [P::Sum; TALL * TALL_ROWS],
    ) {
        assert!(rows.count <= TALL_ROWS && rows.hold(panel.len(), P::INPUTS));
        let start = [P::Sum::default(); TALL];
        let start = start.as_ptr().cast();
        // SAFETY: as for `wide`; `out` has a place for every row.
        unsafe { self.tiles::<P, 2>(rows, panel, start, out.as_mut_ptr().cast(), TALL) }
    }

    #[inline(always)]
    fn top_i32(self, scores: &[i32]) -> i32 {
        // SAFETY: `self` says that the features are there.
        let mut tops = unsafe { [_mm256_set1_epi32(i32::MIN); 4] };
        for scores in scores.as_chunks().0 {
            tops = quarters!(_mm256_max_epi32, tops, self.integers(scores));
        }
        let mut lanes = [[i32::MIN; 8]; 4];
        for (lanes, tops) in lanes.iter_mut().zip(tops) {
            // SAFETY: as above; the array has the length of the instruction's.
            unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), tops) }
        }
        lanes
            .as_flattened()
            .iter()
            .copied()
            .fold(i32::MIN, i32::max)
    }

    #[inline(always)]
    fn weights(self, scores: &[i32], top: i32, bits: u32, out: &mut [u8]) -> i32 {
        assert!(
            scores.len() == out.len() && scores.len().is_multiple_of(LANES) && bits <= FRACTION
        );
        // SAFETY: `self` says that the features are there; the assertion, what the slices have.
        unsafe { weigh(scores, top, bits, out) }
    }

    #[inline(always)]
    fn prefetch(self, lines: &[[Line; 4]]) {
        for line in lines.as_flattened() {
            // SAFETY: a prefetch reads nothing that the program sees, and SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(ptr::from_ref(line).cast()) }
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Vector {
        // SAFETY: `self` says that the features are there.
        unsafe { [_mm256_set1_ps(x); 4] }
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; LANES]) -> Self::Vector {
        let quarters = numbers.as_chunks::<8>().0;
        let at = [0, 1, 2, 3].map(|i| quarters[i].as_ptr());
        quarters!(_mm256_loadu_ps, at)
    }

    #[inline(always)]
    fn store(self, v: Self::Vector, out: &mut [f32; LANES]) {
        for (out, v) in out.as_chunks_mut::<8>().0.iter_mut().zip(v) {
            // SAFETY: as above; the array has the length of the instruction's.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) }
        }
    }

    #[inline(always)]
    fn load_i32(self, numbers: &[i32; LANES]) -> Self::Vector {
        quarters!(_mm256_cvtepi32_ps, self.integers(numbers))
    }

    #[inline(always)]
    fn store_u8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        let v = quarters!(_mm256_cvtps_epi32, v);
        // SAFETY: as above.
        unsafe {
            let low = _mm256_packs_epi32(v[0], v[1]);
            let high = _mm256_packs_epi32(v[2], v[3]);
            // Both packings go by halves of 128 bits.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order);
            _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn store_i8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        let v = quarters!(_mm256_cvtps_epi32, v);
        // SAFETY: as above.
        unsafe {
            let low = _mm256_packs_epi32(v[0], v[1]);
            let high = _mm256_packs_epi32(v[2], v[3]);
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
            _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes);
        }
    }

    #[inline(always)]
    fn store_half(self, v: Self::Vector, out: &mut [u16; LANES]) {
        let at: *mut __m256i = out.as_mut_ptr().cast();
        for half in 0..2 {
            // SAFETY: as above.
            unsafe {
                let round = _mm256_set1_epi32(1 << 15);
                let low = _mm256_add_epi32(_mm256_castps_si256(v[2 * half]), round);
                let high = _mm256_add_epi32(_mm256_castps_si256(v[2 * half + 1]), round);
                let (low, high) = (_mm256_srli_epi32::<16>(low), _mm256_srli_epi32::<16>(high));
                let shorts = _mm256_packus_epi32(low, high);
                let shorts = _mm256_permute4x64_epi64::<0b11_01_10_00>(shorts);
                _mm256_storeu_si256(at.add(half), shorts);
            }
        }
    }

    #[inline(always)]
    fn load_half(self, halves: &[u16; LANES]) -> Self::Vector {
        let eights = halves.as_chunks::<8>().0;
        let at = [0, 1, 2, 3].map(|i| eights[i].as_ptr().cast());
        let halves = quarters!(_mm_loadu_si128, at);
        let bits = quarters!(_mm256_cvtepu16_epi32, halves);
        let bits = quarters!(upper, bits);
        quarters!(_mm256_castsi256_ps, bits)
    }

    #[inline(always)]
    fn store_words(self, v: [Self::Vector; 4], out: &mut [Line; 2]) {
        let [a, b, c, d] = v;
        let [a, b] = [
            quarters!(_mm256_cvtps_epi32, a),
            quarters!(_mm256_cvtps_epi32, b),
        ];
        let [c, d] = [
            quarters!(_mm256_cvtps_epi32, c),
            quarters!(_mm256_cvtps_epi32, d),
        ];
        let at: *mut __m256i = out.as_mut_ptr().cast();
        for quarter in 0..4 {
            // SAFETY: as above; two lines have room for four vectors, and their type aligns them.
            unsafe {
                let first = _mm256_packs_epi32(a[quarter], b[quarter]);
                let second = _mm256_packs_epi32(c[quarter], d[quarter]);
                // Four bytes of each in each half, to words of one byte of each.
                let bytes = _mm256_packs_epi16(first, second);
                let order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let words = _mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(order));
                _mm256_store_si256(at.add(quarter), words);
            }
        }
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        quarters!(_mm256_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        quarters!(_mm256_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        quarters!(_mm256_mul_ps, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        quarters!(_mm256_div_ps, a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        quarters!(_mm256_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        quarters!(_mm256_max_ps, a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        quarters!(_mm256_min_ps, a, b)
    }

    #[inline(always)]
    fn abs(self, v: Self::Vector) -> Self::Vector {
        quarters!(_mm256_andnot_ps, self.splat(-0.0), v)
    }

    #[inline(always)]
    fn fraction(self, x: Self::Vector) -> Self::Vector {
        self.sub(x, quarters!(_mm256_floor_ps, x))
    }

    #[inline(always)]
    fn scale(self, v: Self::Vector, x: Self::Vector) -> Self::Vector {
        let x = self.max(x, self.splat(-126.0));
        let powers = quarters!(_mm256_floor_ps, x);
        let powers = quarters!(_mm256_cvtps_epi32, powers);
        let powers = quarters!(shift, powers);
        let v = quarters!(_mm256_castps_si256, v);
        let v = quarters!(_mm256_add_epi32, v, powers);
        quarters!(_mm256_castsi256_ps, v)
    }

    #[inline(always)]
    fn sum(self, v: Self::Vector) -> f32 {
        // SAFETY: as above.
        unsafe {
            let eight = _mm256_add_ps(_mm256_add_ps(v[0], v[1]), _mm256_add_ps(v[2], v[3]));
            let four = _mm_add_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }

    #[inline(always)]
    fn top(self, v: Self::Vector) -> f32 {
        // SAFETY: as above.
        unsafe {
            let eight = _mm256_max_ps(_mm256_max_ps(v[0], v[1]), _mm256_max_ps(v[2], v[3]));
            let four = _mm_max_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

/// Halves to where they came from.
#[target_feature(enable = "avx2")]
#[inline]
fn upper(halves: __m256i) -> __m256i {
    _mm256_slli_epi32::<16>(halves)
}

/// Integers to exponents.
#[target_feature(enable = "avx2")]
#[inline]
fn shift(steps: __m256i) -> __m256i {
    _mm256_slli_epi32::<23>(steps)
}
