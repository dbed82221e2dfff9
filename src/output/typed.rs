//! The input's columns of rows as arrays of the layout's types.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    new_null_array,
};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use serde_json::{Map, Number, Value};

use super::Layout;
use super::layout::{is_json, wide};
use crate::fields::{Fields, batch_to_json};
use crate::row::is_ours;

/// The input's columns that a table has.
pub struct Columns {
    fields: Vec<FieldRef>,
    places: HashMap<String, usize>,
}

impl Columns {
    /// Those of the layout but the ones whose name is taken.
    pub fn new(layout: &Layout, is_taken: impl Fn(&str) -> bool) -> Self {
        let free = layout
            .columns
            .fields()
            .iter()
            .filter(|f| !is_taken(f.name()));
        let fields: Vec<_> = free.cloned().collect();
        let places = fields
            .iter()
            .enumerate()
            .map(|(at, f)| (f.name().clone(), at))
            .collect();
        Self { fields, places }
    }

    /// Their fields.
    pub fn fields(&self) -> &[FieldRef] {
        &self.fields
    }

    /// One array for each column, and for each row what is not in them, as a JSON object. A value of a batch whose
    /// column has the type is taken as it is; any other goes through JSON, and where the column cannot hold it exactly
    /// into the object.
    ///
    /// # Errors
    /// Those of Arrow, for more texts than an array can hold.
    pub fn collect(&self, rows: Vec<Fields>) -> Result<(Vec<ArrayRef>, StringArray), ArrowError> {
        let mut cells: Vec<_> = self
            .fields
            .iter()
            .map(|f| Cells::new(f, rows.len()))
            .collect();
        let mut batches: Vec<InBatch> = Vec::new();
        let mut others = Vec::with_capacity(rows.len());
        for (at, fields) in rows.into_iter().enumerate() {
            let rest = match fields {
                Fields::Named(map) => map,
                Fields::InBatch(batch, row) if row < batch.num_rows() => {
                    let known = batches.iter().position(|b| Arc::ptr_eq(&b.batch, &batch));
                    let known = known.unwrap_or_else(|| {
                        batches.push(InBatch::new(batch, self, &mut cells));
                        batches.len() - 1
                    });
                    let batch = &batches[known];
                    for &(column, source) in &batch.same {
                        cells[column].places[at] = (source, row);
                    }
                    batch.rest(row)
                }
                Fields::InBatch(..) => Map::new(),
            };
            let mut other = Map::new();
            for (name, value) in rest {
                match self.places.get(&name) {
                    Some(&column) if cells[column].put(at, &self.fields[column], &value) => {}
                    _ if is_ours(&name) => {}
                    _ => {
                        other.insert(name, value);
                    }
                }
            }
            others.push((!other.is_empty()).then(|| Value::Object(other).to_string()));
        }
        let arrays = cells.iter().map(Cells::array).collect::<Result<_, _>>()?;
        Ok((arrays, others.into()))
    }
}

/// The cells of a column: arrays, and for each row one of them and a place in it.
struct Cells {
    sources: Vec<ArrayRef>,
    places: Vec<(usize, usize)>,
}

impl Cells {
    /// Nulls.
    fn new(field: &Field, rows: usize) -> Self {
        Self {
            sources: vec![new_null_array(field.data_type(), 1)],
            places: vec![(0, 0); rows],
        }
    }

    /// Puts a value in its row; says whether the column can hold it.
    fn put(&mut self, row: usize, field: &FieldRef, value: &Value) -> bool {
        if value.is_null() {
            return true;
        }
        let Some(array) = one(field, value) else {
            return false;
        };
        self.places[row] = (self.sources.len(), 0);
        self.sources.push(array);
        true
    }

    fn array(&self) -> Result<ArrayRef, ArrowError> {
        let sources: Vec<&dyn Array> = self.sources.iter().map(AsRef::as_ref).collect();
        interleave(&sources, &self.places)
    }
}

/// A batch and where its columns go.
struct InBatch {
    batch: Arc<RecordBatch>,
    /// Columns of the table that this batch has with their types, and which of their sources it is.
    same: Vec<(usize, usize)>,
    /// The other columns.
    others: RecordBatch,
}

impl InBatch {
    fn new(batch: Arc<RecordBatch>, table: &Columns, cells: &mut [Cells]) -> Self {
        let mut names = HashSet::new();
        let (mut same, mut others) = (Vec::new(), Vec::new());
        for (at, field) in batch.schema_ref().fields().iter().enumerate() {
            if is_ours(field.name()) || !names.insert(field.name()) {
                continue;
            }
            let column = table.places.get(field.name()).copied();
            let column = column.and_then(|column| {
                Some((
                    column,
                    as_in(&table.fields[column], field, batch.column(at))?,
                ))
            });
            match column {
                Some((column, array)) => {
                    same.push((column, cells[column].sources.len()));
                    cells[column].sources.push(array);
                }
                None => others.push(at),
            }
        }
        // The columns are the batch's own, so that this does not fail.
        let others = batch.project(&others).unwrap_or_else(|_| batch.slice(0, 0));
        Self {
            batch,
            same,
            others,
        }
    }

    /// What the row has in the other columns.
    fn rest(&self, row: usize) -> Map<String, Value> {
        if self.others.num_columns() == 0 {
            return Map::new();
        }
        let mut rest = batch_to_json(&self.others.slice(row, 1))
            .pop()
            .unwrap_or_default();
        for field in self
            .others
            .schema_ref()
            .fields()
            .iter()
            .filter(|f| is_json(f))
        {
            if let Some(value) = rest.get_mut(field.name())
                && let Some(parsed) = value
                    .as_str()
                    .and_then(|json| serde_json::from_str(json).ok())
            {
                *value = parsed;
            }
        }
        rest
    }
}

/// The column of a batch, where it is of the type that the table has.
fn as_in(table: &Field, batch: &Field, array: &ArrayRef) -> Option<ArrayRef> {
    let (to, from) = (table.data_type(), batch.data_type());
    if is_json(table) != is_json(batch) || &wide(from) != to {
        return None;
    }
    if from == to {
        Some(Arc::clone(array))
    } else {
        cast(array, to).ok()
    }
}

/// A value that is not null as an array of one; `None` where a column of this type cannot hold it exactly.
fn one(field: &FieldRef, value: &Value) -> Option<ArrayRef> {
    if is_json(field) {
        return Some(Arc::new(StringArray::from(vec![value.to_string()])));
    }
    Some(match (field.data_type(), value) {
        (DataType::Boolean, &Value::Bool(truth)) => Arc::new(BooleanArray::from(vec![truth])),
        (DataType::Int64, Value::Number(number)) => {
            Arc::new(Int64Array::from(vec![number.as_i64()?]))
        }
        (DataType::Float64, Value::Number(number)) => {
            Arc::new(Float64Array::from(vec![float(number)?]))
        }
        (DataType::Utf8, Value::String(text)) => Arc::new(StringArray::from(vec![text.as_str()])),
        (DataType::Boolean | DataType::Int64 | DataType::Float64 | DataType::Utf8, _) => {
            return None;
        }
        (DataType::Dictionary(_, values), _) => {
            let of_values = Field::clone(field).with_data_type(DataType::clone(values));
            cast(&one(&Arc::new(of_values), value)?, field.data_type()).ok()?
        }
        _ => decoded(field, value)?,
    })
}

/// The number as a float, where there is one that is the same number.
fn float(number: &Number) -> Option<f64> {
    let float = number.as_f64()?;
    let is_same = match (number.as_i64(), number.as_u64()) {
        // As 128 bits, since a float next to the largest whole number is beyond it.
        (Some(whole), _) => float as i128 == i128::from(whole),
        (None, Some(whole)) => float as i128 == i128::from(whole),
        (None, None) => true,
    };
    is_same.then_some(float)
}

/// A value of any other type, read by Arrow, where Arrow writes what it has read.
fn decoded(field: &FieldRef, value: &Value) -> Option<ArrayRef> {
    let nullable = Field::clone(field).with_nullable(true);
    let mut decoder = ReaderBuilder::new_with_field(nullable)
        .with_batch_size(1)
        .build_decoder()
        .ok()?;
    decoder.serialize(&[value]).ok()?;
    let batch = decoder.flush().ok()??;
    let written = batch_to_json(&batch).pop()?.shift_remove(field.name())?;
    (&written == value).then(|| Arc::clone(batch.column(0)))
}
