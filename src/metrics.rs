//! The figures by which verdicts are judged. All are `None` where they are undefined (no rows, or only one label).

/// A prediction with its truth: probability of the positive label, and whether that is the true one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Probability of the positive label, 0 to 1.
    pub p: f32,
    /// Whether the positive label is true.
    pub positive: bool,
}

impl Prediction {
    fn is_right(&self) -> bool {
        (self.p >= 0.5) == self.positive
    }

    /// Probability of the predicted label, 0.5 to 1.
    fn confidence(&self) -> f64 {
        f64::from(self.p.max(1.0 - self.p))
    }
}

/// Share of right predictions.
pub fn accuracy(predictions: &[Prediction]) -> Option<f64> {
    share(predictions.iter().map(Prediction::is_right))
}

/// Share of `true`.
pub fn share(values: impl IntoIterator<Item = bool>) -> Option<f64> {
    let (mut hits, mut all) = (0usize, 0usize);
    for value in values {
        hits += usize::from(value);
        all += 1;
    }
    (all > 0).then(|| hits as f64 / all as f64)
}

/// Unweighted mean of the F1 of the classes 0..`classes`, over (predicted, true) pairs. A class that is neither
/// predicted nor true is left out, as it says nothing.
pub fn macro_f1(pairs: &[(usize, usize)], classes: usize) -> Option<f64> {
    let f1: Vec<f64> = (0..classes)
        .filter_map(|class| {
            let hits = pairs
                .iter()
                .filter(|&&(p, t)| p == class && t == class)
                .count();
            let either = pairs
                .iter()
                .map(|&(p, t)| usize::from(p == class) + usize::from(t == class))
                .sum::<usize>();
            (either > 0).then(|| 2.0 * hits as f64 / either as f64)
        })
        .collect();
    (!f1.is_empty()).then(|| f1.iter().sum::<f64>() / f1.len() as f64)
}

/// Macro-F1 of the two labels.
pub fn binary_macro_f1(predictions: &[Prediction]) -> Option<f64> {
    let pairs: Vec<_> = predictions
        .iter()
        .map(|p| (usize::from(p.p >= 0.5), usize::from(p.positive)))
        .collect();
    macro_f1(&pairs, 2)
}

/// Area under the ROC curve: how often a positive row gets the higher probability; ties count half.
pub fn auc(predictions: &[Prediction]) -> Option<f64> {
    let mut sorted = predictions.to_vec();
    sorted.sort_by(|a, b| a.p.total_cmp(&b.p));
    let positives = sorted.iter().filter(|p| p.positive).count();
    let negatives = sorted.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let mut wins = 0.0;
    let mut below = 0usize;
    for tied in sorted.chunk_by(|a, b| a.p == b.p) {
        let up = tied.iter().filter(|p| p.positive).count();
        let down = tied.len() - up;
        wins += up as f64 * (below as f64 + down as f64 / 2.0);
        below += down;
    }
    Some(wins / (positives as f64 * negatives as f64))
}

/// Bins of the calibration error.
const BINS: usize = 10;

/// Expected calibration error: mean distance between confidence and accuracy over ten bins of equal width from 0.5 to 1,
/// weighted by their rows.
pub fn ece(predictions: &[Prediction]) -> Option<f64> {
    let gap = |p: &Prediction| p.confidence() - f64::from(u8::from(p.is_right()));
    let gaps = bins(predictions, gap).map(f64::abs);
    share_of(gaps, predictions.len())
}

/// The calibration error that chance alone gives a perfectly calibrated model with these confidences, on average: with few
/// rows in a bin, accuracy strays from confidence.
pub fn ece_by_chance(predictions: &[Prediction]) -> Option<f64> {
    // Mean magnitude of a sum of independent errors, taken as normal.
    let variances = bins(predictions, |p| p.confidence() * (1.0 - p.confidence()));
    let gaps = variances.map(|variance| (variance * std::f64::consts::FRAC_2_PI).sqrt());
    share_of(gaps, predictions.len())
}

/// Sums over the predictions of each bin.
fn bins(predictions: &[Prediction], of: impl Fn(&Prediction) -> f64) -> [f64; BINS] {
    let mut sums = [0.0; BINS];
    for p in predictions {
        let bin = (((p.confidence() - 0.5) * 2.0 * BINS as f64) as usize).min(BINS - 1);
        sums[bin] += of(p);
    }
    sums
}

fn share_of(sums: [f64; BINS], rows: usize) -> Option<f64> {
    (rows > 0).then(|| sums.iter().sum::<f64>() / rows as f64)
}

/// Brier score: mean squared distance between probability and truth, 0 (perfect) to 1.
pub fn brier(predictions: &[Prediction]) -> Option<f64> {
    let squares = predictions
        .iter()
        .map(|p| (f64::from(p.p) - f64::from(u8::from(p.positive))).powi(2));
    (!predictions.is_empty()).then(|| squares.sum::<f64>() / predictions.len() as f64)
}

/// Accuracy of the most confident `coverage` (0 to 1) of the rows, rounded up to whole rows.
pub fn accuracy_at_coverage(predictions: &[Prediction], coverage: f64) -> Option<f64> {
    let mut sorted = predictions.to_vec();
    sorted.sort_by(|a, b| b.confidence().total_cmp(&a.confidence()));
    sorted.truncate((coverage * sorted.len() as f64).ceil() as usize);
    accuracy(&sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(rows: &[(f32, bool)]) -> Vec<Prediction> {
        rows.iter()
            .map(|&(p, positive)| Prediction { p, positive })
            .collect()
    }

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-6)
    }

    #[test]
    fn figures_by_hand() {
        let rows = predictions(&[
            (0.9, true),
            (0.8, false),
            (0.3, false),
            (0.4, true),
            (0.9, true),
        ]);
        assert!(close(accuracy(&rows), 0.6));
        // Cooperative: 2 hits of 3 predicted, 3 true; confrontational: 1 hit of 2 predicted, 2 true.
        assert!(close(binary_macro_f1(&rows), (2.0 / 3.0 + 0.5) / 2.0));
        // Of the 3 · 2 pairs, the positives at 0.9 win 2 each, the one at 0.4 wins 1.
        assert!(close(auc(&rows), 5.0 / 6.0));
        assert!(close(
            brier(&rows),
            (0.01 + 0.64 + 0.09 + 0.36 + 0.01) / 5.0
        ));
        assert!(close(accuracy_at_coverage(&rows, 0.4), 1.0));
    }

    /// Of many draws with just these confidences.
    #[test]
    fn chance_gives_a_perfectly_calibrated_model_an_error() {
        let mut state = 7u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let confidences: Vec<f32> = (0..200).map(|_| 0.5 + 0.5 * uniform()).collect();
        let draws = (0..2000).map(|_| {
            let rows: Vec<_> = confidences.iter().map(|&p| (p, uniform() < p)).collect();
            ece(&predictions(&rows)).unwrap()
        });
        let mean = draws.sum::<f64>() / 2000.0;
        let rows: Vec<_> = confidences.iter().map(|&p| (p, true)).collect();
        let expected = ece_by_chance(&predictions(&rows)).unwrap();
        assert!((mean - expected).abs() < 0.003, "{mean}, not {expected}");
        assert_eq!(ece_by_chance(&[]), None);
    }

    #[test]
    fn calibration_error_is_the_gap_in_each_bin() {
        let rows = predictions(&[
            (0.93, true),
            (0.93, true),
            (0.93, false),
            (0.93, true),
            (0.32, false),
            (0.32, false),
        ]);
        assert!(close(
            ece(&rows),
            (4.0 * (0.93 - 0.75) + 2.0 * (1.0 - 0.68)) / 6.0
        ));
    }

    #[test]
    fn ties_count_half_and_one_label_alone_has_no_curve() {
        assert!(close(auc(&predictions(&[(0.5, true), (0.5, false)])), 0.5));
        assert_eq!(auc(&predictions(&[(0.5, true)])), None);
        assert_eq!(accuracy(&[]), None);
        assert_eq!(ece(&[]), None);
    }
}
