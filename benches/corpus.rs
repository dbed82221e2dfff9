//! A million short rows, JSON Lines to Parquet, with an encoder that costs next to nothing: memory over the run, order
//! and number of the rows. Then the processor time of all that is not the encoder, in slices of the rows, each between two
//! runs of the encoder alone: both vary by more than half from one minute to the next where others use the machine.
//!
//! `cargo bench --bench corpus`, or `cargo bench --bench corpus -- 100000` for fewer rows; with `lang` behind `--`, rows say their
//! language. Linux: it reads /proc.

#[path = "../tests/tiny/mod.rs"]
mod tiny;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use detente::encoder::Compute;
use detente::windows::Windowed;
use detente::{Model, Options, input};

/// That of the program, for the encoder alone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Slices whose processor time is taken, and the rows of each.
const SLICES: usize = 9;
const SLICE: u64 = 100_000;
/// Rows whose encoder time is measured alone, before and after each slice.
const SAMPLE: usize = 20_000;
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
    let write = |name: &str, rows: u64| {
        let mut file = BufWriter::new(std::fs::File::create(path(name)).unwrap());
        for number in 0..rows {
            writeln!(file, "{}", tiny::row(number).replacen('{', start, 1)).unwrap();
        }
        file.into_inner().unwrap();
    };
    write("all.jsonl", rows);
    let start = Instant::now();
    let mut run = score(folder.path(), "all.jsonl", "all.parquet");
    let mut memory = Vec::new();
    while run.try_wait().unwrap().is_none() {
        memory.extend(resident(run.id()));
        std::thread::sleep(Duration::from_millis(200));
    }
    let wall = start.elapsed().as_secs_f64();
    println!(
        "{rows} rows in {wall:.1} s, {:.0} rows/s",
        rows as f64 / wall
    );
    let quarter = |n: usize| memory[(memory.len() - 1) * n / 4] as f64 / 1e6;
    println!(
        "resident memory at a quarter, a half, three quarters, the end: {:.0}, {:.0}, {:.0}, {:.0} MB; most {:.0} MB",
        quarter(1),
        quarter(2),
        quarter(3),
        quarter(4),
        memory.iter().copied().max().unwrap_or(0) as f64 / 1e6
    );
    check(&path("all.parquet"), rows);
    println!("every row is there once, in order");

    write("slice.jsonl", SLICE);
    write("one.jsonl", 1);
    let encoder = Encoder::new(&path("model"), &path("slice.jsonl"));
    let run = |rows: &str, output: &str| {
        let before = children_seconds();
        score(folder.path(), rows, output).wait().unwrap();
        children_seconds() - before
    };
    let mut columns: [Vec<f64>; 3] = Default::default();
    let mut before = encoder.seconds();
    for slice in 0..SLICES {
        let rows = run("slice.jsonl", &format!("slice_{slice}.parquet"));
        let start = run("one.jsonl", &format!("one_{slice}.parquet"));
        let all = (rows - start) / SLICE as f64;
        let after = encoder.seconds();
        let alone = (before + after) / 2.0;
        for (column, value) in columns.iter_mut().zip([all, alone, all - alone]) {
            column.push(value * 1e6);
        }
        before = after;
    }
    println!(
        "processor time of a row in µs, {SLICES} slices of {SLICE} rows: median (least to most)"
    );
    for (name, column) in ["all", "encoder", "everything else"]
        .iter()
        .zip(&mut columns)
    {
        column.sort_by(f64::total_cmp);
        let [least, median, most] = [0, SLICES / 2, SLICES - 1].map(|at| column[at]);
        println!("{name}: {median:.1} ({least:.1} to {most:.1})");
    }
}

/// The program from one file of the folder to another.
fn score(folder: &Path, rows: &str, output: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_detente"))
        .args(["score", rows, "--model", "model", "--output", output])
        .current_dir(folder)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Resident bytes of a process.
fn resident(process: u32) -> Option<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// Processor seconds of all children that have ended.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let times = after_name.split_ascii_whitespace().skip(13).take(2);
    times
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>()
        / TICKS
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

/// The encoder alone, on one thread.
struct Encoder {
    model: Model,
    articles: Vec<Windowed>,
    pool: rayon::ThreadPool,
}

impl Encoder {
    fn new(model: &Path, rows: &Path) -> Self {
        let model = Model::open(model, &Compute::default()).unwrap();
        let records = input::read_all(&[rows.to_owned()], &input::Options::default());
        let articles = records
            .take(SAMPLE)
            .flatten()
            .map(|article| model.windows(&article.text, article.lang).unwrap())
            .filter(|windowed| !windowed.windows.is_empty());
        Self {
            articles: articles.collect(),
            pool: rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .build()
                .unwrap(),
            model,
        }
    }

    /// Seconds for a row.
    fn seconds(&self) -> f64 {
        let Self {
            model,
            articles,
            pool,
        } = self;
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
}
