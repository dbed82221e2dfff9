pub mod encoder;
mod error;
pub use error::{Error, Result};
