//! Which model a command uses, and on what.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use detente::Model;
use detente::encoder::{Compute, Device, Precision};

/// The options that choose a model, shared by the commands that run one.
#[derive(Debug, clap::Args)]
pub struct Source {
    /// Model folder, or the id of a model on the Hugging Face hub (owner/name or owner/name@revision) [default: the
    /// one inside this program]
    #[arg(long, value_name = "FOLDER|ID", env = "DETENTE_MODEL")]
    model: Option<String>,
    /// Use only what the hub's cache already holds
    #[arg(long)]
    offline: bool,
    /// Where the model runs: cpu, cuda, cuda:1, metal
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// The numbers it multiplies: int8 or f32 [default: int8 on the CPU where the model is stored so, else f32]
    #[arg(long)]
    precision: Option<Precision>,
    /// Processor threads [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
}

impl Source {
    /// Opens the model that was asked for.
    pub fn open(&self) -> Result<Model> {
        if let Some(threads) = self.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build_global().context("cannot set --threads")?;
        }
        let compute = Compute {
            device: self.device,
            precision: self.precision,
        };
        let Some(name) = &self.model else {
            return default_model(&compute);
        };
        let folder = match hub_id(name) {
            Some((id, revision)) => self.fetch(id, revision)?,
            None => PathBuf::from(name),
        };
        Ok(Model::open(&folder, &compute)?)
    }

    #[cfg(feature = "hub")]
    fn fetch(&self, id: &str, revision: Option<&str>) -> Result<PathBuf> {
        use detente::encoder::hub;
        let options = hub::HubOptions {
            revision: revision.map(str::to_owned),
            offline: self.offline,
            // Where the other Hugging Face tools of this user keep their models, and as whom they ask.
            cache: std::env::var_os("HF_HOME").map(|home| PathBuf::from(home).join("hub")),
            token: std::env::var("HF_TOKEN").ok(),
            ..hub::HubOptions::default()
        };
        Ok(hub::fetch(id, &options)?)
    }

    #[cfg(not(feature = "hub"))]
    fn fetch(&self, id: &str, _revision: Option<&str>) -> Result<PathBuf> {
        anyhow::bail!("{id}: no such folder, and this program was built without the feature `hub`")
    }
}

/// The id and revision in `owner/name@revision`, unless a folder of that name is there.
fn hub_id(name: &str) -> Option<(&str, Option<&str>)> {
    if Path::new(name).exists() {
        return None;
    }
    let (id, revision) = name
        .split_once('@')
        .map_or((name, None), |(id, r)| (id, Some(r)));
    let (owner, model) = id.split_once('/')?;
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    (plain(owner) && plain(model)).then_some((id, revision))
}

#[cfg(feature = "embedded")]
fn default_model(compute: &Compute) -> Result<Model> {
    Ok(Model::embedded(compute)?)
}

#[cfg(not(feature = "embedded"))]
fn default_model(_compute: &Compute) -> Result<Model> {
    anyhow::bail!(
        "this program was built without a model of its own (feature `embedded`); give one with --model"
    )
}

#[cfg(test)]
mod tests {
    use super::hub_id;

    #[test]
    fn an_id_has_an_owner_and_no_folder() {
        assert_eq!(
            hub_id("intfloat/multilingual-e5-small"),
            Some(("intfloat/multilingual-e5-small", None))
        );
        assert_eq!(hub_id("owner/name@v1"), Some(("owner/name", Some("v1"))));
        assert_eq!(hub_id("models/training"), None, "a folder that is there");
        assert_eq!(hub_id("../elsewhere/model"), None);
        assert_eq!(hub_id("name"), None);
    }
}
