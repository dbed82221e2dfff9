//! Which model a command uses, and on what.

use std::path::PathBuf;

use anyhow::{Context, Result};
use detente::Model;
use detente::encoder::{Compute, Device, Precision};

use super::hub::{self, Hub};

/// The options that choose a model, shared by the commands that run one.
#[derive(Debug, clap::Args)]
pub struct Source {
    /// Model folder, or the id of a model on the Hugging Face hub (owner/name or owner/name@revision) [default: the
    /// one inside this program]
    #[arg(long, value_name = "FOLDER|ID")]
    model: Option<String>,
    #[command(flatten)]
    hub: Hub,
    /// Where the model runs: cpu, cuda, cuda:1, metal
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// The numbers it multiplies: int8 or f32 on the CPU, f16, bf16 or f32 on a GPU [default: int8 on the CPU where the
    /// model is stored so, f16 on cuda, else f32]
    #[arg(long)]
    precision: Option<Precision>,
    /// Processor threads [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
}

impl Source {
    /// What the numbers of a run depend on beside the model: kind of device, and precision.
    pub fn compute_name(&self) -> String {
        let device = self.device.to_string();
        let kind = device.split(':').next().unwrap_or_default();
        match self.precision {
            Some(precision) => format!("{kind} {precision}"),
            None => kind.to_owned(),
        }
    }

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
        let folder = match hub::id(name) {
            Some((id, revision)) => hub::fetch(id, revision, &self.hub)?,
            None => PathBuf::from(name),
        };
        Ok(Model::open(&folder, &compute)?)
    }
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
