//! What there is to say about a model without running it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Manifest, hash_files, tokenizer_file};
use crate::encoder::{BertConfig, Weights};
use crate::{Error, Result};

/// What a model folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A model that scores: an encoder with a head that was learned from labels.
    Detente,
    /// An encoder without a head, from which `fit` can start.
    Encoder,
}

impl Kind {
    /// Looks at a model folder; weights are mapped, not read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Model`] or [`Error::Tensor`] for a folder that
    /// [`Model::open`](super::Model::open) would refuse by its files alone.
    pub fn of(folder: &Path) -> Result<Self> {
        Ok(Parts::open(folder)?.kind())
    }

    /// `detente` or `encoder`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detente => "detente",
            Self::Encoder => "encoder",
        }
    }
}

/// A model's description.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// Name of the model.
    pub id: String,
    /// Its revision; empty where it states none.
    pub revision: String,
    /// Whether it scores.
    pub kind: Kind,
    /// SHA-256 of the weight files, as the output rows have it.
    pub weights_hash: String,
    /// Tokens of a window, framing included.
    pub window: usize,
    /// Layers of the encoder.
    pub layers: usize,
    /// Numbers in the state of one token.
    pub hidden_size: usize,
    /// The numbers that its parts are stored in.
    pub storage: Storage,
    /// Divides the tone logit.
    pub temperature: f32,
    /// Relevance below which an article is `not_diplomatic`, 0 to 1.
    pub relevance_threshold: f32,
    /// Articles that calibration was fitted on; without any the model never says `uncertain`.
    pub calibration_articles: usize,
    /// The model's folder; `None` for the model inside the program.
    pub path: Option<PathBuf>,
    /// Bytes of its files.
    pub bytes: u64,
}

/// The numbers that the parts of an encoder are stored in, see [`Weights::stored_as`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Storage {
    /// The matrices of its layers.
    pub layers: String,
    /// The word embedding table.
    pub embeddings: String,
}

impl Info {
    /// Describes the model in a folder.
    ///
    /// # Errors
    /// As [`Kind::of`], and [`Error::Io`] where its weights cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let parts = Parts::open(folder)?;
        let weights = parts.weights.paths().map(Path::to_owned);
        let weights: Vec<_> = weights.chain(parts.head.clone()).collect();
        let others = ["config.json", "detente.json"].map(|name| folder.join(name));
        let others = others.into_iter().filter(|path| path.exists());
        let files = weights
            .iter()
            .cloned()
            .chain(others)
            .chain([parts.tokenizer.clone()]);
        let sizes = files.map(|path| match path.metadata() {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => Err(Error::io(path)(error)),
        });
        let bytes = sizes.sum::<Result<u64>>()?;
        let kind = parts.kind();
        let (path, hash) = (Some(folder.to_owned()), hash_files(&weights)?);
        Ok(describe(
            Manifest::open(folder)?,
            kind,
            &parts.config,
            &parts.weights,
            hash,
            path,
            bytes,
        ))
    }

    /// Describes the model that is part of this crate (feature `embedded`).
    ///
    /// # Errors
    /// None that the files of this crate could cause.
    #[cfg(feature = "embedded")]
    pub fn embedded() -> Result<Self> {
        use super::embedded::{CONFIG, EMBEDDINGS, ENCODER, HEAD, MANIFEST, TOKENIZER};
        let manifest = Manifest::from_bytes(Path::new(MANIFEST.0), MANIFEST.1)?;
        let weights = Weights::from_static(&[ENCODER, EMBEDDINGS])?;
        let config = BertConfig::from_json(CONFIG.1, Path::new(CONFIG.0))?;
        let hash = manifest.weights_hash.clone();
        let hash = hash.unwrap_or_else(|| super::hash_bytes([ENCODER.1, EMBEDDINGS.1, HEAD.1]));
        let files = [CONFIG, EMBEDDINGS, ENCODER, HEAD, MANIFEST, TOKENIZER];
        let bytes = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        Ok(describe(
            manifest,
            Kind::Detente,
            &config,
            &weights,
            hash,
            None,
            bytes,
        ))
    }
}

fn describe(
    manifest: Manifest,
    kind: Kind,
    config: &BertConfig,
    weights: &Weights,
    weights_hash: String,
    path: Option<PathBuf>,
    bytes: u64,
) -> Info {
    let stored = |name: &str| weights.stored_as(name).unwrap_or_default();
    let calibration = manifest.calibration;
    Info {
        id: manifest.id,
        revision: manifest.revision,
        kind,
        weights_hash,
        window: manifest.window,
        layers: config.num_hidden_layers,
        hidden_size: config.hidden_size,
        storage: Storage {
            layers: stored("encoder.layer.0.attention.self.query.weight"),
            embeddings: stored("embeddings.word_embeddings.weight"),
        },
        temperature: calibration.temperature,
        relevance_threshold: calibration.relevance_threshold,
        calibration_articles: calibration.cooperative.len() + calibration.confrontational.len(),
        path,
        bytes,
    }
}

/// The files of a model folder, found and opened.
struct Parts {
    weights: Weights,
    config: BertConfig,
    tokenizer: PathBuf,
    head: Option<PathBuf>,
}

impl Parts {
    fn open(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Error::model(folder, "no such folder"));
        }
        let weights = Weights::open(&[folder.to_owned()])?;
        let head = folder.join("head.safetensors");
        Ok(Self {
            config: BertConfig::open(folder, &weights)?,
            tokenizer: tokenizer_file(folder)?,
            head: head.exists().then_some(head),
            weights,
        })
    }

    fn kind(&self) -> Kind {
        match self.head {
            Some(_) => Kind::Detente,
            None => Kind::Encoder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "embedded")]
    #[test]
    fn the_model_inside_is_described_as_its_folder_is() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default");
        let (inside, outside) = (Info::embedded().unwrap(), Info::open(&folder).unwrap());
        assert_eq!(
            (inside.path.as_ref(), outside.path.as_ref()),
            (None, Some(&folder))
        );
        assert_eq!(
            inside,
            Info {
                path: None,
                ..outside
            }
        );
        assert_eq!(inside.kind, Kind::Detente);
        let Storage { layers, embeddings } = &inside.storage;
        assert_eq!((layers.as_str(), embeddings.as_str()), ("int8", "q4_0"));
        assert!(inside.layers > 0 && inside.hidden_size > 0 && inside.calibration_articles > 0);
        assert!(inside.bytes > 10_000_000);
    }

    #[test]
    fn an_encoder_without_a_head_is_told_from_what_is_no_model() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bert");
        let folder = tempfile::tempdir().unwrap();
        let refused = |part: &str| {
            let error = Kind::of(folder.path()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused("no weights");
        std::fs::copy(
            tiny.join("model.safetensors"),
            folder.path().join("model.safetensors"),
        )
        .unwrap();
        refused("no config.json");
        std::fs::copy(tiny.join("config.json"), folder.path().join("config.json")).unwrap();
        refused("no tokenizer");
        std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        let info = Info::open(folder.path()).unwrap();
        assert_eq!(
            (info.kind, info.layers, info.hidden_size),
            (Kind::Encoder, 2, 32)
        );
        assert_eq!(
            (info.storage.layers.as_str(), info.calibration_articles),
            ("f32", 0)
        );
        std::fs::write(folder.path().join("head.safetensors"), "").unwrap();
        assert_eq!(Kind::of(folder.path()).unwrap(), Kind::Detente);
        assert!(Kind::of(Path::new("no/such/folder")).is_err());
    }
}
