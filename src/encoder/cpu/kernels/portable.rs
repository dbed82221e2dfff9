//! The reference, in plain Rust for every processor.

use super::{Line, Product, Rows, Simd, TALL, TALL_ROWS, WIDE, WIDE_ROWS};

/// No instructions in particular.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Portable;

impl Simd for Portable {
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
        for row in 0..rows.count {
            let out = &mut out[row * out_stride..][..WIDE];
            out.copy_from_slice(start);
            tile::<P, 4>(&rows.numbers[row * rows.stride..], panel, out);
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
        for (row, out) in out.chunks_exact_mut(TALL).take(rows.count).enumerate() {
            out.fill(P::Sum::default());
            tile::<P, 2>(&rows.numbers[row * rows.stride..], panel, out);
        }
    }

    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    fn prefetch(self, _: &[[Line; 4]]) {}
}

/// Adds one row's products to `out`, which has 16 · `L` sums.
#[inline(always)]
fn tile<P: Product, const L: usize>(row: &[P::Input], panel: &[[Line; L]], out: &mut [P::Sum]) {
    for (word, lines) in row.chunks_exact(P::INPUTS).zip(panel) {
        let columns = lines.iter().flat_map(|line| &line.0);
        for (sum, &column) in out.iter_mut().zip(columns) {
            *sum = P::add(*sum, word, column);
        }
    }
}
