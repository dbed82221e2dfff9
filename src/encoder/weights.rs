//! Where the tensors come from: one or more safetensors or GGUF files, on disk or part of the program.

use super::gguf;
use super::stored::{Bytes, Dtype, Stored};
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use memmap2::Mmap;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Named tensors over one or more files, decoded when they are asked for.
///
/// Read are F32, F16 and BF16 (safetensors, GGUF), Q4_0 and Q8_0 (GGUF), and I8 matrices with a scale for each row in a
/// tensor `<name>.scale` (safetensors, as [`write_int8`](super::write_int8) writes them). Names are those of Hugging
/// Face without the model's prefix (`encoder.layer.0.output.dense.weight`), whether the file has them with a prefix
/// (`bert.`, `roberta.`, `model.`), with TensorFlow's `gamma` and `beta`, or in llama.cpp's form
/// (`blk.0.ffn_down.weight`).
pub struct Weights {
    files: Vec<(PathBuf, Bytes)>,
    tensors: BTreeMap<String, Entry>,
    metadata: Option<(usize, gguf::Metadata)>,
}

struct Entry {
    file: usize,
    shape: Vec<usize>,
    /// `Err` names a type that is not read here.
    dtype: Result<Dtype, String>,
    range: Range<usize>,
}

impl Weights {
    /// Opens files, each a `.safetensors`, a `.gguf`, the `.index.json` of sharded safetensors, or a model folder.
    ///
    /// Of a folder the first of these is taken: `model.safetensors.index.json`; `model.safetensors`;
    /// `encoder.safetensors` with `embeddings.gguf` or `embeddings.safetensors`; its only `.gguf` file.
    ///
    /// The files are mapped, not read: they must not be changed while the weights, or an encoder made from them, live.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be opened; [`Error::Model`] for a broken one or a folder without weights;
    /// [`Error::Tensor`] for a tensor that two files have.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut weights = Self::empty();
        for path in paths {
            for path in expand(path)? {
                let file = File::open(&path).map_err(Error::io(&path))?;
                // SAFETY: the map is read-only; that nobody changes the file meanwhile is the caller's part, as said
                // above, and the usual contract for model files.
                let map = unsafe { Mmap::map(&file) }.map_err(Error::io(&path))?;
                weights.add(path, Bytes::Mapped(Arc::new(map)))?;
            }
        }
        Ok(weights)
    }

    /// Takes files that are part of the program; the names are for messages.
    ///
    /// # Errors
    /// As [`Weights::open`].
    pub fn from_static(files: &[(&'static str, &'static [u8])]) -> Result<Self> {
        let mut weights = Self::empty();
        for &(name, bytes) in files {
            weights.add(name.into(), Bytes::Static(bytes))?;
        }
        Ok(weights)
    }

    /// The files, in the order they were opened.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of a tensor, or `None` where there is no tensor of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The numbers that a tensor is stored in: `f32`, `f16`, `bf16`, `int8`, `q4_0`, `q8_0`, or, where they cannot be
    /// read, what the file calls them. `None` where there is no tensor of this name.
    pub fn stored_as(&self, name: &str) -> Option<String> {
        let entry = self.tensors.get(name)?;
        Some(match &entry.dtype {
            Ok(Dtype::I8) => "int8".to_owned(),
            Ok(dtype) => format!("{dtype:?}").to_lowercase(),
            Err(other) => other.clone(),
        })
    }

    /// Decodes a tensor to f32, in the shape it is stored in.
    ///
    /// # Errors
    /// [`Error::Tensor`] where it is missing or stored in a type that is not read here.
    pub fn tensor(&self, name: &str, device: &Device) -> Result<Tensor> {
        let stored = self.stored(name)?;
        let shape = self.tensors[name].shape.as_slice();
        Ok(Tensor::from_vec(stored.to_vec(), shape, device)?)
    }

    fn empty() -> Self {
        Self {
            files: Vec::new(),
            tensors: BTreeMap::new(),
            metadata: None,
        }
    }

    fn add(&mut self, path: PathBuf, bytes: Bytes) -> Result<()> {
        let file = self.files.len();
        let entries = if gguf::is_gguf(&bytes) {
            let (metadata, infos) =
                gguf::read(&bytes).map_err(|reason| Error::model(&path, reason))?;
            self.metadata.get_or_insert((file, metadata));
            gguf_entries(file, infos)
        } else {
            safetensors_entries(file, &bytes).map_err(|reason| Error::model(&path, reason))?
        };
        self.files.push((path, bytes));
        for (name, entry) in entries {
            let name = canonical(&name);
            if let Some(other) = self.tensors.get(&name) {
                let other = self.files[other.file].0.display();
                let reason = format!("is also in {other}; give only one of them");
                return Err(self.error(file, &name, reason));
            }
            self.tensors.insert(name, entry);
        }
        Ok(())
    }

    /// The first file, for messages about what none of them has.
    pub(super) fn path(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |(path, _)| path)
    }

    /// The metadata of the first GGUF file and its path.
    pub(super) fn gguf_metadata(&self) -> Option<(&Path, &gguf::Metadata)> {
        let (file, metadata) = self.metadata.as_ref()?;
        Some((&self.files[*file].0, metadata))
    }

    /// A tensor as it is stored; one dimension makes one row, more than two are folded into the rows.
    pub(super) fn stored(&self, name: &str) -> Result<Stored> {
        let entry = self.entry(name)?;
        let dtype = entry.dtype.clone().map_err(|dtype| {
            let reason = format!(
                "is stored as {dtype}; expected F32, F16, BF16, I8 with scales, Q4_0 or Q8_0"
            );
            self.error(entry.file, name, reason)
        })?;
        let columns = entry.shape.last().copied().unwrap_or(1);
        let rows = entry.shape.iter().rev().skip(1);
        let rows = rows.fold(1, |rows: usize, &count| rows.saturating_mul(count));
        let scales = (dtype == Dtype::I8)
            .then(|| self.vector(&format!("{name}.scale"), rows))
            .transpose()?;
        let file = self.files[entry.file].1.clone();
        Stored::new(file, entry.range.clone(), dtype, (rows, columns), scales).ok_or_else(|| {
            let reason =
                format!("a row of {columns} numbers is no whole number of {dtype:?} blocks");
            self.error(entry.file, name, reason)
        })
    }

    /// A vector of `len` numbers.
    pub(super) fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        self.expect_shape(name, &[len])?;
        Ok(self.stored(name)?.to_vec())
    }

    /// A matrix of `rows` × `columns` numbers.
    pub(super) fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Vec<f32>> {
        self.expect_shape(name, &[rows, columns])?;
        Ok(self.stored(name)?.to_vec())
    }

    /// Whether the layers are stored as I8.
    pub(super) fn has_int8(&self) -> bool {
        self.tensors.iter().any(|(name, entry)| {
            name.starts_with("encoder.layer.") && matches!(entry.dtype, Ok(Dtype::I8))
        })
    }

    /// A matrix of `rows` × `columns` numbers with the scales of its rows, or `None` where it is not stored as I8.
    pub(super) fn int8_matrix(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Option<(Vec<i8>, Vec<f32>)>> {
        self.expect_shape(name, &[rows, columns])?;
        Ok(self.stored(name)?.into_int8())
    }

    /// A table of any number of rows, at least `rows`, of `columns` numbers each.
    pub(super) fn table(&self, name: &str, rows: usize, columns: usize) -> Result<Stored> {
        let stored = self.stored(name)?;
        if stored.columns() != columns || stored.rows() < rows {
            let entry = self.entry(name)?;
            let reason = format!(
                "has the shape {:?}, expected at least {rows} rows of {columns}",
                entry.shape
            );
            return Err(self.error(entry.file, name, reason));
        }
        Ok(stored)
    }

    fn expect_shape(&self, name: &str, expected: &[usize]) -> Result<()> {
        let entry = self.entry(name)?;
        if entry.shape == expected {
            return Ok(());
        }
        let reason = format!(
            "has the shape {:?}, expected {expected:?} by the model's configuration",
            entry.shape
        );
        Err(self.error(entry.file, name, reason))
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        self.tensors.get(name).ok_or_else(|| {
            let reason = match self.files.as_slice() {
                [_] => "is missing".into(),
                files => {
                    let names: Vec<_> =
                        files.iter().map(|(p, _)| p.display().to_string()).collect();
                    format!("is in none of [{}]", names.join(", "))
                }
            };
            Error::Tensor {
                path: self.path().into(),
                tensor: name.into(),
                reason,
            }
        })
    }

    fn error(&self, file: usize, name: &str, reason: String) -> Error {
        Error::Tensor {
            path: self.files[file].0.clone(),
            tensor: name.into(),
            reason,
        }
    }
}

/// The weight files behind a path.
fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        return expand_folder(path);
    }
    if path.to_string_lossy().ends_with(".index.json") {
        return expand_index(path);
    }
    Ok(vec![path.into()])
}

fn expand_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let has = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
    if let Some(index) = has("model.safetensors.index.json") {
        return expand_index(&index);
    }
    if let Some(model) = has("model.safetensors") {
        return Ok(vec![model]);
    }
    if let Some(encoder) = has("encoder.safetensors") {
        let embeddings = has("embeddings.gguf").or_else(|| has("embeddings.safetensors"));
        return Ok([encoder].into_iter().chain(embeddings).collect());
    }
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "gguf")
        {
            found.push(path);
        }
    }
    match found.len() {
        1 => Ok(found),
        0 => Err(Error::model(
            folder,
            "no weights: expected model.safetensors, encoder.safetensors or a .gguf file",
        )),
        count => Err(Error::model(
            folder,
            format!("{count} .gguf files: name the one to load"),
        )),
    }
}

/// The shards that an index names, beside it.
fn expand_index(path: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let json = std::fs::read(path).map_err(Error::io(path))?;
    let index: Index =
        serde_json::from_slice(&json).map_err(|e| Error::model(path, e.to_string()))?;
    let names: BTreeSet<_> = index.weight_map.into_values().collect();
    let folder = path.parent().unwrap_or(Path::new(""));
    names
        .into_iter()
        .map(|name| match Path::new(&name).file_name() {
            Some(plain) if plain == name.as_str() => Ok(folder.join(name)),
            _ => Err(Error::model(path, format!("{name:?} is no file name"))),
        })
        .collect()
}

fn gguf_entries(file: usize, infos: Vec<gguf::TensorInfo>) -> Vec<(String, Entry)> {
    infos
        .into_iter()
        .map(|info| {
            let entry = Entry {
                file,
                shape: info.shape,
                dtype: info.dtype.map_err(|number| format!("GGUF type {number}")),
                range: info.range,
            };
            (info.name, entry)
        })
        .collect()
}

fn safetensors_entries(file: usize, bytes: &[u8]) -> Result<Vec<(String, Entry)>, String> {
    use safetensors::{Dtype as Kind, SafeTensors};
    let (header, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|e| format!("{e}; expected a safetensors or GGUF file, and whole"))?;
    // A length of 8 bytes stands before the header.
    let data = header + 8;
    Ok(metadata
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let (start, end) = info.data_offsets;
            let dtype = match info.dtype {
                Kind::F32 => Ok(Dtype::F32),
                Kind::F16 => Ok(Dtype::F16),
                Kind::BF16 => Ok(Dtype::Bf16),
                Kind::I8 => Ok(Dtype::I8),
                other => Err(format!("{other:?}")),
            };
            let entry = Entry {
                file,
                shape: info.shape.clone(),
                dtype,
                range: data + start..data + end,
            };
            (name, entry)
        })
        .collect())
}

/// The Hugging Face name, without a model's prefix, of a tensor named in any of the known ways.
fn canonical(name: &str) -> String {
    let mut name = name;
    while let Some(rest) = ["model.", "bert.", "roberta."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
    {
        name = rest;
    }
    if let Some(name) = from_llama_cpp(name) {
        return name;
    }
    match name.rsplit_once('.') {
        Some((stem, "gamma")) => format!("{stem}.weight"),
        Some((stem, "beta")) => format!("{stem}.bias"),
        _ => name.into(),
    }
}

fn from_llama_cpp(name: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    let place = match stem {
        "token_embd" => "embeddings.word_embeddings",
        "position_embd" => "embeddings.position_embeddings",
        "token_types" => "embeddings.token_type_embeddings",
        "token_embd_norm" => "embeddings.LayerNorm",
        _ => {
            let (layer, part) = stem.strip_prefix("blk.")?.split_once('.')?;
            let part = match part {
                "attn_q" => "attention.self.query",
                "attn_k" => "attention.self.key",
                "attn_v" => "attention.self.value",
                "attn_output" => "attention.output.dense",
                "attn_output_norm" => "attention.output.LayerNorm",
                "ffn_up" => "intermediate.dense",
                "ffn_down" => "output.dense",
                "layer_output_norm" => "output.LayerNorm",
                _ => return None,
            };
            return Some(format!("encoder.layer.{layer}.{part}.{kind}"));
        }
    };
    Some(format!("{place}.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_origin_meet() {
        for (name, expected) in [
            (
                "bert.embeddings.LayerNorm.gamma",
                "embeddings.LayerNorm.weight",
            ),
            (
                "roberta.encoder.layer.3.output.dense.bias",
                "encoder.layer.3.output.dense.bias",
            ),
            (
                "model.bert.embeddings.word_embeddings.weight",
                "embeddings.word_embeddings.weight",
            ),
            ("token_embd.weight", "embeddings.word_embeddings.weight"),
            (
                "blk.11.attn_output_norm.bias",
                "encoder.layer.11.attention.output.LayerNorm.bias",
            ),
            (
                "blk.0.ffn_up.weight",
                "encoder.layer.0.intermediate.dense.weight",
            ),
            ("head.tone", "head.tone"),
        ] {
            assert_eq!(canonical(name), expected);
        }
    }
}
