//! AVX-512 with VNNI.

use super::{
    COLUMNS, Kind, LANES, Line, Product, Rows, Simd, TALL, TALL_ROWS, Task, WIDE, WIDE_ROWS,
};
use std::arch::x86_64::*;
use std::array::from_fn;
use std::hint::black_box;
use std::ptr;

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
        assert!(rows.count == COLUMNS && rows.hold(lines.len(), P::INPUTS));
        let stride = rows.stride * size_of::<P::Input>();
        for (word, lines) in lines.iter_mut().enumerate() {
            // SAFETY: `self` says that the features are there; the assertion, that every row has the word. A line is a
            // vector, aligned by its type.
            unsafe {
                let rows = rows.numbers.as_ptr().cast::<i32>().add(word);
                let offsets =
                    _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
                let offsets = _mm512_mullo_epi32(offsets, _mm512_set1_epi32(stride as i32));
                let words = _mm512_i32gather_epi32::<1>(offsets, rows);
                _mm512_store_si512(lines[line].0.as_mut_ptr().cast(), words);
            }
        }
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
        let at: *const __m512i = numbers.as_ptr().cast();
        // SAFETY: as above.
        let numbers = unsafe { [_mm512_loadu_si512(at), _mm512_loadu_si512(at.add(1))] };
        halves!(_mm512_cvtepi32_ps, numbers)
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
    fn store_i16(self, v: Self::Vector, out: &mut [i16; LANES]) {
        let v = halves!(_mm512_cvtps_epi32, v);
        // SAFETY: as above.
        unsafe {
            // Packing goes by parts of 128 bits.
            let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
            let shorts = _mm512_permutexvar_epi64(order, _mm512_packs_epi32(v[0], v[1]));
            _mm512_storeu_si512(out.as_mut_ptr().cast(), shorts);
        }
    }

    #[inline(always)]
    fn store_pairs(self, first: Self::Vector, second: Self::Vector, out: &mut [Line; 2]) {
        let first = halves!(_mm512_cvtps_epi32, first);
        let second = halves!(_mm512_cvtps_epi32, second);
        for ((line, first), second) in out.iter_mut().zip(first).zip(second) {
            // SAFETY: as above; a line is a vector, aligned by its type.
            unsafe {
                let second = _mm512_slli_epi32::<16>(second);
                let words = _mm512_mask_blend_epi16(0xaaaa_aaaa, first, second);
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

#[target_feature(enable = "avx512dq")]
#[inline]
fn fraction(x: __m512) -> __m512 {
    _mm512_reduce_ps::<{ _MM_FROUND_TO_NEG_INF }>(x)
}

/// A tile of `R` rows × 16 · `L` columns: 6 × 64 or 12 × 32 fill 24 of the 32 registers with sums.
///
/// # Safety
/// `rows` points to `R` rows, `stride` bytes apart, of at least `panel.len()` words; `start` to 16 · `L` sums or nowhere;
/// `out` to `R` rows of as many, `out_stride` sums apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
unsafe fn tile<P: Product, const R: usize, const L: usize>(
    rows: *const u8,
    stride: usize,
    panel: &[[Line; L]],
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    // SAFETY: the caller's contract; lines are aligned to 64 bytes by their type.
    unsafe {
        let mut sums: [[__m512i; L]; R] = from_fn(|r| {
            let row = match start.is_null() {
                true => out.cast_const().add(r * out_stride),
                false => start,
            };
            from_fn(|c| _mm512_loadu_si512(row.add(16 * c).cast()))
        });
        // Offsets that the compiler cannot see through: it would step from row to row with additions, which compete
        // with the products for the same ports.
        let (third, fifth, sixth) = (
            black_box(3 * stride),
            black_box(5 * stride),
            black_box(6 * stride),
        );
        let mut rows = rows;
        for lines in panel {
            let columns: [__m512i; L] =
                from_fn(|c| _mm512_load_si512(lines.as_ptr().add(c).cast()));
            for r in 0..R {
                let row = rows.add(if r < 6 { 0 } else { sixth });
                let row = row.add([0, stride, 2 * stride, third, 4 * stride, fifth][r % 6]);
                let word = _mm512_set1_epi32(row.cast::<i32>().read_unaligned());
                for c in 0..L {
                    sums[r][c] = add::<P>(sums[r][c], word, columns[c]);
                }
            }
            rows = rows.add(4);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, &sum) in sums.iter().enumerate() {
                _mm512_storeu_si512(out.add(r * out_stride + 16 * c).cast(), sum);
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
#[inline]
fn add<P: Product>(sums: __m512i, row: __m512i, columns: __m512i) -> __m512i {
    match P::KIND {
        Kind::Bytes => _mm512_dpbusd_epi32(sums, row, columns),
        Kind::Shorts => _mm512_dpwssd_epi32(sums, row, columns),
        Kind::Floats => {
            let (row, columns) = (_mm512_castsi512_ps(row), _mm512_castsi512_ps(columns));
            _mm512_castps_si512(_mm512_fmadd_ps(row, columns, _mm512_castsi512_ps(sums)))
        }
    }
}

#[cfg(test)]
impl Avx512 {
    /// Products a second, in 10⁹, of independent sums that never leave the registers: the roof of the tiles.
    pub(super) fn peak<P: Product>(self) -> f64 {
        const ROUNDS: usize = 2_000_000;
        const SUMS: usize = 24;

        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
        fn rounds<P: Product>() -> i32 {
            let word = _mm512_set1_epi32(black_box(1));
            let mut sums = [_mm512_setzero_si512(); SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = add::<P>(*sum, word, word);
                }
            }
            let all = sums
                .into_iter()
                .fold(_mm512_setzero_si512(), |a, b| _mm512_xor_si512(a, b));
            _mm512_reduce_add_epi32(all)
        }

        let started = std::time::Instant::now();
        // SAFETY: there is a `self` only where the features are.
        black_box(unsafe { rounds::<P>() });
        let products = ROUNDS * SUMS * 16 * P::INPUTS;
        products as f64 / started.elapsed().as_secs_f64() / 1e9
    }
}
