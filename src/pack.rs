//! Storing a trained model small: layer matrices as int8 with a scale for each row, the word embedding table as Q4_0 in
//! a file of its own, the tokenizer in the form that loads fastest.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use flate2::{Compression, write::GzEncoder};

use crate::encoder::{Weights, write_int8};
use crate::model::{Manifest, TOKENIZERS, tokenizer_file};
use crate::tokens::{self, Tokenizer};
use crate::{Error, Result};

const TABLE: &str = "embeddings.word_embeddings.weight";

/// What there is to say about a model that was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packed {
    /// Why the tokenizer was stored as `tokenizer.json.gz`; `None` where it is a `tokenizer.bin.gz`, which loads faster.
    pub slow_tokenizer: Option<String>,
}

/// Writes the model folder `from` in its small form to the folder `to`, named `id` at `revision`.
///
/// A table that was Q4_0 before keeps its exact values, so that versions of a model share the file.
///
/// # Errors
/// [`Error::Model`] and [`Error::Tensor`] for what is missing in `from`, [`Error::Tokenizer`] for a tokenizer that does not
/// open, [`Error::Io`] where `to` cannot be written.
pub fn pack(from: &Path, to: &Path, id: &str, revision: &str) -> Result<Packed> {
    std::fs::create_dir_all(to).map_err(Error::io(to))?;
    let weights = Weights::open(&[from.to_owned()])?;
    write_int8(&weights, &to.join("encoder.safetensors"))?;
    write_table(&weights, &to.join("embeddings.gguf"))?;
    for name in ["config.json", "head.safetensors"] {
        let source = from.join(name);
        std::fs::copy(&source, to.join(name)).map_err(Error::io(&source))?;
    }
    let slow_tokenizer = write_tokenizer(from, to)?;
    let manifest = Manifest {
        id: id.to_owned(),
        revision: revision.to_owned(),
        weights_hash: None,
        ..Manifest::open(from)?
    };
    manifest.write(to)?;
    Ok(Packed { slow_tokenizer })
}

fn write_table(weights: &Weights, path: &Path) -> Result<()> {
    let table = weights.tensor(TABLE, &Device::Cpu)?;
    let table = QTensor::quantize(&table, GgmlDType::Q4_0)?;
    let mut out = BufWriter::new(File::create(path).map_err(Error::io(path))?);
    gguf_file::write(&mut out, &[], &[(TABLE, &table)])?;
    out.flush().map_err(Error::io(path))
}

/// Writes the tokenizer in detente's form, or the reason why it stays JSON.
fn write_tokenizer(from: &Path, to: &Path) -> Result<Option<String>> {
    let source = tokenizer_file(from)?;
    let bytes = std::fs::read(&source).map_err(Error::io(&source))?;
    // What does not open is not stored.
    Tokenizer::from_bytes(&source, &bytes)?;
    let unpacked = tokens::unpack(&source, &bytes)?;
    let (name, stored, reason) = if tokens::is_stored(&unpacked) {
        ("tokenizer.bin.gz", bytes, None)
    } else {
        match tokens::convert(&unpacked) {
            Ok(stored) => ("tokenizer.bin.gz", stored, None),
            Err(reason) => (
                "tokenizer.json.gz",
                gzip(&minified(&unpacked)),
                Some(reason),
            ),
        }
    };
    let path = to.join(name);
    std::fs::write(&path, stored).map_err(Error::io(&path))?;
    // One of an earlier packing would be taken for this one.
    for other in TOKENIZERS.iter().filter(|other| **other != name) {
        let path = to.join(other);
        if path.exists() {
            std::fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(reason)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes)
        .and_then(|()| out.finish())
        .expect("a Vec takes every write")
}

/// JSON without the blanks between its tokens; the numbers keep their digits, which a parser and printer might not.
fn minified(json: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let mut out = Vec::with_capacity(json.len());
    for &byte in json {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Head;
    use crate::model::{Model, open_tokenizer};
    use crate::tokens::testing::framed;

    #[test]
    fn only_blanks_between_tokens_go() {
        let json = br#"{ "a b" : [ 1.50 , "\\" , "say \"hi\" x" ] }"#;
        assert_eq!(minified(json), br#"{"a b":[1.50,"\\","say \"hi\" x"]}"#);
    }

    /// A trained folder of the smallest kind.
    fn model(tokenizer: (&str, &[u8])) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bert");
        for name in ["config.json", "model.safetensors"] {
            std::fs::copy(tiny.join(name), folder.path().join(name)).unwrap();
        }
        let head = Head::untrained(32).to_bytes().unwrap();
        std::fs::write(folder.path().join("head.safetensors"), head).unwrap();
        std::fs::write(folder.path().join(tokenizer.0), tokenizer.1).unwrap();
        let manifest = br#"{"format": 1, "id": "trained", "window": 8}"#;
        std::fs::write(folder.path().join("detente.json"), manifest).unwrap();
        folder
    }

    fn tokenizers_in(folder: &Path) -> Vec<&'static str> {
        let there = |name: &&str| folder.join(name).exists();
        TOKENIZERS.into_iter().filter(there).collect()
    }

    /// Every form of a tokenizer is packed into one folder, one after another, and none is taken for another.
    #[test]
    fn a_tokenizer_is_converted_where_the_ids_stay_the_same() {
        let unigram = framed();
        let mut other = framed();
        other["pre_tokenizer"]["prepend_scheme"] = "first".into();
        let [unigram, other] = [unigram, other].map(|json| format!("{json:#}").into_bytes());
        let stored = tokens::convert(&unigram).unwrap();
        let packed = tempfile::tempdir().unwrap();
        for (source, bytes, result) in [
            ("tokenizer.json", &unigram, "tokenizer.bin.gz"),
            ("tokenizer.json", &other, "tokenizer.json.gz"),
            ("tokenizer.json.gz", &gzip(&unigram), "tokenizer.bin.gz"),
            ("tokenizer.json.gz", &gzip(&other), "tokenizer.json.gz"),
            ("tokenizer.bin.gz", &stored, "tokenizer.bin.gz"),
        ] {
            let from = model((source, bytes));
            let said = pack(from.path(), packed.path(), "packed", "").unwrap();
            assert_eq!(tokenizers_in(packed.path()), [result], "{source}");
            match said.slow_tokenizer {
                None => assert_eq!(result, "tokenizer.bin.gz"),
                Some(reason) => {
                    assert_eq!(result, "tokenizer.json.gz");
                    assert!(reason.contains("pre_tokenizer"), "{reason}");
                }
            }
            let ids = |folder: &Path| open_tokenizer(folder).unwrap().ids("a b c<s>b xy z <m>b");
            assert_eq!(ids(packed.path()).unwrap(), ids(from.path()).unwrap());

            let saved = tempfile::tempdir().unwrap();
            let model = Model::open(packed.path(), &crate::encoder::Compute::default()).unwrap();
            model.save(saved.path()).unwrap();
            assert_eq!(tokenizers_in(saved.path()), [result]);
        }
        let copied = std::fs::read(packed.path().join("tokenizer.bin.gz")).unwrap();
        assert_eq!(copied, stored);
    }

    #[test]
    fn a_folder_without_a_tokenizer_that_opens_is_not_packed() {
        let packed = tempfile::tempdir().unwrap();
        let refused = |from: &Path| pack(from, packed.path(), "packed", "").unwrap_err();
        let from = model(("tokenizer.json", b"{}"));
        let error = refused(from.path());
        assert!(matches!(error, Error::Tokenizer { .. }), "{error}");
        std::fs::remove_file(from.path().join("tokenizer.json")).unwrap();
        let error = refused(from.path());
        assert!(error.to_string().contains("tokenizer.bin.gz"), "{error}");
        assert!(tokenizers_in(packed.path()).is_empty());
    }
}
