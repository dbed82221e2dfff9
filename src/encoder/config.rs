//! The shape of a model: `config.json`, or the metadata of a GGUF file.

use super::weights::Weights;
use crate::{Error, Result};
use candle_nn::Activation;
use serde::Deserialize;
use std::path::Path;

/// Which family a model belongs to; they differ in where positions start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelType {
    /// Positions start at 0.
    #[default]
    Bert,
    /// Positions start after the padding id.
    Roberta,
    /// Positions start after the padding id.
    XlmRoberta,
}

/// What the encoder reads of a Hugging Face `config.json`.
///
/// The vocabulary's size is not here: it is the number of rows of the embedding table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BertConfig {
    /// The model's family; a file without it is a BERT.
    #[serde(default)]
    pub model_type: ModelType,
    /// Numbers in the state of one token.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads of a layer; a divisor of `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward part.
    pub intermediate_size: usize,
    /// Its activation; `gelu` is the exact one, by the error function.
    #[serde(default)]
    pub hidden_act: Activation,
    /// Rows of the position table.
    pub max_position_embeddings: usize,
    /// Added to the variance in layer norms.
    #[serde(default = "default_eps")]
    pub layer_norm_eps: f64,
    /// Id of the padding token.
    #[serde(default)]
    pub pad_token_id: usize,
    /// Only `absolute` is supported.
    #[serde(default)]
    pub position_embedding_type: PositionEmbeddingType,
}

/// How positions enter the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionEmbeddingType {
    /// A learned vector for each position, added to the token's.
    #[default]
    Absolute,
}

fn default_eps() -> f64 {
    1e-12
}

impl BertConfig {
    /// The configuration of a model folder: its `config.json`, or else the metadata of a GGUF file among `weights`.
    ///
    /// # Errors
    /// [`Error::Model`] where there is neither, or where they describe a model that is no BERT, RoBERTa or XLM-R.
    pub fn open(folder: &Path, weights: &Weights) -> Result<Self> {
        let path = folder.join("config.json");
        if path.exists() {
            let json = std::fs::read(&path).map_err(Error::io(&path))?;
            return Self::from_json(&json, &path);
        }
        Self::from_gguf(weights)
    }

    /// Parses the contents of a `config.json`; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Model`] for broken JSON, a missing field, or a model that is no BERT, RoBERTa or XLM-R.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self> {
        let config: Self = serde_json::from_slice(json).map_err(|e| {
            Error::model(
                path,
                format!("{e}; expected the configuration of a BERT, RoBERTa or XLM-R encoder"),
            )
        })?;
        config.checked(path)
    }

    /// Reads the metadata of the first GGUF file among `weights`.
    ///
    /// # Errors
    /// [`Error::Model`] where there is no GGUF file, its architecture is not `bert`, or a key is missing.
    pub fn from_gguf(weights: &Weights) -> Result<Self> {
        let (path, metadata) = weights.gguf_metadata().ok_or_else(|| {
            Error::model(
                weights.path(),
                "no config.json, and no GGUF file that could stand in for it",
            )
        })?;
        let architecture = metadata.text("general.architecture").unwrap_or_default();
        if architecture != "bert" {
            return Err(Error::model(
                path,
                format!(
                    "architecture {architecture:?}, expected \"bert\"; or put a config.json beside it"
                ),
            ));
        }
        let number = |key: &str| {
            let key = format!("bert.{key}");
            metadata.number(&key).ok_or_else(|| {
                Error::model(
                    path,
                    format!("no metadata {key}; put a config.json beside it"),
                )
            })
        };
        let count = |key: &str| number(key).map(|n| n as usize);
        Self {
            // llama.cpp drops the unused first rows of an XLM-R position table, so that positions start at 0 there too.
            model_type: ModelType::Bert,
            hidden_size: count("embedding_length")?,
            num_hidden_layers: count("block_count")?,
            num_attention_heads: count("attention.head_count")?,
            intermediate_size: count("feed_forward_length")?,
            hidden_act: Activation::Gelu,
            max_position_embeddings: count("context_length")?,
            layer_norm_eps: number("attention.layer_norm_epsilon")?,
            pad_token_id: 0,
            position_embedding_type: PositionEmbeddingType::Absolute,
        }
        .checked(path)
    }

    /// The position of a window's first token.
    pub(crate) fn first_position(&self) -> usize {
        match self.model_type {
            ModelType::Bert => 0,
            ModelType::Roberta | ModelType::XlmRoberta => self.pad_token_id.saturating_add(1),
        }
    }

    fn checked(self, path: &Path) -> Result<Self> {
        let reason = if self.hidden_size == 0 || self.intermediate_size == 0 {
            "hidden_size and intermediate_size must not be 0"
        } else if self.num_attention_heads == 0
            || !self.hidden_size.is_multiple_of(self.num_attention_heads)
        {
            "hidden_size must be a multiple of num_attention_heads"
        } else if self.max_position_embeddings <= self.first_position() {
            "max_position_embeddings leaves no position for a token"
        } else {
            return Ok(self);
        };
        Err(Error::model(path, reason))
    }
}
