//! Hidden states equal those of Hugging Face transformers in f32, from every form that weights are stored in.
//!
//! References come from `tests/fixtures/make_tiny_models.py`.

use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_core::{DType, Device as Candle, Tensor, safetensors};
use detente::encoder::{
    Bert, BertConfig, CpuBert, Device, Encoder, Precision, Weights, write_int8,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const MODELS: [&str; 2] = ["tiny-bert", "tiny-xlm-roberta"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn load(path: &Path) -> HashMap<String, Tensor> {
    safetensors::load(path, &Candle::Cpu).unwrap()
}

/// The encoder on candle, and on the CPU core in f32 and in int8.
struct Backends {
    candle: Bert,
    f32: CpuBert,
    int8: CpuBert,
}

impl Backends {
    fn open(folder: &Path) -> Self {
        let weights = Weights::open(&[folder.into()]).unwrap();
        Self::new(&BertConfig::open(folder, &weights).unwrap(), &weights)
    }

    fn new(config: &BertConfig, weights: &Weights) -> Self {
        let core = |precision| CpuBert::new(config, weights, precision).unwrap();
        Self {
            candle: Bert::new(config, weights, &Device::Cpu).unwrap(),
            f32: core(Precision::F32),
            int8: core(Precision::Int8),
        }
    }

    fn exact(&self) -> [&dyn Encoder; 2] {
        [&self.candle, &self.f32]
    }

    fn all(&self) -> [&dyn Encoder; 3] {
        [&self.candle, &self.f32, &self.int8]
    }
}

struct Reference {
    windows: Vec<Vec<u32>>,
    tensors: HashMap<String, Tensor>,
}

impl Reference {
    fn open(model: &str) -> Self {
        let tensors = load(&fixture(model).join("reference.safetensors"));
        let ids: Vec<i64> = tensors["ids"].to_vec1().unwrap();
        let mut ids = ids.into_iter().map(|id| id as u32);
        let lengths: Vec<i64> = tensors["lengths"].to_vec1().unwrap();
        let windows = lengths
            .into_iter()
            .map(|length| ids.by_ref().take(length as usize).collect())
            .collect();
        Self { windows, tensors }
    }

    fn encode(&self, encoder: &dyn Encoder) -> Tensor {
        let windows: Vec<&[u32]> = self.windows.iter().map(Vec::as_slice).collect();
        encoder.encode(&windows).unwrap()
    }

    /// Largest and mean absolute difference of what `encoder` gives.
    fn differences(&self, encoder: &dyn Encoder) -> (f32, f32) {
        differences(&self.encode(encoder), &self.tensors["states"])
    }
}

fn differences(a: &Tensor, b: &Tensor) -> (f32, f32) {
    let differences = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
    let number = |tensor: Tensor| tensor.to_scalar::<f32>().unwrap();
    (
        number(differences.max(0).unwrap()),
        number(differences.mean_all().unwrap()),
    )
}

/// The tensors of a tiny model, changed, in a folder of their own beside its configuration.
fn folder_with(
    model: &str,
    write: impl FnOnce(HashMap<String, Tensor>, &Path),
) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        fixture(model).join("config.json"),
        folder.path().join("config.json"),
    )
    .unwrap();
    write(
        load(&fixture(model).join("model.safetensors")),
        folder.path(),
    );
    folder
}

fn cast(tensors: HashMap<String, Tensor>, dtype: DType) -> HashMap<String, Tensor> {
    let cast = |(name, tensor): (String, Tensor)| (name, tensor.to_dtype(dtype).unwrap());
    tensors.into_iter().map(cast).collect()
}

fn write_gguf(
    path: &Path,
    tensors: &HashMap<String, Tensor>,
    metadata: &[(&str, gguf_file::Value)],
    dtype: GgmlDType,
) {
    let quantised: Vec<(&str, QTensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let dtype = if tensor.rank() == 2 {
                dtype
            } else {
                GgmlDType::F32
            };
            (name.as_str(), QTensor::quantize(tensor, dtype).unwrap())
        })
        .collect();
    let tensors: Vec<_> = quantised
        .iter()
        .map(|(name, tensor)| (*name, tensor))
        .collect();
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    gguf_file::write(
        &mut std::fs::File::create(path).unwrap(),
        &metadata,
        &tensors,
    )
    .unwrap();
}

#[test]
fn f32_equals_transformers() {
    for model in MODELS {
        let backends = Backends::open(&fixture(model));
        for encoder in backends.exact() {
            assert_eq!((encoder.hidden_size(), encoder.max_positions()), (32, 64));
            let (max, _) = Reference::open(model).differences(encoder);
            assert!(max <= 1e-4, "{model}: {max}");
        }
        // Bytes of 8 bits on both sides of every product, two layers deep.
        let (max, mean) = Reference::open(model).differences(&backends.int8);
        assert!(
            max <= 0.25 && mean <= 0.025,
            "{model} int8: {max}, mean {mean}"
        );
    }
}

/// Halves keep 11 (F16) and 8 (BF16) significant bits; states of a layer-normalised model are of order 1.
#[test]
fn halves_are_close() {
    for model in MODELS {
        for (dtype, tolerance) in [(DType::F16, 1e-2), (DType::BF16, 1e-1)] {
            let folder = folder_with(model, |tensors, folder| {
                safetensors::save(&cast(tensors, dtype), folder.join("model.safetensors")).unwrap();
            });
            let (max, _) = Reference::open(model)
                .differences(&Bert::open(folder.path(), &Device::Cpu).unwrap());
            assert!(max <= tolerance && max > 0.0, "{model} {dtype:?}: {max}");
        }
    }
}

fn in_halves(model: &str, precision: Precision) -> Bert {
    let weights = Weights::open(&[fixture(model)]).unwrap();
    let config = BertConfig::open(&fixture(model), &weights).unwrap();
    Bert::with_precision(&config, &weights, &Device::Cpu, precision).unwrap()
}

/// What a GPU computes in, on candle's CPU device; the tiny models' attention is sharper than a trained one's.
#[test]
fn computing_in_halves_is_close() {
    for model in MODELS {
        for (precision, most) in [(Precision::F16, 2e-2), (Precision::Bf16, 2e-1)] {
            let reference = Reference::open(model);
            let states = reference.encode(&in_halves(model, precision));
            assert_eq!(states.dtype(), DType::F32);
            let (max, mean) = differences(&states, &reference.tensors["states"]);
            assert!(
                max <= most && mean <= most / 10.0 && max > 0.0,
                "{model} {precision}: {max}, mean {mean}"
            );
        }
    }
}

/// The stored form of a detente model: int8 layers in one file, the embedding table in few bits in another.
#[test]
fn int8_with_a_table_beside_it_is_close() {
    for model in MODELS {
        let folder = folder_with(model, |mut tensors, folder| {
            let weights = Weights::open(&[fixture(model)]).unwrap();
            write_int8(&weights, &folder.join("encoder.safetensors")).unwrap();
            tensors.retain(|name, _| name == "embeddings.word_embeddings.weight");
            write_gguf(
                &folder.join("embeddings.gguf"),
                &tensors,
                &[],
                GgmlDType::Q8_0,
            );
        });
        for encoder in Backends::open(folder.path()).all() {
            let (max, mean) = Reference::open(model).differences(encoder);
            assert!(max <= 0.25 && mean <= 0.03, "{model}: {max}, mean {mean}");
        }

        // What is int8 already is written again as it was.
        let weights = Weights::open(&[folder.path().into()]).unwrap();
        let again = folder.path().join("again.safetensors");
        write_int8(&weights, &again).unwrap();
        let (first, second) = (
            Weights::open(&[folder.path().into()]).unwrap(),
            Weights::open(&[again]).unwrap(),
        );
        for name in second.names() {
            let read = |weights: &Weights| weights.tensor(name, &Candle::Cpu);
            if !name.ends_with("weight") || read(&first).is_err() {
                continue;
            }
            let (max, _) = differences(&read(&first).unwrap(), &read(&second).unwrap());
            assert!(max <= 1e-6, "{name}: {max}");
        }
    }
}

/// With the names of Hugging Face, and a config.json beside the file.
#[test]
fn gguf_with_hugging_face_names_is_close() {
    for model in MODELS {
        for (dtype, tolerance) in [
            (GgmlDType::F16, 1e-2),
            (GgmlDType::Q8_0, 0.15),
            (GgmlDType::Q4_0, 2.0),
        ] {
            let folder = folder_with(model, |tensors, folder| {
                write_gguf(&folder.join("any.gguf"), &tensors, &[], dtype);
            });
            let (max, _) = Reference::open(model)
                .differences(&Bert::open(folder.path(), &Device::Cpu).unwrap());
            assert!(max <= tolerance, "{model} {dtype:?}: {max}");
        }
    }
}

fn llama_cpp_name(name: &str) -> String {
    [
        ("embeddings.word_embeddings", "token_embd"),
        ("embeddings.position_embeddings", "position_embd"),
        ("embeddings.token_type_embeddings", "token_types"),
        ("embeddings.LayerNorm", "token_embd_norm"),
        ("encoder.layer", "blk"),
        ("attention.self.query", "attn_q"),
        ("attention.self.key", "attn_k"),
        ("attention.self.value", "attn_v"),
        ("attention.output.dense", "attn_output"),
        ("attention.output.LayerNorm", "attn_output_norm"),
        ("intermediate.dense", "ffn_up"),
        ("output.dense", "ffn_down"),
        ("output.LayerNorm", "layer_output_norm"),
    ]
    .iter()
    .fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// As llama.cpp converts a model: its names, the shape in the metadata, no config.json, and an XLM-R position table
/// without the two rows that no token uses.
#[test]
fn gguf_of_llama_cpp_equals_transformers() {
    use gguf_file::Value::{F32, String, U32};
    for (model, eps, first) in [("tiny-bert", 1e-12, 0), ("tiny-xlm-roberta", 1e-5, 2)] {
        let metadata = [
            ("general.architecture", String("bert".into())),
            ("bert.context_length", U32(64)),
            ("bert.embedding_length", U32(32)),
            ("bert.feed_forward_length", U32(64)),
            ("bert.block_count", U32(2)),
            ("bert.attention.head_count", U32(4)),
            ("bert.attention.layer_norm_epsilon", F32(eps)),
            (
                "tokenizer.ggml.tokens",
                gguf_file::Value::Array(vec![String("a".into()), String("bc".into())]),
            ),
        ];
        let tensors: HashMap<_, _> = load(&fixture(model).join("model.safetensors"))
            .into_iter()
            .map(
                |(name, tensor)| match name.contains("position_embeddings") {
                    true => (
                        llama_cpp_name(&name),
                        tensor
                            .narrow(0, first, 64)
                            .unwrap()
                            .force_contiguous()
                            .unwrap(),
                    ),
                    false => (llama_cpp_name(&name), tensor),
                },
            )
            .collect();
        let folder = tempfile::tempdir().unwrap();
        write_gguf(
            &folder.path().join("model.gguf"),
            &tensors,
            &metadata,
            GgmlDType::F32,
        );
        let reference = Reference::open(model);
        let (max, _) = reference.differences(&Bert::open(folder.path(), &Device::Cpu).unwrap());
        assert!(max <= 1e-4, "{model}: {max}");

        // The same with the original's config.json beside it, which counts the dropped rows.
        std::fs::copy(
            fixture(model).join("config.json"),
            folder.path().join("config.json"),
        )
        .unwrap();
        let (max, _) = reference.differences(&Bert::open(folder.path(), &Device::Cpu).unwrap());
        assert!(max <= 1e-4, "{model} with config.json: {max}");
    }
}

/// Prefixed names, several shards behind an index, and files that are part of the program.
#[test]
fn other_ways_to_the_same_tensors() {
    let model = "tiny-xlm-roberta";
    let reference = Reference::open(model);
    let expected = reference.encode(&Bert::open(&fixture(model), &Device::Cpu).unwrap());
    let same =
        |encoder: Bert| assert_eq!(differences(&reference.encode(&encoder), &expected).0, 0.0);

    let folder = folder_with(model, |tensors, folder| {
        let (mut shards, mut map) = (vec![HashMap::new(), HashMap::new()], HashMap::new());
        for (number, (name, tensor)) in tensors.into_iter().enumerate() {
            map.insert(
                format!("roberta.{name}"),
                format!("shard-{}.safetensors", number % 2),
            );
            shards[number % 2].insert(format!("roberta.{name}"), tensor);
        }
        for (number, shard) in shards.iter().enumerate() {
            safetensors::save(shard, folder.join(format!("shard-{number}.safetensors"))).unwrap();
        }
        let index = serde_json::json!({ "weight_map": map });
        std::fs::write(
            folder.join("model.safetensors.index.json"),
            index.to_string(),
        )
        .unwrap();
    });
    same(Bert::open(folder.path(), &Device::Cpu).unwrap());

    let bytes: &[u8] = include_bytes!("fixtures/tiny-xlm-roberta/model.safetensors");
    let weights = Weights::from_static(&[("model.safetensors", bytes)]).unwrap();
    let config = include_bytes!("fixtures/tiny-xlm-roberta/config.json");
    let config = BertConfig::from_json(config, Path::new("config.json")).unwrap();
    same(Bert::new(&config, &weights, &Device::Cpu).unwrap());
}

/// Bit for bit: what shares the batch, and in what order, changes nothing; nor do threads that share the encoder.
#[test]
fn a_window_does_not_depend_on_its_batch() {
    for model in MODELS {
        let backends = Backends::open(&fixture(model));
        let reference = Reference::open(model);
        let bits = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let order = [3, 0, 4, 0, 2, 1];
        let windows: Vec<&[u32]> = order
            .iter()
            .map(|&i| reference.windows[i].as_slice())
            .collect();
        let halves = [Precision::F16, Precision::Bf16].map(|p| in_halves(model, p));
        let halves = halves.iter().map(|encoder| encoder as &dyn Encoder);
        for encoder in backends.all().into_iter().chain(halves) {
            let alone: Vec<Vec<f32>> = (reference.windows.iter())
                .map(|window| bits(encoder.encode(&[window]).unwrap()))
                .collect();
            assert_eq!(bits(reference.encode(encoder)), alone.concat());
            let expected: Vec<Vec<f32>> = order.iter().map(|&i| alone[i].clone()).collect();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        assert_eq!(bits(encoder.encode(&windows).unwrap()), expected.concat())
                    });
                }
            });
        }
    }
}

/// candle-transformers is the second opinion, on a shape that the fixtures do not have.
#[test]
fn candle_transformers_agrees() {
    use candle_transformers::models::bert;
    let folder = fixture("tiny-bert");
    let config: bert::Config =
        serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let tensors = load(&folder.join("model.safetensors"));
    let peer = candle_nn::VarBuilder::from_tensors(tensors, DType::F32, &Candle::Cpu);
    let peer = bert::BertModel::load(peer, &config).unwrap();
    let encoder = Bert::open(&folder, &Device::Cpu).unwrap();
    for window in &Reference::open("tiny-bert").windows {
        let ids = Tensor::new(&window[..], &Candle::Cpu)
            .unwrap()
            .unsqueeze(0)
            .unwrap();
        let theirs = peer
            .forward(&ids, &ids.zeros_like().unwrap(), None)
            .unwrap()
            .get(0)
            .unwrap();
        let (max, _) = differences(&encoder.encode(&[window]).unwrap(), &theirs);
        assert!(max <= 1e-4, "{max}");
    }
}

/// The base encoder, where it lies beside the checkout.
#[test]
fn the_base_encoder_equals_transformers() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/base/multilingual-e5-small.q4_0.gguf");
    if !base.exists() {
        eprintln!("skipped: there is no {}", base.display());
        return;
    }
    let weights = Weights::open(&[base]).unwrap();
    let config = BertConfig::from_gguf(&weights).unwrap();
    let backends = Backends::new(&config, &weights);
    let reference = Reference::open("base-encoder");
    let difference = |encoder| {
        let states = reference.encode(encoder);
        let seen = states
            .index_select(&reference.tensors["tokens"], 0)
            .unwrap();
        let seen = seen.narrow(1, 0, 8).unwrap();
        differences(&seen, &reference.tensors["states"])
    };
    for encoder in backends.exact() {
        let (max, mean) = difference(encoder);
        eprintln!("largest difference {max}, mean {mean}");
        assert!(max <= 1e-3, "{max}");
    }
    let (max, mean) = difference(&backends.int8);
    eprintln!("int8: largest difference {max}, mean {mean}");
    assert!(mean <= 0.03, "int8: {max}, mean {mean}");
}
