//! Softmax weights of integer scores in 16-bit numbers, twice as many to a register as in f32.
//!
//! A score is a power of two in fixed point. How far it lies below the row's largest becomes a number of 16 bits, four
//! of them whole: 2^-distance is a polynomial of its fraction, shifted by its whole part. Every level does the same
//! operations, so that weights are equal at all of them.

/// The largest weight, that of the largest score.
pub(in super::super) const LARGEST: i16 = 1 << 13;

/// Bits of a distance behind the point.
pub(in super::super) const FRACTION: i32 = 12;

/// 2^-x = 1 - x (c₀ - x (c₁ - x c₂)), in units of 2^-15: to 1.4e-4 of its value for x from 0 to 1, fitted so that the
/// largest such error is smallest.
pub(super) const POLYNOMIAL: [u16; 3] = [22_659, 7_569, 1_295];

/// The weights of the first `count` scores and, of the others, 0; returns their sum. `top` is the largest score, and
/// `shift` takes a distance to [`FRACTION`] bits behind the point.
///
/// The reference of all levels.
pub(super) fn weights(scores: &[i32], count: usize, top: i32, shift: i32, out: &mut [i16]) -> i32 {
    let (done, rest) = out.split_at_mut(count);
    rest.fill(0);
    let mut sum = 0;
    for (&score, weight) in scores.iter().zip(done) {
        *weight = weigh(distance(top, score, shift));
        sum += i32::from(*weight);
    }
    sum
}

fn distance(top: i32, score: i32, shift: i32) -> u16 {
    let distance = u64::from(top.wrapping_sub(score).cast_unsigned());
    let distance = match shift {
        0.. => distance >> shift.min(63),
        _ => distance << shift.unsigned_abs().min(31),
    };
    u16::try_from(distance).unwrap_or(u16::MAX)
}

fn weigh(distance: u16) -> i16 {
    let fraction = distance << (16 - FRACTION);
    let high = |a: u16, b: u16| ((u32::from(a) * u32::from(b)) >> 16) as u16;
    let [first, second, third] = POLYNOMIAL;
    let power = high(
        fraction,
        first - high(fraction, second - high(fraction, third)),
    );
    let power = i16::MAX - power.cast_signed();
    let whole = LARGEST >> (distance >> FRACTION);
    ((i32::from(power) * i32::from(whole) + (1 << 14)) >> 15) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_powers_of_two() {
        for distance in 0..=u16::MAX {
            let exact = f64::from(LARGEST) * (-f64::from(distance) / 4096.0).exp2();
            let most = 0.5 + 1.5e-4 * exact;
            let weight = weigh(distance);
            assert!(
                (f64::from(weight) - exact).abs() <= most,
                "{distance}: {weight}, not {exact}"
            );
        }
    }

    #[test]
    fn distances_saturate() {
        assert_eq!(distance(7, 7, 0), 0);
        assert_eq!(distance(i32::MAX, i32::MIN, 0), u16::MAX);
        assert_eq!(distance(i32::MAX, i32::MIN, 31), 1);
        assert_eq!(distance(5, 4, -3), 8);
        assert_eq!(distance(5, 4, -16), u16::MAX);
        assert_eq!(distance(i32::MAX, 0, -90), u16::MAX);
    }
}
