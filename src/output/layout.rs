//! Which columns the output has, told by the first rows of the input.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use serde_json::Value;

use super::Layout;
use crate::fields::Fields;
use crate::row::is_ours;

/// Rows that name more columns than this have keys for names; what is beyond goes to `other`.
const MOST_NAMED: usize = 1000;

/// Key of the metadata of a text field whose cells are JSON.
const JSON: &str = "json";

impl Layout {
    /// The columns of these rows, those of our names left out, in the order in which they appear.
    ///
    /// A column that first appears in a columnar row has the type that it has there. One that first appears in another
    /// row is of truth values, whole numbers, numbers or texts where all values of these rows are, whole numbers and
    /// others together being numbers; else its cells are JSON, and its field's metadata has `json` = `true`. So are the
    /// cells of a type that Parquet does not have. Keys of dictionaries have at least 32 bits, since files together
    /// have more values than each of them.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Fields>) -> Self {
        let mut found = Found::default();
        let mut seen: Option<&Arc<RecordBatch>> = None;
        for fields in rows {
            match fields {
                Fields::Named(map) => {
                    for (name, value) in map {
                        found.value(name, value);
                    }
                }
                Fields::InBatch(batch, _) if seen.is_some_and(|b| Arc::ptr_eq(b, batch)) => {}
                Fields::InBatch(batch, _) => {
                    for field in batch.schema_ref().fields() {
                        found.at(field.name(), || Column::Typed(Arc::clone(field)));
                    }
                    seen = Some(batch);
                }
            }
        }
        let fields = found
            .columns
            .into_iter()
            .map(|(name, column)| match column {
                Column::Typed(field) if parquet_has(&field) => {
                    let data_type = wide(field.data_type());
                    Field::clone(&field)
                        .with_data_type(data_type)
                        .with_nullable(true)
                }
                Column::Typed(_) => json_field(&name),
                Column::Values(kind) => kind.field(&name),
            });
        let columns = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { columns }
    }
}

/// A field whose cells are JSON texts.
pub fn json_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
        .with_metadata(HashMap::from([(JSON.into(), "true".into())]))
}

/// Whether the cells of this field are JSON texts.
pub fn is_json(field: &Field) -> bool {
    field.data_type() == &DataType::Utf8 && field.metadata().get(JSON).is_some_and(|v| v == "true")
}

/// The type with keys of dictionaries of at least 32 bits: those of one file may have fewer, those of all may need
/// them.
pub fn wide(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| {
        let data_type = wide(field.data_type());
        Arc::new(Field::clone(field).with_data_type(data_type))
    };
    match data_type {
        DataType::Dictionary(keys, values) => {
            let is_narrow = keys.primitive_width().is_some_and(|bytes| bytes < 4);
            let keys = if is_narrow {
                Box::new(DataType::Int32)
            } else {
                keys.clone()
            };
            DataType::Dictionary(keys, Box::new(wide(values)))
        }
        DataType::List(item) => DataType::List(field(item)),
        DataType::LargeList(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(field(item), *length),
        DataType::Struct(members) => DataType::Struct(members.iter().map(field).collect()),
        DataType::Map(entries, is_sorted) => DataType::Map(field(entries), *is_sorted),
        other => other.clone(),
    }
}

/// The columns found so far, in order.
#[derive(Default)]
struct Found {
    columns: Vec<(String, Column)>,
    places: HashMap<String, usize>,
}

enum Column {
    Typed(FieldRef),
    Values(Kind),
}

impl Found {
    /// The column of this name, `new` if it is not known yet; `None` for a name of ours.
    fn at(&mut self, name: &str, new: impl FnOnce() -> Column) -> Option<&mut Column> {
        if is_ours(name) {
            return None;
        }
        let at = self.places.get(name).copied().unwrap_or_else(|| {
            let at = self.columns.len();
            self.places.insert(name.to_owned(), at);
            self.columns.push((name.to_owned(), new()));
            at
        });
        Some(&mut self.columns.get_mut(at)?.1)
    }

    fn value(&mut self, name: &str, value: &Value) {
        if self.columns.len() >= MOST_NAMED && !self.places.contains_key(name) {
            return;
        }
        let column = self.at(name, || Column::Values(Kind::Unknown));
        if let Some(Column::Values(kind)) = column {
            *kind = kind.with(Kind::of(value));
        }
    }
}

/// What the values of a named column are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Null so far.
    Unknown,
    Truth,
    Whole,
    Number,
    Text,
    Mixed,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Unknown,
            Value::Bool(_) => Self::Truth,
            Value::Number(number) if number.is_i64() => Self::Whole,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) | Value::Object(_) => Self::Mixed,
        }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, kind) | (kind, Self::Unknown) => kind,
            (Self::Whole, Self::Number) | (Self::Number, Self::Whole) => Self::Number,
            (a, b) if a == b => a,
            _ => Self::Mixed,
        }
    }

    fn field(self, name: &str) -> Field {
        let data_type = match self {
            Self::Truth => DataType::Boolean,
            Self::Whole => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Text => DataType::Utf8,
            // Nothing is known of a column of nulls; as JSON it can hold whatever comes.
            Self::Unknown | Self::Mixed => return json_field(name),
        };
        Field::new(name, data_type, true)
    }
}

/// Whether Parquet can hold this type. Some that its schema can say its writer refuses, so one null is written.
fn parquet_has(field: &FieldRef) -> bool {
    let write = || -> Result<(), ParquetError> {
        let nullable = Field::clone(field).with_nullable(true);
        let schema = Arc::new(Schema::new([Arc::new(nullable)]));
        let mut writer = ArrowWriter::try_new(std::io::sink(), Arc::clone(&schema), None)?;
        let null = new_null_array(field.data_type(), 1);
        writer.write(&RecordBatch::try_new(schema, vec![null])?)?;
        writer.close()?;
        Ok(())
    };
    write().is_ok()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int8Array, IntervalMonthDayNanoArray, StringArray};
    use serde_json::json;

    use super::*;

    fn named(row: Value) -> Fields {
        Fields::Named(row.as_object().unwrap().clone())
    }

    fn types(layout: &Layout) -> Vec<(&str, &DataType, bool)> {
        let fields = layout.columns.fields().iter();
        fields
            .map(|f| (f.name().as_str(), f.data_type(), is_json(f)))
            .collect()
    }

    #[test]
    fn a_named_column_has_the_type_of_all_its_values() {
        let rows = [
            named(
                json!({"id": "a", "n": 1, "x": 1, "b": true, "tone": 7, "mixed": 1, "null": null}),
            ),
            named(json!({"id": "b", "n": null, "x": 0.5, "b": false, "mixed": "1", "late": [1]})),
        ];
        let layout = Layout::of(&rows);
        assert_eq!(
            types(&layout),
            [
                ("id", &DataType::Utf8, false),
                ("n", &DataType::Int64, false),
                ("x", &DataType::Float64, false),
                ("b", &DataType::Boolean, false),
                ("mixed", &DataType::Utf8, true),
                ("null", &DataType::Utf8, true),
                ("late", &DataType::Utf8, true),
            ]
        );
        let stored = serde_json::to_string(&layout).unwrap();
        assert_eq!(serde_json::from_str::<Layout>(&stored).unwrap(), layout);
    }

    #[test]
    fn a_columnar_column_keeps_its_type_unless_parquet_lacks_it() {
        let columns: [(&str, ArrayRef); 3] = [
            ("small", Arc::new(Int8Array::from(vec![1, 2]))),
            ("label", Arc::new(StringArray::from(vec!["x", "y"]))),
            (
                "span",
                Arc::new(IntervalMonthDayNanoArray::from(vec![None, None])),
            ),
        ];
        let batch = Arc::new(RecordBatch::try_from_iter(columns).unwrap());
        let rows = [
            Fields::InBatch(Arc::clone(&batch), 0),
            Fields::InBatch(batch, 1),
            named(json!({"small": "text", "new": "n"})),
        ];
        assert_eq!(
            types(&Layout::of(&rows)),
            [
                ("small", &DataType::Int8, false),
                ("span", &DataType::Utf8, true),
                ("new", &DataType::Utf8, false),
            ]
        );
    }

    #[test]
    fn rows_with_keys_for_names_do_not_make_a_column_each() {
        let row = (0..3000).map(|n| (format!("k{n}"), json!(n))).collect();
        let layout = Layout::of([&Fields::Named(row)]);
        assert_eq!(layout.columns.fields().len(), MOST_NAMED);
    }
}
