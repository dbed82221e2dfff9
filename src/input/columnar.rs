//! Parquet and Arrow IPC, batch by batch. A row stays where it lies, see [`Fields::InBatch`].

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::compressed::{Bytes, peek};
use super::format::ARROW_MAGIC;
use super::messages::Messages;
use super::{Columns, Options, Record, Rows, article, lost, no_text_column, not_a_text, row_error};
use crate::fields::{Fields, is_text, names_of};
use crate::{Error, Result};

/// Rows decoded together at most, and the bytes that they are meant to take.
const BATCH_ROWS: u64 = 1024;
const BATCH_BYTES: u64 = 64 << 20;

/// Rows of a columnar file.
pub struct Columnar {
    path: Arc<Path>,
    batches: Batches,
    batch: Option<Arc<RecordBatch>>,
    /// The next row of the batch.
    next: usize,
    /// Rows of the file before it.
    row: usize,
    options: Options,
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, Lost>> + Send>;

/// Rows that cannot be read.
struct Lost {
    reason: String,
    /// How many there are where that is known. Other rows follow them.
    rows: Option<usize>,
}

impl Columnar {
    /// # Errors
    /// [`Error::Row`] for a file that is broken or has no column of texts where one is required.
    pub fn parquet(path: &Path, file: File, options: &Options) -> Result<Self> {
        let metadata = guarded(|| ArrowReaderMetadata::load(&file, Default::default()));
        let metadata = metadata.map_err(|e| {
            let reason = format!("not a whole Parquet file ({e}); was it cut short?");
            lost(path, 1, reason)
        })?;
        let schema = Arc::clone(metadata.schema());
        Self::new(
            path,
            schema,
            Box::new(RowGroups::new(file, metadata)),
            options,
        )
    }

    /// The file format is read as the stream that it wraps, so that it may come by a pipe.
    ///
    /// # Errors
    /// [`Error::Row`] for a stream that is broken or has no column of texts where one is required.
    pub fn arrow(path: &Path, reader: Bytes, options: &Options) -> Result<Self> {
        let stream = Stream::open(reader)
            .map_err(|reason| lost(path, 1, format!("not an Arrow file or stream ({reason})")))?;
        Self::new(path, stream.schema(), Box::new(stream), options)
    }

    fn new(path: &Path, schema: SchemaRef, batches: Batches, options: &Options) -> Result<Self> {
        if options.text_required {
            check(&schema, &options.columns).map_err(|reason| row_error(path, 1, reason))?;
        }
        Ok(Self {
            path: path.into(),
            batches,
            batch: None,
            next: 0,
            row: 0,
            options: options.clone(),
        })
    }

    /// Goes on to the next batch.
    fn advance(&mut self) -> Option<Result<(), Error>> {
        Some(match self.batches.next()? {
            Ok(batch) => {
                self.batch = Some(Arc::new(batch));
                self.next = 0;
                Ok(())
            }
            Err(Lost { reason, rows }) => {
                let first = self.row.saturating_add(1);
                self.row = self.row.saturating_add(rows.unwrap_or(0));
                let which = match rows {
                    Some(_) => format!("the rows to {} are lost", self.row),
                    None => "the rows from here on are lost".to_owned(),
                };
                Err(lost(&self.path, first, format!("{reason}; {which}")))
            }
        })
    }

    fn left(&self) -> usize {
        let rows = self.batch.as_ref().map_or(0, |batch| batch.num_rows());
        rows.saturating_sub(self.next)
    }

    fn pass(&mut self, n: usize) {
        self.next += n;
        self.row = self.row.saturating_add(n);
    }
}

impl Rows for Columnar {
    fn next_row(&mut self) -> Option<Record> {
        while self.left() == 0 {
            if let Err(error) = self.advance()? {
                return Some(Err(error.into()));
            }
        }
        let fields = Fields::InBatch(Arc::clone(self.batch.as_ref()?), self.next);
        self.pass(1);
        Some(article(fields, &self.path, self.row, &self.options))
    }

    fn skip_rows(&mut self, n: usize) -> usize {
        let mut skipped = 0;
        while skipped < n {
            let some = self.left().min(n - skipped);
            self.pass(some);
            skipped += some;
            if skipped < n {
                match self.advance() {
                    Some(Ok(())) => {}
                    Some(Err(_)) => skipped += 1,
                    None => break,
                }
            }
        }
        skipped
    }
}

fn check(schema: &Schema, columns: &Columns) -> Result<(), String> {
    let text = columns
        .text
        .iter()
        .find_map(|name| schema.field_with_name(name).ok());
    match text {
        None => Err(no_text_column(columns, &names_of(schema))),
        Some(field) if !is_text(field.data_type()) => {
            Err(not_a_text(field.name(), &field.data_type().to_string()))
        }
        Some(_) => Ok(()),
    }
}

/// The batches of a Parquet file. A row group that cannot be read is passed over.
struct RowGroups {
    file: File,
    metadata: ArrowReaderMetadata,
    batch_rows: usize,
    /// Row groups begun.
    begun: usize,
    group: Option<ParquetRecordBatchReader>,
    /// Rows of the current one that are still to come.
    left: usize,
}

impl RowGroups {
    fn new(file: File, metadata: ArrowReaderMetadata) -> Self {
        let groups = metadata.metadata().row_groups().iter();
        let bytes_a_row = groups
            .map(|g| g.total_byte_size() / g.num_rows().max(1))
            .max();
        let bytes_a_row = u64::try_from(bytes_a_row.unwrap_or(0)).unwrap_or(0).max(1);
        Self {
            file,
            metadata,
            batch_rows: (BATCH_BYTES / bytes_a_row).clamp(1, BATCH_ROWS) as usize,
            begun: 0,
            group: None,
            left: 0,
        }
    }

    /// Opens the next row group; `None` after the last.
    fn open(&mut self) -> Option<Result<ParquetRecordBatchReader, String>> {
        let group = self.metadata.metadata().row_groups().get(self.begun)?;
        self.left = usize::try_from(group.num_rows()).unwrap_or(0);
        self.begun += 1;
        let (metadata, group) = (self.metadata.clone(), self.begun - 1);
        Some(guarded(|| {
            let file = self.file.try_clone()?;
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                .with_row_groups(vec![group])
                .with_batch_size(self.batch_rows)
                .build()
        }))
    }
}

impl Iterator for RowGroups {
    type Item = Result<RecordBatch, Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let batch = match &mut self.group {
                Some(group) => guarded(|| group.next().transpose()).transpose(),
                None => match self.open()? {
                    Ok(group) => {
                        self.group = Some(group);
                        continue;
                    }
                    Err(reason) => Some(Err(reason)),
                },
            };
            let reason = match batch {
                Some(Ok(batch)) => {
                    self.left = self.left.saturating_sub(batch.num_rows());
                    return Some(Ok(batch));
                }
                Some(Err(reason)) => reason,
                None => "it ends too early".to_owned(),
            };
            self.group = None;
            if self.left > 0 {
                let reason = format!("row group {} cannot be read ({reason})", self.begun);
                let rows = Some(self.left);
                return Some(Err(Lost { reason, rows }));
            }
        }
    }
}

/// The batches of an Arrow stream.
struct Stream {
    reader: Option<StreamReader<Messages>>,
    schema: SchemaRef,
    /// Whether it is wrapped in the file format, whose end can be told from a cut.
    in_file: bool,
}

impl Stream {
    fn open(reader: Bytes) -> Result<Self, String> {
        let (start, mut reader) = peek(reader, ARROW_MAGIC.len()).map_err(|e| e.to_string())?;
        let in_file = start == ARROW_MAGIC;
        if in_file {
            reader = unwrapped(reader).map_err(|e| e.to_string())?;
        }
        let reader = guarded(|| StreamReader::try_new(Messages::new(reader), None))?;
        Ok(Self {
            schema: reader.schema(),
            reader: Some(reader),
            in_file,
        })
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = self.reader.take()?;
        let reason = match guarded(|| reader.next().transpose()).transpose() {
            Some(Ok(batch)) => {
                self.reader = Some(reader);
                return Some(Ok(batch));
            }
            Some(Err(error)) => format!("the data is broken ({error})"),
            None if self.in_file && !ends_as_file(reader.get_mut()) => {
                "the file does not end as an Arrow file does".to_owned()
            }
            None => return None,
        };
        Some(Err(Lost { reason, rows: None }))
    }
}

/// The stream in a file: what follows the magic bytes and the zeros that align it, to 64 bytes at most.
fn unwrapped(mut reader: Bytes) -> io::Result<Bytes> {
    let mut group = [0; 8];
    reader.read_exact(&mut group)?;
    for _ in 0..8 {
        reader.read_exact(&mut group)?;
        if group != [0; 8] {
            break;
        }
    }
    Ok(Box::new(Cursor::new(group).chain(reader)))
}

/// Whether the rest of a file ends with the magic bytes.
fn ends_as_file(reader: &mut Messages) -> bool {
    let (mut tail, mut chunk) = (Vec::new(), [0; 1 << 12]);
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return tail == ARROW_MAGIC,
            Ok(n) => {
                tail.extend_from_slice(&chunk[..n]);
                tail.drain(..tail.len().saturating_sub(ARROW_MAGIC.len()));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

/// What a decoder gives. On a broken file whose numbers contradict each other some panic: that is an error like others, of
/// which a run of days must not die. The decoder is not used again.
fn guarded<T, E: Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match std::panic::catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|e| e.to_string()),
        Err(_) => Err("its numbers contradict each other".to_owned()),
    }
}
