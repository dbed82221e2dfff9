//! CSV with a header.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Layout, OTHER, RowWriter, as_json};
use crate::row::{COLUMNS, Row, is_ours};
use crate::verdict::Provenance;
use crate::{Error, Result};

/// Writes CSV: the layout's columns, ours, and `other`, a JSON object of what a row has beside them.
pub struct Csv {
    path: PathBuf,
    model: Arc<Provenance>,
    /// Where in the record a column is.
    places: HashMap<String, usize>,
    out: csv::Writer<Box<dyn Write + Send>>,
}

impl Csv {
    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::Io`] where `out` refuses it.
    pub fn new(
        path: &Path,
        out: Box<dyn Write + Send>,
        layout: &Layout,
        model: &Arc<Provenance>,
    ) -> Result<Self> {
        let input = layout
            .columns
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        let input = input.filter(|name| !is_ours(name) && *name != OTHER);
        let columns: Vec<_> = input.chain(COLUMNS).collect();
        let mut csv = Self {
            path: path.to_owned(),
            model: Arc::clone(model),
            places: columns
                .iter()
                .enumerate()
                .map(|(at, &name)| (name.to_owned(), at))
                .collect(),
            out: csv::Writer::from_writer(out),
        };
        csv.record(columns.iter().copied().chain([OTHER]))?;
        Ok(csv)
    }

    fn record<T: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = T>) -> Result<()> {
        self.out.write_record(cells).map_err(failed(&self.path))
    }
}

impl RowWriter for Csv {
    fn write(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in as_json(rows) {
            let mut cells = vec![String::new(); self.places.len()];
            let mut other = Map::new();
            for (name, value) in row.into_json(&self.model) {
                match self.places.get(&name) {
                    Some(&at) => cells[at] = cell(value),
                    None => {
                        other.insert(name, value);
                    }
                }
            }
            cells.push(if other.is_empty() {
                String::new()
            } else {
                Value::Object(other).to_string()
            });
            self.record(&cells)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.flush().map_err(Error::io(&self.path))
    }
}

/// Texts as they are, numbers and truth values printed, lists and objects as JSON, null empty.
fn cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The error at `path`, the system's own where it is one: a closed pipe must be known as such.
pub fn failed(path: &Path) -> impl FnOnce(csv::Error) -> Error {
    let path = path.to_owned();
    move |error| {
        let message = error.to_string();
        let source = match error.into_kind() {
            csv::ErrorKind::Io(source) => source,
            _ => std::io::Error::other(message),
        };
        Error::Io { path, source }
    }
}
