//! A folder of parts. A part appears whole or not at all, and the manifest names only parts that are on the disk.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{Manifest, Part, Plan};
use super::pipeline::Scored;
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

    /// Makes a folder of parts of the `file` that they were joined to.
    pub(super) fn split(file: &Path, folder: &Path, manifest: Manifest) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let files = manifest.files(folder).into_iter();
        let rows = manifest.parts.iter().map(|part| part.written);
        let parts: Vec<_> = files.zip(rows).collect();
        output::split::split(manifest.plan.format, file, &parts)?;
        for (path, _) in &parts {
            let written = File::open(path).and_then(|file| file.sync_all());
            written.map_err(Error::io(path))?;
        }
        Self::new(folder, manifest).write_manifest()
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

    /// Writes a part anew. It stands for the same rows of the input, of which so many now are `lost`.
    pub(super) fn replace(&mut self, number: usize, rows: Vec<Row>, lost: u64) -> Result<()> {
        let before = &self.manifest.parts[number];
        let mut part = self.open_part(number)?;
        (part.part.rows, part.part.lost) = (before.rows, lost);
        part.part.last.clone_from(&before.last);
        part.write(rows)?;
        self.manifest.parts[number] = part.finish(&self.folder)?;
        self.write_manifest()
    }

    fn open_part(&self, number: usize) -> Result<OpenPart> {
        let format = self.manifest.plan.format;
        let file = self.part_file(number);
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
                lost: 0,
                last: String::new(),
            },
        })
    }

    /// Takes all parts back but the first `parts`.
    pub(super) fn keep(&mut self, parts: usize) -> Result<()> {
        if parts == self.manifest.parts.len() {
            return Ok(());
        }
        self.manifest.parts.truncate(parts);
        self.manifest.complete = false;
        self.write_manifest()
    }

    /// Adds a part that is finished; from here on it is done, whatever happens.
    pub(super) fn commit(&mut self, part: OpenPart) -> Result<()> {
        let part = part.finish(&self.folder)?;
        self.manifest.parts.push(part);
        self.write_manifest()
    }

    /// Says that no more parts will come, and removes what is left of parts that were taken back.
    pub(super) fn complete(&mut self) -> Result<()> {
        for number in self.manifest.parts.len().. {
            let path = self.folder.join(self.part_file(number));
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() == ErrorKind::NotFound => break,
                removed => removed.map_err(Error::io(&path))?,
            }
        }
        self.manifest.complete = true;
        self.write_manifest()
    }

    fn part_file(&self, number: usize) -> String {
        format!("part-{number:06}.{}", self.manifest.plan.format.suffix())
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
    /// Notes the next rows of the input.
    pub fn stands_for(&mut self, scored: &[Scored]) {
        self.part.rows += scored.len() as u64;
        self.part.lost += scored.iter().filter(|row| row.is_file).count() as u64;
        if let Some(last) = scored.last() {
            self.part.last = last.place.to_string();
        }
    }

    /// Writes the next rows of the output.
    pub fn write(&mut self, rows: Vec<Row>) -> Result<()> {
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
