//! A million short rows, JSON Lines to Parquet, with an encoder that costs next to nothing: memory over the run, order
//! and number of the rows, and the processor time of all that is not the encoder.
//!
//! `cargo bench --bench corpus`, or `cargo bench --bench corpus -- 100000` for fewer rows; with `lang` behind `--`, rows say their
//! language. Linux: it reads /proc.

#[path = "../tests/tiny/mod.rs"]
mod tiny;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use detente::encoder::Compute;
use detente::windows::Windowed;
use detente::{Model, Options, input};

/// That of the program, for the encoder alone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows whose encoder time is measured alone.
const SAMPLE: u64 = 20_000;
/// Of the kernel's accounting, a second; the same on all Linux systems that Rust runs on.
const TICKS: f64 = 100.0;

fn main() {
    let rows = std::env::args().find_map(|arg| arg.parse().ok());
    let rows: u64 = rows.unwrap_or(1_000_000);
    let start = match std::env::args().any(|arg| arg == "lang") {
        true => r#"{"lang":"en","#,
        false => "{",
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    tiny::tiny_model(&path("tiny"));
    detente::pack::pack(&path("tiny"), &path("model"), "tiny", "").unwrap();
    let mut file = BufWriter::new(std::fs::File::create(path("in.jsonl")).unwrap());
    for number in 0..rows {
        writeln!(file, "{}", tiny::row(number).replacen('{', start, 1)).unwrap();
    }
    file.into_inner().unwrap();

    let start = Instant::now();
    let mut run = Command::new(env!("CARGO_BIN_EXE_detente"))
        .args([
            "score",
            "in.jsonl",
            "--output",
            "out.parquet",
            "--model",
            "model",
        ])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut memory, mut seconds) = (Vec::new(), 0.0);
    while run.try_wait().unwrap().is_none() {
        if let Some((resident, processor)) = usage(run.id()) {
            memory.push(resident);
            seconds = processor;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let wall = start.elapsed().as_secs_f64();
    let quarter = |n: usize| memory[(memory.len() - 1) * n / 4] as f64 / 1e6;
    println!(
        "{rows} rows in {wall:.1} s, {:.0} rows/s",
        rows as f64 / wall
    );
    println!(
        "resident memory at a quarter, a half, three quarters, the end: {:.0}, {:.0}, {:.0}, {:.0} MB; most {:.0} MB",
        quarter(1),
        quarter(2),
        quarter(3),
        quarter(4),
        memory.iter().copied().max().unwrap_or(0) as f64 / 1e6
    );
    check(&path("out.parquet"), rows);
    println!("every row is there once, in order");
    let encoder = encoder_seconds(&path("model"), &path("in.jsonl"));
    let all = seconds / rows as f64;
    println!(
        "processor time of a row: {:.1} µs, of which {:.1} µs encoder and {:.1} µs everything else",
        all * 1e6,
        encoder * 1e6,
        (all - encoder) * 1e6
    );
}

/// Resident bytes and processor seconds of a process.
fn usage(process: u32) -> Option<(u64, f64)> {
    let read = |name| std::fs::read_to_string(format!("/proc/{process}/{name}")).ok();
    let resident = read("statm")?.split(' ').nth(1)?.parse::<u64>().ok()? * 4096;
    let stat = read("stat")?;
    let after_name = stat.rsplit_once(')')?.1;
    let mut times = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || times.next()?.parse::<f64>().ok();
    Some((resident, (ticks()? + ticks()?) / TICKS))
}

fn check(path: &Path, rows: u64) {
    let mut next = 0;
    for record in input::read_all(&[path.to_owned()], &input::Options::default()) {
        let (fields, article) = match record {
            Ok(article) => (article.fields, true),
            Err(rejected) => (rejected.fields, false),
        };
        assert_eq!(fields.get("id"), Some(next.into()));
        assert!(article || next % 50 == 49, "row {next} is empty");
        next += 1;
    }
    assert_eq!(next, rows);
}

/// Processor seconds of the encoder for a row, on one thread.
fn encoder_seconds(model: &Path, rows: &Path) -> f64 {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let model = Model::open(model, &Compute::default()).unwrap();
    let records = input::read_all(&[rows.to_owned()], &input::Options::default());
    let articles: Vec<Windowed> = records
        .take(SAMPLE as usize)
        .flatten()
        .map(|article| model.windows(&article.text, article.lang).unwrap())
        .filter(|windowed| !windowed.windows.is_empty())
        .collect();
    let articles: Vec<_> = articles.iter().collect();
    pool.install(|| {
        let start = Instant::now();
        for chunk in articles.chunks(512) {
            let means = model.sentence_means(chunk, Options::default().batch_tokens);
            divan::black_box(means.unwrap());
        }
        start.elapsed().as_secs_f64() / SAMPLE as f64
    })
}
