//! Parts of an output put together to one file, and read back as the rows that were written.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, FieldRef, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::writer::SerializedFileWriter;
use serde_json::{Map, Value};

use super::layout::{is_json, json_field};
use super::parquet::{failed, properties};
use super::{Format, Layout, OTHER, delimited, verdicts};
use crate::fields::{Fields, batch_to_json};
use crate::row::{COLUMNS, Row, is_ours};
use crate::{Error, Result};

/// What errors call the file that parts are joined to; its path is the caller's.
const JOINED: &str = "the joined output";

/// Bytes that are copied at once.
const BUFFER: usize = 1 << 20;

/// Writes the rows of all parts, in their order, as one file. Nothing is decoded, and memory does not grow with the
/// parts.
///
/// # Errors
/// [`Error::Io`] where a part cannot be read or `out` not be written; [`Error::Argument`] for parts whose columns
/// differ, and for Parquet without any part, since its columns are not known.
pub fn join(format: Format, parts: &[PathBuf], out: impl Write + Send) -> Result<()> {
    match format {
        Format::Jsonl => join_lines(parts, out),
        Format::Csv => join_csv(parts, out),
        Format::Parquet | Format::ParquetFlat => join_parquet(parts, out),
    }
}

/// The rows of a part of this program in their order. Written again with the same layout, they give the same bytes.
///
/// # Errors
/// [`Error::Io`] where the file cannot be read or is cut off; [`Error::Row`] for a row that this program did not write.
pub fn read_back(format: Format, path: &Path, layout: &Layout) -> Result<Vec<Row>> {
    match format {
        Format::Jsonl => lines(path),
        Format::Csv => records(path, layout),
        Format::Parquet | Format::ParquetFlat => batches(path),
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(Error::io(path))
}

fn join_lines(parts: &[PathBuf], mut out: impl Write) -> Result<()> {
    for path in parts {
        copy(open(path)?, path, &mut out)?;
    }
    out.flush().map_err(Error::io(JOINED))
}

fn join_csv(parts: &[PathBuf], mut out: impl Write) -> Result<()> {
    let mut first: Option<(csv::ByteRecord, &PathBuf)> = None;
    for path in parts {
        let mut file = open(path)?;
        let mut reader = csv::Reader::from_reader(&file);
        let header = reader
            .byte_headers()
            .map_err(delimited::failed(path))?
            .clone();
        let rows = reader.position().byte();
        match &first {
            None => {
                file.rewind().map_err(Error::io(path))?;
                first = Some((header, path));
            }
            Some((known, of)) if *known != header => return Err(differ(of, path)),
            Some(_) => {
                file.seek(SeekFrom::Start(rows)).map_err(Error::io(path))?;
            }
        }
        copy(file, path, &mut out)?;
    }
    out.flush().map_err(Error::io(JOINED))
}

/// Copies what follows in `file`; unlike `std::io::copy`, says which of the two failed.
fn copy(file: File, path: &Path, out: &mut impl Write) -> Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER, file);
    loop {
        let bytes = reader.fill_buf().map_err(Error::io(path))?;
        if bytes.is_empty() {
            return Ok(());
        }
        out.write_all(bytes).map_err(Error::io(JOINED))?;
        let copied = bytes.len();
        reader.consume(copied);
    }
}

fn join_parquet(parts: &[PathBuf], out: impl Write + Send) -> Result<()> {
    let Some(first) = parts.first() else {
        return Err(Error::Argument(
            "no parts to join to a Parquet file".to_owned(),
        ));
    };
    let metadata = metadata(&open(first)?, first)?;
    let of_file = metadata.file_metadata();
    let schema = of_file.schema_descr().root_schema_ptr();
    // Among its metadata are the types as Arrow has them.
    let properties = properties().set_key_value_metadata(of_file.key_value_metadata().cloned());
    let joined = || failed(Path::new(JOINED));
    let mut writer =
        SerializedFileWriter::new(out, Arc::clone(&schema), Arc::new(properties.build()))
            .map_err(joined())?;
    for path in parts {
        let file = open(path)?;
        let part = self::metadata(&file, path)?;
        if part.file_metadata().schema() != schema.as_ref() {
            return Err(differ(first, path));
        }
        for group in 0..part.num_row_groups() {
            append(&mut writer, &file, &part, group).map_err(joined())?;
        }
    }
    writer.close().map_err(joined())?;
    Ok(())
}

pub(super) fn metadata(file: &File, path: &Path) -> Result<ParquetMetaData> {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    reader.parse_and_finish(file).map_err(failed(path))
}

/// Copies a row group with its indexes.
pub(super) fn append<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    file: &File,
    part: &ParquetMetaData,
    group: usize,
) -> Result<(), ParquetError> {
    let rows = part.row_group(group);
    let index = part.page_index();
    let mut out = writer.next_row_group()?;
    for (at, column) in rows.columns().iter().enumerate() {
        let close = ColumnCloseResult {
            bytes_written: u64::try_from(column.compressed_size())?,
            rows_written: u64::try_from(rows.num_rows())?,
            metadata: column.clone(),
            bloom_filter: None,
            column_index: index.and_then(|i| i.column_index(group, at)).cloned(),
            offset_index: index.and_then(|i| i.offset_index(group, at)).cloned(),
        };
        out.append_column(file, close)?;
    }
    out.close()?;
    Ok(())
}

fn differ(one: &Path, other: &Path) -> Error {
    let (one, other) = (one.display(), other.display());
    Error::Argument(format!(
        "{one} and {other} have different columns; only parts of one output can be joined"
    ))
}

fn lines(path: &Path) -> Result<Vec<Row>> {
    let lines = BufReader::new(open(path)?).lines();
    let row = |(at, line): (usize, std::io::Result<String>)| {
        let line = line.map_err(Error::io(path))?;
        let of_row = |reason| foreign(path, at, reason);
        let all: Map<String, Value> =
            serde_json::from_str(&line).map_err(|e| of_row(e.to_string()))?;
        let (ours, fields) = all.into_iter().partition(|(name, _)| is_ours(name));
        row(Fields::Named(fields), ours).map_err(of_row)
    };
    lines.enumerate().map(row).collect()
}

fn records(path: &Path, layout: &Layout) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_reader(open(path)?);
    let header = reader.headers().map_err(delimited::failed(path))?.clone();
    let known = layout.columns.fields().iter();
    let known: HashMap<_, _> = known.map(|f| (f.name().as_str(), f)).collect();
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(delimited::failed(path))?;
        let (mut fields, mut ours) = (Map::new(), Map::new());
        for (name, cell) in header
            .iter()
            .zip(&record)
            .filter(|(_, cell)| !cell.is_empty())
        {
            if name == OTHER {
                let other: Map<_, _> =
                    serde_json::from_str(cell).map_err(|e| foreign(path, at, e.to_string()))?;
                fields.extend(other);
            } else if is_ours(name) {
                let is_text = !matches!(name, "tone" | "p_cooperative" | "relevance");
                ours.insert(name.to_owned(), value(cell, is_text));
            } else {
                let is_text = known
                    .get(name)
                    .is_none_or(|f| f.data_type() == &DataType::Utf8 && !is_json(f));
                fields.insert(name.to_owned(), value(cell, is_text));
            }
        }
        rows.push(row(Fields::Named(fields), ours).map_err(|reason| foreign(path, at, reason))?);
    }
    Ok(rows)
}

/// What a cell says: a text, or the JSON that is printed like this.
fn value(cell: &str, is_text: bool) -> Value {
    if !is_text && let Ok(json) = serde_json::from_str::<Value>(cell) {
        let printed = json.to_string();
        if printed == cell {
            return json;
        }
    }
    Value::from(cell)
}

fn batches(path: &Path) -> Result<Vec<Row>> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(open(path)?).and_then(|builder| builder.build());
    let mut rows = Vec::new();
    for batch in reader.map_err(failed(path))? {
        let batch = batch.map_err(|e| failed(path)(e.into()))?;
        let schema = batch.schema_ref();
        // The input's columns lie before ours, whose first no input column is named like, and `other` is the last.
        let (ours, Some(other)) = (schema.index_of(COLUMNS[0]), batch.column_by_name(OTHER)) else {
            return Err(foreign(
                path,
                rows.len(),
                "the file lacks our columns".to_owned(),
            ));
        };
        let other = other.as_string_opt::<i32>();
        let ours = ours.and_then(|first| {
            let columns = |range: std::ops::Range<usize>| batch.project(&range.collect::<Vec<_>>());
            Ok((columns(0..first)?, columns(first..batch.num_columns() - 1)?))
        });
        let (input, ours) = ours.map_err(|e| failed(path)(e.into()))?;
        let input = Arc::new(input);
        for (at, ours) in batch_to_json(&ours).into_iter().enumerate() {
            let of_row = |reason| foreign(path, rows.len(), reason);
            let fields = match other.filter(|other| other.is_valid(at)) {
                Some(other) => with_other(&input, at, other.value(at)).map_err(of_row)?,
                None => Fields::InBatch(Arc::clone(&input), at),
            };
            let row = row(fields, ours).map_err(of_row)?;
            rows.push(row);
        }
    }
    Ok(rows)
}

/// A row with the columns that did not fit, as JSON columns beside the others.
fn with_other(input: &RecordBatch, row: usize, other: &str) -> Result<Fields, String> {
    let other: Map<String, Value> =
        serde_json::from_str(other).map_err(|e| format!("column `{OTHER}`: {e}"))?;
    let input = input.slice(row, 1);
    let schema = input.schema();
    let fitting = schema.fields().iter().zip(input.columns());
    let fitting = fitting.filter(|(field, _)| !other.contains_key(field.name()));
    let fitting = fitting.map(|(field, array)| (Arc::clone(field), Arc::clone(array)));
    let beside = other.iter().map(|(name, value)| -> (FieldRef, ArrayRef) {
        (
            Arc::new(json_field(name)),
            Arc::new(StringArray::from(vec![value.to_string()])),
        )
    });
    let (fields, arrays): (Vec<_>, Vec<_>) = fitting.chain(beside).unzip();
    let rows = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &rows);
    Ok(Fields::InBatch(
        Arc::new(batch.map_err(|e| e.to_string())?),
        0,
    ))
}

fn row(fields: Fields, ours: Map<String, Value>) -> Result<Row, String> {
    let (result, duplicate_of) = verdicts::parse(ours)?;
    Ok(Row {
        fields,
        result,
        duplicate_of,
    })
}

/// The error of the row after `at` others.
fn foreign(path: &Path, at: usize, reason: String) -> Error {
    Error::Row {
        path: path.to_owned(),
        row: at + 1,
        reason: format!("not a row that this program wrote ({reason}); write this part again"),
    }
}
