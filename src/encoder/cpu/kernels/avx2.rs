//! AVX2 with FMA.

use super::{Kind, Line, Product, Rows, Simd, TALL, TALL_ROWS, Task, WIDE, WIDE_ROWS};
use std::arch::x86_64::*;

/// A processor with AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        has.then_some(Self(()))
    }

    pub(super) fn run(self, task: impl Task) {
        // SAFETY: there is a `self` only where `detect` has seen the features.
        unsafe { run(self, task) }
    }
}

#[target_feature(enable = "avx2,fma")]
fn run<T: Task>(simd: Avx2, task: T) {
    task.run(simd);
}

impl Simd for Avx2 {
    #[inline(always)]
    fn wide<P: Product>(
        self,
        rows: Rows<P::Input>,
        panel: &[[Line; 4]],
        start: &[P::Sum; WIDE],
        out: &mut [P::Sum],
        out_stride: usize,
    ) {
        assert!(rows.count <= WIDE_ROWS && rows.hold(panel.len(), P::INPUTS));
        assert!(out.len() >= (rows.count - 1) * out_stride + WIDE);
        // SAFETY: `self` says that the features are there; the assertions, that rows and output are long enough.
        unsafe {
            tiles::<P, 4>(
                rows,
                panel,
                start.as_ptr().cast(),
                out.as_mut_ptr().cast(),
                out_stride,
            )
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
        let start = [P::Sum::default(); TALL];
        // SAFETY: as above; `out` has a place for every row.
        unsafe {
            tiles::<P, 2>(
                rows,
                panel,
                start.as_ptr().cast(),
                out.as_mut_ptr().cast(),
                TALL,
            )
        }
    }

    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn prefetch(self, lines: &[[Line; 4]]) {
        for line in lines.as_flattened() {
            // SAFETY: a prefetch reads nothing that the program sees, and SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(line).cast()) }
        }
    }
}

/// All rows, three at a time, and all columns, one line at a time: six sums, and the words of three rows twice, fit
/// into 16 registers.
///
/// # Safety
/// The rows hold `panel.len()` words each; `start` points to 16 · `L` sums; `out` to as many for each row,
/// `out_stride` sums apart.
#[target_feature(enable = "avx2,fma")]
unsafe fn tiles<P: Product, const L: usize>(
    rows: Rows<P::Input>,
    panel: &[[Line; L]],
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    let stride = rows.stride * size_of::<P::Input>();
    let numbers: *const u8 = rows.numbers.as_ptr().cast();
    for line in 0..L {
        let mut first = 0;
        while first < rows.count {
            let tile = match rows.count - first {
                1 => tile::<P, 1, L>,
                2 => tile::<P, 2, L>,
                _ => tile::<P, 3, L>,
            };
            // SAFETY: the caller's contract, for up to three rows from `first` and the columns of one line.
            unsafe {
                let out = out.add(first * out_stride + 16 * line);
                tile(
                    numbers.add(first * stride),
                    stride,
                    panel,
                    line,
                    start.add(16 * line),
                    out,
                    out_stride,
                );
            }
            first += 3;
        }
    }
}

/// A tile of `R` rows × the 16 columns of line number `line`.
///
/// # Safety
/// As [`tiles`].
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<P: Product, const R: usize, const L: usize>(
    rows: *const u8,
    stride: usize,
    panel: &[[Line; L]],
    line: usize,
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        let start: [__m256i; 2] =
            std::array::from_fn(|c| _mm256_loadu_si256(start.add(8 * c).cast()));
        let mut sums = [start; R];
        let mut rows = rows;
        for lines in panel {
            let columns: *const __m256i = lines[line].0.as_ptr().cast();
            let words: [__m256i; R] = std::array::from_fn(|r| {
                _mm256_set1_epi32(rows.add(r * stride).cast::<i32>().read_unaligned())
            });
            for c in 0..2 {
                let column = _mm256_load_si256(columns.add(c));
                for r in 0..R {
                    sums[r][c] = add::<P>(sums[r][c], words[r], column);
                }
            }
            rows = rows.add(4);
        }
        for r in 0..R {
            for c in 0..2 {
                _mm256_storeu_si256(out.add(r * out_stride + 8 * c).cast(), sums[r][c]);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn add<P: Product>(sums: __m256i, row: __m256i, columns: __m256i) -> __m256i {
    match P::KIND {
        // vpmaddubsw would saturate: the bytes are widened first, the even ones and the odd ones by themselves.
        Kind::Bytes => {
            let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(columns));
            let odd = _mm256_srai_epi16::<8>(columns);
            let row_even = _mm256_and_si256(row, _mm256_set1_epi16(0xff));
            let row_odd = _mm256_srli_epi16::<8>(row);
            let products = _mm256_add_epi32(
                _mm256_madd_epi16(row_even, even),
                _mm256_madd_epi16(row_odd, odd),
            );
            _mm256_add_epi32(sums, products)
        }
        Kind::Shorts => _mm256_add_epi32(sums, _mm256_madd_epi16(row, columns)),
        Kind::Floats => {
            let (row, columns) = (_mm256_castsi256_ps(row), _mm256_castsi256_ps(columns));
            _mm256_castps_si256(_mm256_fmadd_ps(row, columns, _mm256_castsi256_ps(sums)))
        }
    }
}
