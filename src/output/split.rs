//! A joined output cut into its parts again.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::writer::SerializedFileWriter;

use super::join::{append, metadata};
use super::parquet::{failed, properties};
use super::{Format, delimited};
use crate::{Error, Result};

/// Writes the parts that `file` was [joined](super::join::join) of, each with so many rows, one after another.
///
/// # Errors
/// [`Error::Io`] where the file cannot be read or a part not be written.
pub fn split(format: Format, file: &Path, parts: &[(PathBuf, u64)]) -> Result<()> {
    match format {
        Format::Jsonl => split_lines(file, parts),
        Format::Csv => split_csv(file, parts),
        Format::Parquet | Format::ParquetFlat => split_parquet(file, parts),
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(Error::io(path))
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).map_err(Error::io(path))?;
    Ok(BufWriter::new(file))
}

fn split_lines(file: &Path, parts: &[(PathBuf, u64)]) -> Result<()> {
    let mut lines = BufReader::new(open(file)?);
    let mut line = Vec::new();
    for (path, rows) in parts {
        let mut out = create(path)?;
        for _ in 0..*rows {
            line.clear();
            lines
                .read_until(b'\n', &mut line)
                .map_err(Error::io(file))?;
            out.write_all(&line).map_err(Error::io(path))?;
        }
        out.flush().map_err(Error::io(path))?;
    }
    Ok(())
}

fn split_csv(file: &Path, parts: &[(PathBuf, u64)]) -> Result<()> {
    let mut reader = csv::Reader::from_reader(BufReader::new(open(file)?));
    let header = reader
        .byte_headers()
        .map_err(delimited::failed(file))?
        .clone();
    let mut record = csv::ByteRecord::new();
    for (path, rows) in parts {
        let mut out = csv::Writer::from_writer(create(path)?);
        out.write_byte_record(&header)
            .map_err(delimited::failed(path))?;
        for _ in 0..*rows {
            if reader
                .read_byte_record(&mut record)
                .map_err(delimited::failed(file))?
            {
                out.write_byte_record(&record)
                    .map_err(delimited::failed(path))?;
            }
        }
        out.flush().map_err(Error::io(path))?;
    }
    Ok(())
}

/// Row groups go to the parts as they are: joining ends none and begins none.
fn split_parquet(file: &Path, parts: &[(PathBuf, u64)]) -> Result<()> {
    let joined = open(file)?;
    let metadata = metadata(&joined, file)?;
    let of_file = metadata.file_metadata();
    let schema = of_file.schema_descr().root_schema_ptr();
    let mut groups = 0..metadata.num_row_groups();
    for (path, rows) in parts {
        let properties = properties().set_key_value_metadata(of_file.key_value_metadata().cloned());
        let properties = Arc::new(properties.build());
        let mut out = SerializedFileWriter::new(create(path)?, Arc::clone(&schema), properties)
            .map_err(failed(path))?;
        let mut written = 0;
        while written < *rows
            && let Some(group) = groups.next()
        {
            append(&mut out, &joined, &metadata, group).map_err(failed(path))?;
            written += u64::try_from(metadata.row_group(group).num_rows()).unwrap_or(0);
        }
        out.close().map_err(failed(path))?;
    }
    Ok(())
}
