//! Scored rows by time, language and any other column: counts, mean tone, share of cooperation.
//!
//! ```
//! use detente::aggregate::{Aggregation, Options};
//! use detente::fields::Fields;
//!
//! let mut aggregation = Aggregation::new(Options {
//!     by: vec!["month".parse()?],
//!     ..Options::default()
//! });
//! let row = r#"{"date": "2024-01-31", "label": "cooperative", "tone": 0.5, "p_cooperative": 0.9}"#;
//! aggregation.add(&Fields::Named(serde_json::from_str(row)?))?;
//! let january = &aggregation.groups()[0];
//! assert_eq!(january.keys[0].to_string(), "2024-01");
//! assert_eq!(january.figures.tone, Some(0.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod chart;
mod figures;
mod period;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

pub use figures::Figures;
pub use period::{Interval, Period};

use crate::fields::Fields;
use crate::{Error, Result};
use figures::{Seen, Tally, text};

/// By what rows are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// By the date column.
    Period(Period),
    /// By the column `lang`.
    Lang,
    /// By the value of a column.
    Column(String),
}

impl FromStr for By {
    type Err = Error;

    /// Parses the name of a [`Period`], `lang`, or `column:` with the column's name behind it.
    ///
    /// # Errors
    /// [`Error::Argument`] for anything else.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(name) = text.strip_prefix("column:").filter(|name| !name.is_empty()) {
            return Ok(Self::Column(name.to_owned()));
        }
        if text == "lang" {
            return Ok(Self::Lang);
        }
        text.parse().map(Self::Period).map_err(|_| {
            Error::Argument(format!(
                "cannot group by `{text}`; write day, week, month, quarter, year, lang or column:NAME"
            ))
        })
    }
}

impl fmt::Display for By {
    /// The name of its column in a table of groups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Period(period) => period.as_str(),
            Self::Lang => "lang",
            Self::Column(name) => name,
        })
    }
}

/// How rows are grouped and counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// One group for each combination of values; a single group where empty.
    pub by: Vec<By>,
    /// The column that holds the date, see [`Period::of`].
    pub date_column: String,
    /// Whether copies of other rows are behind the means.
    pub with_duplicates: bool,
}

impl Default for Options {
    /// One group, the column `date`, copies left out.
    fn default() -> Self {
        Self {
            by: Vec::new(),
            date_column: "date".to_owned(),
            with_duplicates: false,
        }
    }
}

/// What the rows of a group have in common. Keys sort by time or text, those without a value last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Their interval of time.
    Interval(Interval),
    /// Their value; of numbers, lists and objects the JSON.
    Text(String),
    /// The date column is absent, or holds no date.
    NoDate,
    /// The column is absent, null or empty.
    Nothing,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interval(interval) => interval.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::NoDate => f.write_str("(no date)"),
            Self::Nothing => f.write_str("(none)"),
        }
    }
}

/// The rows with the same keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// A key for each [`By`], in their order.
    pub keys: Vec<Key>,
    /// What is said of them.
    pub figures: Figures,
}

/// Groups that grow row by row. Memory grows with the groups, not with the rows.
#[derive(Debug)]
pub struct Aggregation {
    options: Options,
    groups: BTreeMap<Vec<Key>, Tally>,
}

impl Aggregation {
    /// Without rows.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            groups: BTreeMap::new(),
        }
    }

    /// Adds a row that `detente score` wrote, in any of its formats. A row that holds an error counts as failed.
    ///
    /// # Errors
    /// [`Error::Argument`] where the row is no such row; it counts as failed too.
    pub fn add(&mut self, fields: &Fields) -> Result<()> {
        let seen = Seen::of(fields);
        self.count(fields, *seen.as_ref().unwrap_or(&Seen::Failed));
        seen.map(|_| ())
    }

    /// Adds a row that could not be read, with what is known of it: it counts as failed.
    pub fn add_failed(&mut self, fields: &Fields) {
        self.count(fields, Seen::Failed);
    }

    /// The groups so far in the order of their keys.
    pub fn groups(&self) -> Vec<Group> {
        let groups = self.groups.iter().map(|(keys, tally)| Group {
            keys: keys.clone(),
            figures: tally.figures(),
        });
        groups.collect()
    }

    fn count(&mut self, fields: &Fields, seen: Seen) {
        let date = &self.options.date_column;
        let keys = self.options.by.iter().map(|by| match by {
            By::Period(period) => text(fields, date)
                .and_then(|date| period.of(&date))
                .map_or(Key::NoDate, Key::Interval),
            By::Lang => text(fields, "lang").map_or(Key::Nothing, Key::Text),
            By::Column(name) => text(fields, name).map_or(Key::Nothing, Key::Text),
        });
        let tally = self.groups.entry(keys.collect()).or_default();
        tally.add(seen, self.options.with_duplicates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fields(row: Value) -> Fields {
        Fields::Named(row.as_object().unwrap().clone())
    }

    fn aggregation(by: &[&str]) -> Aggregation {
        Aggregation::new(Options {
            by: by.iter().map(|by| by.parse().unwrap()).collect(),
            ..Options::default()
        })
    }

    fn names(aggregation: &Aggregation) -> Vec<(String, u64)> {
        let groups = aggregation.groups().into_iter();
        let name = |keys: Vec<Key>| {
            keys.iter()
                .map(Key::to_string)
                .collect::<Vec<_>>()
                .join("|")
        };
        groups.map(|g| (name(g.keys), g.figures.rows)).collect()
    }

    fn row(date: Value, lang: Value) -> Fields {
        fields(
            json!({"date": date, "lang": lang, "label": "cooperative", "tone": 0.5, "p_cooperative": 0.9}),
        )
    }

    #[test]
    fn keys_combine_in_their_order_and_rows_without_a_date_are_counted() {
        let mut aggregation = aggregation(&["month", "lang"]);
        for row in [
            row(json!("2024-02-01"), json!("uk")),
            row(json!(20240131), json!("uk")),
            row(json!("2024-02-29T10:00:00Z"), json!("uk")),
            row(json!("2024-02-30"), json!("en")),
            row(Value::Null, json!("")),
            row(json!("20240101120000"), json!("en")),
        ] {
            aggregation.add(&row).unwrap();
        }
        let expected = [
            ("2024-01|en", 1),
            ("2024-01|uk", 1),
            ("2024-02|uk", 2),
            ("(no date)|en", 1),
            ("(no date)|(none)", 1),
        ];
        assert_eq!(
            names(&aggregation),
            expected.map(|(name, rows)| (name.to_owned(), rows))
        );
    }

    #[test]
    fn any_column_groups() {
        let mut aggregation = aggregation(&["column:source"]);
        for source in [
            json!("AFP"),
            json!(7),
            json!(true),
            json!("AFP"),
            json!(null),
        ] {
            aggregation.add_failed(&fields(json!({"source": source})));
        }
        let expected = [("7", 1), ("AFP", 2), ("true", 1), ("(none)", 1)];
        assert_eq!(
            names(&aggregation),
            expected.map(|(name, rows)| (name.to_owned(), rows))
        );
    }

    #[test]
    fn a_row_that_was_not_scored_is_an_error_and_failed() {
        let mut aggregation = aggregation(&[]);
        assert!(aggregation.add(&fields(json!({"text": "a"}))).is_err());
        aggregation.add(&fields(json!({"error": "empty"}))).unwrap();
        aggregation.add_failed(&Fields::default());
        aggregation
            .add(&row(json!("2024-01-01"), json!("uk")))
            .unwrap();
        let figures = &aggregation.groups()[0].figures;
        assert_eq!((figures.rows, figures.failed, figures.scored), (4, 3, 1));
    }

    #[test]
    fn what_to_group_by_is_parsed() {
        assert_eq!("week".parse::<By>().unwrap(), By::Period(Period::Week));
        assert_eq!("lang".parse::<By>().unwrap(), By::Lang);
        assert_eq!(
            "column:a:b".parse::<By>().unwrap(),
            By::Column("a:b".to_owned())
        );
        for bad in ["", "hour", "column", "column:"] {
            let error = bad.parse::<By>().unwrap_err().to_string();
            assert!(error.contains("column:NAME"), "{error}");
        }
    }
}
