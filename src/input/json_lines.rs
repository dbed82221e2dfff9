//! JSON Lines: one object a line.

use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use super::compressed::Bytes;
use super::format::BOM;
use super::{Options, Record, Rows, article, breaks_off, invalid_utf8, row_error};
use crate::Error;
use crate::fields::Fields;

/// Rows of a JSON Lines file. Blank lines are skipped but counted, so that rows are lines.
pub struct JsonLines {
    path: Arc<Path>,
    reader: Bytes,
    options: Options,
    line: Vec<u8>,
    row: usize,
    failed: bool,
}

impl JsonLines {
    pub fn new(path: &Path, reader: Bytes, options: &Options) -> Self {
        Self {
            path: path.into(),
            reader,
            options: options.clone(),
            line: Vec::new(),
            row: 0,
            failed: false,
        }
    }

    fn record(&self) -> Record {
        let error = |reason: String| row_error(&self.path, self.row, reason);
        let line = std::str::from_utf8(&self.line).map_err(|e| error(invalid_utf8(&e)))?;
        let columns = serde_json::from_str(line).map_err(|e| {
            let hint = match line.trim() {
                "{" | "[" => "; each object must be on a line of its own (jq -c)",
                _ => "",
            };
            error(format!("not a JSON object: {e}{hint}"))
        })?;
        article(Fields::Named(columns), &self.path, self.row, &self.options)
    }

    /// Reads the next line that is not blank; the rest of one that is too long is read over.
    fn read(&mut self) -> Option<Result<(), Error>> {
        let most = self.options.max_row();
        while !self.failed {
            self.line.clear();
            self.row += 1;
            let mut start = (&mut self.reader).take(most as u64);
            let read = start.read_until(b'\n', &mut self.line);
            if self.row == 1 && self.line.starts_with(BOM) {
                self.line.drain(..BOM.len());
            }
            let too_long = matches!(read, Ok(n) if n == most) && self.line.last() != Some(&b'\n');
            let read = match read {
                Ok(_) if too_long => self.reader.skip_until(b'\n'),
                other => other,
            };
            match read {
                Ok(_) if too_long => {
                    let reason =
                        format!("a line of more than {most} bytes; is a line end missing?");
                    return Some(Err(row_error(&self.path, self.row, reason)));
                }
                Ok(0) => return None,
                Ok(_) if self.line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => return Some(Ok(())),
                Err(error) => {
                    // A reader that failed once may fail for ever; what follows it is unknown.
                    self.failed = true;
                    return Some(Err(breaks_off(&self.path, self.row, &error)));
                }
            }
        }
        None
    }
}

impl Rows for JsonLines {
    fn next_row(&mut self) -> Option<Record> {
        let read = self.read()?;
        Some(read.map_err(Into::into).and_then(|()| self.record()))
    }

    fn skip_rows(&mut self, n: usize) -> usize {
        (0..n).take_while(|_| self.read().is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: Vec<u8>, max_text: usize) -> Vec<Record> {
        let options = Options {
            max_text,
            ..Options::default()
        };
        let reader = Box::new(std::io::Cursor::new(bytes));
        let mut rows = JsonLines::new(Path::new("in.jsonl"), reader, &options);
        std::iter::from_fn(|| rows.next_row()).collect()
    }

    #[test]
    fn a_bad_row_names_its_line_and_the_next_one_is_read() {
        let lines = b"{\"text\":\"a\"}\n\nnot json\n{\"body\":\"b\"}\n{\"text\":7}\n\xff\n{\"text\":null}\n{\"text\":\" \"}\n{\"text\":\"c\",\"lang\":\"uk\"}";
        let rows = rows(lines.to_vec(), 100);
        let texts: Vec<_> = rows
            .iter()
            .map(|r| r.as_ref().map(|a| a.text.as_str()).ok())
            .collect();
        assert_eq!(
            texts,
            [Some("a"), None, None, None, None, None, None, Some("c")]
        );
        let errors = rows.iter().filter_map(|r| r.as_ref().err());
        let messages: Vec<_> = errors.map(|r| r.error.to_string()).collect();
        for (message, expected) in messages.iter().zip([
            "in.jsonl, row 3: not a JSON object",
            "in.jsonl, row 4: no column `text`; the row has body",
            "in.jsonl, row 5: column `text` holds a number",
            "in.jsonl, row 6: not UTF-8",
            "in.jsonl, row 7: column `text` holds null",
            "in.jsonl, row 8: the text is empty",
        ]) {
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn columns_keep_their_order_and_the_language_is_taken() {
        let rows = rows(
            b"\xef\xbb\xbf{\"z\":1,\"text\":\"a\",\"lang\":\"uk\",\"b\":null,\"id\":null}".to_vec(),
            100,
        );
        let article = rows[0].as_ref().unwrap();
        assert_eq!(article.fields.names(), ["z", "text", "lang", "b", "id"]);
        assert_eq!(article.lang, "uk".parse().ok());
        assert_eq!(article.id, "in.jsonl:1");
    }

    #[test]
    fn a_line_or_a_text_that_is_too_long_does_not_hide_the_next() {
        let line = |n: usize| format!("{{\"text\":\"{}\"}}\n", "x".repeat(n));
        let rows = rows(
            [line(3 << 20), line(11), line(10)].concat().into_bytes(),
            10,
        );
        let messages: Vec<_> = rows
            .iter()
            .map(|r| r.as_ref().map_err(|r| r.error.to_string()))
            .collect();
        assert!(
            messages[0]
                .as_ref()
                .unwrap_err()
                .contains("row 1: a line of more than")
        );
        assert!(
            messages[1]
                .as_ref()
                .unwrap_err()
                .contains("row 2: a text of 11 bytes, more than the 10")
        );
        assert_eq!((messages[2].as_ref().unwrap().row, messages.len()), (3, 3));
    }
}
