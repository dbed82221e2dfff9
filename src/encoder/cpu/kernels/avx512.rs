//! AVX-512 with VNNI.

mod tiles;

use super::weights::{self, FRACTION, POLYNOMIAL};
use super::{COLUMNS, LANES, Line, Product, Rows, Simd, TALL, TALL_ROWS, Task, WIDE, WIDE_ROWS};
use std::arch::x86_64::*;
use std::ptr;
use tiles::tile;

/// A processor with AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("fma");
        has.then_some(Self(()))
    }

    pub(super) fn run(self, task: impl Task) {
        // SAFETY: there is a `self` only where `detect` has seen the features.
        unsafe { run(self, task) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
fn run<T: Task>(simd: Avx512, task: T) {
    task.run(simd);
}

/// An instruction on both halves of vectors.
macro_rules! halves {
    ($instruction:ident, $($v:expr),+) => {
        // SAFETY: a value of `Avx512` is there only where the features are.
        unsafe { [$instruction($($v[0]),+), $instruction($($v[1]),+)] }
    };
}

impl Avx512 {
    #[inline(always)]
    fn integers(self, numbers: &[i32; LANES]) -> [__m512i; 2] {
        let at: *const __m512i = numbers.as_ptr().cast();
        // SAFETY: `self` says that the features are there; the array has two halves.
        unsafe { [_mm512_loadu_si512(at), _mm512_loadu_si512(at.add(1))] }
    }
}

impl Simd for Avx512 {
    type Vector = [__m512; 2];

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
        let tile = match rows.count {
            1 => tile::<P, 1, 4>,
            2 => tile::<P, 2, 4>,
            3 => tile::<P, 3, 4>,
            4 => tile::<P, 4, 4>,
            5 => tile::<P, 5, 4>,
            _ => tile::<P, 6, 4>,
        };
        // SAFETY: `self` says that the features are there; the assertions, that rows and output are long enough.
        unsafe {
            tile(
                rows.numbers.as_ptr().cast(),
                rows.stride * size_of::<P::Input>(),
                panel,
                start.map_or(ptr::null(), |start| start.as_ptr().cast()),
                out.as_mut_ptr().cast(),
                out_stride,
            );
        }
    }

    #[inline(always)]
    fn tall<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 2]],
        out: &mut [P::Sum; TALL * TALL_ROWS],
    ) {
        assert!(rows.count <= TALL_ROWS && rows.hold(panel.len(), P::INPUTS));
        let tile = match rows.count {
            1 => tile::<P, 1, 2>,
            2 => tile::<P, 2, 2>,
            3 => tile::<P, 3, 2>,
            4 => tile::<P, 4, 2>,
            5 => tile::<P, 5, 2>,
            6 => tile::<P, 6, 2>,
            7 => tile::<P, 7, 2>,
            8 => tile::<P, 8, 2>,
            9 => tile::<P, 9, 2>,
            10 => tile::<P, 10, 2>,
            11 => tile::<P, 11, 2>,
            _ => tile::<P, 12, 2>,
        };
        let start = [P::Sum::default(); TALL];
        // SAFETY: as for `wide`; `out` has a place for every row.
        unsafe {
            tile(
                rows.numbers.as_ptr().cast(),
                rows.stride * size_of::<P::Input>(),
                panel,
                start.as_ptr().cast(),
                out.as_mut_ptr().cast(),
                TALL,
            );
        }
    }

    #[inline(always)]
    fn columns<P: Product>(self, rows: Rows<P::Input>, lines: &mut [[Line; 4]], line: usize) {
        let whole = lines.len().next_multiple_of(COLUMNS);
        assert!(rows.count == COLUMNS && rows.hold(whole, P::INPUTS));
        let stride = rows.stride * size_of::<P::Input>();
        let numbers: *const u8 = rows.numbers.as_ptr().cast();
        for (block, lines) in lines.chunks_mut(COLUMNS).enumerate() {
            // SAFETY: `self` says that the features are there; the assertion, that every row has these words.
            unsafe { transpose(numbers.add(block * 4 * COLUMNS), stride, lines, line) }
        }
    }

    #[inline(always)]
    fn top_i32(self, scores: &[i32]) -> i32 {
        // SAFETY: `self` says that the features are there.
        let mut tops = unsafe { [_mm512_set1_epi32(i32::MIN); 2] };
        for scores in scores.as_chunks().0 {
            tops = halves!(_mm512_max_epi32, tops, self.integers(scores));
        }
        // SAFETY: as above.
        unsafe { _mm512_reduce_max_epi32(_mm512_max_epi32(tops[0], tops[1])) }
    }

    #[inline(always)]
    fn weights(self, scores: &[i32], top: i32, bits: u32, out: &mut [u8]) -> i32 {
        assert!(scores.len() == out.len() && scores.len().is_multiple_of(WIDE) && bits <= FRACTION);
        // SAFETY: `self` says that the features are there; the assertion, what the slices have.
        unsafe { weigh(scores, top, bits, out) }
    }

    #[inline(always)]
    fn prefetch(self, lines: &[[Line; 4]]) {
        for line in lines.as_flattened() {
            // SAFETY: a prefetch reads nothing that the program sees, and SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(line).cast()) }
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Vector {
        // SAFETY: `self` says that the features are there.
        unsafe { [_mm512_set1_ps(x); 2] }
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; LANES]) -> Self::Vector {
        let at = numbers.as_ptr();
        // SAFETY: as above; the array has two halves.
        unsafe { [_mm512_loadu_ps(at), _mm512_loadu_ps(at.add(16))] }
    }

    #[inline(always)]
    fn store(self, v: Self::Vector, out: &mut [f32; LANES]) {
        let at = out.as_mut_ptr();
        // SAFETY: as above.
        unsafe {
            _mm512_storeu_ps(at, v[0]);
            _mm512_storeu_ps(at.add(16), v[1]);
        }
    }

    #[inline(always)]
    fn load_i32(self, numbers: &[i32; LANES]) -> Self::Vector {
        halves!(_mm512_cvtepi32_ps, self.integers(numbers))
    }

    #[inline(always)]
    fn store_u8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        let bytes = halves!(_mm512_cvtps_epi32, v);
        let bytes = halves!(_mm512_cvtepi32_epi8, bytes);
        let at: *mut __m128i = out.as_mut_ptr().cast();
        // SAFETY: as above.
        unsafe {
            _mm_storeu_si128(at, bytes[0]);
            _mm_storeu_si128(at.add(1), bytes[1]);
        }
    }

    #[inline(always)]
    fn store_i8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        // What is left of an integer when all but its lowest byte is cut off is the same with a sign and without.
        self.store_u8(v, out);
    }

    #[inline(always)]
    fn store_half(self, v: Self::Vector, out: &mut [u16; LANES]) {
        let bits = halves!(_mm512_castps_si512, v);
        // SAFETY: as above.
        unsafe {
            let round = _mm512_set1_epi32(1 << 15);
            let first = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits[0], round));
            let second = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits[1], round));
            let at: *mut __m256i = out.as_mut_ptr().cast();
            _mm256_storeu_si256(at, _mm512_cvtepi32_epi16(first));
            _mm256_storeu_si256(at.add(1), _mm512_cvtepi32_epi16(second));
        }
    }

    #[inline(always)]
    fn load_half(self, halves: &[u16; LANES]) -> Self::Vector {
        // SAFETY: as above; the array has two halves.
        unsafe {
            let at: *const __m256i = halves.as_ptr().cast();
            let first = _mm512_cvtepu16_epi32(_mm256_loadu_si256(at));
            let second = _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.add(1)));
            [
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(first)),
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(second)),
            ]
        }
    }

    #[inline(always)]
    fn store_words(self, v: [Self::Vector; 4], out: &mut [Line; 2]) {
        let [a, b, c, d] = v;
        let [a, b] = [
            halves!(_mm512_cvtps_epi32, a),
            halves!(_mm512_cvtps_epi32, b),
        ];
        let [c, d] = [
            halves!(_mm512_cvtps_epi32, c),
            halves!(_mm512_cvtps_epi32, d),
        ];
        for (half, line) in out.iter_mut().enumerate() {
            // SAFETY: as above; a line is a vector, aligned by its type.
            unsafe {
                let first = _mm512_packs_epi32(a[half], b[half]);
                let second = _mm512_packs_epi32(c[half], d[half]);
                // Four bytes of each in each part of 128 bits, to words of one byte of each.
                let bytes = _mm512_packs_epi16(first, second);
                let order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let words = _mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(order));
                _mm512_store_si512(line.0.as_mut_ptr().cast(), words);
            }
        }
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        halves!(_mm512_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        halves!(_mm512_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        halves!(_mm512_mul_ps, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        halves!(_mm512_div_ps, a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        halves!(_mm512_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        halves!(_mm512_max_ps, a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        halves!(_mm512_min_ps, a, b)
    }

    #[inline(always)]
    fn abs(self, v: Self::Vector) -> Self::Vector {
        halves!(_mm512_abs_ps, v)
    }

    const FINDS: bool = true;

    #[inline(always)]
    fn find(self, table: &[f32; LANES], at: Self::Vector) -> Self::Vector {
        let table = self.load(table);
        // SAFETY: `self` says that the features are there.
        unsafe {
            let [first, second] = at;
            [
                _mm512_permutex2var_ps(table[0], _mm512_castps_si512(first), table[1]),
                _mm512_permutex2var_ps(table[0], _mm512_castps_si512(second), table[1]),
            ]
        }
    }

    #[inline(always)]
    fn fraction(self, x: Self::Vector) -> Self::Vector {
        halves!(fraction, x)
    }

    #[inline(always)]
    fn scale(self, v: Self::Vector, x: Self::Vector) -> Self::Vector {
        halves!(_mm512_scalef_ps, v, x)
    }

    #[inline(always)]
    fn sum(self, v: Self::Vector) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_add_ps(_mm512_add_ps(v[0], v[1])) }
    }

    #[inline(always)]
    fn top(self, v: Self::Vector) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_max_ps(_mm512_max_ps(v[0], v[1])) }
    }
}

/// Softmax weights of scores, as the reference in [`super::weights`] has them; returns their sum.
///
/// # Safety
/// There are as many weights as scores, and whole panels of them.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
unsafe fn weigh(scores: &[i32], top: i32, bits: u32, out: &mut [u8]) -> i32 {
    let top = _mm512_set1_epi32(top);
    let (left, right) = (
        _mm512_set1_epi16(16 - bits as i16),
        _mm512_set1_epi16(bits as i16),
    );
    let first = _mm512_set1_epi16(POLYNOMIAL[0].cast_signed());
    let second = _mm512_set1_epi16(POLYNOMIAL[1].cast_signed());
    let one = _mm512_set1_epi16(u16::MAX.cast_signed());
    // Packing goes by parts of 128 bits: four tokens of the first vector, four of the second and so on.
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let [a, b, c, d] = weights::thresholds();
    let thresholds = _mm512_setr_epi64(a, a, b, b, c, c, d, d);
    let mut sums = _mm512_setzero_si512();
    let panels = scores.as_chunks::<WIDE>().0.iter();
    for (scores, out) in panels.zip(out.as_chunks_mut::<WIDE>().0) {
        let mut weights = [_mm512_setzero_si512(); 2];
        for half in 0..2 {
            let at: *const __m512i = scores[half * LANES..].as_ptr().cast();
            // SAFETY: a panel has four vectors.
            let distance = unsafe {
                _mm512_packus_epi32(
                    _mm512_sub_epi32(top, _mm512_loadu_si512(at)),
                    _mm512_sub_epi32(top, _mm512_loadu_si512(at.add(1))),
                )
            };
            let fraction = _mm512_sllv_epi16(distance, left);
            let power = _mm512_sub_epi16(first, _mm512_mulhi_epu16(fraction, second));
            let power = _mm512_sub_epi16(one, _mm512_mulhi_epu16(fraction, power));
            let weight = _mm512_srlv_epi16(power, _mm512_srlv_epi16(distance, right));
            weights[half] = _mm512_srli_epi16::<8>(_mm512_adds_epu16(weight, thresholds));
        }
        let packed = _mm512_packus_epi16(weights[0], weights[1]);
        let weights = _mm512_permutexvar_epi32(order, packed);
        sums = _mm512_dpbusd_epi32(sums, weights, _mm512_set1_epi8(1));
        // SAFETY: the array has the length of the instruction's.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), weights) }
    }
    _mm512_reduce_add_epi32(sums)
}

/// 16 words of 16 rows, the words side by side, to up to 16 lines, the rows side by side.
///
/// # Safety
/// `rows` points to the first word of the first of 16 rows of 16 words, `stride` bytes apart.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn transpose(rows: *const u8, stride: usize, lines: &mut [[Line; 4]], line: usize) {
    let mut a = [_mm512_setzero_si512(); COLUMNS];
    for (row, a) in a.iter_mut().enumerate() {
        // SAFETY: the caller's contract.
        *a = unsafe { _mm512_loadu_si512(rows.add(row * stride).cast()) };
    }
    let mut b = a;
    for i in (0..COLUMNS).step_by(2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
    for i in (0..COLUMNS).step_by(4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    // Now each part of 128 bits of `a[4 i + j]` has word j of its four for rows 4 i to 4 i + 3.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    for j in 0..4 {
        let low = [
            _mm512_shuffle_i32x4::<EVEN>(a[j], a[j + 4]),
            _mm512_shuffle_i32x4::<EVEN>(a[j + 8], a[j + 12]),
        ];
        let high = [
            _mm512_shuffle_i32x4::<ODD>(a[j], a[j + 4]),
            _mm512_shuffle_i32x4::<ODD>(a[j + 8], a[j + 12]),
        ];
        b[j] = _mm512_shuffle_i32x4::<EVEN>(low[0], low[1]);
        b[j + 4] = _mm512_shuffle_i32x4::<EVEN>(high[0], high[1]);
        b[j + 8] = _mm512_shuffle_i32x4::<ODD>(low[0], low[1]);
        b[j + 12] = _mm512_shuffle_i32x4::<ODD>(high[0], high[1]);
    }
    for (lines, words) in lines.iter_mut().zip(b) {
        // SAFETY: a line is a vector, aligned by its type.
        unsafe { _mm512_store_si512(lines[line].0.as_mut_ptr().cast(), words) }
    }
}

#[target_feature(enable = "avx512dq")]
#[inline]
fn fraction(x: __m512) -> __m512 {
    _mm512_reduce_ps::<{ _MM_FROUND_TO_NEG_INF }>(x)
}
