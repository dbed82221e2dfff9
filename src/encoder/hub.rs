//! Models from the Hugging Face hub by id, kept in a cache folder that other Hugging Face tools share.

mod cache;
mod download;

pub use cache::{Cached, cached};
pub use download::Download;

use crate::{Error, Result};
use download::Meter;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use std::path::PathBuf;

/// Files that are taken wherever a model has them; the weights come on top.
const COMPANIONS: [&str; 6] = [
    "detente.json",
    "config.json",
    "tokenizer.bin.gz",
    "tokenizer.json",
    "tokenizer.json.gz",
    "head.safetensors",
];

/// How to reach the hub. Nothing of it is taken from the environment; the default is public models, newest revision.
#[derive(Debug, Clone, Default)]
pub struct HubOptions {
    /// Branch, tag or commit; `main` where there is none.
    pub revision: Option<String>,
    /// The cache folder; where there is none, `.cache/huggingface/hub` in the user's home directory.
    pub cache: Option<PathBuf>,
    /// The hub's address, without a slash at its end; `https://huggingface.co` where there is none.
    pub endpoint: Option<String>,
    /// Use only what is in the cache.
    pub offline: bool,
    /// Access token for private and gated models.
    pub token: Option<String>,
}

/// Brings a model into the cache and returns its folder there.
///
/// Taken are `config.json`, the tokenizer, detente's own files and one form of weights, by the order of preference of
/// [`Weights::open`](super::Weights::open). A model that is in the cache already is not downloaded again; where the hub
/// cannot be reached, it is used as it is there.
///
/// ```no_run
/// use detente::encoder::{Bert, Device, hub};
///
/// let folder = hub::fetch("intfloat/multilingual-e5-small", &hub::HubOptions::default())?;
/// let encoder = Bert::open(&folder, &Device::Cpu)?;
/// # Ok::<(), detente::Error>(())
/// ```
///
/// # Errors
/// [`Error::Hub`] for an id or a revision that does not exist, a model that needs a token, a model without weights that
/// can be read, no network, or a model that is not in the cache when `offline`; its text says which, and what to do.
pub fn fetch(id: &str, options: &HubOptions) -> Result<PathBuf> {
    fetch_with(id, options, &mut |_| {})
}

/// Like [`fetch`], and calls `progress` as each file that is downloaded begins and grows.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_with(
    id: &str,
    options: &HubOptions,
    progress: &mut dyn FnMut(Download<'_>),
) -> Result<PathBuf> {
    let request = Request::new(id, options)?;
    if options.offline {
        return request.cached().ok_or_else(|| {
            let cache = request.cache.path().display();
            request.error(
                format!("is not in the cache {cache}, and offline was asked for; fetch it once with network"),
                None,
            )
        });
    }
    request.online(options, progress)
}

/// The cache folder, or why there is none.
fn folder(options: &HubOptions) -> Result<PathBuf, String> {
    match &options.cache {
        Some(path) => Ok(path.clone()),
        None if std::env::home_dir().is_some() => Ok(Cache::default().path().clone()),
        None => Err("there is no home directory for the cache; name a cache folder".into()),
    }
}

struct Request<'a> {
    id: &'a str,
    revision: &'a str,
    cache: Cache,
}

impl<'a> Request<'a> {
    fn new(id: &'a str, options: &'a HubOptions) -> Result<Self> {
        let revision = options.revision.as_deref().unwrap_or("main");
        let error = |reason: &str| {
            Err(Error::Hub {
                id: id.into(),
                reason: reason.into(),
                source: None,
            })
        };
        // Both become parts of paths in the cache.
        if !id.split('/').all(is_plain) || id.split('/').count() > 2 {
            return error("is no model id; expected owner/name");
        }
        if !revision.split('/').all(is_plain) {
            return error("the revision is no branch, tag or commit");
        }
        match folder(options) {
            Ok(cache) => Ok(Self {
                id,
                revision,
                cache: Cache::new(cache),
            }),
            Err(reason) => error(&reason),
        }
    }

    fn repo(&self, revision: &str) -> Repo {
        Repo::with_revision(self.id.into(), RepoType::Model, revision.into())
    }

    /// The model's folder in the cache, if it was fetched there.
    fn cached(&self) -> Option<PathBuf> {
        let repo = self.cache.repo(self.repo(self.revision));
        // The empty name is the folder itself, and leaves a slash at its end. Other tools keep no name for a commit, only
        // its folder.
        let folder = repo.get("").map_or_else(
            || repo.pointer_path(self.revision),
            |folder| folder.components().collect(),
        );
        // Weights are fetched last: where they are, the rest is.
        let mut files = folder.read_dir().ok()?.flatten();
        let is_there = files.any(|file| file.file_name().to_str().is_some_and(is_weights));
        is_there.then_some(folder)
    }

    fn online(
        &self,
        options: &HubOptions,
        progress: &mut dyn FnMut(Download<'_>),
    ) -> Result<PathBuf> {
        // A commit never changes: there is nothing to ask.
        if is_commit(self.revision)
            && let Some(folder) = self.cached()
        {
            return Ok(folder);
        }
        let mut builder = ApiBuilder::from_cache(self.cache.clone())
            .with_progress(false)
            .with_token(options.token.clone());
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').into());
        }
        let api = builder.build().map_err(|e| self.refused(e, None))?;
        let info = match api.repo(self.repo(self.revision)).info() {
            Ok(info) => info,
            Err(error) if is_unreachable(&error) => {
                return self.cached().ok_or_else(|| self.refused(error, None));
            }
            Err(error) => return Err(self.refused(error, Some(&api))),
        };
        if !is_commit(&info.sha) {
            return Err(self.error("the hub named no commit".into(), None));
        }
        let names: Vec<_> = info
            .siblings
            .iter()
            .map(|file| file.rfilename.as_str())
            .collect();
        // By commit, not by branch: the branch may move between two files.
        let repo = api.repo(self.repo(&info.sha));
        let there = self.cache.repo(self.repo(&info.sha));
        for name in self.select(&names)? {
            if there.get(name).is_none() {
                let meter = Meter::new(name, progress);
                repo.download_with_progress(name, meter)
                    .map_err(|e| self.refused(e, None))?;
            }
        }
        let cached = self.cache.repo(self.repo(self.revision));
        let folder = cached.pointer_path(&info.sha);
        // Only now does the branch's name point to this commit: a name in the cache is a whole model.
        cached.create_ref(&info.sha).map_err(Error::io(&folder))?;
        Ok(folder)
    }

    /// The files to take of those that the model has, weights last.
    fn select<'n>(&self, names: &[&'n str]) -> Result<Vec<&'n str>> {
        let having = |wanted: &dyn Fn(&str) -> bool| -> Vec<&'n str> {
            names.iter().copied().filter(|name| wanted(name)).collect()
        };
        let mut files = having(&|name| COMPANIONS.contains(&name));
        let sharded = having(&|name| {
            let shard = name.starts_with("model-") && name.ends_with(".safetensors");
            is_plain(name) && shard || name == "model.safetensors.index.json"
        });
        let whole = having(&|name| name == "model.safetensors");
        let stored =
            having(&|name| name == "encoder.safetensors" || name.starts_with("embeddings."));
        let stored = stored
            .into_iter()
            .filter(|name| is_plain(name) && is_weights(name))
            .collect::<Vec<_>>();
        let gguf = having(&|name| is_plain(name) && name.ends_with(".gguf"));
        let weights = if sharded.contains(&"model.safetensors.index.json") {
            sharded
        } else if !whole.is_empty() {
            whole
        } else if stored.contains(&"encoder.safetensors") {
            stored
        } else {
            gguf
        };
        match weights.as_slice() {
            [] => Err(self.error(
                "has no weights that can be read: expected model.safetensors, encoder.safetensors or a .gguf file"
                    .into(),
                None,
            )),
            [first, second, ..] if first.ends_with(".gguf") && second.ends_with(".gguf") => {
                Err(self.error(
                    format!(
                        "has {} .gguf files ({}): download the one to use, and name its folder",
                        weights.len(),
                        weights.join(", ")
                    ),
                    None,
                ))
            }
            _ => {
                files.extend(weights);
                Ok(files)
            }
        }
    }

    /// What the hub's refusal means; with `api`, a missing revision is told from a missing model.
    fn refused(&self, error: ApiError, api: Option<&Api>) -> Error {
        let reason = match status(&error) {
            Some(404) => {
                let other = Repo::new(self.id.into(), RepoType::Model);
                match api {
                    Some(api) if self.revision != "main" && api.repo(other).info().is_ok() => {
                        "has no such revision; its files page lists branches, tags and commits"
                    }
                    _ => "does not exist; check the id",
                }
            }
            // The hub does not tell strangers whether a private model exists.
            Some(401 | 403) => {
                "does not exist, or is private or gated; give a token that may read it"
            }
            Some(429) => "was refused: too many requests; wait, or give a token",
            Some(_) => "was refused by the hub; try again later",
            None if is_unreachable(&error) => {
                "cannot be fetched: the hub does not answer; check network and endpoint, or use a local folder"
            }
            None => "cannot be fetched",
        };
        self.error(reason.into(), Some(error))
    }

    fn error(&self, reason: String, source: Option<ApiError>) -> Error {
        Error::Hub {
            id: match self.revision {
                "main" => self.id.into(),
                revision => format!("{}@{revision}", self.id),
            },
            reason,
            source: source.map(|e| e.into()),
        }
    }
}

/// Whether `part` can be one part of a path and nothing else.
fn is_plain(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_weights(name: &str) -> bool {
    name != "head.safetensors" && (name.ends_with(".safetensors") || name.ends_with(".gguf"))
}

fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::StatusCode(status) => Some(status),
            _ => None,
        },
        _ => None,
    }
}

fn is_unreachable(error: &ApiError) -> bool {
    use ureq::Error as E;
    matches!(
        error,
        ApiError::RequestError(error)
            if matches!(**error, E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed)
    )
}
