//! The same five rows in every format, for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::Int32Type;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::compressed::tests::{gzip, zst};

/// Text, title, id and language of five rows.
pub const ROWS: [(&str, &str, &str, &str); 5] = [
    ("A first text, with a comma", "A title", "a", "uk"),
    ("A title and more", "A title", "b", "en-GB"),
    ("A \"third\"\ttext", " ", "c", ""),
    ("Четвёртый", "Другой", "d", "xx"),
    ("Fifth; and last", "T", "e", "fr"),
];

pub fn json() -> Vec<u8> {
    let line = |(text, title, id, lang)| {
        let row =
            serde_json::json!({"id": id, "title": title, "text": text, "language": lang, "n": 1});
        format!("{row}\n")
    };
    ROWS.map(line).concat().into_bytes()
}

pub fn delimited(delimiter: u8) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .from_writer(Vec::new());
    writer
        .write_record(["id", "title", "text", "language", "n"])
        .unwrap();
    for (text, title, id, lang) in ROWS {
        writer.write_record([id, title, text, lang, "1"]).unwrap();
    }
    writer.into_inner().unwrap()
}

pub fn batch() -> RecordBatch {
    RecordBatch::try_from_iter::<_, &str>([
        (
            "id",
            Arc::new(StringArray::from_iter_values(ROWS.map(|r| r.2))) as ArrayRef,
        ),
        (
            "title",
            Arc::new(DictionaryArray::<Int32Type>::from_iter(ROWS.map(|r| r.1))),
        ),
        (
            "text",
            Arc::new(StringViewArray::from_iter_values(ROWS.map(|r| r.0))),
        ),
        (
            "language",
            Arc::new(StringArray::from_iter_values(ROWS.map(|r| r.3))),
        ),
        ("n", Arc::new(Int64Array::from(vec![1; 5]))),
    ])
    .unwrap()
}

/// A file with row groups of two rows.
pub fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(2))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// A file with batches of two rows.
pub fn arrow_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for first in (0..batch.num_rows()).step_by(2) {
        let rows = 2.min(batch.num_rows() - first);
        writer.write(&batch.slice(first, rows)).unwrap();
    }
    writer.into_inner().unwrap()
}

pub fn arrow_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Every format, compressed and not.
pub fn every_format(folder: &Path) -> Vec<PathBuf> {
    let mut paths = vec![write(folder, "a.parquet", &parquet(&batch()))];
    for (name, bytes) in [
        ("a.jsonl", json()),
        ("a.csv", delimited(b',')),
        ("semicolon.csv", delimited(b';')),
        ("gdelt.CSV", delimited(b'\t')),
        ("a.tsv", delimited(b'\t')),
        ("a.arrow", arrow_file(&batch())),
        ("a.arrows", arrow_stream(&batch())),
    ] {
        paths.push(write(folder, name, &bytes));
        paths.push(write(folder, &format!("{name}.gz"), &gzip(&bytes)));
        paths.push(write(folder, &format!("{name}.zst"), &zst(&bytes)));
    }
    paths
}
