//! The input's columns of rows as arrays of the layout's types.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    new_empty_array, new_null_array,
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

    /// The column of a name that is at `place` in a row: mostly at the same one, as rows of a file are alike.
    fn find(&self, name: &str, place: usize) -> Option<usize> {
        match self.fields.get(place) {
            Some(field) if field.name() == name => Some(place),
            _ => self.places.get(name).copied(),
        }
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
            .map(|field| Cells::new(field, rows.len()))
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
            for (place, (name, value)) in rest.into_iter().enumerate() {
                let left = match self.find(&name, place) {
                    Some(column) => cells[column].put(at, value),
                    None => Some(value),
                };
                if let Some(value) = left
                    && !is_ours(&name)
                {
                    other.insert(name, value);
                }
            }
            others.push((!other.is_empty()).then(|| Value::Object(other).to_string()));
        }
        let arrays = cells.into_iter().map(Cells::array);
        Ok((arrays.collect::<Result<_, _>>()?, others.into()))
    }
}

/// The cells of a column: arrays, and for each row one of them and a place in it.
struct Cells<'a> {
    field: &'a FieldRef,
    /// Values of JSON that become one array.
    values: Vec<Value>,
    /// From [`FIRST_SOURCE`] on, as places count them.
    sources: Vec<ArrayRef>,
    places: Vec<(usize, usize)>,
}

/// Where places point: to a null, into [`Cells::values`], into the first of [`Cells::sources`].
const NULL: usize = 0;
const VALUES: usize = 1;
const FIRST_SOURCE: usize = 2;

impl<'a> Cells<'a> {
    /// Nulls.
    fn new(field: &'a FieldRef, rows: usize) -> Self {
        Self {
            field,
            values: Vec::new(),
            sources: Vec::new(),
            places: vec![(NULL, 0); rows],
        }
    }

    /// Adds an array; returns which of the column's it is.
    fn add(&mut self, array: ArrayRef) -> usize {
        self.sources.push(array);
        FIRST_SOURCE + self.sources.len() - 1
    }

    /// Puts a value in its row; gives it back where the column cannot hold it exactly.
    fn put(&mut self, row: usize, value: Value) -> Option<Value> {
        if value.is_null() {
            return None;
        }
        self.places[row] = match holds(self.field, &value) {
            Some(true) => {
                self.values.push(value);
                (VALUES, self.values.len() - 1)
            }
            Some(false) => return Some(value),
            None => match decoded(self.field, &value) {
                Some(array) => (self.add(array), 0),
                None => return Some(value),
            },
        };
        None
    }

    fn array(self) -> Result<ArrayRef, ArrowError> {
        let values = array_of(self.field, &self.values)?;
        if self.values.len() == self.places.len() {
            return Ok(values);
        }
        let null = new_null_array(self.field.data_type(), 1);
        let sources: Vec<&dyn Array> = [&null, &values]
            .into_iter()
            .chain(&self.sources)
            .map(AsRef::as_ref)
            .collect();
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
    fn new(batch: Arc<RecordBatch>, table: &Columns, cells: &mut [Cells<'_>]) -> Self {
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
                Some((column, array)) => same.push((column, cells[column].add(array))),
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

/// Whether a column of this type can hold a value that is not null exactly; `None` for types that only Arrow can say
/// this of.
fn holds(field: &Field, value: &Value) -> Option<bool> {
    if is_json(field) {
        return Some(true);
    }
    Some(match field.data_type() {
        DataType::Boolean => value.is_boolean(),
        DataType::Int64 => value.is_i64(),
        DataType::Float64 => value.as_number().and_then(float).is_some(),
        DataType::Utf8 => value.is_string(),
        _ => return None,
    })
}

/// Values that a column [holds] as an array; of any other type there are none.
fn array_of(field: &Field, values: &[Value]) -> Result<ArrayRef, ArrowError> {
    if is_json(field) {
        return texts(values.iter().map(Value::to_string).collect());
    }
    let values = values.iter();
    Ok(match field.data_type() {
        DataType::Boolean => Arc::new(values.map(Value::as_bool).collect::<BooleanArray>()),
        DataType::Int64 => Arc::new(values.map(Value::as_i64).collect::<Int64Array>()),
        DataType::Float64 => Arc::new(values.map(Value::as_f64).collect::<Float64Array>()),
        DataType::Utf8 => texts(values.filter_map(Value::as_str).collect())?,
        other => new_empty_array(other),
    })
}

/// Fails where the array would panic: its places have 31 bits.
fn texts<T: AsRef<str>>(texts: Vec<T>) -> Result<ArrayRef, ArrowError> {
    let bytes = texts.iter().map(|text| text.as_ref().len()).sum();
    if i32::try_from(bytes).is_err() {
        return Err(ArrowError::OffsetOverflowError(bytes));
    }
    Ok(Arc::new(StringArray::from_iter_values(texts)))
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

/// A value of any other type as an array of one: read by Arrow, where Arrow writes what it has read. `None` where the
/// type cannot hold it exactly.
fn decoded(field: &FieldRef, value: &Value) -> Option<ArrayRef> {
    if let DataType::Dictionary(_, values) = field.data_type() {
        let of_values = Arc::new(Field::clone(field).with_data_type(DataType::clone(values)));
        let array = match holds(&of_values, value) {
            Some(true) => array_of(&of_values, std::slice::from_ref(value)).ok()?,
            Some(false) => return None,
            None => decoded(&of_values, value)?,
        };
        return cast(&array, field.data_type()).ok();
    }
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
