#![warn(missing_docs)]
#![doc = include_str!("../README.md")]

pub mod aggregate;
pub mod calibration;
pub mod columnar;
pub mod corpus;
pub mod dedup;
pub mod encoder;
mod error;
pub mod eval;
pub mod fields;
pub mod fit;
pub mod head;
pub mod input;
pub mod labels;
pub mod metrics;
pub mod model;
pub mod output;
pub mod pack;
pub mod row;
mod score;
pub mod text;
pub mod tokens;
mod verdict;
pub mod windows;

pub use error::{Error, Result};
pub use model::Model;
pub use score::{Options, Scorer, Text};
pub use verdict::{Abstain, Coverage, Evidence, Label, Provenance, Verdict};
