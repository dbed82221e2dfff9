//! Storing a trained model small: layer matrices as int8 with a scale for each row, the word embedding table as Q4_0 in
//! a file of its own, the tokenizer compressed.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};

use crate::encoder::{Weights, write_int8};
use crate::model::Manifest;
use crate::{Error, Result};

const TABLE: &str = "embeddings.word_embeddings.weight";

/// Writes the model folder `from` in its small form to the folder `to`, named `id` at `revision`.
///
/// A table that was Q4_0 before keeps its exact values, so that versions of a model share the file.
///
/// # Errors
/// [`Error::Model`] and [`Error::Tensor`] for what is missing in `from`, [`Error::Io`] where `to` cannot be written.
pub fn pack(from: &Path, to: &Path, id: &str, revision: &str) -> Result<()> {
    std::fs::create_dir_all(to).map_err(Error::io(to))?;
    let weights = Weights::open(&[from.to_owned()])?;
    write_int8(&weights, &to.join("encoder.safetensors"))?;
    write_table(&weights, &to.join("embeddings.gguf"))?;
    for name in ["config.json", "head.safetensors"] {
        let source = from.join(name);
        std::fs::copy(&source, to.join(name)).map_err(Error::io(&source))?;
    }
    write_tokenizer(from, to)?;
    let manifest = Manifest {
        id: id.to_owned(),
        revision: revision.to_owned(),
        ..Manifest::open(from)?
    };
    manifest.write(to)
}

fn write_table(weights: &Weights, path: &Path) -> Result<()> {
    let table = weights.tensor(TABLE, &Device::Cpu)?;
    let table = QTensor::quantize(&table, GgmlDType::Q4_0)?;
    let mut out = BufWriter::new(File::create(path).map_err(Error::io(path))?);
    gguf_file::write(&mut out, &[], &[(TABLE, &table)])?;
    out.flush().map_err(Error::io(path))
}

fn write_tokenizer(from: &Path, to: &Path) -> Result<()> {
    let plain = from.join("tokenizer.json");
    let packed = to.join("tokenizer.json.gz");
    if !plain.exists() {
        let source = from.join("tokenizer.json.gz");
        std::fs::copy(&source, &packed).map_err(Error::io(&source))?;
        return Ok(());
    }
    let mut json = Vec::new();
    File::open(&plain)
        .and_then(|mut f| f.read_to_end(&mut json))
        .map_err(Error::io(&plain))?;
    let out = File::create(&packed).map_err(Error::io(&packed))?;
    let mut out = flate2::write::GzEncoder::new(out, flate2::Compression::best());
    out.write_all(&minified(&json))
        .and_then(|()| out.try_finish())
        .map_err(Error::io(&packed))
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
    use super::minified;

    #[test]
    fn only_blanks_between_tokens_go() {
        let json = br#"{ "a b" : [ 1.50 , "\\" , "say \"hi\" x" ] }"#;
        assert_eq!(minified(json), br#"{"a b":[1.50,"\\","say \"hi\" x"]}"#);
    }
}
