//! Elementwise functions, written so that the compiler turns them into vector instructions of each level.

use super::kernels::Simd;
use candle_nn::Activation;

/// Numbers that a loop handles side by side.
pub(super) const LANES: usize = 16;

/// Adding this to a number of magnitude below 2²² leaves its integer, rounded half to even, in the low bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// The larger one; unlike [`f32::max`] a single instruction, since what it does with NaN does not matter here.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Folds lanes pairwise, always in the same order.
#[inline(always)]
pub(super) fn fold<T: Copy>(mut lanes: [T; LANES], f: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The largest magnitude.
#[inline(always)]
pub(super) fn max_abs(numbers: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (chunks, rest) = numbers.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(x.abs(), *lane);
        }
    }
    for x in rest {
        lanes[0] = larger(x.abs(), lanes[0]);
    }
    fold(lanes, larger)
}

/// 2^x for x ≤ 0, to 3e-6 of its value; 0 where that is below 2^-126.
#[inline(always)]
pub(super) fn exp2<S: Simd>(simd: S, x: f32) -> f32 {
    // A polynomial on [-0.5, 0.5] by Chebyshev points, for the fraction; the integer goes into the exponent.
    const COEFFICIENTS: [f32; 5] = [
        9.560_510_5e-3,
        5.591_704e-2,
        0.240_249_81,
        0.693_121_97,
        0.999_999_17,
    ];
    let clamped = larger(x, -126.0);
    let rounded = clamped + ROUND;
    let fraction = clamped - (rounded - ROUND);
    let mut power = COEFFICIENTS[0];
    for c in &COEFFICIENTS[1..] {
        power = simd.mul_add(power, fraction, *c);
    }
    f32::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// x · Φ(x), to 2e-6.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: f32) -> f32 {
    // erf(x / √2) = x · p(2 x² / 5.2² - 1), p fitted at Chebyshev points; beyond 5.2 it is 1 in f32.
    const LIMIT: f32 = 5.2;
    const COEFFICIENTS: [f32; 13] = [
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
    let clamped = larger(x, -LIMIT);
    let clamped = if clamped < LIMIT { clamped } else { LIMIT };
    let u = simd.mul_add(clamped * clamped, 2.0 / (LIMIT * LIMIT), -1.0);
    let mut p = COEFFICIENTS[0];
    for c in &COEFFICIENTS[1..] {
        p = simd.mul_add(p, u, *c);
    }
    let half = 0.5 * x;
    simd.mul_add(half, clamped * p, half)
}

/// x · σ(2 y), the form of the approximate GELU by tanh: y = √(2/π) (x + 0.044715 x³).
#[inline(always)]
fn gelu_tanh<S: Simd>(simd: S, x: f32) -> f32 {
    let y = 0.797_884_6 * simd.mul_add(0.044_715 * x * x, x, x);
    // σ(2 y) by the power of the negative magnitude, which cannot overflow.
    let e = exp2(simd, -2.0 * std::f32::consts::LOG2_E * y.abs());
    let s = 1.0 / (1.0 + e);
    x * if y < 0.0 { e * s } else { s }
}

/// The activations that the core has.
pub(super) fn supports(activation: Activation) -> bool {
    matches!(
        activation,
        Activation::Gelu | Activation::NewGelu | Activation::GeluPytorchTanh | Activation::Relu
    )
}

/// Applies an activation that [`supports`] names; any other leaves the numbers as they are.
#[inline(always)]
pub(super) fn activate<S: Simd>(simd: S, activation: Activation, numbers: &mut [f32]) {
    match activation {
        Activation::Gelu => numbers.iter_mut().for_each(|x| *x = gelu(simd, *x)),
        Activation::NewGelu | Activation::GeluPytorchTanh => {
            numbers.iter_mut().for_each(|x| *x = gelu_tanh(simd, *x));
        }
        Activation::Relu => numbers.iter_mut().for_each(|x| *x = larger(*x, 0.0)),
        _ => {}
    }
}

/// Scale, shift and ε of a layer norm.
pub(super) struct LayerNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) eps: f32,
}

impl LayerNorm {
    /// Adds `residual` to a row and normalises the sum.
    #[inline(always)]
    pub(super) fn add<S: Simd>(&self, simd: S, row: &mut [f32], residual: &[f32]) {
        row.iter_mut().zip(residual).for_each(|(x, r)| *x += r);
        self.apply(simd, row);
    }

    /// Normalises a row.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(&self, simd: S, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = lanes(row, |lane, x| lane + x) / count;
        let variance = lanes(row, |lane, x| simd.mul_add(x - mean, x - mean, lane)) / count;
        let scale = 1.0 / (variance + self.eps).sqrt();
        for ((x, &w), &b) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
            *x = simd.mul_add((*x - mean) * scale, w, b);
        }
    }
}

/// A sum over a row, lane by lane.
#[inline(always)]
fn lanes(row: &[f32], add: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0f32; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum = add(*sum, x);
        }
    }
    for &x in rest {
        sums[0] = add(sums[0], x);
    }
    fold(sums, |a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::super::kernels::Portable;
    use super::*;
    use candle_core::{Device, Tensor};

    fn grid() -> Vec<f32> {
        (-90_000..90_000).map(|i| i as f32 * 1e-4).collect()
    }

    /// candle's activations are the reference.
    #[test]
    fn activations_are_those_of_candle() {
        for activation in [
            Activation::Gelu,
            Activation::GeluPytorchTanh,
            Activation::Relu,
        ] {
            assert!(supports(activation));
            let mut ours = grid();
            activate(Portable, activation, &mut ours);
            let theirs = Tensor::new(grid(), &Device::Cpu).unwrap();
            let theirs = theirs.apply(&activation).unwrap().to_vec1::<f32>().unwrap();
            for ((x, a), b) in grid().iter().zip(&ours).zip(&theirs) {
                assert!((a - b).abs() < 4e-6, "{activation:?}({x}): {a}, not {b}");
            }
        }
    }

    #[test]
    fn exp2_is_near_everywhere() {
        for i in 0..1_300_000 {
            let x = -(i as f32) * 1e-4;
            let (ours, exact) = (exp2(Portable, x), x.exp2());
            assert!((ours - exact).abs() <= 4e-6 * exact + 2e-38, "2^{x}");
        }
        assert!(exp2(Portable, f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn folds_and_norms_take_rows_of_any_length() {
        for len in [1, 15, 16, 17, 40] {
            let row: Vec<f32> = (0..len).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
            let top = row.iter().fold(0f32, |top, x| top.max(x.abs()));
            assert_eq!(max_abs(&row), top);
            let norm = LayerNorm {
                weight: vec![2.0; len],
                bias: vec![0.5; len],
                eps: 1e-5,
            };
            let mean = row.iter().sum::<f32>() / len as f32;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / len as f32;
            let mut ours = row.clone();
            norm.apply(Portable, &mut ours);
            for (x, y) in row.iter().zip(&ours) {
                let expected = (x - mean) / (variance + 1e-5).sqrt() * 2.0 + 0.5;
                assert!((y - expected).abs() < 1e-4);
            }
        }
    }
}
