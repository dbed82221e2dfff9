//! The reference, in plain Rust for every processor.

use super::{COLUMNS, LANES, Line, Product, Rows, Simd, TALL, TALL_ROWS, WIDE, WIDE_ROWS};
use std::array::from_fn;

/// No instructions in particular.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Portable;

impl Simd for Portable {
    type Vector = [f32; LANES];

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
        for row in 0..rows.count {
            let out = &mut out[row * out_stride..][..WIDE];
            if start.is_some() {
                out.fill(P::Sum::default());
            }
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
    fn prefetch(self, _: &[[Line; 4]]) {}

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Vector {
        [x; LANES]
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; LANES]) -> Self::Vector {
        *numbers
    }

    #[inline(always)]
    fn store(self, v: Self::Vector, out: &mut [f32; LANES]) {
        *out = v;
    }

    #[inline(always)]
    fn load_i32(self, numbers: &[i32; LANES]) -> Self::Vector {
        numbers.map(|x| x as f32)
    }

    #[inline(always)]
    fn store_u8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        *out = v.map(|x| x.round_ties_even() as u8);
    }

    #[inline(always)]
    fn store_i8(self, v: Self::Vector, out: &mut [u8; LANES]) {
        *out = v.map(signed);
    }

    #[inline(always)]
    fn store_words(self, v: [Self::Vector; 4], out: &mut [Line; 2]) {
        let words = out.iter_mut().flat_map(|line| &mut line.0);
        for (lane, word) in words.enumerate() {
            *word = u32::from_ne_bytes(v.map(|v| signed(v[lane])));
        }
    }

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn abs(self, v: Self::Vector) -> Self::Vector {
        v.map(f32::abs)
    }

    #[inline(always)]
    fn fraction(self, x: Self::Vector) -> Self::Vector {
        x.map(|x| x - x.floor())
    }

    #[inline(always)]
    fn scale(self, v: Self::Vector, x: Self::Vector) -> Self::Vector {
        from_fn(|i| {
            let power = x[i].max(-126.0).floor() as i32;
            f32::from_bits(v[i].to_bits().wrapping_add_signed(power << 23))
        })
    }

    #[inline(always)]
    fn sum(self, v: Self::Vector) -> f32 {
        fold(v, |a, b| a + b)
    }

    #[inline(always)]
    fn top(self, v: Self::Vector) -> f32 {
        fold(v, |a, b| if a > b { a } else { b })
    }
}

/// The bits of the nearest signed byte.
#[inline(always)]
fn signed(x: f32) -> u8 {
    (x.round_ties_even() as i8).cast_unsigned()
}

/// Folds lanes pairwise, always in the same order.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Adds one row's products to `out`, which has 16 · `L` sums; line by line, whose sums can stay in registers.
#[inline(always)]
fn tile<P: Product, const L: usize>(row: &[P::Input], panel: &[[Line; L]], out: &mut [P::Sum]) {
    for (line, out) in out.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
        let mut sums = *out;
        for (word, lines) in row.chunks_exact(P::INPUTS).zip(panel) {
            for (sum, &column) in sums.iter_mut().zip(&lines[line].0) {
                *sum = P::add(*sum, word, column);
            }
        }
        *out = sums;
    }
}
