//! The outputs of shards as one file, in the order of the input.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::job::join;
use super::manifest::Manifest;
use super::shard::Shard;
use super::store::replace_file;
use crate::output::{self, RowWriter};
use crate::row::Row;
use crate::{Error, Result};

/// What was joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Rows in the file.
    pub rows: u64,
    /// Of these, rows that could not be scored.
    pub failed: u64,
}

/// Joins folders of parts, one of each shard of one run, into `file`.
///
/// # Errors
/// [`Error::Output`] where a shard is missing, there twice, unfinished or of another run, or where a part does not hold the rows that
/// its manifest says; [`Error::Io`].
pub fn merge(folders: &[PathBuf], file: &Path) -> Result<Merged> {
    if file.exists() {
        let reason = "is there already; remove it, or choose another --output";
        return Err(Error::output(file, reason));
    }
    let mut shards = Vec::with_capacity(folders.len());
    for folder in folders {
        shards.push((folder, Manifest::open(&folder.join(Manifest::FILE))?));
    }
    shards.sort_by_key(|(_, manifest)| manifest.plan.shard.index);
    check(&shards)?;
    let Some((_, first)) = shards.first() else {
        return Err(Error::Argument("no folder to merge".into()));
    };
    let (format, layout) = (first.plan.format, &first.layout);
    let mut sources: Vec<_> = shards.iter().map(|(f, m)| ShardRows::new(f, m)).collect();
    if let [only] = &mut sources[..] {
        let parts = &only.manifest.parts;
        join(format, &only.manifest.files(only.folder), file)?;
        return Ok(Merged {
            rows: parts.iter().map(|part| part.written).sum(),
            failed: parts.iter().map(|part| part.failed).sum(),
        });
    }
    let model = Arc::new(first.plan.model.clone());
    let mut merged = Merged { rows: 0, failed: 0 };
    replace_file(file, |out| {
        let out = Box::new(out.try_clone().map_err(Error::io(file))?);
        let mut writer = output::writer(format, file, out, layout, &model)?;
        interleave(&mut sources, writer.as_mut(), &mut merged)?;
        writer.finish()
    })?;
    Ok(merged)
}

/// Writes a row of each shard in turn, as sharding dealt them out.
fn interleave(
    sources: &mut [ShardRows<'_>],
    writer: &mut dyn RowWriter,
    merged: &mut Merged,
) -> Result<()> {
    loop {
        let mut round = Vec::with_capacity(sources.len());
        for source in sources.iter_mut() {
            match source.next()? {
                Some(row) => round.push(row),
                None => break,
            }
        }
        let last = round.len() < sources.len();
        merged.rows += round.len() as u64;
        merged.failed += round.iter().filter(|row| row.result.is_err()).count() as u64;
        writer.write(round)?;
        if last {
            break;
        }
    }
    // The shards differ by one row at most, and the earlier ones have it.
    for source in sources {
        if source.next()?.is_some() {
            let reason = "has more rows than belong between those of the other shards; one of them lost rows";
            return Err(Error::output(source.folder, reason));
        }
    }
    Ok(())
}

/// The rows of one shard, part by part.
struct ShardRows<'a> {
    folder: &'a Path,
    manifest: &'a Manifest,
    part: usize,
    rows: std::vec::IntoIter<Row>,
}

impl<'a> ShardRows<'a> {
    fn new(folder: &'a Path, manifest: &'a Manifest) -> Self {
        Self {
            folder,
            manifest,
            part: 0,
            rows: Vec::new().into_iter(),
        }
    }

    fn next(&mut self) -> Result<Option<Row>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            let Some(part) = self.manifest.parts.get(self.part) else {
                return Ok(None);
            };
            self.part += 1;
            let path = self.folder.join(&part.file);
            let format = self.manifest.plan.format;
            let rows = output::join::read_back(format, &path, &self.manifest.layout)?;
            if rows.len() as u64 != part.written {
                let (found, wanted) = (rows.len(), part.written);
                let reason = format!("holds {found} rows, its manifest says {wanted}");
                return Err(Error::output(path, reason));
            }
            self.rows = rows.into_iter();
        }
    }
}

/// All shards of one run, each once and finished.
fn check(shards: &[(&PathBuf, Manifest)]) -> Result<()> {
    let Some((_, first)) = shards.first() else {
        return Ok(());
    };
    let of = first.plan.shard.of;
    for (folder, manifest) in shards {
        let mut plan = manifest.plan.clone();
        let shard = plan.shard;
        plan.shard = first.plan.shard;
        let mut differences = first.plan.differences(&plan);
        if shard.of != of {
            differences.push(format!("it is shard {shard}, others are of {of}"));
        }
        if !differences.is_empty() {
            let reason = format!("is of another run: {}", differences.join("; "));
            return Err(Error::output(*folder, reason));
        }
        if !manifest.complete {
            let reason = format!("shard {shard} is not finished; go on with it by --resume");
            return Err(Error::output(*folder, reason));
        }
    }
    for index in 1..=of {
        let mut same = shards.iter().filter(|(_, m)| m.plan.shard.index == index);
        match (same.next(), same.next()) {
            (Some(_), None) => {}
            (None, _) => {
                let shard = Shard { index, of };
                return Err(Error::Argument(format!("shard {shard} is missing")));
            }
            (Some((a, _)), Some((b, _))) => {
                let reason = format!("is shard {index} of {of}, as is {}", a.display());
                return Err(Error::output(*b, reason));
            }
        }
    }
    Ok(())
}
