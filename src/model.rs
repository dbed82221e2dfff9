//! A model: tokenizer, encoder, head and calibration, from inside the binary, a folder or the hub.
//!
//! A detente model folder holds
//!
//! | file | what |
//! | --- | --- |
//! | `detente.json` | name, revision, window size, calibration ([`Manifest`]) |
//! | `config.json` | shape of the encoder, as Hugging Face writes it |
//! | `tokenizer.bin.gz`, else `tokenizer.json` or `tokenizer.json.gz` | the tokenizer, in detente's form or Hugging Face's |
//! | `head.safetensors` | the scoring head |
//! | `encoder.safetensors` and `embeddings.gguf`, or `model.safetensors`, or a `.gguf` file | the encoder's weights |

mod info;

pub use info::{Info, Kind};

use std::path::{Path, PathBuf};

use ndarray::{Array2, aview1};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::calibration::Calibration;
use crate::encoder::{self, BertConfig, Compute, Encoder, Weights};
use crate::head::Head;
use crate::tokens::Tokenizer;
use crate::verdict::Provenance;
use crate::windows::{Window, Windowed};
use crate::{Error, Result};

/// Version of the layout of a model folder that this crate reads and writes.
pub const FORMAT: u32 = 1;

/// Window size of a model that does not state one, in tokens.
pub const DEFAULT_WINDOW: usize = 256;

/// The file `detente.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout version, [`FORMAT`].
    pub format: u32,
    /// Name of the model.
    pub id: String,
    /// Its revision: a date or a commit.
    #[serde(default)]
    pub revision: String,
    /// Tokens of a window, framing included.
    pub window: usize,
    /// Calibration; absent from a model fresh from training.
    #[serde(default)]
    pub calibration: Calibration,
    /// SHA-256 of the weight files, as [`Model::save`] writes it. What is inside the program goes by it; the files of a
    /// folder are hashed when they are opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_hash: Option<String>,
}

impl Manifest {
    /// Reads a `detente.json`; `path` is named in errors.
    ///
    /// # Errors
    /// [`Error::Model`] where the bytes are no manifest, or one of a newer layout.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|e| Error::model(path, format!("not a model manifest: {e}")))?;
        if manifest.format != FORMAT {
            return Err(Error::model(
                path,
                format!(
                    "layout {} is not known, only {FORMAT}; update detente",
                    manifest.format
                ),
            ));
        }
        Ok(manifest)
    }

    /// Of a plain encoder, which has no manifest.
    fn plain(folder: &Path) -> Self {
        Self {
            format: FORMAT,
            id: folder
                .file_name()
                .unwrap_or(folder.as_os_str())
                .to_string_lossy()
                .into_owned(),
            revision: String::new(),
            window: DEFAULT_WINDOW,
            calibration: Calibration::default(),
            weights_hash: None,
        }
    }

    /// Writes the manifest of a model folder.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("detente.json");
        let mut json = serde_json::to_vec(self).map_err(|e| Error::model(&path, e.to_string()))?;
        json.push(b'\n');
        write(&path, &json)
    }

    /// Reads the manifest of a model folder; a plain encoder, which has none, gets the defaults.
    ///
    /// # Errors
    /// As [`Manifest::from_bytes`], and [`Error::Io`].
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("detente.json");
        if !path.exists() {
            return Ok(Self::plain(folder));
        }
        Self::from_bytes(&path, &std::fs::read(&path).map_err(Error::io(&path))?)
    }
}

/// Names of a tokenizer's file, in the order in which they are looked for.
pub(crate) const TOKENIZERS: [&str; 3] =
    ["tokenizer.bin.gz", "tokenizer.json", "tokenizer.json.gz"];

/// The file that holds the tokenizer of a model folder; [`Error::Model`] where there is none.
pub(crate) fn tokenizer_file(folder: &Path) -> Result<PathBuf> {
    let mut paths = TOKENIZERS.iter().map(|name| folder.join(name));
    paths.find(|path| path.exists()).ok_or_else(|| {
        let names = TOKENIZERS.join(", ");
        Error::model(folder, format!("no tokenizer in it, none of {names}"))
    })
}

/// Opens the tokenizer of a model folder.
///
/// # Errors
/// [`Error::Model`] where the folder has none, else as [`Tokenizer::from_bytes`].
pub fn open_tokenizer(folder: &Path) -> Result<Tokenizer> {
    let path = tokenizer_file(folder)?;
    Tokenizer::from_bytes(&path, &read(&path)?)
}

/// Everything that scoring needs.
pub struct Model {
    manifest: Manifest,
    tokenizer: Tokenizer,
    encoder: Box<dyn Encoder>,
    head: Head,
    trained: bool,
    weights_hash: String,
    origin: Origin,
}

/// Where the files of a model are.
enum Origin {
    Folder(PathBuf),
    #[cfg(feature = "embedded")]
    Embedded,
}

/// The files of the default model that are part of the crate.
#[cfg(feature = "embedded")]
mod embedded {
    macro_rules! file {
        ($name:literal) => {
            (
                $name,
                include_bytes!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/models/default/",
                    $name
                )),
            )
        };
    }

    // Statics and not constants: each use of a constant may hold its own copy of the bytes.
    type File = (&'static str, &'static [u8]);

    pub(super) static MANIFEST: File = file!("detente.json");
    pub(super) static CONFIG: File = file!("config.json");
    pub(super) static TOKENIZER: File = file!("tokenizer.bin.gz");
    pub(super) static ENCODER: File = file!("encoder.safetensors");
    pub(super) static EMBEDDINGS: File = file!("embeddings.gguf");
    pub(super) static HEAD: File = file!("head.safetensors");
}

impl Model {
    /// Opens a model folder. A plain encoder without `head.safetensors` opens too, with a head that has learned nothing
    /// ([`Model::is_trained`] is false): that is what `detente fit` starts from.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::Tensor`] or [`Error::Tokenizer`] naming the file that is missing or broken;
    /// [`Error::Argument`] for a device that this build or machine does not have.
    pub fn open(folder: &Path, compute: &Compute) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Error::model(
                folder,
                "no such folder; give a model folder, or the id of a model on the hub",
            ));
        }
        let manifest = Manifest::open(folder)?;
        let weights = Weights::open(&[folder.to_owned()])?;
        let config = BertConfig::open(folder, &weights)?;
        let head = folder.join("head.safetensors");
        let head = head.exists().then_some(head);
        let paths = weights.paths().map(Path::to_owned).chain(head.clone());
        let paths: Vec<PathBuf> = paths.collect();
        // A tokenizer.json takes as long to load as all the rest.
        let (tokenizer, (encoder, hash)) = rayon::join(
            || open_tokenizer(folder),
            || {
                rayon::join(
                    || encoder::open(&config, &weights, compute),
                    || hash_files(&paths),
                )
            },
        );
        let head = head.map(|path| Head::from_bytes(&path, &read(&path)?));
        Self::assemble(
            manifest,
            tokenizer?,
            encoder?,
            head.transpose()?,
            hash?,
            Origin::Folder(folder.to_owned()),
        )
    }

    /// The model that is part of this crate (feature `embedded`).
    ///
    /// # Errors
    /// [`Error::Argument`] for a device that this build or machine does not have.
    #[cfg(feature = "embedded")]
    pub fn embedded(compute: &Compute) -> Result<Self> {
        use embedded::{CONFIG, EMBEDDINGS, ENCODER, HEAD, MANIFEST, TOKENIZER};
        let path = |(name, _): (&str, _)| Path::new("models/default").join(name);
        let weights = Weights::from_static(&[ENCODER, EMBEDDINGS])?;
        let config = BertConfig::from_json(CONFIG.1, &path(CONFIG))?;
        let (tokenizer, encoder) = rayon::join(
            || Tokenizer::from_bytes(&path(TOKENIZER), TOKENIZER.1),
            || encoder::open(&config, &weights, compute),
        );
        let manifest = Manifest::from_bytes(&path(MANIFEST), MANIFEST.1)?;
        let hash = manifest.weights_hash.clone();
        Self::assemble(
            manifest,
            tokenizer?,
            encoder?,
            Some(Head::from_bytes(&path(HEAD), HEAD.1)?),
            // Hashing 79 MB takes longer than all the rest of the start.
            hash.unwrap_or_else(|| hash_bytes([ENCODER.1, EMBEDDINGS.1, HEAD.1])),
            Origin::Embedded,
        )
    }

    fn assemble(
        manifest: Manifest,
        tokenizer: Tokenizer,
        encoder: Box<dyn Encoder>,
        head: Option<Head>,
        weights_hash: String,
        origin: Origin,
    ) -> Result<Self> {
        let folder = match &origin {
            Origin::Folder(folder) => folder.as_path(),
            #[cfg(feature = "embedded")]
            Origin::Embedded => Path::new("models/default"),
        };
        let trained = head.is_some();
        let head = head.unwrap_or_else(|| Head::untrained(encoder.hidden_size()));
        if head.hidden_size() != encoder.hidden_size() {
            let reason = format!(
                "its head takes vectors of {} numbers, its encoder gives {}; they are of different models",
                head.hidden_size(),
                encoder.hidden_size()
            );
            return Err(Error::model(folder, reason));
        }
        if manifest.window < 3 || manifest.window > encoder.max_positions() {
            let reason = format!(
                "windows of {} tokens; the encoder takes 3 to {}",
                manifest.window,
                encoder.max_positions()
            );
            return Err(Error::model(folder, reason));
        }
        Ok(Self {
            manifest,
            tokenizer,
            encoder,
            head,
            trained,
            weights_hash,
            origin,
        })
    }

    /// Name, window size and calibration.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The scoring head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Whether the head was learned from labels; a plain encoder's was not, and its verdicts mean nothing.
    pub fn is_trained(&self) -> bool {
        self.trained
    }

    /// The same model with another name, head and calibration.
    #[must_use]
    pub fn with_head(mut self, id: &str, head: Head, calibration: Calibration) -> Self {
        self.head = head;
        id.clone_into(&mut self.manifest.id);
        self.manifest.calibration = calibration;
        self.trained = true;
        self
    }

    /// Which model this is, for the output.
    pub fn provenance(&self) -> Provenance {
        Provenance {
            id: self.manifest.id.clone(),
            revision: self.manifest.revision.clone(),
            weights_hash: self.weights_hash.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Writes this model as a folder that [`Model::open`] reads: the files it came from, its head and its manifest.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file that cannot be read or written; [`Error::Model`] where the files are broken.
    pub fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        match &self.origin {
            Origin::Folder(from) => {
                for entry in std::fs::read_dir(from).map_err(Error::io(from))? {
                    let path = entry.map_err(Error::io(from))?.path();
                    let to = folder.join(path.file_name().unwrap_or_default());
                    let is_part = path.extension().is_some_and(|e| {
                        ["json", "gz", "safetensors", "gguf"]
                            .iter()
                            .any(|k| e == *k)
                    });
                    // A hub cache holds links; what they point to is copied.
                    if is_part && path.is_file() && path != to {
                        std::fs::copy(&path, &to).map_err(Error::io(&path))?;
                    }
                }
            }
            #[cfg(feature = "embedded")]
            Origin::Embedded => {
                use embedded::{CONFIG, EMBEDDINGS, ENCODER, TOKENIZER};
                for (name, bytes) in [CONFIG, EMBEDDINGS, ENCODER, TOKENIZER] {
                    write(&folder.join(name), bytes)?;
                }
            }
        }
        let head = folder.join("head.safetensors");
        write(&head, &self.head.to_bytes()?)?;
        let weights = Weights::open(&[folder.to_owned()])?;
        let paths = weights.paths().map(Path::to_owned).chain([head]);
        let manifest = Manifest {
            weights_hash: Some(hash_files(&paths.collect::<Vec<_>>())?),
            ..self.manifest.clone()
        };
        manifest.write(folder)
    }

    /// Cuts a text into this model's windows.
    ///
    /// # Errors
    /// As [`Windowed::new`].
    pub fn windows(&self, text: &str, lang: Option<crate::text::Lang>) -> Result<Windowed> {
        Windowed::new(text, lang, &self.tokenizer, self.manifest.window)
    }

    /// The mean token state of every sentence, `[sentences, hidden]` for each article, read in the context of its
    /// window. Windows of all articles share passes of at most `batch_tokens` tokens, at least one window each; passes run
    /// side by side.
    ///
    /// # Errors
    /// [`Error::Inference`] where the device fails.
    pub fn sentence_means(
        &self,
        articles: &[&Windowed],
        batch_tokens: usize,
    ) -> Result<Vec<Array2<f32>>> {
        let hidden = self.encoder.hidden_size();
        let windows: Vec<_> = articles
            .iter()
            .enumerate()
            .flat_map(|(article, a)| a.windows.iter().map(move |window| (article, window)))
            .collect();
        let mut passes = Vec::new();
        let mut rest = &windows[..];
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = rest.iter().take_while(|(_, w)| {
                tokens += w.ids.len();
                tokens <= batch_tokens
            });
            let (pass, after) = rest.split_at(fits.count().max(1));
            passes.push(pass);
            rest = after;
        }
        let sums = passes.par_iter().map(|pass| {
            let windows: Vec<_> = pass.iter().map(|(_, window)| *window).collect();
            self.span_sums(&windows)
        });
        let sums = sums.collect::<Result<Vec<_>>>()?;
        let mut means: Vec<_> = articles
            .iter()
            .map(|a| Array2::<f32>::zeros((a.sentences.len(), hidden)))
            .collect();
        let mut counts: Vec<_> = articles
            .iter()
            .map(|a| vec![0usize; a.sentences.len()])
            .collect();
        let mut sums = sums.iter().flat_map(|sums| sums.chunks_exact(hidden));
        for (article, window) in windows {
            for (span, sum) in window.spans.iter().zip(&mut sums) {
                let mut mean = means[article].row_mut(span.sentence);
                mean += &aview1(sum);
                counts[article][span.sentence] += span.end - span.start;
            }
        }
        for (means, counts) in means.iter_mut().zip(&counts) {
            for (mut mean, &count) in means.rows_mut().into_iter().zip(counts) {
                mean /= count as f32;
            }
        }
        Ok(means)
    }

    /// The sums of the token states of every span of some windows, run in one pass: `hidden` numbers each.
    fn span_sums(&self, windows: &[&Window]) -> Result<Vec<f32>> {
        let hidden = self.encoder.hidden_size();
        let ids: Vec<_> = windows.iter().map(|window| &window.ids[..]).collect();
        let states = self.encoder.encode(&ids)?.flatten_all()?.to_vec1::<f32>()?;
        let mut rest = &states[..];
        let mut sums = Vec::new();
        for window in windows {
            let (states, after) = rest.split_at(window.ids.len() * hidden);
            rest = after;
            for span in &window.spans {
                let first = sums.len();
                sums.resize(first + hidden, 0.0);
                for state in states[span.start * hidden..span.end * hidden].chunks_exact(hidden) {
                    for (sum, x) in sums[first..].iter_mut().zip(state) {
                        *sum += x;
                    }
                }
            }
        }
        Ok(sums)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(Error::io(path))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io(path))
}

/// SHA-256 of files, one after another, in the order given.
fn hash_files(paths: &[PathBuf]) -> Result<String> {
    let files = paths.iter().map(|path| read(path));
    Ok(hash_bytes(files.collect::<Result<Vec<_>>>()?))
}

/// SHA-256 of bytes, one after another, in hexadecimal.
pub(crate) fn hash_bytes(files: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Sha256::new();
    files.into_iter().for_each(|bytes| hash.update(bytes));
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use super::embedded::{EMBEDDINGS, ENCODER, HEAD, MANIFEST};
    use super::*;

    /// The program goes by the hash in the manifest; it must be that of the files beside it.
    #[test]
    fn the_default_model_is_the_one_that_its_manifest_says() {
        let manifest = Manifest::from_bytes(Path::new(MANIFEST.0), MANIFEST.1).unwrap();
        let hash = hash_bytes([ENCODER.1, EMBEDDINGS.1, HEAD.1]);
        assert_eq!(manifest.weights_hash, Some(hash));
    }
}
