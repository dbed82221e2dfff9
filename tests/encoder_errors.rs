//! Broken, cut or foreign model files give an error that names file and tensor; nothing panics.

use candle_core::{DType, Device as Candle, Tensor, safetensors};
use detente::Error;
use detente::encoder::{
    Bert, BertConfig, Compute, CpuBert, Device, Encoder, Precision, Weights, open,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn config() -> BertConfig {
    let path = fixture("tiny-bert/config.json");
    BertConfig::from_json(&std::fs::read(&path).unwrap(), &path).unwrap()
}

/// What `open` says of the tiny model after `change`.
fn error_after(change: impl FnOnce(&mut HashMap<String, Tensor>)) -> Error {
    let mut tensors =
        safetensors::load(fixture("tiny-bert/model.safetensors"), &Candle::Cpu).unwrap();
    change(&mut tensors);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    safetensors::save(&tensors, &path).unwrap();
    let result =
        Weights::open(&[path]).and_then(|weights| Bert::new(&config(), &weights, &Device::Cpu));
    result.err().expect("an error")
}

fn says(error: &Error, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn tensors_are_named() {
    let name = "encoder.layer.1.output.dense.weight";
    let missing = error_after(|tensors| drop(tensors.remove(name)));
    says(&missing, &["model.safetensors", name, "is missing"]);
    assert!(matches!(missing, Error::Tensor { .. }));

    let shape = error_after(|tensors| {
        tensors.insert(
            name.into(),
            Tensor::zeros((32, 63), DType::F32, &Candle::Cpu).unwrap(),
        );
    });
    says(&shape, &["model.safetensors", name, "[32, 63]", "[32, 64]"]);

    let dtype = error_after(|tensors| {
        tensors.insert(
            name.into(),
            Tensor::zeros((32, 64), DType::F64, &Candle::Cpu).unwrap(),
        );
    });
    says(&dtype, &["model.safetensors", name, "F64", "expected F32"]);

    let twice = error_after(|tensors| {
        tensors.insert(format!("bert.{name}"), tensors[name].clone());
    });
    says(&twice, &[name, "is also in"]);
}

#[test]
fn folders_and_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let open = |folder: &Path| Bert::open(folder, &Device::Cpu).err().expect("an error");
    says(&open(folder.path()), &["no weights", "model.safetensors"]);

    std::fs::copy(
        fixture("tiny-bert/model.safetensors"),
        folder.path().join("model.safetensors"),
    )
    .unwrap();
    says(&open(folder.path()), &["no config.json"]);

    for (json, part) in [
        (r#"{"model_type": "deberta-v2"}"#, "deberta-v2"),
        (r#"{"model_type": "bert"}"#, "hidden_size"),
        ("{", "EOF"),
        ("", "EOF"),
    ] {
        std::fs::write(folder.path().join("config.json"), json).unwrap();
        says(
            &open(folder.path()),
            &["config.json", part, "BERT, RoBERTa or XLM-R"],
        );
    }

    let missing = Weights::open(&[folder.path().join("none.safetensors")])
        .err()
        .expect("an error");
    assert!(matches!(missing, Error::Io { .. }));
    says(&missing, &["none.safetensors"]);
}

#[test]
fn ids_and_lengths_are_checked() {
    let weights = Weights::open(&[fixture("tiny-bert")]).unwrap();
    let encoders: [Box<dyn Encoder>; 2] = [
        Box::new(Bert::new(&config(), &weights, &Device::Cpu).unwrap()),
        Box::new(CpuBert::new(&config(), &weights, Precision::Int8).unwrap()),
    ];
    for encoder in encoders {
        assert_eq!(encoder.encode(&[]).unwrap().dims(), [0, 32]);
        let error = |window: &[u32]| encoder.encode(&[&[0, 2], window]).unwrap_err();
        says(
            &error(&[0, 120, 2]),
            &["token id 120", "window 1", "vocabulary of 120"],
        );
        says(&error(&[0; 65]), &["window 1", "65 ids", "to 64"]);
        says(&error(&[]), &["0 ids"]);
        says(&error(&[0]), &["1 ids"]);
    }
}

/// What the CPU core does not have runs on candle, unless int8 was asked for.
#[test]
fn an_activation_that_the_core_lacks_runs_on_candle() {
    let weights = Weights::open(&[fixture("tiny-bert")]).unwrap();
    let mut config = config();
    config.hidden_act = candle_nn::Activation::Silu;
    assert!(!CpuBert::supports(&config));
    let compute = |precision| Compute {
        precision,
        ..Compute::default()
    };
    let encoder = open(&config, &weights, &compute(None)).unwrap();
    assert_eq!(encoder.encode(&[&[0, 2]]).unwrap().dims(), [2, 32]);
    let error = open(&config, &weights, &compute(Some(Precision::Int8))).err();
    says(&error.expect("an error"), &["precision int8", "device cpu"]);
    assert!(CpuBert::new(&config, &weights, Precision::F32).is_err());
}

/// Neither on the core nor, where that lacks the activation, on candle's CPU device, which is slow in them.
#[test]
fn halves_are_for_gpus() {
    let weights = Weights::open(&[fixture("tiny-bert")]).unwrap();
    for activation in [candle_nn::Activation::Gelu, candle_nn::Activation::Silu] {
        let mut config = config();
        config.hidden_act = activation;
        for (precision, name) in [(Precision::F16, "f16"), (Precision::Bf16, "bf16")] {
            let compute = Compute {
                precision: Some(precision),
                ..Compute::default()
            };
            let error = open(&config, &weights, &compute).err().expect("an error");
            assert!(matches!(error, Error::Argument(_)));
            says(&error, &[&format!("precision {name}:"), "device cpu"]);
        }
    }
}

/// Opens bytes as a file of weights and builds what they let us build; any result is right but a panic.
fn survives(bytes: &[u8], name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let Ok(weights) = Weights::open(&[path]) else {
        return;
    };
    for name in weights.names() {
        let _ = weights.tensor(name, &Candle::Cpu);
    }
    let config = BertConfig::from_gguf(&weights).unwrap_or_else(|_| config());
    let _ = Bert::new(&config, &weights, &Device::Cpu);
    for precision in [Precision::Int8, Precision::F32] {
        let _ = CpuBert::new(&config, &weights, precision);
    }
}

/// Every length of the header and some of the data, then single bytes changed everywhere in the header.
fn mangle(bytes: &[u8], name: &str, header: usize) {
    for end in (0..header)
        .step_by(7)
        .chain((header..bytes.len()).step_by(9973))
    {
        survives(&bytes[..end], name);
    }
    let mut changed = bytes.to_vec();
    for at in (0..header).step_by(3) {
        for value in [0, 0x7f, 0xff, bytes[at] ^ 1] {
            changed[at] = value;
            survives(&changed, name);
        }
        changed[at] = bytes[at];
    }
}

#[test]
fn mangled_safetensors_do_not_panic() {
    let bytes = std::fs::read(fixture("tiny-bert/model.safetensors")).unwrap();
    mangle(&bytes, "model.safetensors", 600);
}

#[test]
fn mangled_gguf_do_not_panic() {
    use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
    let tensor = Tensor::ones((4, 32), DType::F32, &Candle::Cpu).unwrap();
    let tensor = QTensor::quantize(&tensor, GgmlDType::Q4_0).unwrap();
    let architecture = gguf_file::Value::String("bert".into());
    let alignment = gguf_file::Value::U32(32);
    let tokens = gguf_file::Value::Array(vec![gguf_file::Value::String("token".into()); 3]);
    let mut file = std::io::Cursor::new(Vec::new());
    let metadata = [
        ("general.architecture", &architecture),
        ("general.alignment", &alignment),
        ("tokenizer.ggml.tokens", &tokens),
    ];
    gguf_file::write(&mut file, &metadata, &[("token_embd.weight", &tensor)]).unwrap();
    let bytes = file.into_inner();
    let header = bytes.len() - 72;
    mangle(&bytes, "model.gguf", header);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_bytes_do_not_panic(bytes in proptest::collection::vec(0u8.., 0..400), gguf: bool) {
        let magic: &[u8] = if gguf { b"GGUF\x03\0\0\0" } else { b"" };
        survives(&[magic, &bytes].concat(), "model");
    }
}
