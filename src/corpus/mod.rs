//! Whole corpora: any number of rows in constant memory, in order, none lost, none twice.
//!
//! [`run`] is the pipeline: a reader, text workers, the encoder and the caller's sink, each on its own thread, with
//! bounded queues between them. [`Job::score_into`] sends its rows to one writer; [`Job::score_to`] to a folder of parts
//! with a manifest, from which a stopped run goes on. [`merge`] joins parts and shards into one file.

mod copies;
mod ids;
mod job;
mod manifest;
mod merge;
mod pipeline;
mod resume;
mod shard;
mod store;
mod summary;

pub use copies::{Copies, Dedup, Memory};
pub use ids::UniqueIds;
pub use job::{Job, Target, peek};
pub use manifest::{Input, Manifest, Part, Plan};
pub use merge::{Merged, merge};
pub use pipeline::{Scored, Settings, run};
pub use shard::{Numbered, Shard};
pub use store::Store;
pub use summary::{Stages, Summary};
