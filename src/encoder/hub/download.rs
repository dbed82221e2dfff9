//! How far a download is.

use hf_hub::api::Progress;

/// How far one file of a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download<'a> {
    /// The file's name in the model.
    pub file: &'a str,
    /// Bytes that are there; 0 when a file begins.
    pub done: u64,
    /// Bytes of the file.
    pub total: u64,
}

/// Counts the bytes of one file.
pub(super) struct Meter<'a> {
    file: &'a str,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Download<'_>),
}

impl<'a> Meter<'a> {
    pub(super) fn new(file: &'a str, progress: &'a mut dyn FnMut(Download<'_>)) -> Self {
        Self {
            file,
            done: 0,
            total: 0,
            progress,
        }
    }

    fn tell(&mut self) {
        (self.progress)(Download {
            file: self.file,
            done: self.done,
            total: self.total,
        });
    }
}

impl Progress for Meter<'_> {
    fn init(&mut self, size: usize, _file: &str) {
        self.total = size as u64;
        self.tell();
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        self.tell();
    }

    fn finish(&mut self) {}
}
