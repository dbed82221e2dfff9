//! What holds for every format alike, read from files as a user does.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::compressed::tests::{gzip, zst};
use super::testing::{
    ROWS, arrow_file, arrow_stream, batch, delimited, every_format, json, parquet, write,
};
use super::*;

fn all(path: &Path) -> Vec<Record> {
    read_all(&[path.to_owned()], &Options::default()).collect()
}

fn rows_of(rows: Box<dyn Rows>) -> Vec<Record> {
    let mut rows = rows;
    std::iter::from_fn(|| rows.next_row()).collect()
}

/// What tells a record from every other.
fn told(record: &Record) -> String {
    match record {
        Ok(article) => format!(
            "{} {} {}",
            article.path.display(),
            article.row,
            article.text
        ),
        Err(rejected) => rejected.error.to_string(),
    }
}

fn told_all(records: &[Record]) -> Vec<String> {
    records.iter().map(told).collect()
}

#[test]
fn every_format_gives_the_same_articles() {
    let folder = tempfile::tempdir().unwrap();
    let expected = ROWS.map(|(text, title, id, lang)| {
        let (text, headline) = match id {
            "b" | "c" => (text.to_owned(), 0),
            _ => (format!("{title}\n\n{text}"), title.len() + 2),
        };
        (text, headline, id.to_owned(), lang.parse().ok())
    });
    for path in every_format(folder.path()) {
        let read = all(&path).into_iter().map(|record| {
            let article = record.unwrap_or_else(|r| panic!("{}", r.error));
            let number = article.fields.get("n").unwrap();
            assert_eq!(number.as_str().unwrap_or(&number.to_string()), "1");
            (article.text, article.headline, article.id, article.lang)
        });
        assert_eq!(read.collect::<Vec<_>>(), expected, "{}", path.display());
    }
}

#[test]
fn a_pipe_is_told_by_its_first_bytes() {
    let options = Options::default();
    let piped =
        |bytes: Vec<u8>| records::piped(Path::new(STDIN), Box::new(Cursor::new(bytes)), &options);
    let blank_lines = [vec![b'\n'; 1000], json()].concat();
    for bytes in [
        json(),
        gzip(&json()),
        zst(&json()),
        arrow_file(&batch()),
        arrow_stream(&batch()),
        gzip(&arrow_stream(&batch())),
    ] {
        let ids: Vec<_> = rows_of(piped(bytes).unwrap())
            .into_iter()
            .map(|r| r.unwrap().id)
            .collect();
        assert_eq!(ids, ROWS.map(|r| r.2));
    }
    assert_eq!(
        rows_of(piped(blank_lines).unwrap())[0]
            .as_ref()
            .unwrap()
            .row,
        1001
    );
    let text = rows_of(piped(b"One\n{article}".to_vec()).unwrap());
    assert_eq!(text[0].as_ref().unwrap().text, "One\n{article}");
    let Err(error) = piped(parquet(&batch())) else {
        panic!("Parquet by a pipe")
    };
    assert!(
        error.to_string().contains("Parquet is read from its end"),
        "{error}"
    );
    let csv = Options {
        format: Some(Format::Csv),
        ..Options::default()
    };
    let csv = records::piped(
        Path::new(STDIN),
        Box::new(Cursor::new(delimited(b';'))),
        &csv,
    );
    assert_eq!(rows_of(csv.unwrap()).len(), 5);
}

#[test]
fn types_survive_and_an_id_may_be_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let table = RecordBatch::try_from_iter::<_, &str>([
        (
            "id",
            Arc::new(Int64Array::from(vec![Some(7), None])) as ArrayRef,
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![Some("a"), Some("b")])),
        ),
    ])
    .unwrap();
    for (name, bytes) in [
        ("a.parquet", parquet(&table)),
        ("a.arrow", arrow_file(&table)),
    ] {
        let path = write(folder.path(), name, &bytes);
        let articles: Vec<_> = all(&path).into_iter().map(Result::unwrap).collect();
        assert_eq!(articles[0].id, "7");
        assert_eq!(articles[1].id, format!("{}:2", path.display()));
        let Fields::InBatch(batch, 1) = &articles[1].fields else {
            panic!("{name}")
        };
        assert_eq!(batch.schema().field(0).data_type(), &DataType::Int64);
    }
}

#[test]
fn null_and_empty_texts_in_columns_are_rejected_alone_and_wrong_types_once() {
    let folder = tempfile::tempdir().unwrap();
    let texts: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a"),
        None,
        Some(""),
        Some("b"),
    ]));
    let table = RecordBatch::try_from_iter([("text", texts)]).unwrap();
    for (name, bytes) in [
        ("a.parquet", parquet(&table)),
        ("a.arrow", arrow_file(&table)),
    ] {
        let told = told_all(&all(&write(folder.path(), name, &bytes)));
        assert!(
            told[1].contains("row 2: column `text` holds null"),
            "{told:?}"
        );
        assert!(told[2].contains("row 3: the text is empty"), "{told:?}");
        assert!(told[3].ends_with("4 b"), "{told:?}");
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 5]));
    for (column, message) in [
        ("text", "row 1: column `text` holds Int64, not a text"),
        ("body", "row 1: no column `text`; the row has body"),
    ] {
        let table = RecordBatch::try_from_iter([(column, Arc::clone(&numbers))]).unwrap();
        let told = told_all(&all(&write(folder.path(), "b.parquet", &parquet(&table))));
        assert!(told.len() == 1 && told[0].contains(message), "{told:?}");
    }
}

#[test]
fn rows_without_a_text_are_read_where_none_is_required() {
    let folder = tempfile::tempdir().unwrap();
    let tone: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let table = RecordBatch::try_from_iter([("tone", tone)]).unwrap();
    let options = Options {
        text_required: false,
        ..Options::default()
    };
    for (name, bytes) in [
        (
            "a.jsonl",
            b"{\"tone\":1}\n{\"tone\":2,\"text\":null}\n".to_vec(),
        ),
        ("a.csv", b"tone,text\n1,\n2,\n".to_vec()),
        ("b.csv", b"tone,n\n1,1\n2,2\n".to_vec()),
        ("a.parquet", parquet(&table)),
        ("a.arrow", arrow_file(&table)),
    ] {
        let path = write(folder.path(), name, &bytes);
        let rows: Vec<_> = read_all(&[path], &options).flatten().collect();
        let tones: Vec<_> = rows
            .iter()
            .filter_map(|row| row.fields.get("tone"))
            .collect();
        let tones: Vec<_> = tones
            .iter()
            .map(|tone| tone.to_string().replace('"', ""))
            .collect();
        assert_eq!(tones, ["1", "2"], "{name}");
        assert!(rows.iter().all(|row| row.text.is_empty()), "{name}");
    }
}

/// Broken files of every format, and whole ones between them.
fn mixture(folder: &Path) -> Vec<PathBuf> {
    let mut paths = every_format(folder);
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let long = json().repeat(2000);
    let arrow = arrow_file(&batch());
    for (name, bytes) in [
        ("cut.parquet", half(parquet(&batch()))),
        ("cut.jsonl.gz", half(gzip(&long))),
        ("cut.csv.zst", half(zst(&delimited(b',').repeat(2000)))),
        ("cut.arrow", half(arrow.clone())),
        ("nearly.arrow", arrow[..arrow.len() - 7].to_vec()),
        ("cut.arrows", half(arrow_stream(&batch()))),
        ("cut.jsonl", half(json())),
        ("none.csv", Vec::new()),
        ("none.txt", Vec::new()),
        ("one.txt", b"One".to_vec()),
        ("one.txt.gz", gzip(b"One")),
        ("odd.doc", b"One".to_vec()),
        ("hole.parquet", with_hole(parquet(&batch()))),
        ("quote.csv", b"id,text\n1,\"a\n2,b\n".to_vec()),
        (
            "bad.jsonl",
            b"{\"text\":\"a\"}\n\n[]\n\xff\n{\"text\":1}\n".to_vec(),
        ),
    ] {
        paths.push(write(folder, name, &bytes));
    }
    paths.extend([
        folder.join("missing.jsonl"),
        folder.join("*.nothing"),
        folder.to_owned(),
    ]);
    paths
}

/// Writes over the text column of the second row group.
fn with_hole(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let (start, length) = reader.metadata().row_group(1).column(2).byte_range();
    bytes[start as usize..(start + length) as usize].fill(0xff);
    bytes
}

#[test]
fn a_row_group_that_is_broken_does_not_hide_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "hole.parquet", &with_hole(parquet(&batch())));
    let records = all(&path);
    let rows: Vec<_> = records
        .iter()
        .map(|r| r.as_ref().map(|a| a.row).ok())
        .collect();
    assert_eq!(rows, [Some(1), Some(2), None, Some(5)]);
    let message = told(&records[2]);
    assert!(
        message.contains("row 3: row group 2 cannot be read"),
        "{message}"
    );
    assert!(message.ends_with("the rows to 4 are lost"), "{message}");
}

#[test]
fn a_file_that_was_cut_gives_what_it_has_and_says_where_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    mixture(folder.path());
    for (name, message) in [
        ("cut.parquet", "row 1: not a whole Parquet file"),
        ("cut.jsonl.gz", "the file breaks off here"),
        ("cut.csv.zst", "the file breaks off here"),
        ("cut.arrow", "the rows from here on are lost"),
        (
            "nearly.arrow",
            "row 6: the file does not end as an Arrow file does",
        ),
        ("cut.arrows", "the rows from here on are lost"),
        ("cut.jsonl", "not a JSON object"),
        ("none.txt", "the text is empty"),
        ("odd.doc", "cannot tell how to read this file"),
        ("missing.jsonl", "No such file"),
        ("*.nothing", "matches no file"),
    ] {
        let path = folder.path().join(name);
        let records = all(&path);
        let last = told(records.last().unwrap());
        assert!(last.contains(name) && last.contains(message), "{last}");
    }
}

#[test]
fn skipping_gives_what_reading_gives() {
    let folder = tempfile::tempdir().unwrap();
    let paths = mixture(folder.path());
    let options = Options::default();
    let whole: Vec<_> = read_all(&paths, &options).map(|r| told(&r)).collect();
    assert!(whole.len() > 150, "{}", whole.len());
    for n in [0, 1, 2, 3, 6, 10, 97, whole.len() - 1, whole.len()] {
        let mut records = read_all(&paths, &options);
        let skipped: Vec<_> = std::iter::from_fn(|| records.nth(n).map(|r| told(&r))).collect();
        let expected: Vec<_> = whole.iter().skip(n).step_by(n + 1).cloned().collect();
        assert_eq!(skipped, expected, "{n}");
    }
}

#[test]
fn a_flipped_bit_never_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("a.parquet", parquet(&batch())),
        ("a.arrow", arrow_file(&batch())),
        ("a.csv.gz", gzip(&delimited(b','))),
        ("a.jsonl.zst", zst(&json())),
    ] {
        // Not every byte: hundreds of decoders panic here, and each writes its trace.
        for at in (0..bytes.len()).step_by(5) {
            let mut broken = bytes.clone();
            broken[at] ^= 1_u8.rotate_left(at as u32);
            let path = write(folder.path(), name, &broken);
            let n = read_all(&[path], &Options::default()).take(1000).count();
            assert!(n < 1000, "{name}: byte {at}");
        }
    }
}
