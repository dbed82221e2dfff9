//! `detente model`: which models there are, what they are, and how they come here.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Subcommand, ValueEnum};
use detente::model::{Info, Kind};
use indicatif::HumanBytes;
use serde::Serialize;

use super::Outcome;
use super::hub::{self, Hub};

/// List, describe and fetch models
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Info(Describe),
    Pull(Pull),
}

/// List the model inside this program and those in the hub's cache
///
/// The cache is shared with other Hugging Face tools: a model of the kind `other` is none that can be used here, or was
/// not fetched to its end.
#[derive(Debug, clap::Args)]
struct List {
    /// Output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Describe a model: name, weights, shape, calibration
#[derive(Debug, clap::Args)]
struct Describe {
    /// Model folder, or the id of a model in the hub's cache (owner/name or owner/name@revision) [default: the model
    /// inside this program]
    model: Option<String>,
    /// Output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Fetch a model from the Hugging Face hub into its cache, and print its folder
#[derive(Debug, clap::Args)]
struct Pull {
    /// owner/name, or owner/name@revision for a branch, a tag or a commit
    id: String,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Text,
    /// JSON
    Json,
}

pub fn run(args: Args) -> Result<Outcome> {
    let mut out = std::io::stdout().lock();
    match args.command {
        Command::List(args) => list(&mut out, args.format)?,
        Command::Info(args) => {
            let info = describe(args.model.as_deref())?;
            match args.format {
                Format::Text => text(&mut out, &info)?,
                Format::Json => json(&mut out, &info)?,
            }
        }
        Command::Pull(args) => {
            let (id, revision) = hub::split(&args.id);
            let folder = hub::fetch(id, revision, &args.hub)?;
            writeln!(out, "{}", folder.display())?;
        }
    }
    Ok(Outcome::Complete)
}

fn json(out: &mut impl Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// One line of the list.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    /// What the model says of itself, or the names of its commit.
    revision: String,
    commit: Option<String>,
    bytes: u64,
    kind: &'static str,
    path: Option<PathBuf>,
}

fn list(out: &mut impl Write, format: Format) -> Result<()> {
    let models: Vec<_> = inside()?.into_iter().chain(cached()?).collect();
    if format == Format::Json {
        return json(out, &models);
    }
    let width = models.iter().map(|m| m.id.chars().count()).max();
    let width = width.unwrap_or(0).max("id".len());
    writeln!(
        out,
        "{:width$}  {:12}  {:10}  {:>10}  kind",
        "id", "revision", "commit", "size"
    )?;
    for model in &models {
        let commit = model.commit.as_deref().unwrap_or("(inside)");
        let commit: String = commit.chars().take(10).collect();
        writeln!(
            out,
            "{:width$}  {:12}  {commit:10}  {:>10}  {}",
            model.id,
            model.revision,
            HumanBytes(model.bytes).to_string(),
            model.kind
        )?;
    }
    Ok(())
}

#[cfg(feature = "embedded")]
fn inside() -> Result<Option<Listed>> {
    let info = Info::embedded()?;
    Ok(Some(Listed {
        id: info.id,
        revision: info.revision,
        commit: None,
        bytes: info.bytes,
        kind: info.kind.as_str(),
        path: None,
    }))
}

#[cfg(not(feature = "embedded"))]
fn inside() -> Result<Option<Listed>> {
    Ok(None)
}

#[cfg(feature = "hub")]
fn cached() -> Result<Vec<Listed>> {
    let models = detente::encoder::hub::cached(&hub::options())?;
    let listed = models.into_iter().map(|model| Listed {
        revision: model.names.join(","),
        bytes: model.bytes,
        kind: Kind::of(&model.folder).map_or("other", Kind::as_str),
        id: model.id,
        commit: Some(model.commit),
        path: Some(model.folder),
    });
    Ok(listed.collect())
}

#[cfg(not(feature = "hub"))]
fn cached() -> Result<Vec<Listed>> {
    Ok(Vec::new())
}

fn describe(model: Option<&str>) -> Result<Info> {
    let Some(name) = model else {
        return default_info();
    };
    let Some((id, revision)) = hub::id(name) else {
        return Ok(Info::open(Path::new(name))?);
    };
    let cache = Hub { offline: true };
    let folder = hub::fetch(id, revision, &cache)
        .with_context(|| format!("`detente model pull {name}` fetches it"))?;
    let mut info = Info::open(&folder)?;
    // A plain encoder states neither, and its folder is named by the commit.
    if info.kind == Kind::Encoder {
        info.revision = std::mem::replace(&mut info.id, id.to_owned());
    }
    Ok(info)
}

#[cfg(feature = "embedded")]
fn default_info() -> Result<Info> {
    Ok(Info::embedded()?)
}

#[cfg(not(feature = "embedded"))]
fn default_info() -> Result<Info> {
    anyhow::bail!(
        "this program was built without a model of its own (feature `embedded`); name one"
    )
}

fn text(out: &mut impl Write, info: &Info) -> Result<()> {
    let path = info.path.as_ref().map(|path| path.display().to_string());
    let storage = &info.storage;
    let lines = [
        ("id", info.id.clone()),
        ("revision", info.revision.clone()),
        ("kind", info.kind.as_str().to_owned()),
        ("weights hash", info.weights_hash.clone()),
        ("window", format!("{} tokens", info.window)),
        ("layers", info.layers.to_string()),
        ("hidden size", info.hidden_size.to_string()),
        (
            "storage",
            format!(
                "layers {}, embeddings {}",
                storage.layers, storage.embeddings
            ),
        ),
        ("temperature", info.temperature.to_string()),
        ("relevance threshold", info.relevance_threshold.to_string()),
        (
            "calibrated on",
            format!("{} articles", info.calibration_articles),
        ),
        (
            "path",
            path.unwrap_or_else(|| "(inside this program)".to_owned()),
        ),
        ("size", HumanBytes(info.bytes).to_string()),
    ];
    for (name, value) in lines {
        writeln!(out, "{name:19}  {value}")?;
    }
    Ok(())
}
