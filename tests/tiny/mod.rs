//! A model and rows that cost next to nothing, for tests of runs and for a bench.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use detente::head::Head;
use serde_json::json;

const VOCABULARY: usize = 250_037;
const HIDDEN: usize = 32;
const POSITIONS: usize = 514;

/// Writes a model folder: the default tokenizer, an encoder of one small layer with weights out of nowhere, and such a
/// head. It loads and scores fast, and says nothing.
pub fn tiny_model(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default");
    let tokenizer = "tokenizer.bin.gz";
    std::fs::copy(models.join(tokenizer), folder.join(tokenizer)).unwrap();
    let config = json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN, "intermediate_size": 2 * HIDDEN,
        "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": VOCABULARY,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 1, "layer_norm_eps": 1e-12, "pad_token_id": 1,
    });
    let manifest = json!({"format": 1, "id": "tiny", "revision": "", "window": 256});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.join("detente.json"), manifest.to_string()).unwrap();
    let mut state = 1u64;
    let mut number = move || {
        // A linear congruential generator, its high bits: the same numbers everywhere.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let head = Head {
        tone: (0..HIDDEN).map(|_| number()).collect(),
        attention: (0..HIDDEN).map(|_| number()).collect(),
        relevance: (0..HIDDEN).map(|_| number()).collect(),
        relevance_bias: 2.0,
        ..Head::untrained(HIDDEN)
    };
    std::fs::write(folder.join("head.safetensors"), head.to_bytes().unwrap()).unwrap();
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| number()).collect();
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        tensors.insert(name, tensor);
    };
    add(
        "embeddings.word_embeddings.weight".into(),
        &[VOCABULARY, HIDDEN],
    );
    add(
        "embeddings.position_embeddings.weight".into(),
        &[POSITIONS, HIDDEN],
    );
    add(
        "embeddings.token_type_embeddings.weight".into(),
        &[1, HIDDEN],
    );
    let layer = "encoder.layer.0";
    let mut pair = |name: &str, rows: usize, columns: &[usize]| {
        let shape: Vec<_> = [&[rows], columns].concat();
        add(format!("{name}.weight"), &shape);
        add(format!("{name}.bias"), &[rows]);
    };
    pair("embeddings.LayerNorm", HIDDEN, &[]);
    for name in ["self.query", "self.key", "self.value", "output.dense"] {
        pair(&format!("{layer}.attention.{name}"), HIDDEN, &[HIDDEN]);
    }
    pair(&format!("{layer}.attention.output.LayerNorm"), HIDDEN, &[]);
    pair(
        &format!("{layer}.intermediate.dense"),
        2 * HIDDEN,
        &[HIDDEN],
    );
    pair(&format!("{layer}.output.dense"), HIDDEN, &[2 * HIDDEN]);
    pair(&format!("{layer}.output.LayerNorm"), HIDDEN, &[]);
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

/// A short row of JSON; all of them differ, every 50th cannot be scored, and now and then one is long.
pub fn row(number: u64) -> String {
    const ACTORS: [&str; 8] = [
        "Norway",
        "Kenya",
        "Peru",
        "Японія",
        "Україна",
        "中国",
        "Türkiye",
        "España",
    ];
    const DEEDS: [&str; 6] = [
        "signed a treaty with",
        "expelled the ambassador of",
        "lifted the tariffs against",
        "threatened",
        "resumed talks with",
        "accused",
    ];
    let pick = |list: &[&'static str], salt: u64| {
        let mixed = (number + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        list[mixed as usize % list.len()]
    };
    let sentence = format!(
        "{} {} {} over file {number}.",
        pick(&ACTORS, 0),
        pick(&DEEDS, 1),
        pick(&ACTORS, 2)
    );
    let text = match number % 50 {
        49 => String::new(),
        17 => [sentence.as_str()].repeat(20).join(" "),
        _ => sentence,
    };
    json!({"id": number, "date": format!("2026-{:02}-{:02}", number % 12 + 1, number % 28 + 1), "text": text}).to_string()
}
