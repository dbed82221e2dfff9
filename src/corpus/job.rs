//! A scoring run over a corpus: into one writer, or into a folder of parts that a stopped run goes on from.

use std::path::{Path, PathBuf};

use super::copies::{Copies, Memory};
use super::ids::UniqueIds;
use super::manifest::{Manifest, Plan};
use super::pipeline::{self, Scored, Settings};
use super::resume::replay;
use super::shard::Shard;
use super::store::{OpenPart, Store, replace_file};
use super::summary::{Stages, Summary};
use crate::input::Records;
use crate::output::{self, Layout, RowWriter};
use crate::row::Row;
use crate::{Error, Result, Scorer};

/// Rows, and bytes of text, that the columns of an output are told from.
const PEEK_ROWS: usize = 1000;
const PEEK_BYTES: usize = 16 << 20;

/// What is scored, and how.
pub struct Job<'a> {
    /// The model and its options.
    pub scorer: &'a Scorer,
    /// How rows are made.
    pub settings: Settings,
    /// Which rows of the input.
    pub shard: Shard,
    /// The run ends when more rows than this have failed.
    pub max_failed: Option<u64>,
    /// Opens the input at its first row.
    pub open: &'a dyn Fn() -> Records,
    /// Hears of every row that is written, after it was.
    pub observer: &'a mut dyn FnMut(&Scored),
    /// Time by stage.
    pub stages: &'a Stages,
}

/// Where a run with parts leaves its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Parts in this folder.
    Folder(PathBuf),
    /// One file; its parts lie in the folder `FILE.parts` until they are joined. The manifest stays as `_FILE.manifest.json`.
    File(PathBuf),
}

impl Target {
    fn folder(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::File(file) => {
                let mut name = file.clone().into_os_string();
                name.push(".parts");
                name.into()
            }
        }
    }
}

impl Job<'_> {
    /// Scores all rows and hands them to `sink` in their order.
    ///
    /// # Errors
    /// Those of `sink`, and [`Error::TooManyFailures`].
    pub fn score_each(
        &mut self,
        records: Records,
        mut sink: impl FnMut(Vec<Scored>) -> Result<()>,
    ) -> Result<Summary> {
        let records = UniqueIds::new(records, self.shard, 0);
        let memory = self.settings.dedup.as_ref().map(Memory::new).transpose()?;
        let mut summary = Summary::default();
        let Self {
            scorer,
            settings,
            max_failed,
            observer,
            stages,
            ..
        } = self;
        pipeline::run(records, scorer, settings, memory, stages, |scored| {
            scored.iter().for_each(|row| {
                summary.add(row);
                observer(row);
            });
            check_failures(&summary, *max_failed)?;
            sink(scored)
        })?;
        Ok(summary)
    }

    /// Scores all rows into one writer.
    ///
    /// # Errors
    /// Those of the writer, and [`Error::TooManyFailures`].
    pub fn score_into(
        &mut self,
        records: Records,
        mut writer: Box<dyn RowWriter>,
    ) -> Result<Summary> {
        let settings = self.settings.clone();
        let summary =
            self.score_each(records, |scored| writer.write(written(scored, &settings)))?;
        writer.finish()?;
        Ok(summary)
    }

    /// Scores all rows into parts, or those that an earlier run of the same `plan` has not done or could not score.
    ///
    /// # Errors
    /// [`Error::Output`] where the target holds another output, or, with `resume`, none of this plan; [`Error::Argument`]
    /// for `resume` with standard input, or where rows that were read cannot be read now; [`Error::Io`] where it cannot be
    /// written; [`Error::TooManyFailures`]. What is done stays done.
    pub fn score_to(&mut self, target: &Target, plan: Plan, resume: bool) -> Result<Summary> {
        if resume && plan.input.is_none() {
            return Err(Error::Argument(
                "standard input cannot be read a second time, so that --resume cannot go on with it; give a file, or leave --resume out"
                    .to_owned(),
            ));
        }
        let folder = target.folder();
        if let Target::File(file) = target
            && file.exists()
            && let Some(summary) = self.joined_before(file, &folder, &plan, resume)?
        {
            return Ok(summary);
        }
        let begun = folder.join(Manifest::FILE).exists();
        let mut summary = Summary::default();
        let (mut store, records) = if resume && begun {
            let mut store = Store::resume(&folder, &plan)?;
            self.review(&mut store, &mut summary)?;
            (store, (self.open)())
        } else {
            let (layout, records) = peek((self.open)());
            (Store::create(&folder, plan, layout)?, records)
        };
        if !store.manifest().complete {
            self.go_on(&mut store, records, &mut summary)?;
        }
        if let Target::File(file) = target {
            let manifest = store.manifest();
            join(manifest.plan.format, &store.files(), file)?;
            manifest.write(&beside(file))?;
            std::fs::remove_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        Ok(summary)
    }

    /// What is to be said where the output file is there: that it is complete, or `None` where its parts are to be joined
    /// anew, because the run was stopped right after that or because rows that failed can be scored now.
    fn joined_before(
        &self,
        file: &Path,
        folder: &Path,
        plan: &Plan,
        resume: bool,
    ) -> Result<Option<Summary>> {
        let beside = beside(file);
        if !resume || !(beside.exists() || folder.join(Manifest::FILE).exists()) {
            let reason = "is there already; remove it, or choose another --output";
            return Err(Error::output(file, reason));
        }
        if !beside.exists() {
            return Ok(None);
        }
        let manifest = Manifest::open(&beside)?;
        manifest.check(plan, file)?;
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(Error::io(folder))?;
        }
        if self.is_as_before(&manifest)? {
            return Ok(Some(Summary {
                rows: manifest.rows(),
                failed: manifest.failed(),
                ..Summary::default()
            }));
        }
        Store::split(file, folder, manifest)?;
        // From here on the parts count, and the file is the old one until they are joined.
        std::fs::remove_file(&beside).map_err(Error::io(&beside))?;
        Ok(None)
    }

    /// Scores what comes after the parts that are done, in the input that `records` gives from its first row on.
    fn go_on(&mut self, store: &mut Store, records: Records, summary: &mut Summary) -> Result<()> {
        let done = store.manifest().rows();
        let part_rows = store.manifest().plan.part_rows.max(1);
        let (records, memory) = match &self.settings.dedup {
            None => (UniqueIds::new(records, self.shard, done), None),
            Some(dedup) => {
                let mut records = UniqueIds::new(records, self.shard, 0);
                let memory = replay(store, dedup, &mut records)?;
                (records, Some(memory))
            }
        };
        let mut open: Option<OpenPart> = None;
        let Self {
            scorer,
            settings,
            max_failed,
            observer,
            stages,
            ..
        } = self;
        pipeline::run(records, scorer, settings, memory, stages, |mut scored| {
            while !scored.is_empty() {
                let part = match &mut open {
                    Some(part) => part,
                    None => open.insert(store.begin()?),
                };
                let room = usize::try_from(part_rows - part.part.rows).unwrap_or(usize::MAX);
                let rest = scored.split_off(room.min(scored.len()));
                for row in &scored {
                    summary.add(row);
                    observer(row);
                }
                check_failures(summary, *max_failed)?;
                part.stands_for(&scored);
                part.write(written(scored, settings))?;
                if part.part.rows == part_rows
                    && let Some(part) = open.take()
                {
                    store.commit(part)?;
                }
                scored = rest;
            }
            Ok(())
        })?;
        match open {
            Some(part) => store.commit(part)?,
            // An output without rows still is a file with a header.
            None if store.manifest().parts.is_empty() => store.commit(store.begin()?)?,
            None => {}
        }
        store.complete()
    }
}

/// Where the manifest of an output of one file lies.
fn beside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or(file.as_os_str());
    file.with_file_name(format!("_{}.manifest.json", name.to_string_lossy()))
}

/// The columns of an input, told from its first rows, and the input again.
pub fn peek(mut records: Records) -> (Layout, Records) {
    let mut first = Vec::new();
    let mut bytes = 0;
    while first.len() < PEEK_ROWS && bytes < PEEK_BYTES {
        let Some(record) = records.next() else { break };
        bytes += record.as_ref().map_or(0, |article| article.text.len());
        first.push(record);
    }
    let layout = Layout::of(first.iter().map(|record| match record {
        Ok(article) => &article.fields,
        Err(rejected) => &rejected.fields,
    }));
    (layout, Box::new(first.into_iter().chain(records)))
}

/// Puts parts together in one file, which appears whole.
pub(super) fn join(format: output::Format, parts: &[PathBuf], file: &Path) -> Result<()> {
    replace_file(file, |out| output::join::join(format, parts, out))
}

fn written(scored: Vec<Scored>, settings: &Settings) -> Vec<Row> {
    let skip = settings.dedup.is_some_and(|d| d.copies == Copies::Skip);
    let rows = scored.into_iter().map(|scored| scored.row);
    rows.filter(|row| !(skip && row.duplicate_of.is_some()))
        .collect()
}

fn check_failures(summary: &Summary, allowed: Option<u64>) -> Result<()> {
    let failed = summary.failed;
    match allowed {
        Some(allowed) if failed > allowed => Err(Error::TooManyFailures { failed, allowed }),
        _ => Ok(()),
    }
}
