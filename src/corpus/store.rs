//! A folder of parts. A part appears whole or not at all, and the manifest names only parts that are on the disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{Manifest, Part, Plan};
use crate::output::{self, Format, Layout, RowWriter};
use crate::row::Row;
use crate::verdict::Provenance;
use crate::{Error, Result};

/// A folder of parts with its manifest.
pub struct Store {
    folder: PathBuf,
    manifest: Manifest,
    model: Arc<Provenance>,
}

impl Store {
    /// Begins an output.
    ///
    /// # Errors
    /// [`Error::Output`] where the folder holds one already, [`Error::Io`] where it cannot be written.
    pub fn create(folder: &Path, plan: Plan, layout: Layout) -> Result<Self> {
        if folder.join(Manifest::FILE).exists() {
            return Err(Error::output(
                folder,
                "holds an output already; go on with it by --resume, or choose another --output",
            ));
        }
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let store = Self::new(folder, Manifest::new(plan, layout));
        store.write_manifest()?;
        Ok(store)
    }

    /// Goes on with an output.
    ///
    /// # Errors
    /// Those of [`Manifest::open`] and [`Manifest::check`].
    pub fn resume(folder: &Path, plan: &Plan) -> Result<Self> {
        let manifest = Manifest::open(&folder.join(Manifest::FILE))?;
        manifest.check(plan, folder)?;
        Ok(Self::new(folder, manifest))
    }

    fn new(folder: &Path, manifest: Manifest) -> Self {
        Self {
            folder: folder.to_owned(),
            model: Arc::new(manifest.plan.model.clone()),
            manifest,
        }
    }

    /// What is done.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files of the parts, in order.
    pub fn files(&self) -> Vec<PathBuf> {
        self.manifest.files(&self.folder)
    }

    /// The rows of a part that is done.
    pub(super) fn read(&self, part: usize) -> Result<Vec<Row>> {
        let path = self.folder.join(&self.manifest.parts[part].file);
        let format = self.manifest.plan.format;
        output::join::read_back(format, &path, &self.manifest.layout)
    }

    /// Begins the part after those that are done.
    pub(super) fn begin(&self) -> Result<OpenPart> {
        self.open_part(self.manifest.parts.len())
    }

    /// Writes a part anew.
    pub(super) fn replace(&mut self, number: usize, rows: Vec<Row>) -> Result<()> {
        let stands_for = self.manifest.parts[number].rows;
        let mut part = self.open_part(number)?;
        part.write(rows, stands_for)?;
        self.manifest.parts[number] = part.finish(&self.folder)?;
        self.write_manifest()
    }

    fn open_part(&self, number: usize) -> Result<OpenPart> {
        let format = self.manifest.plan.format;
        let file = format!("part-{number:06}.{}", format.suffix());
        let path = self.folder.join("_partial");
        let out = File::create(&path).map_err(Error::io(&path))?;
        let sync = out.try_clone().map_err(Error::io(&path))?;
        let layout = &self.manifest.layout;
        Ok(OpenPart {
            writer: output::writer(format, &path, Box::new(out), layout, &self.model)?,
            path,
            sync,
            part: Part {
                file,
                rows: 0,
                written: 0,
                failed: 0,
            },
        })
    }

    /// Adds a part that is finished; from here on it is done, whatever happens.
    pub(super) fn commit(&mut self, part: OpenPart) -> Result<()> {
        let part = part.finish(&self.folder)?;
        self.manifest.parts.push(part);
        self.write_manifest()
    }

    /// Says that no more parts will come.
    pub(super) fn complete(&mut self) -> Result<()> {
        self.manifest.complete = true;
        self.write_manifest()
    }

    fn write_manifest(&self) -> Result<()> {
        self.manifest.write(&self.folder.join(Manifest::FILE))
    }
}

/// A part that is being written.
pub(super) struct OpenPart {
    path: PathBuf,
    writer: Box<dyn RowWriter>,
    sync: File,
    pub part: Part,
}

impl OpenPart {
    /// Writes rows that stand for `input_rows` rows of the input.
    pub fn write(&mut self, rows: Vec<Row>, input_rows: u64) -> Result<()> {
        self.part.rows += input_rows;
        self.part.written += rows.len() as u64;
        self.part.failed += rows.iter().filter(|row| row.result.is_err()).count() as u64;
        self.writer.write(rows)
    }

    fn finish(self, folder: &Path) -> Result<Part> {
        self.writer.finish()?;
        self.sync.sync_all().map_err(Error::io(&self.path))?;
        let path = folder.join(&self.part.file);
        std::fs::rename(&self.path, &path).map_err(Error::io(&path))?;
        sync_folder(folder)?;
        Ok(self.part)
    }
}

/// Writes a file beside `path` and puts it there whole.
pub(super) fn replace_file(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let partial = path.with_file_name(format!("_{}.partial", name.to_string_lossy()));
    let mut out = File::create(&partial).map_err(Error::io(&partial))?;
    write(&mut out)?;
    out.sync_all().map_err(Error::io(&partial))?;
    std::fs::rename(&partial, path).map_err(Error::io(path))?;
    sync_folder(path.parent().unwrap_or(Path::new("")))
}

/// Makes renames in a folder last through a power loss.
fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    // Folders can be opened and synchronised on Unix alone; elsewhere a rename is as lasting as the system makes it.
    if cfg!(unix) {
        let open = File::open(folder).map_err(Error::io(folder))?;
        open.sync_all().map_err(Error::io(folder))?;
    }
    Ok(())
}

impl Format {
    /// What its files are called after the dot.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet | Self::ParquetFlat => "parquet",
        }
    }
}
