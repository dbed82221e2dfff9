//! The encoder, on the CPU core in int8 and f32 and on candle, against candle-transformers' BERT in f32: the same windows,
//! the same random weights in the shape of multilingual-e5-small (the vocabulary is small: looking a row up costs the same in
//! any).
//!
//! `cargo bench --bench encoder`; items/s are tokens/s. Windows of different lengths are padded to the longest for
//! candle-transformers, which has no other way; padding does not count as tokens.

use candle_core::{DType, Device as Candle, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert;
use detente::encoder::{Bert, BertConfig, CpuBert, Device, Encoder, Precision, Weights};
use divan::{Bencher, counter::ItemsCount};
use std::collections::HashMap;
use std::sync::LazyLock;

const CONFIG: &str = r#"{
    "model_type": "bert", "vocab_size": 1000, "hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 1536, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2,
    "layer_norm_eps": 1e-12, "pad_token_id": 1, "hidden_dropout_prob": 0.0, "initializer_range": 0.02
}"#;

/// Lengths of the windows of a batch.
const BATCHES: [(&str, [usize; 8]); 3] = [
    ("8x256", [256; 8]),
    ("8x512", [512; 8]),
    ("mixed", [40, 512, 96, 256, 180, 64, 400, 130]),
];

struct Models {
    int8: CpuBert,
    f32: CpuBert,
    candle: Bert,
    stock: bert::BertModel,
}

static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let tensors = random_weights();
    let folder = std::env::temp_dir().join(format!("detente-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
    std::fs::write(folder.join("config.json"), CONFIG).unwrap();
    let weights = Weights::open(std::slice::from_ref(&folder)).unwrap();
    let shape = BertConfig::open(&folder, &weights).unwrap();
    let core = |precision| CpuBert::new(&shape, &weights, precision).unwrap();
    let (int8, f32) = (core(Precision::Int8), core(Precision::F32));
    let candle = Bert::new(&shape, &weights, &Device::Cpu).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let config: bert::Config = serde_json::from_str(CONFIG).unwrap();
    let stock = VarBuilder::from_tensors(tensors, DType::F32, &Candle::Cpu);
    Models {
        int8,
        f32,
        candle,
        stock: bert::BertModel::load(stock, &config).unwrap(),
    }
});

fn random_weights() -> HashMap<String, Tensor> {
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: &[usize], mean: f32| {
        let tensor = Tensor::randn(mean, 0.05, shape, &Candle::Cpu).unwrap();
        tensors.insert(name, tensor);
    };
    let norm = |name: &str, add: &mut dyn FnMut(String, &[usize], f32)| {
        add(format!("{name}.LayerNorm.weight"), &[384], 1.0);
        add(format!("{name}.LayerNorm.bias"), &[384], 0.0);
    };
    for (table, rows) in [("word", 1000), ("position", 512), ("token_type", 2)] {
        add(
            format!("embeddings.{table}_embeddings.weight"),
            &[rows, 384],
            0.0,
        );
    }
    norm("embeddings", &mut add);
    for layer in 0..12 {
        for (part, rows, columns) in [
            ("attention.self.query", 384, 384),
            ("attention.self.key", 384, 384),
            ("attention.self.value", 384, 384),
            ("attention.output.dense", 384, 384),
            ("intermediate.dense", 1536, 384),
            ("output.dense", 384, 1536),
        ] {
            add(
                format!("encoder.layer.{layer}.{part}.weight"),
                &[rows, columns],
                0.0,
            );
            add(format!("encoder.layer.{layer}.{part}.bias"), &[rows], 0.0);
        }
        norm(&format!("encoder.layer.{layer}.attention.output"), &mut add);
        norm(&format!("encoder.layer.{layer}.output"), &mut add);
    }
    tensors
}

fn windows(lengths: &[usize]) -> Vec<Vec<u32>> {
    let window = |(number, &length): (usize, &usize)| {
        (0..length)
            .map(|at| ((at * 31 + number * 7) % 997 + 2) as u32)
            .collect()
    };
    lengths.iter().enumerate().map(window).collect()
}

fn lengths(batch: &str) -> [usize; 8] {
    BATCHES
        .iter()
        .find(|(name, _)| *name == batch)
        .map(|(_, lengths)| *lengths)
        .unwrap()
}

fn run(bencher: Bencher, batch: &str, encoder: &dyn Encoder) {
    let lengths = lengths(batch);
    let windows = windows(&lengths);
    let windows: Vec<&[u32]> = windows.iter().map(Vec::as_slice).collect();
    bencher
        .counter(ItemsCount::new(lengths.iter().sum::<usize>()))
        .bench_local(|| encoder.encode(&windows).unwrap());
}

#[divan::bench(args = BATCHES.map(|(name, _)| name), sample_count = 7, sample_size = 1)]
fn core_int8(bencher: Bencher, batch: &str) {
    run(bencher, batch, &MODELS.int8);
}

#[divan::bench(args = BATCHES.map(|(name, _)| name), sample_count = 7, sample_size = 1)]
fn core_f32(bencher: Bencher, batch: &str) {
    run(bencher, batch, &MODELS.f32);
}

#[divan::bench(args = BATCHES.map(|(name, _)| name), sample_count = 7, sample_size = 1)]
fn on_candle(bencher: Bencher, batch: &str) {
    run(bencher, batch, &MODELS.candle);
}

#[divan::bench(args = BATCHES.map(|(name, _)| name), sample_count = 7, sample_size = 1)]
fn candle_transformers(bencher: Bencher, batch: &str) {
    let lengths = lengths(batch);
    let longest = lengths.iter().copied().max().unwrap();
    let padded = |value: u32| {
        move |window: Vec<u32>| {
            let mut window = window;
            window.resize(longest, value);
            window
        }
    };
    let ids: Vec<Vec<u32>> = windows(&lengths).into_iter().map(padded(1)).collect();
    let mask: Vec<Vec<u32>> = lengths
        .iter()
        .map(|&length| vec![1; length])
        .map(padded(0))
        .collect();
    let ids = Tensor::new(ids, &Candle::Cpu).unwrap();
    let mask = Tensor::new(mask, &Candle::Cpu).unwrap();
    let kinds = ids.zeros_like().unwrap();
    // A mask costs an addition in every layer; where nothing is padded, theirs runs without.
    let mask = lengths
        .iter()
        .any(|&length| length < longest)
        .then_some(&mask);
    let model = &MODELS.stock;
    bencher
        .counter(ItemsCount::new(lengths.iter().sum::<usize>()))
        .bench_local(|| model.forward(&ids, &kinds, mask).unwrap());
}

fn main() {
    divan::main();
}
