//! The encoder: token ids in, token states out.
//!
//! [`Encoder`] is the contract of every back end. [`Bert`] fulfils it with candle for BERT, RoBERTa and XLM-R models,
//! whose tensors come from a [`Weights`]: safetensors, GGUF or the int8 form that [`write_int8`] stores.

mod bert;
mod config;
mod device;
mod gguf;
#[cfg(feature = "hub")]
pub mod hub;
mod int8;
mod stored;
mod weights;

pub use bert::Bert;
pub use config::{BertConfig, ModelType, PositionEmbeddingType};
pub use device::Device;
pub use int8::{quantize_rows, write_int8};
pub use weights::Weights;

use crate::Result;
use candle_core::Tensor;

/// Token ids in, token states out: the one contract of every back end.
///
/// The states of a window do not depend on the windows beside it.
pub trait Encoder: Send + Sync {
    /// Numbers in the state of one token.
    fn hidden_size(&self) -> usize;

    /// Token ids that one window may have, special tokens included.
    fn max_positions(&self) -> usize;

    /// Runs windows of token ids, `<s>` and `</s>` included, in one pass.
    ///
    /// Returns one f32 tensor `[sum of the window lengths, hidden_size]` on the encoder's device: the states of the
    /// windows one after another, in the order given, without padding.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for a window of fewer than two ids or of more than
    /// [`max_positions`](Encoder::max_positions), or for an id outside the vocabulary;
    /// [`Error::Inference`](crate::Error::Inference) where the device fails.
    fn encode(&self, windows: &[&[u32]]) -> Result<Tensor>;
}
