//! The figures of a group, kept up row by row in constant memory.

use serde::Serialize;
use serde_json::Value;

use crate::fields::Fields;
use crate::verdict::{Abstain, Label};
use crate::{Error, Result};

/// The standard normal quantile of a two-sided interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// What is said of a group. Means, shares and bounds have four decimals.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Rows, scored or not.
    pub rows: u64,
    /// Rows with a verdict.
    pub scored: u64,
    /// Rows without.
    pub failed: u64,
    /// Scored rows that are not about relations between states.
    pub not_diplomatic: u64,
    /// Scored rows that are, and `uncertain`; the means have them.
    pub uncertain: u64,
    /// Scored rows that are copies of another row.
    pub duplicates: u64,
    /// Rows behind the means and shares: those that are scored, diplomatic and no copies.
    pub n: u64,
    /// Mean tone, -1 to 1; `None` where `n` is 0.
    pub tone: Option<f64>,
    /// Lower bound of the 95 % interval of the mean tone, by its standard error; `None` where `n` is less than 2.
    pub tone_low: Option<f64>,
    /// Its upper bound.
    pub tone_high: Option<f64>,
    /// Share of rows with the label cooperative, 0 to 1; `None` where `n` is 0.
    pub cooperative: Option<f64>,
    /// Lower bound of its Wilson interval of 95 %.
    pub cooperative_low: Option<f64>,
    /// Its upper bound.
    pub cooperative_high: Option<f64>,
    /// Mean probability of the label cooperative, 0 to 1; `None` where `n` is 0.
    pub p_cooperative: Option<f64>,
}

/// One row, as far as figures need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Seen {
    Failed,
    Scored {
        label: Label,
        tone: f64,
        p_cooperative: f64,
        abstain: Option<Abstain>,
        duplicate: bool,
    },
}

/// Counts and running means.
#[derive(Debug, Default)]
pub(super) struct Tally {
    scored: u64,
    failed: u64,
    not_diplomatic: u64,
    uncertain: u64,
    duplicates: u64,
    n: u64,
    cooperative: u64,
    tone: f64,
    /// Sum of the squared distances from the mean tone (Welford).
    tone_squares: f64,
    p_cooperative: f64,
}

impl Seen {
    /// Reads an output row. Numbers may be texts, as CSV has them; an empty cell is null.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the column that an output row has and this one does not.
    pub fn of(fields: &Fields) -> Result<Self> {
        if text(fields, "error").is_some() {
            return Ok(Self::Failed);
        }
        let label = one_of(
            fields,
            "label",
            [Label::Cooperative, Label::Confrontational].map(|l| (l.as_str(), l)),
        )?;
        let abstain = [Abstain::NotDiplomatic, Abstain::Uncertain].map(|a| (a.as_str(), a));
        Ok(Self::Scored {
            label: label.ok_or_else(|| unscored("label", "is missing or empty"))?,
            tone: number(fields, "tone", -1.0..=1.0)?,
            p_cooperative: number(fields, "p_cooperative", 0.0..=1.0)?,
            abstain: one_of(fields, "abstain", abstain)?,
            duplicate: text(fields, "duplicate_of").is_some(),
        })
    }
}

/// A column as text; `None` where it is absent, null or empty.
pub(super) fn text(fields: &Fields, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::Null => None,
        Value::String(text) => (!text.trim().is_empty()).then_some(text),
        other => Some(other.to_string()),
    }
}

fn one_of<T: Copy>(fields: &Fields, column: &str, names: [(&str, T); 2]) -> Result<Option<T>> {
    let Some(text) = text(fields, column) else {
        return Ok(None);
    };
    match names.iter().find(|(name, _)| *name == text.trim()) {
        Some((_, value)) => Ok(Some(*value)),
        None => Err(unscored(column, "has another value")),
    }
}

fn number(fields: &Fields, column: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64> {
    let text = text(fields, column).ok_or_else(|| unscored(column, "is missing or empty"))?;
    let number = text.trim().parse().ok();
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| unscored(column, "holds no number in its range"))
}

fn unscored(column: &str, what: &str) -> Error {
    Error::Argument(format!(
        "not a row that `detente score` wrote: column `{column}` {what}"
    ))
}

impl Tally {
    /// Adds a row; copies are behind the means only `with_duplicates`.
    pub fn add(&mut self, seen: Seen, with_duplicates: bool) {
        let Seen::Scored {
            label,
            tone,
            p_cooperative,
            abstain,
            duplicate,
        } = seen
        else {
            self.failed += 1;
            return;
        };
        self.scored += 1;
        self.duplicates += u64::from(duplicate);
        self.uncertain += u64::from(abstain == Some(Abstain::Uncertain));
        if abstain == Some(Abstain::NotDiplomatic) {
            self.not_diplomatic += 1;
            return;
        }
        if duplicate && !with_duplicates {
            return;
        }
        self.n += 1;
        self.cooperative += u64::from(label == Label::Cooperative);
        let n = self.n as f64;
        let distance = tone - self.tone;
        self.tone += distance / n;
        self.tone_squares += distance * (tone - self.tone);
        self.p_cooperative += (p_cooperative - self.p_cooperative) / n;
    }

    pub fn figures(&self) -> Figures {
        let n = self.n as f64;
        let some = |value: f64| (self.n > 0).then(|| rounded(value));
        let error = (self.n > 1).then(|| Z * (self.tone_squares / (n - 1.0) / n).sqrt());
        let share = wilson(self.cooperative, self.n);
        Figures {
            rows: self.scored + self.failed,
            scored: self.scored,
            failed: self.failed,
            not_diplomatic: self.not_diplomatic,
            uncertain: self.uncertain,
            duplicates: self.duplicates,
            n: self.n,
            tone: some(self.tone),
            tone_low: error.map(|error| rounded((self.tone - error).max(-1.0))),
            tone_high: error.map(|error| rounded((self.tone + error).min(1.0))),
            cooperative: some(self.cooperative as f64 / n),
            cooperative_low: share.map(|(low, _)| rounded(low)),
            cooperative_high: share.map(|(_, high)| rounded(high)),
            p_cooperative: some(self.p_cooperative),
        }
    }
}

/// Wilson's score interval of 95 % for `hits` of `n`; `None` where `n` is 0.
fn wilson(hits: u64, n: u64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (share, n) = (hits as f64 / n as f64, n as f64);
    let shrink = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

fn rounded(value: f64) -> f64 {
    // No negative zero.
    (value * 1e4).round() / 1e4 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen(row: Value) -> Result<Seen> {
        let Value::Object(map) = row else {
            panic!("not an object")
        };
        Seen::of(&Fields::Named(map))
    }

    #[test]
    fn wilson_has_the_published_values() {
        for (hits, n, low, high) in [
            (0, 10, 0.0, 0.2775),
            (5, 10, 0.2366, 0.7634),
            (10, 10, 0.7225, 1.0),
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
        ] {
            let (l, h) = wilson(hits, n).unwrap();
            assert!(
                (l - low).abs() < 6e-5 && (h - high).abs() < 6e-5,
                "{hits}/{n}: {l} {h}"
            );
        }
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn figures_are_those_by_hand() {
        let mut tally = Tally::default();
        let row = |tone: f64, abstain, duplicate| Seen::Scored {
            label: if tone > 0.0 {
                Label::Cooperative
            } else {
                Label::Confrontational
            },
            tone,
            p_cooperative: (tone + 1.0) / 2.0,
            abstain,
            duplicate,
        };
        for seen in [
            row(0.5, None, false),
            row(-0.25, Some(Abstain::Uncertain), false),
            row(0.2, None, false),
            row(0.9, Some(Abstain::NotDiplomatic), false),
            row(0.8, None, true),
            Seen::Failed,
        ] {
            tally.add(seen, false);
        }
        // Tones 0.5, -0.25, 0.2: mean 0.15, variance 0.1425, standard error 0.21794, times 1.96 is 0.42717.
        let expected = Figures {
            rows: 6,
            scored: 5,
            failed: 1,
            not_diplomatic: 1,
            uncertain: 1,
            duplicates: 1,
            n: 3,
            tone: Some(0.15),
            tone_low: Some(-0.2772),
            tone_high: Some(0.5772),
            cooperative: Some(0.6667),
            cooperative_low: Some(0.2077),
            cooperative_high: Some(0.9385),
            p_cooperative: Some(0.575),
        };
        assert_eq!(tally.figures(), expected);
        tally.add(row(0.95, None, true), true);
        assert_eq!((tally.figures().n, tally.figures().tone), (4, Some(0.35)));
    }

    #[test]
    fn few_rows_have_no_interval_and_none_no_mean() {
        let mut tally = Tally::default();
        tally.add(Seen::Failed, false);
        let figures = tally.figures();
        assert_eq!(
            (figures.tone, figures.cooperative, figures.p_cooperative),
            (None, None, None)
        );
        let row = json!({"label": "cooperative", "tone": 0.5, "p_cooperative": 0.9});
        tally.add(seen(row).unwrap(), false);
        assert_eq!(
            (tally.figures().tone, tally.figures().tone_low),
            (Some(0.5), None)
        );
    }

    #[test]
    fn json_and_csv_rows_are_read_alike() {
        let json = json!({"label": "confrontational", "tone": -0.5, "p_cooperative": 0.1, "abstain": null});
        let csv = json!({"label": "confrontational", "tone": "-0.5", "p_cooperative": "0.1", "abstain": "",
            "duplicate_of": "", "error": ""});
        assert_eq!(seen(json).unwrap(), seen(csv).unwrap());
        assert_eq!(seen(json!({"error": "empty"})).unwrap(), Seen::Failed);
    }

    #[test]
    fn rows_that_were_not_scored_name_the_column() {
        for (row, column) in [
            (json!({}), "`label` is missing"),
            (json!({"label": "nice"}), "`label` has another value"),
            (json!({"label": "cooperative"}), "`tone` is missing"),
            (
                json!({"label": "cooperative", "tone": "NaN"}),
                "`tone` holds no number",
            ),
            (
                json!({"label": "cooperative", "tone": 1.5}),
                "`tone` holds no number",
            ),
            (
                json!({"label": "cooperative", "tone": 1, "p_cooperative": []}),
                "`p_cooperative` holds no number",
            ),
            (
                json!({"label": "cooperative", "tone": 1, "p_cooperative": 1, "abstain": 7}),
                "`abstain` has another",
            ),
        ] {
            let error = seen(row).unwrap_err().to_string();
            assert!(error.contains(column), "{error}");
        }
    }
}
