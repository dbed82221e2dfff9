//! The columns of an input row, untouched, in the form in which they were read.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::downcast_dictionary_array;
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

/// The input columns of one row in their order. They pass through to the output with their types.
#[derive(Debug, Clone, PartialEq)]
pub enum Fields {
    /// By name, as a JSON object has them. A CSV row has texts; a text file has one column, its name as the id.
    Named(Map<String, Value>),
    /// A row of a columnar file, by its number in a batch.
    InBatch(Arc<RecordBatch>, usize),
}

/// One value as far as an article needs it.
#[derive(Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    /// Anything else, in words for a message.
    Other(Cow<'static, str>),
}

impl Default for Fields {
    /// No columns: those of a row that could not be read.
    fn default() -> Self {
        Self::Named(Map::new())
    }
}

impl Fields {
    /// The columns as JSON. Of a columnar row, timestamps and the like become texts, null columns are null.
    pub fn into_json(self) -> Map<String, Value> {
        match self {
            Self::Named(map) => map,
            Self::InBatch(batch, row) => rows_to_json(&batch, row, 1).pop().unwrap_or_default(),
        }
    }

    /// What [`into_json`](Self::into_json) gives for each row. Neighbours in a batch are converted at once, which is
    /// many times faster than one by one.
    pub fn all_into_json(rows: Vec<Self>) -> Vec<Map<String, Value>> {
        let mut all = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter().peekable();
        while let Some(fields) = rows.next() {
            match fields {
                Self::Named(map) => all.push(map),
                Self::InBatch(batch, first) => {
                    let mut n = 1;
                    let follows = |next: &Self, n| match next {
                        Self::InBatch(other, row) => {
                            Arc::ptr_eq(other, &batch) && first.checked_add(n) == Some(*row)
                        }
                        Self::Named(_) => false,
                    };
                    while rows.next_if(|next| follows(next, n)).is_some() {
                        n += 1;
                    }
                    let mut run = rows_to_json(&batch, first, n);
                    run.resize(n, Map::new());
                    all.append(&mut run);
                }
            }
        }
        all
    }

    /// One column as JSON; `None` where the row does not have it.
    pub fn get(&self, name: &str) -> Option<Value> {
        match self {
            Self::Named(map) => find(map, name).cloned(),
            Self::InBatch(batch, row) => match self.cell(name)? {
                Cell::Null => Some(Value::Null),
                Cell::Text(text) => Some(Value::from(text)),
                Cell::Other(_) => {
                    let column = batch.schema().index_of(name).ok()?;
                    let one = batch.project(&[column]).ok()?;
                    rows_to_json(&one, *row, 1).pop()?.shift_remove(name)
                }
            },
        }
    }

    /// One column, read where it lies; `None` where the row does not have it.
    pub(crate) fn cell(&self, name: &str) -> Option<Cell<'_>> {
        match self {
            Self::Named(map) => find(map, name).map(|value| match value {
                Value::Null => Cell::Null,
                Value::String(text) => Cell::Text(text),
                other => Cell::Other(kind_of(other).into()),
            }),
            Self::InBatch(batch, row) => {
                let column = batch.column_by_name(name)?;
                (*row < column.len()).then(|| cell_of(column.as_ref(), *row))
            }
        }
    }

    /// Bytes of the columns that are texts: nearly all that a row takes.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Named(map) => map.values().filter_map(Value::as_str).map(str::len).sum(),
            Self::InBatch(batch, row) => {
                let columns = batch.columns().iter().filter(|c| is_text(c.data_type()));
                let texts = columns.filter(|column| *row < column.len());
                texts
                    .map(|column| match cell_of(column.as_ref(), *row) {
                        Cell::Text(text) => text.len(),
                        _ => 0,
                    })
                    .sum()
            }
        }
    }

    /// The names of the columns in their order.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Named(map) => map.keys().cloned().collect(),
            Self::InBatch(batch, _) => names_of(&batch.schema()),
        }
    }
}

/// The value of a name. In a row of a few columns comparing names takes less time than hashing one.
fn find<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    const FEW: usize = 8;
    match map.len() {
        ..=FEW => map
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value)),
        _ => map.get(name),
    }
}

/// The names of a schema's columns in their order.
pub(crate) fn names_of(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|f| f.name().clone()).collect()
}

/// Whether a column holds texts, in one of the ways in which Arrow stores them.
pub(crate) fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// The value of a row that the array has.
fn cell_of(array: &dyn Array, row: usize) -> Cell<'_> {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row)),
        kind if is_text(kind) => downcast_dictionary_array!(
            array => match array.key(row) {
                Some(key) if key < array.values().len() => cell_of(array.values().as_ref(), key),
                _ => Cell::Null,
            },
            _ => Cell::Null
        ),
        kind => Cell::Other(format!("{kind}").into()),
    }
}

/// What a JSON value is, for messages.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// `n` rows of a batch from `first` on; none where the batch does not have them.
fn rows_to_json(batch: &RecordBatch, first: usize, n: usize) -> Vec<Map<String, Value>> {
    match first.checked_add(n) {
        Some(end) if end <= batch.num_rows() => batch_to_json(&batch.slice(first, n)),
        _ => Vec::new(),
    }
}

/// The rows of a batch as JSON objects. NaN is null; a column of a type that JSON has nothing for (a union)
/// is text as Arrow displays it.
pub(crate) fn batch_to_json(batch: &RecordBatch) -> Vec<Map<String, Value>> {
    try_to_json(batch)
        .or_else(|| try_to_json(&displayed(batch).ok()?))
        .unwrap_or_else(|| vec![Map::new(); batch.num_rows()])
}

/// `None` where a column has no form in JSON.
fn try_to_json(batch: &RecordBatch) -> Option<Vec<Map<String, Value>>> {
    let mut json = Vec::new();
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, JsonArray>(&mut json);
    writer.write(batch).ok()?;
    writer.finish().ok()?;
    drop(writer);
    let rows: Vec<_> = serde_json::from_slice(&json).ok()?;
    (rows.len() == batch.num_rows()).then_some(rows)
}

/// The batch with texts in place of the columns that have no form in JSON.
fn displayed(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let options = FormatOptions::new().with_display_error(true);
    let columns = batch.columns().iter().zip(batch.schema_ref().fields());
    let columns = columns.map(|(column, field)| {
        let alone = RecordBatch::try_from_iter([(field.name(), Arc::clone(column))])?;
        if try_to_json(&alone).is_some() {
            return Ok((field.as_ref().clone(), Arc::clone(column)));
        }
        let formatter = ArrayFormatter::try_new(column, &options)?;
        let text = |row| {
            column
                .is_valid(row)
                .then(|| formatter.value(row).to_string())
        };
        let texts: ArrayRef = Arc::new((0..column.len()).map(text).collect::<StringArray>());
        Ok((Field::new(field.name(), DataType::Utf8, true), texts))
    });
    let columns: Result<Vec<(Field, ArrayRef)>, ArrowError> = columns.collect();
    let (fields, columns): (Vec<_>, Vec<_>) = columns?.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        DictionaryArray, Float64Array, Int64Array, LargeStringArray, StringViewArray,
        TimestampSecondArray, UnionBuilder,
    };
    use arrow::datatypes::{Float64Type, Int8Type, Int64Type};
    use serde_json::json;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> Arc<RecordBatch> {
        Arc::new(RecordBatch::try_from_iter(columns).unwrap())
    }

    #[test]
    fn every_kind_of_text_column_is_read_where_it_lies() {
        let texts = [Some("a"), None];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter(texts)),
            Arc::new(LargeStringArray::from_iter(texts)),
            Arc::new(StringViewArray::from_iter(texts)),
            Arc::new(DictionaryArray::<Int8Type>::from_iter(texts)),
        ];
        for column in columns {
            let kind = column.data_type().clone();
            let batch = batch(vec![("t", column)]);
            let fields = |row| Fields::InBatch(Arc::clone(&batch), row);
            assert_eq!(fields(0).cell("t"), Some(Cell::Text("a")), "{kind}");
            assert_eq!(fields(1).cell("t"), Some(Cell::Null), "{kind}");
            assert_eq!(fields(1).get("t"), Some(Value::Null), "{kind}");
            assert_eq!(fields(2).cell("t"), None, "{kind}");
            assert_eq!(fields(0).get("u"), None, "{kind}");
        }
    }

    #[test]
    fn a_column_that_json_has_nothing_for_is_its_text_and_the_others_keep_their_types() {
        let mut odd = UnionBuilder::new_sparse();
        odd.append::<Int64Type>("a", 1).unwrap();
        odd.append::<Float64Type>("b", 2.5).unwrap();
        let odd: ArrayRef = Arc::new(odd.build().unwrap());
        assert!(try_to_json(&batch(vec![("o", Arc::clone(&odd))])).is_none());
        let rows = batch_to_json(&batch(vec![
            ("n", Arc::new(Int64Array::from(vec![7, 8]))),
            ("o", odd),
            ("f", Arc::new(Float64Array::from(vec![f64::NAN, 0.5]))),
            (
                "t",
                Arc::new(TimestampSecondArray::from(vec![Some(0), None])),
            ),
        ]));
        assert_eq!(rows[0].keys().collect::<Vec<_>>(), ["n", "o", "f", "t"]);
        assert_eq!(rows[0]["n"], json!(7));
        assert_eq!(rows[0]["o"], json!("{a=1}"));
        assert_eq!(rows[0]["f"], Value::Null);
        assert_eq!(rows[0]["t"], json!("1970-01-01T00:00:00"));
        assert_eq!(rows[1]["o"], json!("{b=2.5}"));
        assert_eq!(rows[1]["f"], json!(0.5));
        assert_eq!(rows[1]["t"], Value::Null);
    }

    #[test]
    fn runs_of_rows_give_what_single_rows_give() {
        let one = batch(vec![("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4])))]);
        let other = batch(vec![("n", Arc::new(Int64Array::from(vec![5])))]);
        let named = Fields::Named(Map::from_iter([("n".to_owned(), json!("x"))]));
        let at = |batch: &Arc<RecordBatch>, row| Fields::InBatch(Arc::clone(batch), row);
        let rows = vec![
            at(&one, 0),
            at(&one, 1),
            at(&one, 3),
            named,
            at(&other, 0),
            at(&other, 9),
            at(&one, 2),
        ];
        let single: Vec<_> = rows.iter().cloned().map(Fields::into_json).collect();
        assert_eq!(Fields::all_into_json(rows), single);
        let n: Vec<_> = single.iter().map(|row| row.get("n").cloned()).collect();
        assert_eq!(
            n[..5],
            [1, 2, 4]
                .map(|n| Some(json!(n)))
                .into_iter()
                .chain([Some(json!("x")), Some(json!(5))])
                .collect::<Vec<_>>()
        );
        assert_eq!(n[5], None);
    }
}
