//! The encoder as a process that `compare.py` asks for one run at a time.
//!
//! `cargo bench --bench ours -- MODEL THREADS`; then lines `ENCODER WINDOWS LENGTH` on stdin, ENCODER being `int8`,
//! `f32` or `candle` (candle-transformers, on the same weights in f32). Each is answered by a line with the seconds that
//! the run took.

use candle_core::{Device as Candle, Tensor};
use candle_transformers::models::bert;
use detente::encoder::{BertConfig, CpuBert, Encoder, Precision, Weights};
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

/// Ids of a window; the same formula is in `compare.py`.
fn window(number: usize, length: usize) -> Vec<u32> {
    (0..length)
        .map(|at| ((at * 31 + number * 7) % 997 + 5) as u32)
        .collect()
}

fn candle_transformers(folder: &Path, weights: &Weights) -> bert::BertModel {
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let config: bert::Config = serde_json::from_slice(&config).unwrap();
    let names = weights.names().filter(|name| !name.ends_with(".scale"));
    let tensors: HashMap<_, _> = names
        .map(|name| (name.to_owned(), weights.tensor(name, &Candle::Cpu).unwrap()))
        .collect();
    let tensors =
        candle_nn::VarBuilder::from_tensors(tensors, candle_core::DType::F32, &Candle::Cpu);
    bert::BertModel::load(tensors, &config).unwrap()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let (Some(model), Some(threads)) = (arguments.next(), arguments.next()) else {
        println!("cargo bench --bench ours -- MODEL THREADS, by compare.py");
        return;
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.parse().unwrap());
    pool.build_global().unwrap();
    let folder = Path::new(&model);
    let weights = Weights::open(&[folder.into()]).unwrap();
    let config = BertConfig::open(folder, &weights).unwrap();
    let core = |precision| CpuBert::new(&config, &weights, precision).unwrap();
    let (int8, f32) = (core(Precision::Int8), core(Precision::F32));
    let stock = candle_transformers(folder, &weights);
    eprintln!("ours: {} on {threads} threads", int8.instructions());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut words = line.split_whitespace();
        let encoder = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        let (count, length) = (number(), number());
        let windows: Vec<_> = (0..count).map(|number| window(number, length)).collect();
        let slices: Vec<_> = windows.iter().map(Vec::as_slice).collect();
        let ids = Tensor::new(windows.clone(), &Candle::Cpu).unwrap();
        let kinds = ids.zeros_like().unwrap();
        let started = Instant::now();
        match encoder {
            "int8" => drop(int8.encode(&slices).unwrap()),
            "f32" => drop(f32.encode(&slices).unwrap()),
            _ => drop(stock.forward(&ids, &kinds, None).unwrap()),
        }
        println!("{}", started.elapsed().as_secs_f64());
    }
}
