//! CSV, TSV and their like, record by record.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::path::Path;
use std::sync::Arc;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::compressed::{Bytes, peek};
use super::delimiter::delimiter_of;
use super::{
    Options, Record, Rejected, Rows, article, breaks_off, invalid_utf8, no_text_column, row_error,
};
use crate::Error;
use crate::fields::Fields;

/// Bytes from which the delimiter is told.
const SNIFFED: usize = 64 << 10;
/// Columns of a record at most; beyond this it is not a table.
const MAX_COLUMNS: usize = 1 << 16;

/// Rows of a delimited file. The header is record 1; blank lines are not counted.
pub struct Delimited {
    path: Arc<Path>,
    reader: Bytes,
    parser: Reader,
    options: Options,
    /// The columns' names; none before the first record.
    names: Vec<String>,
    row: usize,
    /// The reader is at its end and the line end that the file may lack was put.
    closed: bool,
    ended: bool,
    /// The values of the current record, one after another, and where each ends.
    values: Vec<u8>,
    ends: Vec<usize>,
    columns: usize,
}

impl Delimited {
    /// Sniffs the delimiter where none is given.
    pub fn new(
        path: &Path,
        reader: Bytes,
        delimiter: Option<u8>,
        options: &Options,
    ) -> io::Result<Self> {
        let (start, reader) = peek(reader, SNIFFED)?;
        let delimiter = delimiter.unwrap_or_else(|| delimiter_of(&start));
        Ok(Self {
            path: path.into(),
            reader,
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            options: options.clone(),
            names: Vec::new(),
            row: 0,
            closed: false,
            ended: false,
            values: vec![0; 1 << 12],
            ends: vec![0; 1 << 6],
            columns: 0,
        })
    }

    /// Reads the next row, before the first also the header.
    fn advance(&mut self) -> Option<Result<(), Error>> {
        if !self.names.is_empty() {
            return self.read();
        }
        let first = self.read()?;
        let header = first.and_then(|()| {
            self.names = if self.options.no_header {
                (1..=self.columns).map(|n| format!("column_{n}")).collect()
            } else {
                let header = self.cells().map(|header| unique(&header));
                header.map_err(|reason| self.error(reason))?
            };
            let wanted = &self.options.columns;
            let has_text = wanted.text.iter().any(|name| self.names.contains(name));
            if has_text || !self.options.text_required {
                Ok(())
            } else {
                Err(self.error(no_text_column(wanted, &self.names)))
            }
        });
        match header {
            // Without its header, or the column, no row of the file can be read.
            Err(error) => {
                self.ended |= !(self.options.no_header && self.names.is_empty());
                Some(Err(error))
            }
            Ok(()) if self.options.no_header => Some(Ok(())),
            Ok(()) => self.read(),
        }
    }

    /// Reads the next record. One that is too long, as when a quotation mark is left open, is read over.
    fn read(&mut self) -> Option<Result<(), Error>> {
        let most = self.options.max_row();
        let (mut used, mut columns, mut too_long) = (0, 0, false);
        while !self.ended {
            let input = match self.reader.fill_buf() {
                Ok(input) => input,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(breaks_off(&self.path, self.row + 1, &error)));
                }
            };
            // At the end one line end more closes every record but one with an open quotation mark.
            let at_end = input.is_empty();
            let input = if at_end && !self.closed { b"\n" } else { input };
            let (result, read, written, ended) =
                self.parser
                    .read_record(input, &mut self.values[used..], &mut self.ends[columns..]);
            let open_quote = at_end && self.closed;
            if at_end {
                self.closed = true;
            } else {
                self.reader.consume(read);
            }
            used += written;
            columns += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.values.len() < most => {
                    self.values.resize((self.values.len() * 2).min(most), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    self.ends.resize((self.ends.len() * 2).min(MAX_COLUMNS), 0);
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (used, columns, too_long) = (0, 0, true);
                }
                ReadRecordResult::Record => {
                    self.row += 1;
                    self.columns = columns;
                    return Some(if open_quote {
                        Err(self.error("a quotation mark is opened and never closed"))
                    } else if too_long {
                        Err(self.error(format!(
                            "a record of more than {most} bytes or {MAX_COLUMNS} columns; is a quotation mark never closed?"
                        )))
                    } else {
                        Ok(())
                    });
                }
                ReadRecordResult::End => self.ended = true,
            }
        }
        None
    }

    /// The values of the current record, or which is not UTF-8.
    fn cells(&self) -> Result<Vec<&str>, String> {
        let ends = &self.ends[..self.columns];
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let ranges = starts.zip(ends);
        ranges
            .enumerate()
            .map(|(column, (start, &end))| {
                std::str::from_utf8(&self.values[start..end])
                    .map_err(|e| format!("column {}: {}", column + 1, invalid_utf8(&e)))
            })
            .collect()
    }

    fn record(&self) -> Record {
        let values = self.cells().map_err(|reason| self.error(reason))?;
        let named = self
            .names
            .iter()
            .cloned()
            .zip(values.iter().map(|&v| Value::from(v)));
        let fields = Fields::Named(Map::from_iter(named));
        if values.len() != self.names.len() {
            let (there, wanted) = (values.len(), self.names.len());
            let error = self.error(format!(
                "{there} fields where the first row has {wanted}; is a delimiter or a quotation mark missing?"
            ));
            return Err(Box::new(Rejected { fields, error }));
        }
        article(fields, &self.path, self.row, &self.options)
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        row_error(&self.path, self.row, reason)
    }
}

impl Rows for Delimited {
    fn next_row(&mut self) -> Option<Record> {
        let read = self.advance()?;
        Some(read.map_err(Into::into).and_then(|()| self.record()))
    }

    fn skip_rows(&mut self, n: usize) -> usize {
        (0..n).take_while(|_| self.advance().is_some()).count()
    }
}

/// The names of a header, each once: one without a name is called by its number, a second `a` becomes `a_2`.
fn unique(header: &[&str]) -> Vec<String> {
    let mut times: HashMap<String, usize> = HashMap::new();
    let name = |(column, &name): (usize, &&str)| {
        let base = match name {
            "" => format!("column_{}", column + 1),
            name => name.to_owned(),
        };
        let mut unique = base.clone();
        while times.contains_key(&unique) {
            let n = times.entry(base.clone()).or_default();
            *n += 1;
            unique = format!("{base}_{n}");
        }
        times.insert(unique.clone(), 1);
        unique
    };
    header.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &'static [u8], options: &Options) -> Vec<Record> {
        let mut rows = Delimited::new(Path::new("in.csv"), Box::new(bytes), None, options).unwrap();
        std::iter::from_fn(|| rows.next_row()).collect()
    }

    fn texts(records: &[Record]) -> Vec<Option<&str>> {
        records
            .iter()
            .map(|r| r.as_ref().ok().map(|a| a.text.as_str()))
            .collect()
    }

    fn messages(records: &[Record]) -> Vec<String> {
        records
            .iter()
            .filter_map(|r| r.as_ref().err())
            .map(|r| r.error.to_string())
            .collect()
    }

    #[test]
    fn a_bad_record_is_rejected_alone() {
        let rows = read(
            b"\xef\xbb\xbfid,text,n\n1,\"a \"\"b\"\"\nc\",3\n2,x\n3,y,4,5\n\n4,\xff,6\n5,,7\n6,z,8",
            &Options::default(),
        );
        assert_eq!(
            texts(&rows),
            [Some("a \"b\"\nc"), None, None, None, None, Some("z")]
        );
        let first = rows[0].as_ref().unwrap();
        assert_eq!((first.id.as_str(), first.row), ("1", 2));
        assert_eq!(first.fields.get("n"), Some(Value::from("3")));
        for (message, expected) in messages(&rows).iter().zip([
            "in.csv, row 3: 2 fields where the first row has 3",
            "in.csv, row 4: 4 fields where the first row has 3",
            "in.csv, row 5: column 2: not UTF-8 from byte 0 on",
            "in.csv, row 6: the text is empty",
        ]) {
            assert!(message.starts_with(expected), "{message}");
        }
        assert_eq!(
            rows[1].as_ref().unwrap_err().fields.get("id"),
            Some(Value::from("2"))
        );
    }

    #[test]
    fn names_are_unique_and_a_file_without_a_header_has_numbers() {
        let names = unique(&["a", "", "a", "a_2", "", "column_2"]);
        assert_eq!(
            names,
            ["a", "column_2", "a_2", "a_2_2", "column_5", "column_2_2"]
        );
        let mut options = Options {
            no_header: true,
            ..Options::default()
        };
        options.columns.text = vec!["column_2".to_owned()];
        let rows = read(b"1\ta\n2\tb\n3\n", &options);
        assert_eq!(texts(&rows), [Some("a"), Some("b"), None]);
        assert_eq!(rows[1].as_ref().unwrap().id, "in.csv:2");
    }

    #[test]
    fn a_file_without_the_text_column_is_rejected_once() {
        let rows = read(b"id,body\n1,a\n2,b\n", &Options::default());
        assert_eq!(messages(&rows).len(), 1);
        assert!(messages(&rows)[0].contains("row 1: no column `text`; the row has id, body"));
    }

    #[test]
    fn a_quotation_mark_left_open_takes_no_more_memory_than_a_row_may() {
        let options = Options {
            max_text: 1000,
            ..Options::default()
        };
        let rows = read(b"id,text\n1,a\n2,\"b\n3,c\n", &options);
        assert_eq!(texts(&rows), [Some("a"), None]);
        assert!(messages(&rows)[0].contains("row 3: a quotation mark is opened and never closed"));
        let mut table = b"id,text\n1,\"".to_vec();
        table.resize(4 << 20, b'x');
        table.extend(b"\"\n2,b\n");
        table.resize(table.len() + 3 * MAX_COLUMNS, b',');
        table.extend(b"\n3,c\n");
        let mut rows = Delimited::new(
            Path::new("in.csv"),
            Box::new(io::Cursor::new(table)),
            None,
            &options,
        )
        .unwrap();
        let records: Vec<_> = std::iter::from_fn(|| rows.next_row()).collect();
        assert_eq!(texts(&records), [None, Some("b"), None, Some("c")]);
        assert!(messages(&records)[0].contains("row 2: a record of more than 1054576 bytes"));
        assert_eq!(
            (rows.values.len(), rows.ends.len()),
            (options.max_row(), MAX_COLUMNS)
        );
    }
}
