//! The one error type of the library: what failed, where, and what to do about it.

use std::path::PathBuf;

/// Result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why something could not be loaded, read or scored.
///
/// Every variant names the file (and the row or tensor, where there is one), so that the message alone says where to look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A row of an input file cannot be used; the other rows can.
    #[error("{path}, row {row}: {reason}", path = .path.display())]
    Row {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// Row, counted from 1 as editors do.
        row: usize,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// Rows of an input file cannot be read, from this one on: all that follow, or as many as the reason says.
    #[error("{path}, row {row}: {reason}", path = .path.display())]
    Lost {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// The first of them, counted from 1 as editors do.
        row: usize,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A model folder, or a file in it, is missing, broken or of another kind than expected.
    #[error("model {path}: {reason}", path = .path.display())]
    Model {
        /// The folder or the file in it.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A tensor is missing from a model or has the wrong shape or type.
    #[error("model {path}: tensor {tensor}: {reason}", path = .path.display())]
    Tensor {
        /// The file that should hold the tensor.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// The tokenizer could not be loaded or refused a text.
    #[error("tokenizer {path}: {source}", path = .path.display())]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// What the tokenizer said.
        source: Source,
    },
    /// The Hugging Face hub could not give a model.
    #[error("model {id} from the Hugging Face hub: {reason}")]
    Hub {
        /// The model's id, with its revision where one was asked for.
        id: String,
        /// What is wrong and what to do.
        reason: String,
        /// What the hub client said.
        #[source]
        source: Option<Source>,
    },
    /// Nothing is left to score: the text is empty, or only markup and boilerplate.
    #[error("the article is empty: no sentence is left once markup is removed")]
    EmptyArticle,
    /// The computation itself failed (out of memory).
    #[error("inference: {0}")]
    Inference(#[source] candle_core::Error),
    /// More rows failed than were allowed to.
    #[error("stopped: {failed} rows failed, more than the {allowed} allowed (--max-errors)")]
    TooManyFailures {
        /// Rows that failed.
        failed: u64,
        /// Rows that may.
        allowed: u64,
    },
    /// A scored output cannot be gone on with, or joined.
    #[error("{path}: {reason}", path = .path.display())]
    Output {
        /// Its folder or file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// An argument is outside what the function accepts.
    #[error("{0}")]
    Argument(String),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Inference(without_backtrace(error))
    }
}

/// Where backtraces are asked for candle puts one into the text.
pub(crate) fn without_backtrace(error: candle_core::Error) -> candle_core::Error {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => *inner,
        error => error,
    }
}

impl Error {
    /// The error with its causes, on one line.
    pub fn in_one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            // Most messages already end in their cause.
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        text
    }

    /// An [`Error::Output`] at `path`.
    pub(crate) fn output(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Output {
            path: path.into(),
            reason: reason.into(),
        }
    }

    /// An [`Error::Io`] at `path`, for `map_err`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// An [`Error::Model`] at `path`.
    pub(crate) fn model(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Model {
            path: path.into(),
            reason: reason.into(),
        }
    }
}
