//! Where the encoder runs.

use crate::error::without_backtrace;
use crate::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// Where the encoder runs; `cpu`, `cuda`, `cuda:1`, `metal` or `metal:1` as text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor, all threads of rayon's global pool.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number; needs the cargo feature `cuda`.
    Cuda(usize),
    /// The Apple GPU of this number; needs the cargo feature `metal`.
    Metal(usize),
}

impl Device {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Argument`] where this build lacks the cargo feature that the device needs, or the machine the device.
    pub fn open(&self) -> Result<candle_core::Device> {
        let needs = |feature: &str| {
            Err(Error::Argument(format!(
                "device {self}: this build has no support for it; build with `--features {feature}`, or use device cpu"
            )))
        };
        let absent = |error: candle_core::Error| {
            Error::Argument(format!("device {self}: {}", without_backtrace(error)))
        };
        match *self {
            Self::Cpu => Ok(candle_core::Device::Cpu),
            Self::Cuda(_) if !cfg!(feature = "cuda") => needs("cuda"),
            Self::Metal(_) if !cfg!(feature = "metal") => needs("metal"),
            // One stream for all threads. Candle's default is a stream for each thread, with nothing between them: a pass
            // could begin before the weights are there, and passes would share what cuBLAS works in.
            Self::Cuda(number) => candle_core::Device::new_cuda_with_stream(number).map_err(absent),
            Self::Metal(number) => candle_core::Device::new_metal(number).map_err(absent),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal(number) => write!(f, "metal:{number}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            Error::Argument(format!(
                "device {text:?}: expected cpu, cuda, cuda:N, metal or metal:N"
            ))
        };
        let (kind, number) = match text.split_once(':') {
            Some((kind, number)) => (kind, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (kind, number) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("metal", number) => Ok(Self::Metal(number.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

/// The numbers that the encoder multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Matrices as int8 with a scale for each row, states quantised on their way; on the CPU only.
    Int8,
    /// f32 throughout.
    F32,
    /// f16 with sums, softmax and layer norm in f32; on a GPU only. 11 significant bits, numbers up to 65504.
    F16,
    /// bf16 likewise; on a GPU only. 8 significant bits, the range of f32.
    Bf16,
}

impl Precision {
    /// The error for a device or model that does not have this precision.
    pub(super) fn not_on(self, device: Device) -> Error {
        Error::Argument(format!(
            "precision {self}: not to be had for this model on device {device}; leave it out"
        ))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int8 => "int8",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "int8" => Ok(Self::Int8),
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "bf16" => Ok(Self::Bf16),
            _ => Err(Error::Argument(format!(
                "precision {text:?}: expected int8, f32, f16 or bf16"
            ))),
        }
    }
}

/// Where and in what numbers the encoder runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compute {
    /// The device.
    pub device: Device,
    /// The numbers; `None` takes int8 for a model that is stored so, on the CPU, f16 on CUDA, and f32 otherwise.
    pub precision: Option<Precision>,
}

impl From<Device> for Compute {
    fn from(device: Device) -> Self {
        Self {
            device,
            precision: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (text, device) in [
            ("cpu", Device::Cpu),
            ("cuda", Device::Cuda(0)),
            ("cuda:1", Device::Cuda(1)),
            ("metal", Device::Metal(0)),
        ] {
            assert_eq!(text.parse::<Device>().unwrap(), device);
            assert_eq!(device.to_string().parse::<Device>().unwrap(), device);
        }
        for precision in ["int8", "f32", "f16", "bf16"] {
            let parsed = precision.parse::<Precision>().unwrap();
            assert_eq!(parsed.to_string(), precision);
        }
        for text in ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1"] {
            let message = text.parse::<Device>().unwrap_err().to_string();
            assert!(message.contains("expected cpu"), "{message}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_missing_feature_is_named() {
        let message = Device::Cuda(0).open().unwrap_err().to_string();
        assert!(message.contains("--features cuda"), "{message}");
    }
}
