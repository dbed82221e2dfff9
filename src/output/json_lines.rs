//! JSON Lines: one object a row.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{RowWriter, as_json};
use crate::row::Row;
use crate::verdict::Provenance;
use crate::{Error, Result};

/// Writes one JSON object a line.
pub struct JsonLines {
    path: PathBuf,
    out: BufWriter<Box<dyn Write + Send>>,
    model: Arc<Provenance>,
}

impl JsonLines {
    pub fn new(path: &Path, out: Box<dyn Write + Send>, model: &Arc<Provenance>) -> Self {
        Self {
            path: path.to_owned(),
            out: BufWriter::new(out),
            model: Arc::clone(model),
        }
    }
}

impl RowWriter for JsonLines {
    fn write(&mut self, rows: Vec<Row>) -> Result<()> {
        for row in as_json(rows) {
            serde_json::to_writer(&mut self.out, &row.into_json(&self.model))
                .map_err(std::io::Error::from)
                .and_then(|()| self.out.write_all(b"\n"))
                .map_err(Error::io(&self.path))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.out.flush().map_err(Error::io(&self.path))
    }
}
