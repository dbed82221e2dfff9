//! Every step of the default model, one after another, on the sample articles: cleaning and splitting, tokens and
//! windows, the encoder, the head, and all of it together.
//!
//! `cargo bench --bench pipeline`; items/s are tokens/s, except for `prepare`, which counts bytes. One thread, so that the
//! steps can be compared: what each costs beside the encoder is the share that it takes of a run.

use detente::encoder::Compute;
use detente::windows::Windowed;
use detente::{Model, Options, Scorer, Text};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use std::path::Path;
use std::sync::LazyLock;

static SCORER: LazyLock<Scorer> = LazyLock::new(|| {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
    pool.build_global().unwrap();
    Scorer::new(
        Model::embedded(&Compute::default()).unwrap(),
        Options::default(),
    )
    .unwrap()
});

static ARTICLES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/samples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
});

fn windowed() -> Vec<Windowed> {
    let model = SCORER.model();
    ARTICLES
        .iter()
        .map(|text| model.windows(text, None).unwrap())
        .collect()
}

fn tokens() -> ItemsCount {
    ItemsCount::new(
        windowed()
            .iter()
            .map(|article| article.tokens)
            .sum::<usize>(),
    )
}

#[divan::bench]
fn prepare(bencher: Bencher) {
    let bytes = ARTICLES.iter().map(String::len).sum::<usize>();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        for text in ARTICLES.iter() {
            divan::black_box(detente::text::prepare(text, None));
        }
    });
}

#[divan::bench]
fn prepare_and_tokenize(bencher: Bencher) {
    bencher.counter(tokens()).bench_local(windowed);
}

#[divan::bench(sample_count = 7, sample_size = 1)]
fn encoder(bencher: Bencher) {
    let articles = windowed();
    let articles: Vec<_> = articles.iter().collect();
    let budget = Options::default().batch_tokens;
    bencher
        .counter(tokens())
        .bench_local(|| SCORER.model().sentence_means(&articles, budget).unwrap());
}

#[divan::bench]
fn head(bencher: Bencher) {
    let articles = windowed();
    let articles: Vec<_> = articles.iter().collect();
    let means = SCORER
        .model()
        .sentence_means(&articles, Options::default().batch_tokens)
        .unwrap();
    let head = SCORER.model().head();
    bencher.counter(tokens()).bench_local(|| {
        means
            .iter()
            .map(|means| head.score(means).logit)
            .sum::<f32>()
    });
}

#[divan::bench(sample_count = 7, sample_size = 1)]
fn score(bencher: Bencher) {
    let texts: Vec<_> = ARTICLES
        .iter()
        .map(|text| Text::from(text.as_str()))
        .collect();
    bencher
        .counter(tokens())
        .bench_local(|| SCORER.score_batch(&texts));
}

fn main() {
    divan::main();
}
