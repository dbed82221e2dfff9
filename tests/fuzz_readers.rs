//! Every reader on files that are broken at random: no panic, no hang, no memory without bound.
//!
//! A second for each reader in the usual tests; longer, and with a limit on the address space:
//! `ulimit -v 4000000; DETENTE_FUZZ_SECONDS=600 cargo test --release --test fuzz_readers`

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use detente::input::{self, Options};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use std::io::Write;

/// Rows that an input of this size cannot have: a reader that goes on for ever would.
const ROWS: usize = 1_000_000;
/// Longest time for one input.
const HANG: Duration = Duration::from_secs(10);

fn jsonl() -> Vec<u8> {
    let rows = (0..20).map(|n| match n % 4 {
        0 => format!("{{\"id\":{n},\"text\":\"Kenya thanked Peru. \\u00e9\",\"tags\":[1,{{\"a\":null}}]}}\n"),
        1 => format!("{{\"text\":null,\"id\":\"{n}\"}}\n\n"),
        2 => "{\"title\":\"Ein Vertrag\",\"text\":\"Україна й Польща\",\"lang\":\"uk\",\"n\":1e300}\n".to_owned(),
        _ => "{\"text\": 7}\n".to_owned(),
    });
    rows.collect::<String>().into_bytes()
}

fn csv() -> Vec<u8> {
    let rows = (0..20)
        .map(|n| format!("{n},\"a \"\"quoted\"\" text,\nwith a line end\",2026-01-{n:02}\n"));
    ("\u{feff}id,text,date\n".to_owned() + &rows.collect::<String>()).into_bytes()
}

fn batch() -> RecordBatch {
    let texts = (0..50).map(|n| (n % 7 != 0).then(|| format!("Norway and Japan, number {n}")));
    let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
    let ids: ArrayRef = Arc::new((0..50).collect::<Int64Array>());
    RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap()
}

fn parquet() -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch().schema(), None).unwrap();
    writer.write(&batch()).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_file() -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch().schema()).unwrap();
    writer.write(&batch()).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_stream() -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch().schema()).unwrap();
    writer.write(&batch()).unwrap();
    writer.into_inner().unwrap()
}

fn compressed_arrow() -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
    let (schema, options) = (batch().schema(), options.unwrap());
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    writer.write(&batch()).unwrap();
    writer.into_inner().unwrap()
}

fn gzip() -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&jsonl()).unwrap();
    gzip.finish().unwrap()
}

fn zstd() -> Vec<u8> {
    zstd::encode_all(&jsonl()[..], 1).unwrap()
}

/// A linear congruential generator: a failure names its number, and comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Breaks a file in one to four places.
fn broken(file: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = file.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(out.len());
        match dice.below(7) {
            0 => out.truncate(at),
            1 if !out.is_empty() => out[at] ^= 1 << dice.below(8),
            2 if !out.is_empty() => {
                out[at] = [0, 0xff, 0x7f, 0x80, b'"', b'\n', b'{'][dice.below(7)]
            }
            3 => {
                // A length field that is far too large.
                let end = (at + [4, 8][dice.below(2)]).min(out.len());
                out[at..end].fill(0x7f);
            }
            4 => {
                let end = (at + dice.below(64)).min(out.len());
                out.drain(at..end);
            }
            5 => {
                let end = (at + dice.below(64)).min(out.len());
                let copy = out[at..end].to_vec();
                let to = dice.below(out.len());
                out.splice(to..to, copy);
            }
            _ => {
                let noise: Vec<u8> = (0..dice.below(32)).map(|_| dice.below(256) as u8).collect();
                out.splice(at..at, noise);
            }
        }
    }
    out
}

fn read(path: &Path, case: usize) {
    let start = Instant::now();
    let options = Options::default();
    let rows = input::read_all(&[path.to_owned()], &options)
        .take(ROWS)
        .count();
    assert!(
        rows < ROWS,
        "case {case}: more rows than the file has bytes"
    );
    // Skipping takes another way through some readers.
    let _ = input::read_all(&[path.to_owned()], &options).nth(7);
    assert!(start.elapsed() < HANG, "case {case}: {:?}", start.elapsed());
}

fn fuzz(name: &str, file: &[u8]) {
    let seconds = std::env::var("DETENTE_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, file).unwrap();
    let whole = input::read_all(std::slice::from_ref(&path), &Options::default())
        .filter(Result::is_ok)
        .count();
    assert!(whole > 5, "the file is sound before it is broken");
    let mut cases = 0;
    while Instant::now() < end {
        std::fs::write(&path, broken(file, &mut Dice(cases as u64))).unwrap();
        read(&path, cases);
        cases += 1;
    }
    println!("{name}: {cases} cases");
}

macro_rules! readers {
    ($($test:ident: $name:literal, $file:expr;)*) => {$(
        #[test]
        fn $test() {
            fuzz($name, &$file);
        }
    )*};
}

readers! {
    json_lines_survive: "in.jsonl", jsonl();
    csv_survives: "in.csv", csv();
    tsv_survives: "in.tsv", csv().iter().map(|&b| if b == b',' { b'\t' } else { b }).collect::<Vec<_>>();
    parquet_survives: "in.parquet", parquet();
    arrow_files_survive: "in.arrow", arrow_file();
    arrow_streams_survive: "stream.arrow", arrow_stream();
    compressed_arrow_survives: "compressed.arrow", compressed_arrow();
    gzip_survives: "in.jsonl.gz", gzip();
    zstd_survives: "in.jsonl.zst", zstd();
}
