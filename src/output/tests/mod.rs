//! What holds of every format.

mod rows;

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use arrow::array::{Array, ArrayRef};
use arrow::compute::{cast, concat};
use arrow::datatypes::Schema;
use serde_json::{Map, Value, json};

use super::*;
use crate::Error;
use crate::fields::Fields;
use crate::row::COLUMNS;
use rows::{mixed, row, typed};

const FORMATS: [Format; 4] = [
    Format::Jsonl,
    Format::Csv,
    Format::Parquet,
    Format::ParquetFlat,
];

/// What was written, and how much may be.
#[derive(Clone)]
struct Sink(Arc<Mutex<Vec<u8>>>, usize);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap();
        if all.len() + bytes.len() > self.1 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "full"));
        }
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn model() -> Arc<Provenance> {
    let text = |text: &str| text.to_owned();
    Arc::new(Provenance {
        id: text("m"),
        revision: text("1"),
        weights_hash: text("ab"),
        version: text("0.1"),
    })
}

fn layout(rows: &[Row]) -> Layout {
    Layout::of(rows.iter().map(|row| &row.fields))
}

/// Writes `rows`, so many with each call, to a sink of so many bytes.
fn write_to(
    format: Format,
    layout: &Layout,
    rows: &[Row],
    at_once: usize,
    most: usize,
) -> Result<Vec<u8>> {
    let sink = Sink(Arc::default(), most);
    let mut writer = writer(
        format,
        Path::new("out"),
        Box::new(sink.clone()),
        layout,
        &model(),
    )?;
    for rows in rows.chunks(at_once) {
        writer.write(rows.to_vec())?;
    }
    writer.finish()?;
    let written = sink.0.lock().unwrap().clone();
    Ok(written)
}

fn written(format: Format, layout: &Layout, rows: &[Row]) -> Vec<u8> {
    write_to(format, layout, rows, rows.len().max(1), usize::MAX).unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Without nulls, which formats with a header do not tell from columns that are missing.
fn some(fields: &Fields) -> Map<String, Value> {
    let fields = fields.clone().into_json().into_iter();
    fields
        .filter(|(name, value)| !value.is_null() && !COLUMNS.contains(&name.as_str()))
        .collect()
}

#[test]
fn every_format_holds_the_same_scores_errors_and_copies() {
    let folder = Folder::new();
    let (layout, rows) = mixed();
    for format in FORMATS {
        let path = folder.file("part", &written(format, &layout, &rows));
        let back = join::read_back(format, &path, &layout).unwrap();
        assert_eq!(back.len(), rows.len());
        for (row, back) in rows.iter().zip(&back) {
            assert_eq!(row.result, back.result, "{format:?}");
            assert_eq!(row.duplicate_of, back.duplicate_of, "{format:?}");
        }
    }
}

#[test]
fn rows_of_other_shapes_than_the_first_lose_nothing() {
    let folder = Folder::new();
    let (layout, rows) = mixed();
    for format in [Format::Jsonl, Format::Parquet, Format::ParquetFlat] {
        let path = folder.file("part", &written(format, &layout, &rows));
        for (row, back) in rows
            .iter()
            .zip(join::read_back(format, &path, &layout).unwrap())
        {
            let mut expected = some(&row.fields);
            let mut back = Fields::Named(back.fields.into_json());
            if let (Format::Parquet | Format::ParquetFlat, Fields::Named(map)) = (format, &mut back)
            {
                // A column of mixed values holds JSON, and whole numbers in a column of numbers are numbers.
                for name in ["m", "model_id", "new", "other", "null", "id", "n", "x", "b"] {
                    let json = |text: &str| serde_json::from_str(text).ok();
                    let of_json = layout
                        .columns
                        .field_with_name(name)
                        .is_ok_and(layout::is_json);
                    if let Some(value) = map.get_mut(name)
                        && let Some(parsed) = value.as_str().and_then(json)
                        && (of_json
                            || expected.get(name) == Some(&parsed)
                            || parsed.is_string()
                            || parsed.is_null())
                    {
                        *value = parsed;
                    }
                }
                if expected.get("x") == Some(&json!(3)) {
                    expected.insert("x".to_owned(), json!(3.0));
                }
            }
            let (mut back, mut expected): (Vec<_>, Vec<_>) = (
                some(&back).into_iter().collect(),
                expected.into_iter().collect(),
            );
            back.sort_by(|a, b| a.0.cmp(&b.0));
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(back, expected, "{format:?}");
        }
    }
    let csv = written(Format::Csv, &layout, &rows);
    let mut csv = csv::Reader::from_reader(&csv[..]);
    let header: Vec<_> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        header,
        [
            &["id", "text", "n", "x", "b", "m", "model_id"][..],
            &COLUMNS,
            &[OTHER]
        ]
        .concat()
    );
    let records: Vec<_> = csv.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(&records[0][1], "one, \"two\"\r\n\nthree");
    assert_eq!(&records[1][5], r#"{"k":"v"}"#);
    assert_eq!(&records[2][3], "18446744073709551615");
    assert_eq!(
        &records[2][18],
        r#"{"new":{"deep":[null,1.5]},"other":"mine"}"#
    );
    assert_eq!(&records[3][17], "in, row 3: \"bad\",\nvery");
}

#[test]
fn what_is_read_back_is_written_as_the_same_bytes_however_the_calls_are_cut() {
    let folder = Folder::new();
    let (named_layout, named) = mixed();
    let (typed_layout, _, typed) = typed();
    // Batches in a layout of other rows: most columns are beside it, and one of another type.
    let (foreign_layout, foreign) = (
        layout(&[row(
            0,
            Fields::Named(Map::from_iter([("i8".to_owned(), json!("t"))])),
        )]),
        &typed,
    );
    let both: Vec<_> = typed
        .iter()
        .zip(&named)
        .flat_map(|(a, b)| [a.clone(), b.clone()])
        .collect();
    for (layout, rows) in [
        (&named_layout, &named),
        (&typed_layout, &typed),
        (&foreign_layout, foreign),
        (&typed_layout, &both),
    ] {
        for format in FORMATS {
            let bytes = written(format, layout, rows);
            for at_once in [1, 63, 100] {
                assert_eq!(
                    write_to(format, layout, rows, at_once, usize::MAX).unwrap(),
                    bytes
                );
            }
            let path = folder.file("part", &bytes);
            let back = join::read_back(format, &path, layout).unwrap();
            assert_eq!(back.len(), rows.len());
            assert!(written(format, layout, &back) == bytes, "{format:?}");
        }
    }
}

#[test]
fn columns_of_a_batch_keep_their_types_and_their_values() {
    let folder = Folder::new();
    let (layout, batches, rows) = typed();
    for format in [Format::Parquet, Format::ParquetFlat] {
        let path = folder.file("part", &written(format, &layout, &rows));
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
        let back: Vec<_> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
        for (at, field) in batches[0].schema().fields().iter().enumerate() {
            let (read, of): (Vec<_>, Vec<_>) = (
                back.iter()
                    .map(|b| b[field.name().as_str()].clone())
                    .collect(),
                batches.iter().map(|b| b.column(at).clone()).collect(),
            );
            let plain = |arrays: Vec<ArrayRef>| {
                let wide = layout::wide(field.data_type());
                let arrays: Vec<_> = arrays.iter().map(|a| cast(a, &wide).unwrap()).collect();
                concat(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap()
            };
            assert_eq!(
                read[0].data_type(),
                &layout::wide(field.data_type()),
                "{}",
                field.name()
            );
            assert_eq!(&plain(read), &plain(of), "{}", field.name());
        }
        assert!(back.iter().all(|b| b[OTHER].null_count() == b.num_rows()));
    }
}

#[test]
fn parts_are_joined_to_what_a_single_write_gives() {
    let folder = Folder::new();
    let (mixed_layout, named) = mixed();
    let (typed_layout, _, typed) = typed();
    for (layout, rows) in [(&mixed_layout, &named), (&typed_layout, &typed)] {
        for format in FORMATS {
            let cuts = [&rows[..70], &rows[70..70], &rows[70..]];
            let parts: Vec<_> = cuts
                .iter()
                .enumerate()
                .map(|(n, rows)| folder.file(&n.to_string(), &written(format, layout, rows)))
                .collect();
            let mut joined = Vec::new();
            join::join(format, &parts, &mut joined).unwrap();
            let whole = written(format, layout, rows);
            if matches!(format, Format::Jsonl | Format::Csv) {
                assert!(joined == whole, "{format:?}");
                continue;
            }
            let path = folder.file("joined", &joined);
            let file = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
            assert_eq!(file.metadata().num_row_groups(), 2);
            assert!(
                file.metadata()
                    .file_metadata()
                    .created_by()
                    .unwrap()
                    .starts_with("detente ")
            );
            assert!(matches!(
                file.metadata().row_group(0).column(0).compression(),
                ::parquet::basic::Compression::ZSTD(_)
            ));
            let back = join::read_back(format, &path, layout).unwrap();
            assert!(written(format, layout, &back) == whole, "{format:?}");
        }
    }
}

#[test]
fn parts_of_different_outputs_are_not_joined() {
    let folder = Folder::new();
    let (layout, rows) = mixed();
    for format in [Format::Csv, Format::Parquet] {
        let other = Layout {
            columns: Arc::new(Schema::empty()),
        };
        let parts = [
            folder.file("a", &written(format, &layout, &rows)),
            folder.file("b", &written(format, &other, &rows)),
        ];
        let error = join::join(format, &parts, io::sink()).unwrap_err();
        assert!(
            matches!(error, Error::Argument(_)) && error.to_string().contains("different columns"),
            "{error}"
        );
    }
    assert!(matches!(
        join::join(Format::Parquet, &[], io::sink()),
        Err(Error::Argument(_))
    ));
}

#[test]
fn a_disk_that_is_full_is_an_error_at_the_output_wherever_it_happens() {
    let folder = Folder::new();
    let (layout, rows) = mixed();
    for format in FORMATS {
        let bytes = written(format, &layout, &rows);
        let parts = [folder.file("part", &bytes)];
        let mut joined = Vec::new();
        join::join(format, &parts, &mut joined).unwrap();
        for most in [
            0,
            3,
            100,
            bytes.len() / 2,
            bytes.len().min(joined.len()) - 1,
        ] {
            let is_full = |error: &Error, at: &str| matches!(error, Error::Io { path, source } if path == Path::new(at) && source.kind() == io::ErrorKind::StorageFull);
            let error = write_to(format, &layout, &rows, 50, most).unwrap_err();
            assert!(is_full(&error, "out"), "{format:?} {most}: {error:?}");
            let error = join::join(format, &parts, Sink(Arc::default(), most)).unwrap_err();
            assert!(
                is_full(&error, "the joined output"),
                "{format:?} {most}: {error:?}"
            );
        }
    }
}

#[test]
fn a_part_that_is_cut_off_or_foreign_is_an_error_with_its_path() {
    let folder = Folder::new();
    let (layout, rows) = mixed();
    for format in FORMATS {
        let bytes = written(format, &layout, &rows);
        let path = folder.file("part", &bytes[..bytes.len() - 9]);
        let error = join::read_back(format, &path, &layout).unwrap_err();
        assert!(
            error.to_string().starts_with(&path.display().to_string()),
            "{error}"
        );
        let missing = folder.0.path().join("missing");
        assert!(
            matches!(join::read_back(format, &missing, &layout), Err(Error::Io { path, .. }) if path == missing)
        );
    }
    let path = folder.file("part", b"{\"text\":\"t\"}\n");
    let error = join::read_back(Format::Jsonl, &path, &layout).unwrap_err();
    assert!(matches!(error, Error::Row { row: 1, .. }), "{error:?}");
}
