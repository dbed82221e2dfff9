//! The output row: the input's columns untouched, then ours. The same columns in JSON Lines and CSV.

use serde_json::{Map, Value, json};

use crate::verdict::{Provenance, Verdict};

/// The columns that a verdict adds, in their order. Of an input column of the same name only ours is written.
pub const COLUMNS: [&str; 10] = [
    "label",
    "tone",
    "p_cooperative",
    "relevance",
    "abstain",
    "lang",
    "evidence",
    "coverage",
    "model",
    "error",
];

/// A verdict as an output row, with the `evidence` sentences that carry most of it. Numbers have four decimals.
pub fn verdict(
    columns: Map<String, Value>,
    verdict: &Verdict,
    evidence: usize,
    model: &Provenance,
) -> Map<String, Value> {
    let sentences: Vec<_> = verdict
        .evidence(evidence)
        .iter()
        .map(|e| {
            json!({
                "start": e.start,
                "end": e.end,
                "tone": rounded(e.tone),
                "weight": rounded(e.weight),
                "contribution": rounded(e.contribution),
            })
        })
        .collect();
    let ours = [
        ("label", json!(verdict.label)),
        ("tone", rounded(verdict.tone)),
        ("p_cooperative", rounded(verdict.p_cooperative)),
        ("relevance", rounded(verdict.relevance)),
        ("abstain", json!(verdict.abstain)),
        ("lang", json!(verdict.lang)),
        ("evidence", Value::Array(sentences)),
        ("coverage", json!(verdict.coverage)),
        ("model", json!(model)),
    ];
    let mut row = input(columns);
    row.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    row
}

/// The output row of an article that could not be scored: what is known of the input, and why.
pub fn error(columns: Map<String, Value>, reason: &str) -> Map<String, Value> {
    let mut row = input(columns);
    row.insert("error".to_owned(), Value::from(reason));
    row
}

fn input(mut columns: Map<String, Value>) -> Map<String, Value> {
    columns.retain(|name, _| !COLUMNS.contains(&name.as_str()));
    columns
}

fn rounded(value: f32) -> Value {
    json!((f64::from(value) * 1e4).round() / 1e4)
}

/// Rows as CSV records. The header is set by the first row; what a later row has beside it goes, as a JSON object, into
/// the column `other`, so that nothing is lost.
pub struct CsvRecords {
    header: Vec<String>,
}

impl CsvRecords {
    /// Sets the header from the input columns of the first row.
    pub fn new(first: &Map<String, Value>) -> Self {
        let input = first
            .keys()
            .filter(|name| !COLUMNS.contains(&name.as_str()))
            .cloned();
        let ours = COLUMNS.iter().map(|&name| name.to_owned());
        Self {
            header: input.chain(ours).chain(["other".to_owned()]).collect(),
        }
    }

    /// The header record.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The record of one row: texts as they are, numbers and truth values printed, lists and objects as JSON, null empty.
    pub fn record(&self, mut row: Map<String, Value>) -> Vec<String> {
        let columns = &self.header[..self.header.len() - 1];
        let mut record: Vec<_> = columns
            .iter()
            .map(|name| cell(row.shift_remove(name)))
            .collect();
        record.push(if row.is_empty() {
            String::new()
        } else {
            Value::Object(row).to_string()
        });
        record
    }
}

fn cell(value: Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_record_loses_no_column() {
        let row = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let records = CsvRecords::new(&row(r#"{"id":"a","n":1,"label":"mine"}"#));
        assert_eq!(records.header()[..3], ["id", "n", "label"]);
        let record = records.record(row(r#"{"id":"b","x":[1],"error":"bad, \"very\""}"#));
        assert_eq!(record.len(), records.header().len());
        assert_eq!(record[0], "b");
        assert_eq!(record[1], "");
        assert_eq!(record[record.len() - 2], "bad, \"very\"");
        assert_eq!(record[record.len() - 1], r#"{"x":[1]}"#);
    }
}
