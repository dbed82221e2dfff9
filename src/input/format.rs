//! What a file holds and how it is compressed: by the suffix of its name, or by its first bytes.

use serde::Serialize;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::{Error, Result};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Format {
    /// One article (`.txt`).
    Text,
    /// One JSON object a line (`.jsonl`, `.ndjson`, `.json`).
    JsonLines,
    /// Delimited by commas, semicolons, bars or tabs (`.csv`), whichever its first rows agree on.
    Csv,
    /// Delimited by tabs (`.tsv`, `.tab`).
    Tsv,
    /// Apache Parquet (`.parquet`, `.pq`).
    Parquet,
    /// Arrow IPC, the file format or a stream (`.arrow`, `.arrows`, `.feather`, `.ipc`).
    Arrow,
}

impl Format {
    /// Every format with its name.
    pub const ALL: [(&str, Self); 6] = [
        ("text", Self::Text),
        ("jsonl", Self::JsonLines),
        ("csv", Self::Csv),
        ("tsv", Self::Tsv),
        ("parquet", Self::Parquet),
        ("arrow", Self::Arrow),
    ];

    /// The format that a file's name says, that of a compression left out; `None` where it says none.
    pub fn of(path: &Path) -> Option<Self> {
        let inner = path.file_stem().filter(|_| Compression::of(path).is_some());
        match suffix(inner.map_or(path, Path::new))?.as_str() {
            "txt" => Some(Self::Text),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            "tsv" | "tab" => Some(Self::Tsv),
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// The format of a stream that begins with these bytes. Text is what nothing else begins like.
    pub(super) fn of_bytes(start: &[u8]) -> Self {
        let text = start.strip_prefix(BOM).unwrap_or(start);
        if start.starts_with(PARQUET_MAGIC) {
            Self::Parquet
        } else if start.starts_with(ARROW_MAGIC) || start.starts_with(ARROW_CONTINUATION) {
            Self::Arrow
        } else if text.trim_ascii_start().starts_with(b"{") {
            Self::JsonLines
        } else {
            Self::Text
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(_, format)| format == self);
        f.pad(named.map_or("", |(name, _)| name))
    }
}

impl FromStr for Format {
    type Err = Error;

    /// # Errors
    /// [`Error::Argument`] for a name that is not one of [`ALL`](Self::ALL).
    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, format)| *format).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            Error::Argument(format!(
                "unknown input format {name:?}: give one of {names}"
            ))
        })
    }
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// The compression that a file's name says.
    pub fn of(path: &Path) -> Option<Self> {
        match suffix(path)?.as_str() {
            "gz" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression of a stream that begins with these bytes.
    pub fn of_bytes(start: &[u8]) -> Option<Self> {
        if start.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Some(Self::Zstd)
        } else {
            None
        }
    }
}

/// What some programs put before UTF-8.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";
/// What an Arrow file begins and ends with.
pub(super) const ARROW_MAGIC: &[u8] = b"ARROW1";
const ARROW_CONTINUATION: &[u8] = &[0xff; 4];
const PARQUET_MAGIC: &[u8] = b"PAR1";

fn suffix(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_format_and_compression_in_any_case() {
        let of = |name: &str| {
            let path = Path::new(name);
            (Format::of(path), Compression::of(path))
        };
        assert_eq!(of("a.b.TXT"), (Some(Format::Text), None));
        assert_eq!(
            of("a.jsonl.gz"),
            (Some(Format::JsonLines), Some(Compression::Gzip))
        );
        assert_eq!(
            of("d/20240101.export.CSV.zst"),
            (Some(Format::Csv), Some(Compression::Zstd))
        );
        assert_eq!(of("a.feather"), (Some(Format::Arrow), None));
        assert_eq!(of("a.gz"), (None, Some(Compression::Gzip)));
        assert_eq!(of("txt"), (None, None));
        assert_eq!(of("a.gz.txt"), (Some(Format::Text), None));
    }

    #[test]
    fn names_are_read_back() {
        for (name, format) in Format::ALL {
            assert_eq!(name.parse::<Format>().unwrap(), format);
            assert_eq!(format.to_string(), name);
        }
        let error = "xml".parse::<Format>().unwrap_err().to_string();
        assert!(
            error.contains("text, jsonl, csv, tsv, parquet, arrow"),
            "{error}"
        );
    }

    #[test]
    fn first_bytes_tell_what_a_pipe_brings() {
        for (start, format) in [
            (&b" \n{\"te"[..], Format::JsonLines),
            (b"\xef\xbb\xbf{", Format::JsonLines),
            (b"ARROW1\0\0", Format::Arrow),
            (b"\xff\xff\xff\xff\x10\0\0\0", Format::Arrow),
            (b"PAR1\x15\0\x15", Format::Parquet),
            (b"The {", Format::Text),
            (b"", Format::Text),
        ] {
            assert_eq!(Format::of_bytes(start), format, "{start:?}");
        }
    }
}
