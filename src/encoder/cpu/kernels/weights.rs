//! Softmax weights of integer scores in bytes.
//!
//! A score is a power of two in fixed point. How far it lies below the row's largest becomes a number of 16 bits:
//! 2^-distance is a polynomial of its fraction, shifted by its whole part. Every level does the same operations, so that
//! weights are equal at all of them.

/// Bits of a score behind the point, at most: four of a distance's 16 are whole then, and what is farther away has no
/// weight.
pub(in super::super) const FRACTION: u32 = 12;

/// 2^-x = 1 - x (c₀ - x c₁), in units of 2^-16: to 2.3e-3 of its value for x from 0 to 1, fitted so that the largest such
/// error is smallest.
pub(super) const POLYNOMIAL: [u16; 2] = [44_068, 11_373];

/// What is added to the weights of tokens in turn before they lose their lower bytes.
///
/// Hundreds of tokens may each weigh less than a byte can say and together as much as the largest. So a weight is rounded
/// up in as many of sixteen neighbours as it has sixteenths, as a picture is halftoned, and their sum stays true.
const THRESHOLDS: [u8; 16] = [
    8, 136, 72, 200, 40, 168, 104, 232, 24, 152, 88, 216, 56, 184, 120, 248,
];

/// [`THRESHOLDS`] as numbers of 16 bits, four to a word.
#[cfg(target_arch = "x86_64")]
pub(super) const fn thresholds() -> [i64; 4] {
    let mut words = [0; 4];
    let mut token = 0;
    while token < THRESHOLDS.len() {
        words[token / 4] |= (THRESHOLDS[token] as i64) << (16 * (token % 4));
        token += 1;
    }
    words
}

/// The weights of some scores, none above `top`, with `bits` bits behind the point; returns their sum.
///
/// The reference of all levels.
pub(super) fn weights(scores: &[i32], top: i32, bits: u32, out: &mut [u8]) -> i32 {
    let mut sum = 0;
    let thresholds = THRESHOLDS.iter().cycle();
    for ((&score, &threshold), weight) in scores.iter().zip(thresholds).zip(out) {
        *weight = weigh(distance(top, score), bits, threshold);
        sum += i32::from(*weight);
    }
    sum
}

fn distance(top: i32, score: i32) -> u16 {
    top.saturating_sub(score).clamp(0, u16::MAX.into()) as u16
}

fn weigh(distance: u16, bits: u32, threshold: u8) -> u8 {
    let fraction = (u32::from(distance) << (16 - bits)) as u16;
    let high = |a: u16, b: u16| ((u32::from(a) * u32::from(b)) >> 16) as u16;
    let [first, second] = POLYNOMIAL;
    let power = u16::MAX - high(fraction, first - high(fraction, second));
    let weight = power.checked_shr(u32::from(distance) >> bits).unwrap_or(0);
    (weight.saturating_add(threshold.into()) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_powers_of_two() {
        for bits in 0..=FRACTION {
            for distance in 0..=u16::MAX {
                let exact = 256.0 * (-f64::from(distance) / f64::from(1 << bits)).exp2();
                for threshold in THRESHOLDS {
                    let weight = f64::from(weigh(distance, bits, threshold));
                    // Up or down to a neighbour, and 255 for the largest.
                    let error = (weight - exact.min(255.0)).abs();
                    assert!(
                        error < 1.0 + 2.4e-3 * exact,
                        "{distance}: {weight}, not {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn small_weights_add_up() {
        for distance in (0..16u16).map(|eighths| eighths << (FRACTION - 3)) {
            let distance = distance + (7 << FRACTION);
            let exact = 256.0 * (-f64::from(distance) / 4096.0).exp2();
            let weights =
                THRESHOLDS.map(|threshold| i32::from(weigh(distance, FRACTION, threshold)));
            let mean = f64::from(weights.iter().sum::<i32>()) / 16.0;
            assert!(
                (mean - exact).abs() <= 1.0 / 16.0,
                "{distance}: {mean}, not {exact}"
            );
        }
    }

    #[test]
    fn distances_saturate() {
        assert_eq!(distance(7, 7), 0);
        assert_eq!(distance(7, 5), 2);
        assert_eq!(distance(i32::MAX, i32::MIN), u16::MAX);
        for threshold in THRESHOLDS {
            for bits in 0..=FRACTION {
                assert_eq!(weigh(u16::MAX, bits, threshold), 0);
            }
        }
    }
}
