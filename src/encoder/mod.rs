//! The encoder: token ids in, token states out.
//!
//! [`Encoder`] is the contract of every back end, for BERT, RoBERTa and XLM-R models: [`CpuBert`] has kernels of its own
//! in int8 and f32, [`Bert`] runs on candle's devices. Their tensors come from a [`Weights`]: safetensors, GGUF or the
//! int8 form that [`write_int8`] stores.

mod bert;
mod buckets;
mod config;
mod cpu;
mod device;
mod embeddings;
mod gguf;
#[cfg(feature = "hub")]
pub mod hub;
mod int8;
mod stored;
mod weights;

pub use bert::Bert;
pub use config::{BertConfig, ModelType, PositionEmbeddingType};
pub use cpu::CpuBert;
pub use device::{Compute, Device, Precision};
pub use int8::{quantize_row, write_int8};
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

/// The encoder of `config` and `weights` for what `compute` asks for.
///
/// # Errors
/// [`Error::Tensor`](crate::Error::Tensor) where a tensor is missing or has another shape than `config` says; the errors
/// of [`Device::open`]; [`Error::Argument`](crate::Error::Argument) for a precision that the model does not have on this
/// device.
pub fn open(config: &BertConfig, weights: &Weights, compute: &Compute) -> Result<Box<dyn Encoder>> {
    let device = compute.device;
    let on_core = device == Device::Cpu && CpuBert::supports(config);
    let precision = compute.precision.unwrap_or(match device {
        Device::Cpu if on_core && weights.has_int8() => Precision::Int8,
        // The label of no article should hang on the device: f16 rounds eight times finer than bf16.
        Device::Cuda(_) => Precision::F16,
        _ => Precision::F32,
    });
    if on_core {
        return Ok(Box::new(CpuBert::new(config, weights, precision)?));
    }
    match precision {
        Precision::F16 | Precision::Bf16 if device == Device::Cpu => Err(precision.not_on(device)),
        _ => Ok(Box::new(Bert::with_precision(
            config, weights, &device, precision,
        )?)),
    }
}
