//! What a folder of parts holds, and of what run: the file `_manifest.json`.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::replace_file;
use super::{Settings, Shard};
use crate::input::FileIdentity;
use crate::model::hash_bytes;
use crate::output::{Format, Layout};
use crate::verdict::Provenance;
use crate::{Error, Result};

/// Version of the manifest that this crate reads and writes.
const VERSION: u32 = 1;

/// Everything that the rows of an output depend on. A stopped run goes on only under an equal plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The input files; `None` for standard input, which cannot be gone on with.
    pub input: Option<Input>,
    /// How they are read, as JSON.
    pub reading: Value,
    /// The model.
    pub model: Provenance,
    /// Device and precision.
    pub compute: String,
    /// Error rate of the abstention.
    pub alpha: f32,
    /// How rows are made.
    pub settings: Settings,
    /// Which rows of the input.
    pub shard: Shard,
    /// How rows are written.
    pub format: Format,
    /// Input rows of a part.
    pub part_rows: u64,
}

/// The input files as one: names, sizes and times of change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Number of files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 over their paths, sizes and times of change, in reading order.
    pub digest: String,
}

impl Input {
    /// What `files` are together.
    pub fn new(files: &[FileIdentity]) -> Self {
        Self {
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.bytes).sum(),
            // Debug quotes the path, so that no two lists of files give the same bytes.
            digest: hash_bytes(files.iter().map(|file| format!("{file:?}\n"))),
        }
    }
}

/// The file `_manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this layout.
    pub version: u32,
    /// What the rows depend on.
    pub plan: Plan,
    /// The input columns of the output.
    pub layout: Layout,
    /// The parts that are done, in order.
    pub parts: Vec<Part>,
    /// Whether the input has no more rows.
    pub complete: bool,
}

/// A part that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its file in the folder.
    pub file: String,
    /// Rows of the input that it stands for.
    pub rows: u64,
    /// Rows in it: fewer where copies are left out.
    pub written: u64,
    /// Of these, rows that could not be scored.
    pub failed: u64,
    /// Of these, rows that stand for a file, or the rest of one, that could not be read.
    pub lost: u64,
    /// Where its last row of the input was read; empty where it has none.
    pub last: String,
}

impl Manifest {
    /// The name of the file in the folder of parts; input readers pass it over.
    pub const FILE: &str = "_manifest.json";

    /// Of a run that begins.
    pub fn new(plan: Plan, layout: Layout) -> Self {
        Self {
            version: VERSION,
            plan,
            layout,
            parts: Vec::new(),
            complete: false,
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Io`] where there is none, [`Error::Output`] where it is broken or of a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let broken = |e: serde_json::Error| Error::output(path, format!("not a manifest: {e}"));
        let version: Value = serde_json::from_slice(&bytes).map_err(broken)?;
        if version["version"] != VERSION {
            let reason = format!(
                "version {} is not known, only {VERSION}; update detente",
                version["version"]
            );
            return Err(Error::output(path, reason));
        }
        serde_json::from_value(version).map_err(broken)
    }

    /// Writes the manifest; it is there whole or as it was.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|e| Error::output(path, e.to_string()))?;
        json.push(b'\n');
        replace_file(path, |out| out.write_all(&json).map_err(Error::io(path)))
    }

    /// The files of the parts in `folder`, in order.
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        self.parts
            .iter()
            .map(|part| folder.join(&part.file))
            .collect()
    }

    /// Input rows of the shard in the parts that are done.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// Rows in the parts that could not be scored.
    pub fn failed(&self) -> u64 {
        self.parts.iter().map(|part| part.failed).sum()
    }

    /// Fails, naming what differs, unless a run under `plan` gives the same rows.
    ///
    /// # Errors
    /// [`Error::Output`] at `folder`.
    pub fn check(&self, plan: &Plan, folder: &Path) -> Result<()> {
        let differing = self.plan.differences(plan);
        if differing.is_empty() {
            return Ok(());
        }
        Err(Error::output(
            folder,
            format!(
                "cannot go on, this run is not the one that was stopped: {}; undo that, or begin anew with another --output",
                differing.join("; ")
            ),
        ))
    }
}

impl Plan {
    /// Where two plans differ, in words.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (Ok(Value::Object(ours)), Ok(Value::Object(theirs))) =
            (serde_json::to_value(self), serde_json::to_value(other))
        else {
            // A plan holds nothing that JSON cannot; if it did, two plans would never be equal.
            return vec!["the plan cannot be compared".to_owned()];
        };
        ours.iter()
            .filter(|(name, value)| theirs.get(*name) != Some(*value))
            .map(|(name, before)| {
                let now = theirs.get(name).unwrap_or(&Value::Null);
                format!("{name} was {before}, is {now}")
            })
            .collect()
    }
}
