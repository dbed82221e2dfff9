//! Tiles of bytes without an instruction for dot products of bytes.
//!
//! `vpmaddubsw` multiplies unsigned bytes by signed ones and adds up two products in 16 bits. With the bytes of a row, from 0 to 255,
//! it would saturate. So the unsigned bytes are the magnitudes of the column's, and the signed ones the row's, less 128: of a number
//! s of the row and w of the column, s · w is s · |w|, or where w is negative −s · |w|, which is !s · |w| + |w|. What is added
//! there is the same for every row: the sums start from it. No two products are then beyond 16 bits, whatever the bytes.

use super::super::{COLUMNS, Kind, Line, Product, Rows};
use std::arch::x86_64::*;
use std::array::from_fn;
use std::hint::black_box;

/// Rows of a tile, and its columns: for twice the columns there are registers with three rows only.
const ROWS: usize = 6;
const WIDTH: usize = 8;

/// All rows and columns of a product of bytes.
///
/// # Safety
/// The rows hold four bytes for each of `panel`; `start` points to 16 · `L` sums or nowhere; `out` to as many for each
/// row, `out_stride` sums apart. The processor has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn tiles<P: Product, const L: usize>(
    rows: Rows<P::Input>,
    panel: &[[Line; L]],
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    let numbers: *const u8 = rows.numbers.as_ptr().cast();
    for first in (0..rows.count).step_by(ROWS) {
        let tile = match ROWS.min(rows.count - first) {
            1 => tile::<P, 1, L>,
            2 => tile::<P, 2, L>,
            3 => tile::<P, 3, L>,
            4 => tile::<P, 4, L>,
            5 => tile::<P, 5, L>,
            _ => tile::<P, 6, L>,
        };
        for column in (0..COLUMNS * L).step_by(WIDTH) {
            // SAFETY: the caller's contract, for some rows from `first` on and some columns from `column` on.
            unsafe {
                let numbers = numbers.add(first * rows.stride);
                let out = out.add(first * out_stride + column);
                let start = match start.is_null() {
                    true => start,
                    false => start.add(column),
                };
                tile(numbers, rows.stride, panel, column, start, out, out_stride);
            }
        }
    }
}

/// A tile of `R` rows × the columns from `column` on.
///
/// # Safety
/// As [`tiles`], for that many rows and columns.
#[target_feature(enable = "avx2")]
unsafe fn tile<P: Product, const R: usize, const L: usize>(
    rows: *const u8,
    stride: usize,
    panel: &[[Line; L]],
    column: usize,
    start: *const i32,
    out: *mut i32,
    out_stride: usize,
) {
    let zero = _mm256_setzero_si256();
    // SAFETY: the caller's contract; eight columns are half of a line, which is aligned to 64 bytes by its type.
    unsafe {
        let mut sums: [__m256i; R] = from_fn(|r| {
            let row = match start.is_null() {
                true => out.cast_const().add(r * out_stride),
                false => start,
            };
            _mm256_loadu_si256(row.cast())
        });
        // What a row of zeros gives, which are not 128 here.
        let mut nothing = zero;
        let (third, fifth) = (black_box(3 * stride), black_box(5 * stride));
        let offsets = [0, stride, 2 * stride, third, 4 * stride, fifth];
        let mut rows = rows;
        for lines in panel {
            let columns: *const i32 = lines.as_ptr().cast();
            let columns = _mm256_load_si256(columns.add(column).cast());
            let magnitudes = _mm256_abs_epi8(columns);
            // Less 128, and the complement where the column is negative.
            let flips = _mm256_cmpgt_epi8(zero, columns);
            let flips = _mm256_xor_si256(flips, _mm256_set1_epi8(-128));
            if P::KIND == Kind::Unsigned {
                nothing = add(nothing, zero, magnitudes, flips);
            }
            for (sum, offset) in sums.iter_mut().zip(offsets) {
                let word = _mm256_set1_epi32(rows.add(offset).cast::<i32>().read_unaligned());
                *sum = add(*sum, word, magnitudes, flips);
            }
            rows = rows.add(4);
        }
        for (r, sum) in sums.into_iter().enumerate() {
            let out = out.add(r * out_stride).cast();
            _mm256_storeu_si256(out, _mm256_sub_epi32(sum, nothing));
        }
    }
}

/// Adds the products of a row's bytes and a column's.
#[target_feature(enable = "avx2")]
#[inline]
fn add(sums: __m256i, row: __m256i, magnitudes: __m256i, flips: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(magnitudes, _mm256_xor_si256(row, flips));
    let products = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    _mm256_add_epi32(sums, products)
}

#[cfg(test)]
impl super::Avx2<{ super::SIGNS }> {
    /// Products a second, in 10⁹, of independent sums that never leave the registers: the roof of the tiles.
    pub(in super::super) fn peak<P: Product>(self) -> f64 {
        const ROUNDS: usize = 2_000_000;
        const SUMS: usize = 12;

        #[target_feature(enable = "avx2,fma")]
        fn rounds<P: Product>() -> i32 {
            let row = _mm256_set1_epi32(black_box(1));
            let float = _mm256_castsi256_ps(row);
            let mut sums = [_mm256_setzero_si256(); SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = match P::KIND {
                        // Not of the same row again and again: its products would be computed once.
                        Kind::Bytes | Kind::Unsigned => add(*sum, *sum, row, row),
                        Kind::Floats => {
                            let sum = _mm256_castsi256_ps(*sum);
                            _mm256_castps_si256(_mm256_fmadd_ps(float, float, sum))
                        }
                    };
                }
            }
            let all = sums.into_iter().reduce(|a, b| _mm256_xor_si256(a, b));
            _mm256_extract_epi32::<0>(all.unwrap_or(row))
        }

        let started = std::time::Instant::now();
        // SAFETY: there is a `self` only where the features are.
        black_box(unsafe { rounds::<P>() });
        let products = ROUNDS * SUMS * 8 * P::INPUTS;
        products as f64 / started.elapsed().as_secs_f64() / 1e9
    }
}
