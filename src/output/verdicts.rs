//! Our columns as Arrow arrays, and rows of any format read back into scores.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, ListArray, StringArray, StructArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, FieldRef, Fields};
use serde_json::{Map, Value};

use super::Format;
use crate::row::{Row, Scores};
use crate::verdict::{Coverage, Provenance};

/// Whether columns may have parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Evidence is a list of structs, coverage and model are structs.
    Nested,
    /// Evidence is a JSON text, the members of coverage and model are columns.
    Flat,
}

impl Form {
    /// The form in which a file of this format has our columns.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Jsonl | Format::Csv | Format::Parquet => Self::Nested,
            Format::ParquetFlat => Self::Flat,
        }
    }
}

/// A column with its name.
type Named = (String, ArrayRef);

/// Our columns of these rows, in the order of [`crate::row::COLUMNS`]. Of a row that failed, all but `error` are null.
pub fn columns(form: Form, rows: &[Row], model: &Provenance) -> Vec<(FieldRef, ArrayRef)> {
    let scores: Vec<_> = rows.iter().map(|row| row.result.as_ref().ok()).collect();
    let number = |name: &str, get: fn(&Scores) -> f64| -> Named {
        let values: Float64Array = scores.iter().map(|s| s.map(get)).collect();
        (name.to_owned(), Arc::new(values))
    };
    let text = |name: &str, get: fn(&Scores) -> Option<&str>| -> Named {
        let values: StringArray = scores.iter().map(|s| s.and_then(get)).collect();
        (name.to_owned(), Arc::new(values))
    };
    let count = |name: &str, get: fn(&Coverage) -> usize| -> Named {
        let of = |s: &Option<&Scores>| s.map(|s| get(&s.coverage) as u64);
        let values: UInt64Array = scores.iter().map(of).collect();
        (name.to_owned(), Arc::new(values))
    };
    let same = |name: &str, value: &str| -> Named {
        let values: StringArray = scores.iter().map(|s| s.map(|_| value)).collect();
        (name.to_owned(), Arc::new(values))
    };
    let mut columns = vec![
        text("label", |s| Some(s.label.as_str())),
        number("tone", |s| s.tone),
        number("p_cooperative", |s| s.p_cooperative),
        number("relevance", |s| s.relevance),
        text("abstain", |s| s.abstain.map(|a| a.as_str())),
        text("lang", |s| s.lang.map(|l| l.code())),
    ];
    let groups = [
        (
            "coverage",
            vec![
                count("tokens", |c| c.tokens),
                count("tokens_scored", |c| c.tokens_scored),
                count("windows", |c| c.windows),
            ],
        ),
        (
            "model",
            vec![
                same("id", &model.id),
                same("revision", &model.revision),
                same("weights_hash", &model.weights_hash),
                same("version", &model.version),
            ],
        ),
    ];
    match form {
        Form::Nested => {
            let valid: NullBuffer = scores.iter().map(Option::is_some).collect();
            columns.push(("evidence".to_owned(), evidence(&scores, &valid)));
            columns.extend(groups.map(|(name, members)| {
                let group: ArrayRef = Arc::new(group(members, Some(valid.clone())));
                (name.to_owned(), group)
            }));
        }
        Form::Flat => {
            let json = |s: &Option<&Scores>| s.map(|s| serde_json::json!(s.evidence).to_string());
            let evidence: StringArray = scores.iter().map(json).collect();
            columns.push(("evidence".to_owned(), Arc::new(evidence)));
            for (name, members) in groups {
                columns.extend(
                    members
                        .into_iter()
                        .map(|(member, array)| (format!("{name}_{member}"), array)),
                );
            }
        }
    }
    let of_scored = |row: &'_ Row| row.result.as_ref().ok().and(row.duplicate_of.clone());
    let duplicates: StringArray = rows.iter().map(of_scored).collect();
    columns.push(("duplicate_of".to_owned(), Arc::new(duplicates)));
    let errors: StringArray = rows.iter().map(|row| row.result.as_ref().err()).collect();
    columns.push(("error".to_owned(), Arc::new(errors)));
    let with_field = |(name, array): Named| (field(&name, &array), array);
    columns.into_iter().map(with_field).collect()
}

fn field(name: &str, array: &ArrayRef) -> FieldRef {
    Arc::new(Field::new(name, array.data_type().clone(), true))
}

fn group(members: Vec<Named>, valid: Option<NullBuffer>) -> StructArray {
    let fields: Fields = members
        .iter()
        .map(|(name, array)| field(name, array))
        .collect();
    let arrays = members.into_iter().map(|(_, array)| array).collect();
    StructArray::new(fields, arrays, valid)
}

fn evidence(scores: &[Option<&Scores>], valid: &NullBuffer) -> ArrayRef {
    let sentences = || scores.iter().flatten().flat_map(|s| &s.evidence);
    let place = |values: UInt64Array| -> ArrayRef { Arc::new(values) };
    let number = |values: Float64Array| -> ArrayRef { Arc::new(values) };
    let in_title: BooleanArray = sentences().map(|e| Some(e.in_title)).collect();
    let members = [
        ("in_title", Arc::new(in_title) as ArrayRef),
        (
            "start",
            place(sentences().map(|e| e.start as u64).collect()),
        ),
        ("end", place(sentences().map(|e| e.end as u64).collect())),
        ("tone", number(sentences().map(|e| e.tone).collect())),
        ("weight", number(sentences().map(|e| e.weight).collect())),
        (
            "contribution",
            number(sentences().map(|e| e.contribution).collect()),
        ),
    ];
    let members = members.map(|(name, array)| (name.to_owned(), array));
    let items: ArrayRef = Arc::new(group(members.into(), None));
    let lengths = scores.iter().map(|s| s.map_or(0, |s| s.evidence.len()));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(
        field("item", &items),
        offsets,
        items,
        Some(valid.clone()),
    ))
}

/// What our columns of one row say: the scores or why there are none, and the id of the row of which it is a copy.
///
/// Evidence and coverage may be JSON texts, and coverage may be given by its members' columns.
///
/// # Errors
/// What is wrong with the row, as no row that this program wrote is.
pub fn parse(
    mut ours: Map<String, Value>,
) -> Result<(Result<Scores, String>, Option<String>), String> {
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    if ours.get("label").is_none_or(Value::is_null) {
        let reason = text(ours.remove("error")).ok_or("neither `label` nor `error` is there")?;
        return Ok((Err(reason), None));
    }
    let duplicate_of = text(ours.remove("duplicate_of"));
    for name in ["evidence", "coverage"] {
        if let Some(value) = ours.get_mut(name)
            && let Some(json) = value.as_str()
        {
            *value = serde_json::from_str(json).map_err(|e| format!("column `{name}`: {e}"))?;
        }
    }
    if !ours.contains_key("coverage") {
        let members = ["tokens", "tokens_scored", "windows"];
        let coverage = members.map(|name| {
            (
                name.to_owned(),
                ours.remove(&format!("coverage_{name}")).unwrap_or_default(),
            )
        });
        ours.insert("coverage".to_owned(), Map::from_iter(coverage).into());
    }
    let scores = serde_json::from_value(Value::Object(ours)).map_err(|e| e.to_string())?;
    Ok((Ok(scores), duplicate_of))
}
