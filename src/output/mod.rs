//! Rows out: JSON Lines, CSV and Parquet, the same columns in each.

mod delimited;
pub mod join;
mod json_lines;
mod layout;
mod parquet;
pub(crate) mod split;
mod typed;
pub(crate) mod verdicts;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::fields::Fields;
use crate::row::Row;
use crate::verdict::Provenance;

/// The last column of formats with a header: what a row has beside the others, as a JSON object. Nothing is lost.
pub const OTHER: &str = "other";

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated with a header; evidence and coverage as JSON in their cells.
    Csv,
    /// Typed columns; evidence and coverage nested.
    Parquet,
    /// Typed columns without nesting: evidence as JSON, the fields of coverage and model as columns of their own.
    ParquetFlat,
}

/// Which input columns the output has, with their types. Formats with a header need to know before the first row; what
/// a later row has beside them goes to [`OTHER`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The input columns that pass through, those of our names left out.
    pub columns: SchemaRef,
}

/// Writes rows in the order in which they come.
pub trait RowWriter: Send {
    /// Writes rows.
    ///
    /// # Errors
    /// [`crate::Error::Io`] naming the output.
    fn write(&mut self, rows: Vec<Row>) -> Result<()>;

    /// Writes what a file of this format ends with, and flushes. Without it the file is incomplete.
    ///
    /// # Errors
    /// [`crate::Error::Io`] naming the output.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A writer of `format` to `out`, which errors call `path`. `layout` is asked for by formats with a header only.
///
/// # Errors
/// [`crate::Error::Io`] where the header cannot be written.
pub fn writer(
    format: Format,
    path: &Path,
    out: Box<dyn Write + Send>,
    layout: &Layout,
    model: &Arc<Provenance>,
) -> Result<Box<dyn RowWriter>> {
    Ok(match format {
        Format::Jsonl => Box::new(json_lines::JsonLines::new(path, out, model)),
        Format::Csv => Box::new(delimited::Csv::new(path, out, layout, model)?),
        Format::Parquet | Format::ParquetFlat => {
            let form = verdicts::Form::of(format);
            Box::new(parquet::Parquet::new(path, out, form, layout, model)?)
        }
    })
}

/// The rows with their columns as JSON; those of a batch are converted together, which is many times faster.
fn as_json(mut rows: Vec<Row>) -> Vec<Row> {
    let fields = rows
        .iter_mut()
        .map(|row| std::mem::take(&mut row.fields))
        .collect();
    for (row, fields) in rows.iter_mut().zip(Fields::all_into_json(fields)) {
        row.fields = Fields::Named(fields);
    }
    rows
}

#[cfg(test)]
mod tests;
