//! Parquet: typed columns, compressed with zstd.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use super::typed::Columns;
use super::verdicts::{self, Form};
use super::{Layout, OTHER, RowWriter};
use crate::row::{Row, is_ours};
use crate::verdict::Provenance;
use crate::{Error, Result};

/// So many rows are turned into columns at once,
const ROWS_AT_ONCE: usize = 512;

/// or as many as have so many bytes of text, since one may have megabytes. Pages end between such groups, which are cut by
/// the rows alone and not by how they come: the same rows give the same file.
const BYTES_AT_ONCE: usize = 1 << 20;

/// A row group ends with this many rows,
const ROWS_IN_GROUP: usize = 1 << 16;

/// or where it has this many bytes, encoded: it is in memory until it ends.
const BYTES_IN_GROUP: usize = 64 << 20;

/// Writes Parquet.
pub struct Parquet {
    path: PathBuf,
    form: Form,
    model: Arc<Provenance>,
    columns: Columns,
    schema: SchemaRef,
    rows: Vec<Row>,
    /// Of text, in `rows`.
    bytes: usize,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl Parquet {
    /// # Errors
    /// [`Error::Io`] where `out` refuses the first bytes.
    pub fn new(
        path: &Path,
        out: Box<dyn Write + Send>,
        form: Form,
        layout: &Layout,
        model: &Arc<Provenance>,
    ) -> Result<Self> {
        let ours = verdicts::columns(form, &[], model);
        let is_taken = |name: &str| {
            name == OTHER || is_ours(name) || ours.iter().any(|(field, _)| field.name() == name)
        };
        let columns = Columns::new(layout, is_taken);
        let other = Arc::new(Field::new(OTHER, DataType::Utf8, true));
        let ours = ours.iter().map(|(field, _)| field);
        let fields: Vec<_> = columns
            .fields()
            .iter()
            .chain(ours)
            .chain([&other])
            .cloned()
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = properties()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
            .set_max_row_group_row_count(Some(ROWS_IN_GROUP))
            .set_max_row_group_bytes(Some(BYTES_IN_GROUP))
            .build();
        let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))
            .map_err(failed(path))?;
        Ok(Self {
            path: path.to_owned(),
            form,
            model: Arc::clone(model),
            columns,
            schema,
            rows: Vec::with_capacity(ROWS_AT_ONCE),
            bytes: 0,
            writer,
        })
    }

    fn write_batch(&mut self) -> Result<()> {
        let mut rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let fields = rows
            .iter_mut()
            .map(|row| std::mem::take(&mut row.fields))
            .collect();
        let batch = || -> Result<RecordBatch, ArrowError> {
            let (mut arrays, other) = self.columns.collect(fields)?;
            let ours = verdicts::columns(self.form, &rows, &self.model);
            arrays.extend(ours.into_iter().map(|(_, array)| array));
            arrays.push(Arc::new(other) as ArrayRef);
            RecordBatch::try_new(Arc::clone(&self.schema), arrays)
        };
        let batch = batch()
            .map_err(ParquetError::from)
            .map_err(failed(&self.path))?;
        self.writer.write(&batch).map_err(failed(&self.path))
    }
}

impl RowWriter for Parquet {
    fn write(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            self.bytes += row.fields.text_bytes();
            self.rows.push(row);
            if self.rows.len() == ROWS_AT_ONCE || self.bytes >= BYTES_AT_ONCE {
                self.write_batch()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.rows.is_empty() {
            self.write_batch()?;
        }
        self.writer.close().map_err(failed(&self.path))?;
        Ok(())
    }
}

/// Properties of every file that we write.
pub fn properties() -> WriterPropertiesBuilder {
    let program = concat!("detente ", env!("CARGO_PKG_VERSION"));
    WriterProperties::builder().set_created_by(program.to_owned())
}

/// The error at `path`, the system's own where it is one: a closed pipe must be known as such.
pub fn failed(path: &Path) -> impl FnOnce(ParquetError) -> Error {
    let path = path.to_owned();
    move |error| {
        let source = match error {
            ParquetError::External(source) => source
                .downcast::<io::Error>()
                .map_or_else(io::Error::other, |e| *e),
            other => io::Error::other(other),
        };
        Error::Io { path, source }
    }
}
