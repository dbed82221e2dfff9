//! Tiles whose sums stay in 12 of the 16 registers, with the products that the processor has.

use super::super::{Kind, Line, Product, Rows};
#[cfg(test)]
use super::EVEX;
use super::{SIGNS, VNNI, bytes};
use std::arch::x86_64::*;
use std::hint::black_box;

/// # Safety
/// As [`tiles`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn signs<P: Product, const L: usize>(
    rows: Rows<P::Input>,
    panel: &[[Line; L]],
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    // SAFETY: the caller's contract.
    unsafe {
        match P::KIND {
            Kind::Bytes | Kind::Unsigned => {
                bytes::tiles::<P, L>(rows, panel, start, out, out_stride)
            }
            Kind::Floats => tiles::<P, L, SIGNS>(rows, panel, start, out, out_stride),
        }
    }
}

/// # Safety
/// As [`tiles`].
#[target_feature(enable = "avx2,fma,avxvnni")]
pub(super) unsafe fn vnni<P: Product, const L: usize>(
    rows: Rows<P::Input>,
    panel: &[[Line; L]],
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    // SAFETY: the caller's contract.
    unsafe { tiles::<P, L, VNNI>(rows, panel, start, out, out_stride) }
}

/// # Safety
/// As [`tiles`].
#[cfg(test)]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512vnni")]
pub(super) unsafe fn evex<P: Product, const L: usize>(
    rows: Rows<P::Input>,
    panel: &[[Line; L]],
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    // SAFETY: the caller's contract.
    unsafe { tiles::<P, L, EVEX>(rows, panel, start, out, out_stride) }
}

/// All rows, and all columns, one line at a time.
///
/// # Safety
/// The rows hold `panel.len()` words each; `start` points to 16 · `L` sums or nowhere; `out` to as many for each row,
/// `out_stride` sums apart. The processor has AVX2, FMA and the instructions of `DOT`.
#[inline(always)]
unsafe fn tiles<P: Product, const L: usize, const DOT: u8>(
    rows: Rows<P::Input>,
    panel: &[[Line; L]],
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    const MOST: usize = 6;
    let stride = rows.stride * size_of::<P::Input>();
    let numbers: *const u8 = rows.numbers.as_ptr().cast();
    for line in 0..L {
        let mut first = 0;
        while first < rows.count {
            let count = MOST.min(rows.count - first);
            // SAFETY: the caller's contract, for `count` rows from `first` and the columns of one line.
            unsafe {
                let rows = numbers.add(first * stride);
                let out = out.add(first * out_stride + 16 * line);
                let start = match start.is_null() {
                    true => start,
                    false => start.add(16 * line),
                };
                match count {
                    1 => tile::<P, 1, L, DOT>(rows, stride, panel, line, start, out, out_stride),
                    2 => tile::<P, 2, L, DOT>(rows, stride, panel, line, start, out, out_stride),
                    3 => tile::<P, 3, L, DOT>(rows, stride, panel, line, start, out, out_stride),
                    4 => tile::<P, 4, L, DOT>(rows, stride, panel, line, start, out, out_stride),
                    5 => tile::<P, 5, L, DOT>(rows, stride, panel, line, start, out, out_stride),
                    _ => tile::<P, 6, L, DOT>(rows, stride, panel, line, start, out, out_stride),
                }
            }
            first += count;
        }
    }
}

/// A tile of `R` rows × the 16 columns of line number `line`: 6 × 16 fill 12 of the 16 registers with sums.
///
/// # Safety
/// As [`tiles`].
#[inline(always)]
unsafe fn tile<P: Product, const R: usize, const L: usize, const DOT: u8>(
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
        let mut sums = [[_mm256_setzero_si256(); 2]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            let row = match start.is_null() {
                true => out.cast_const().add(r * out_stride),
                false => start,
            };
            for (c, sum) in sums.iter_mut().enumerate() {
                *sum = _mm256_loadu_si256(row.add(8 * c).cast());
            }
        }
        // As in AVX-512: no additions for the rows.
        let (third, fifth) = (black_box(3 * stride), black_box(5 * stride));
        let offsets = [0, stride, 2 * stride, third, 4 * stride, fifth];
        let mut rows = rows;
        for lines in panel {
            let columns: *const __m256i = lines[line].0.as_ptr().cast();
            let columns = [
                _mm256_load_si256(columns),
                _mm256_load_si256(columns.add(1)),
            ];
            for (sums, offset) in sums.iter_mut().zip(offsets) {
                let word = _mm256_set1_epi32(rows.add(offset).cast::<i32>().read_unaligned());
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = add::<P, DOT>(*sum, word, column);
                }
            }
            rows = rows.add(4);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, &sum) in sums.iter().enumerate() {
                _mm256_storeu_si256(out.add(r * out_stride + 8 * c).cast(), sum);
            }
        }
    }
}

/// # Safety
/// The processor has AVX2, FMA and the instructions of `DOT`.
#[inline(always)]
unsafe fn add<P: Product, const DOT: u8>(sums: __m256i, row: __m256i, columns: __m256i) -> __m256i {
    // SAFETY: the caller's contract.
    unsafe {
        match (P::KIND, DOT) {
            (Kind::Bytes | Kind::Unsigned, VNNI) => _mm256_dpbusd_avx_epi32(sums, row, columns),
            #[cfg(test)]
            (Kind::Bytes | Kind::Unsigned, EVEX) => _mm256_dpbusd_epi32(sums, row, columns),
            (Kind::Bytes | Kind::Unsigned, _) => unreachable!("there are other tiles"),
            (Kind::Floats, _) => {
                let (row, columns) = (_mm256_castsi256_ps(row), _mm256_castsi256_ps(columns));
                _mm256_castps_si256(_mm256_fmadd_ps(row, columns, _mm256_castsi256_ps(sums)))
            }
        }
    }
}
