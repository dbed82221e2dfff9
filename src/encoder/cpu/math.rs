//! Functions of vectors of f32: activations, the power of two of softmax, the layer norm.

use super::kernels::{LANES, Simd};
use candle_nn::Activation;

/// A polynomial, the highest power first: even and odd powers by Horner's scheme side by side, which take half as long.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, coefficients: [f32; N], x: S::Vector) -> S::Vector {
    let square = simd.mul(x, x);
    let (mut first, mut second) = (simd.splat(coefficients[0]), simd.splat(coefficients[1]));
    for (i, c) in coefficients.iter().enumerate().skip(2) {
        let sum = if i % 2 == 0 { &mut first } else { &mut second };
        *sum = simd.mul_add(*sum, square, simd.splat(*c));
    }
    let (even, odd) = match N % 2 {
        0 => (second, first),
        _ => (first, second),
    };
    simd.mul_add(odd, x, even)
}

/// 2^x for x below 127, to 5e-6 of its value; about 0 below 2^-126.
#[inline(always)]
pub(super) fn exp2<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    // Fitted on [0, 1] at Chebyshev points.
    const FRACTION: [f32; 5] = [
        1.354_222_2e-2,
        5.199_608_6e-2,
        0.241_451_46,
        0.693_002_5,
        1.000_002_6,
    ];
    simd.scale(polynomial(simd, FRACTION, simd.fraction(x)), x)
}

/// x · Φ(x), with erf(x / √2) = x · p(2 x² / limit² - 1) and 1 beyond the limit.
#[inline(always)]
fn gelu<S: Simd, const N: usize>(simd: S, limit: f32, p: [f32; N], x: S::Vector) -> S::Vector {
    let clamped = simd.clamp(x, limit);
    let scale = simd.splat(2.0 / (limit * limit));
    let u = simd.mul_add(simd.mul(clamped, clamped), scale, simd.splat(-1.0));
    let half = simd.mul(simd.splat(0.5), x);
    let erf = simd.mul(clamped, polynomial(simd, p, u));
    simd.mul_add(half, erf, half)
}

/// Where [`fine_gelu`] becomes x or 0, and its polynomial, fitted at Chebyshev points.
const FINE_LIMIT: f32 = 5.2;
const FINE: [f32; 13] = [
    1.716_384_7e-3,
    -5.006_389e-3,
    5.709_923e-3,
    -7.013_824e-3,
    1.511_335_7e-2,
    -2.620_472_6e-2,
    3.677_519_8e-2,
    -4.918_75e-2,
    6.381_439e-2,
    -7.988_25e-2,
    0.100_060_344,
    -0.135_486_81,
    0.271_899_88,
];

/// The GELU to 2e-6.
#[inline(always)]
fn fine_gelu<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    gelu(simd, FINE_LIMIT, FINE, x)
}

/// Where [`pieces_of_gelu`] becomes x or 0.
const PIECES_LIMIT: f32 = 4.36;

/// Pieces from 0 to the limit; a little less than half of one more, so that none is beyond the last.
const PIECES: f32 = 15.49;

/// A polynomial of the second degree for each piece of the GELU, the constants first: 31 pieces of one width, by the lowest
/// bits of the nearest multiple of that width; the first and the last go on for ever.
const GELU: [[f32; LANES]; 3] = {
    let mut table = [[0.0; LANES]; 3];
    let width = PIECES_LIMIT as f64 / PIECES as f64;
    let mut piece = 2;
    while piece < LANES - 1 {
        let centre = (piece as f64 - LANES as f64 / 2.0) * width;
        // Through the three Chebyshev points of the piece.
        let step = 0.866_025_403_784_438_6 / 2.0 * width;
        let (left, middle, right) = (
            exact_gelu(centre - step),
            exact_gelu(centre),
            exact_gelu(centre + step),
        );
        let slope = (right - left) / (2.0 * step);
        let curve = (right - 2.0 * middle + left) / (2.0 * step * step);
        table[0][piece] = (middle - slope * centre + curve * centre * centre) as f32;
        table[1][piece] = (slope - 2.0 * curve * centre) as f32;
        table[2][piece] = curve as f32;
        piece += 1;
    }
    table[1][LANES - 1] = 1.0;
    table
};

/// What [`fine_gelu`] gives, for a constant.
const fn exact_gelu(x: f64) -> f64 {
    let limit = FINE_LIMIT as f64;
    let u = 2.0 * x * x / (limit * limit) - 1.0;
    let mut sum = 0.0;
    let mut i = 0;
    while i < FINE.len() {
        sum = sum * u + FINE[i] as f64;
        i += 1;
    }
    0.5 * x * (1.0 + x * sum)
}

/// The GELU to 1e-4 where a level finds its pieces in one instruction.
#[inline(always)]
fn pieces_of_gelu<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    // The lowest bits of a float of this size are those of an integer.
    const INTEGER: f32 = 1.5 * (1 << 23) as f32;
    let nearest = simd.mul_add(
        simd.clamp(x, PIECES_LIMIT),
        simd.splat(PIECES / PIECES_LIMIT),
        simd.splat(INTEGER + LANES as f32 / 2.0),
    );
    let constant = simd.find(&GELU[0], nearest);
    let slope = simd.find(&GELU[1], nearest);
    let curve = simd.find(&GELU[2], nearest);
    simd.mul_add(simd.mul_add(curve, x, slope), x, constant)
}

/// The GELU to 8e-5; p fitted so that the largest error is smallest.
#[inline(always)]
fn coarse_gelu<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    const P: [f32; 8] = [
        -7.488_585_5e-3,
        2.235_162_3e-2,
        -3.293_440_5e-2,
        4.755_532e-2,
        -7.585_233e-2,
        0.111_897_45,
        -0.163_142_96,
        0.335_709_12,
    ];
    gelu(simd, 4.2, P, x)
}

/// x · σ(2 y), the form of the approximate GELU by tanh: y = √(2/π) (x + 0.044715 x³).
#[inline(always)]
fn gelu_tanh<S: Simd>(simd: S, x: S::Vector) -> S::Vector {
    let cube = simd.mul(simd.mul(x, x), x);
    let y = simd.mul_add(cube, simd.splat(0.044_715), x);
    // 2^-z, z = 2 y log₂ e; within these limits σ is 0 or 1 in f32 anyway.
    let z = simd.mul(y, simd.splat(-2.0 * 0.797_884_6 * std::f32::consts::LOG2_E));
    let z = simd.clamp(z, 60.0);
    let one = simd.splat(1.0);
    simd.div(x, simd.add(one, exp2(simd, z)))
}

/// The activations that the core has.
pub(super) fn supports(activation: Activation) -> bool {
    matches!(
        activation,
        Activation::Gelu | Activation::NewGelu | Activation::GeluPytorchTanh | Activation::Relu
    )
}

/// Applies an activation that [`supports`] names; any other leaves the numbers as they are.
///
/// `coarse` is for numbers that are then rounded to a byte, in steps a hundred times as large as what it leaves out.
#[inline(always)]
pub(super) fn activate<S: Simd>(
    simd: S,
    activation: Activation,
    coarse: bool,
    x: S::Vector,
) -> S::Vector {
    match activation {
        Activation::Gelu if coarse && S::FINDS => pieces_of_gelu(simd, x),
        Activation::Gelu if coarse => coarse_gelu(simd, x),
        Activation::Gelu => fine_gelu(simd, x),
        Activation::NewGelu | Activation::GeluPytorchTanh => gelu_tanh(simd, x),
        Activation::Relu => simd.max(x, simd.splat(0.0)),
        _ => x,
    }
}

/// Below all that an activation gives, and at most 0.
pub(super) fn least(activation: Activation) -> f32 {
    match activation {
        // At -0.75 they are least.
        Activation::Gelu | Activation::NewGelu | Activation::GeluPytorchTanh => -0.171,
        Activation::Relu => 0.0,
        _ => f32::NEG_INFINITY,
    }
}

/// Scale, shift and ε of a layer norm.
pub(super) struct LayerNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) eps: f32,
}

impl LayerNorm {
    /// Normalises a row; returns the smallest and the largest of what comes of it and 0.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(&self, simd: S, row: &mut [f32]) -> [f32; 2] {
        let mut sums = simd.splat(0.0);
        for row in row.chunks(LANES) {
            sums = simd.add(sums, simd.load_some(row, 0.0));
        }
        let count = row.len() as f32;
        let mean = simd.sum(sums) / count;
        let means = simd.splat(mean);
        let mut squares = simd.splat(0.0);
        for row in row.chunks(LANES) {
            let distance = simd.sub(simd.load_some(row, mean), means);
            squares = simd.mul_add(distance, distance, squares);
        }
        let scale = simd.splat(1.0 / (simd.sum(squares) / count + self.eps).sqrt());
        let (mut lows, mut highs) = (simd.splat(0.0), simd.splat(0.0));
        let shape = self.weight.chunks(LANES).zip(self.bias.chunks(LANES));
        for (row, (weight, bias)) in row.chunks_mut(LANES).zip(shape) {
            let distance = simd.sub(simd.load_some(row, mean), means);
            let weight = simd.load_some(weight, 0.0);
            let bias = simd.load_some(bias, 0.0);
            let x = simd.mul_add(simd.mul(distance, scale), weight, bias);
            lows = simd.min(x, lows);
            highs = simd.max(x, highs);
            simd.store_some(x, row);
        }
        [lowest(simd, lows), simd.top(highs)]
    }
}

/// The smallest lane.
#[inline(always)]
fn lowest<S: Simd>(simd: S, v: S::Vector) -> f32 {
    -simd.top(simd.sub(simd.splat(0.0), v))
}

#[cfg(test)]
mod tests {
    use super::super::kernels::{Level, Task};
    use super::*;
    use candle_core::{Device, Tensor};

    /// A function of vectors on numbers, a multiple of [`LANES`] of them.
    trait Function {
        fn call<S: Simd>(&self, simd: S, x: S::Vector) -> S::Vector;
    }

    struct Map<'a, F>(&'a F, &'a mut [f32]);

    impl<F: Function> Task for Map<'_, F> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for chunk in self.1.as_chunks_mut().0 {
                simd.store(self.0.call(simd, simd.load(chunk)), chunk);
            }
        }
    }

    struct Activate(Activation, bool);

    impl Function for Activate {
        #[inline(always)]
        fn call<S: Simd>(&self, simd: S, x: S::Vector) -> S::Vector {
            activate(simd, self.0, self.1, x)
        }
    }

    struct Power;

    impl Function for Power {
        #[inline(always)]
        fn call<S: Simd>(&self, simd: S, x: S::Vector) -> S::Vector {
            exp2(simd, x)
        }
    }

    /// candle's activations are the reference.
    #[test]
    fn activations_are_those_of_candle() {
        let grid: Vec<f32> = (-90_000..90_000).map(|i| i as f32 * 1e-4).collect();
        for (activation, coarse) in [
            (Activation::Gelu, false),
            (Activation::Gelu, true),
            (Activation::GeluPytorchTanh, false),
            (Activation::Relu, false),
        ] {
            assert!(supports(activation));
            let theirs = Tensor::new(grid.clone(), &Device::Cpu).unwrap();
            let theirs = theirs.apply(&activation).unwrap().to_vec1::<f32>().unwrap();
            for level in Level::available() {
                let most = match (coarse, level.name()) {
                    // The level that finds the pieces of the GELU in a table.
                    (true, "avx512-vnni") => 1e-4,
                    (true, _) => 8e-5,
                    _ => 4e-6,
                };
                let mut ours = grid.clone();
                level.run(Map(&Activate(activation, coarse), &mut ours));
                for ((x, a), b) in grid.iter().zip(&ours).zip(&theirs) {
                    assert!(*a >= least(activation), "{activation:?}({x}): {a}");
                    let near = (a - b).abs() < most;
                    assert!(near, "{activation:?}({x}), {}: {a}, not {b}", level.name());
                }
            }
        }
    }

    #[test]
    fn exp2_is_near_everywhere() {
        let grid: Vec<f32> = (-130_000..1_000).map(|i| i as f32 * 1e-3).collect();
        for level in Level::available() {
            let mut ours = grid[..grid.len() / LANES * LANES].to_vec();
            level.run(Map(&Power, &mut ours));
            for (x, ours) in grid.iter().zip(ours) {
                let exact = x.exp2();
                assert!((ours - exact).abs() <= 4e-6 * exact + 4e-38, "2^{x}");
            }
        }
    }

    struct Rows<'a> {
        norm: &'a LayerNorm,
        row: &'a mut [f32],
        range: &'a mut [f32; 2],
    }

    impl Task for Rows<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            *self.range = self.norm.apply(simd, self.row);
        }
    }

    #[test]
    fn norms_take_rows_of_any_length() {
        for len in [1, 15, 16, 17, 40] {
            let row: Vec<f32> = (0..len).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
            let norm = LayerNorm {
                weight: vec![2.0; len],
                bias: vec![0.5; len],
                eps: 1e-5,
            };
            let mean = row.iter().sum::<f32>() / len as f32;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / len as f32;
            for level in Level::available() {
                let (mut ours, mut range) = (row.clone(), [0.0; 2]);
                level.run(Rows {
                    norm: &norm,
                    row: &mut ours,
                    range: &mut range,
                });
                let low = ours.iter().fold(0f32, |low, x| low.min(*x));
                let high = ours.iter().fold(0f32, |high, x| high.max(*x));
                assert_eq!(range, [low, high]);
                for (x, y) in row.iter().zip(&ours) {
                    let expected = (x - mean) / (variance + 1e-5).sqrt() * 2.0 + 0.5;
                    assert!((y - expected).abs() < 1e-4, "{}", level.name());
                }
            }
        }
    }
}
