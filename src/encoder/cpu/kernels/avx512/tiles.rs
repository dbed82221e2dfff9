//! Tiles whose sums stay in 24 of the 32 registers: each word of a row is broadcast and meets all columns.

use super::super::{Kind, Line, Product};
use std::arch::x86_64::*;
use std::array::from_fn;
use std::hint::black_box;

/// How many bytes rows are apart. The compiler cannot see through some: it would step from row to row with additions, which
/// compete with the products for the same ports.
#[derive(Clone, Copy)]
struct Steps {
    one: usize,
    three: usize,
    five: usize,
    six: usize,
}

impl Steps {
    #[inline(always)]
    fn new(one: usize) -> Self {
        Self {
            one,
            three: black_box(3 * one),
            five: black_box(5 * one),
            six: black_box(6 * one),
        }
    }
}

/// A tile of `R` rows × 16 · `L` columns: 6 × 64 or 12 × 32 sums fill 24 of the 32 registers.
///
/// # Safety
/// `rows` points to `R` rows, `stride` bytes apart, of at least `panel.len()` words; `start` to 16 · `L` sums or nowhere;
/// `out` to `R` rows of as many, `out_stride` sums apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma")]
pub(super) unsafe fn tile<P: Product, const R: usize, const L: usize>(
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
        let Steps {
            one,
            three,
            five,
            six,
        } = Steps::new(stride);
        let mut rows = rows;
        for lines in panel {
            let columns: [__m512i; L] =
                from_fn(|c| _mm512_load_si512(lines.as_ptr().add(c).cast()));
            for r in 0..R {
                let row = rows.add(if r < 6 { 0 } else { six });
                let row = row.add([0, one, 2 * one, three, 4 * one, five][r % 6]);
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
        Kind::Bytes | Kind::Unsigned => _mm512_dpbusd_epi32(sums, row, columns),
        Kind::Floats => {
            let (row, columns) = (_mm512_castsi512_ps(row), _mm512_castsi512_ps(columns));
            _mm512_castps_si512(_mm512_fmadd_ps(row, columns, _mm512_castsi512_ps(sums)))
        }
    }
}

#[cfg(test)]
impl super::Avx512 {
    /// Products a second, in 10⁹, of independent sums that never leave the registers: the roof of the tiles.
    pub(in super::super) fn peak<P: Product>(self) -> f64 {
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
