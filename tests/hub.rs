//! The hub client against a server on this machine that answers as the hub does; nothing leaves it.
#![cfg(feature = "hub")]

use detente::Error;
use detente::encoder::hub::{HubOptions, fetch};
use detente::encoder::{Bert, Device};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const TAGGED: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// A hub with one public model, `someone/tiny`, with branch `main` and tag `v1`, and a private one.
struct Hub {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let log = log.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &log));
            }
        });
        Self { endpoint, requests }
    }

    fn options(&self, cache: &Path) -> HubOptions {
        HubOptions {
            endpoint: Some(self.endpoint.clone()),
            cache: Some(cache.into()),
            ..HubOptions::default()
        }
    }

    /// The paths asked for since the last call.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

fn model_file(name: &str) -> Option<Vec<u8>> {
    match name {
        "config.json" | "model.safetensors" => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bert");
            Some(std::fs::read(folder.join(name)).unwrap())
        }
        "tokenizer.bin.gz" | "tokenizer.json" => Some(b"{}".to_vec()),
        _ => None,
    }
}

fn answer(mut stream: TcpStream, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let headers: Vec<String> = lines
        .map(|line| line.unwrap().to_lowercase())
        .take_while(|line| !line.is_empty())
        .collect();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    log.lock().unwrap().push(path.clone());

    let commit = |revision: &str| match revision {
        "main" | COMMIT => Some(COMMIT),
        "v1" | TAGGED => Some(TAGGED),
        _ => None,
    };
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (status, more, body) = match parts[..] {
        ["api", "models", "someone", "tiny", "revision", revision] => match commit(revision) {
            Some(sha) => {
                let names = [
                    ".gitattributes",
                    "README.md",
                    "config.json",
                    "tokenizer.bin.gz",
                    "tokenizer.json",
                    "model.safetensors",
                    "pytorch_model.bin",
                ];
                let files: Vec<_> = names
                    .map(|name| serde_json::json!({ "rfilename": name }))
                    .into();
                let body = serde_json::json!({ "sha": sha, "siblings": files }).to_string();
                ("200 OK", String::new(), body.into_bytes())
            }
            None => (
                "404 Not Found",
                String::new(),
                b"{\"error\":\"Invalid rev id\"}".to_vec(),
            ),
        },
        ["api", "models", "someone", "private", ..] => ("401 Unauthorized", String::new(), vec![]),
        ["api", "models", "someone", "empty", ..] => {
            let body = serde_json::json!({ "sha": COMMIT, "siblings": [{ "rfilename": "pytorch_model.bin" }] });
            ("200 OK", String::new(), body.to_string().into_bytes())
        }
        ["someone", "tiny", "resolve", revision, name] => {
            match (commit(revision), model_file(name)) {
                (Some(sha), Some(whole)) => {
                    let range = headers
                        .iter()
                        .find_map(|header| header.strip_prefix("range: bytes="))
                        .unwrap();
                    let (start, end) = range.split_once('-').unwrap();
                    let start: usize = start.parse().unwrap();
                    let end = end.parse().unwrap_or(whole.len() - 1);
                    let more = format!(
                        "ETag: \"{name}-{}\"\r\nX-Repo-Commit: {sha}\r\nContent-Range: bytes {start}-{end}/{}\r\n",
                        whole.len(),
                        whole.len()
                    );
                    ("206 Partial Content", more, whole[start..=end].to_vec())
                }
                _ => ("404 Not Found", String::new(), vec![]),
            }
        }
        _ => ("404 Not Found", String::new(), vec![]),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n",
        body.len()
    );
    stream
        .write_all(&[head.as_bytes(), &body].concat())
        .unwrap();
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = (folder.read_dir().unwrap())
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn refused(result: Result<PathBuf, Error>, parts: &[&str]) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Hub { .. }), "{error:?}");
    for part in parts {
        assert!(
            error.to_string().contains(part),
            "{error} does not say {part:?}"
        );
    }
}

#[test]
fn downloads_what_it_needs_and_only_once() {
    let (hub, cache) = (Hub::start(), tempfile::tempdir().unwrap());
    let options = hub.options(cache.path());
    let folder = fetch("someone/tiny", &options).unwrap();
    assert_eq!(
        files(&folder),
        [
            "config.json",
            "model.safetensors",
            "tokenizer.bin.gz",
            "tokenizer.json"
        ]
    );
    Bert::open(&folder, &Device::Cpu).unwrap();
    hub.asked();

    // The second time only whether the branch has moved.
    assert_eq!(fetch("someone/tiny", &options).unwrap(), folder);
    assert_eq!(hub.asked(), ["/api/models/someone/tiny/revision/main"]);

    // Without network, and offline, from the cache.
    let gone = HubOptions {
        endpoint: Some(nobody()),
        ..options.clone()
    };
    assert_eq!(fetch("someone/tiny", &gone).unwrap(), folder);
    let offline = HubOptions {
        offline: true,
        ..options
    };
    assert_eq!(fetch("someone/tiny", &offline).unwrap(), folder);
    assert!(hub.asked().is_empty());
}

#[test]
fn revisions_are_kept_apart() {
    let (hub, cache) = (Hub::start(), tempfile::tempdir().unwrap());
    let at = |revision: &str, offline| HubOptions {
        revision: Some(revision.into()),
        offline,
        ..hub.options(cache.path())
    };
    let main = fetch("someone/tiny", &hub.options(cache.path())).unwrap();
    refused(
        fetch("someone/tiny", &at("v1", true)),
        &["someone/tiny@v1", "not in the cache"],
    );
    let tagged = fetch("someone/tiny", &at("v1", false)).unwrap();
    assert_ne!(main, tagged);
    assert!(tagged.ends_with(TAGGED));
    assert_eq!(fetch("someone/tiny", &at("v1", true)).unwrap(), tagged);

    // A commit never changes, so that nobody is asked.
    hub.asked();
    assert_eq!(fetch("someone/tiny", &at(TAGGED, false)).unwrap(), tagged);
    assert!(hub.asked().is_empty());
    refused(
        fetch("someone/tiny", &at("v9", false)),
        &["someone/tiny@v9", "no such revision"],
    );
}

#[test]
fn refusals_say_what_to_do() {
    let (hub, cache) = (Hub::start(), tempfile::tempdir().unwrap());
    let options = hub.options(cache.path());
    refused(
        fetch("someone/nothing", &options),
        &["someone/nothing", "does not exist", "check the id"],
    );
    refused(fetch("someone/private", &options), &["private", "token"]);
    refused(
        fetch("someone/empty", &options),
        &["no weights", "model.safetensors"],
    );
    for id in ["", "a/b/c", "../x", "a b", "/tmp"] {
        refused(fetch(id, &options), &["expected owner/name"]);
    }
    let gone = HubOptions {
        endpoint: Some(nobody()),
        ..options.clone()
    };
    refused(
        fetch("someone/tiny", &gone),
        &["does not answer", "check network"],
    );
    let offline = HubOptions {
        offline: true,
        ..options
    };
    refused(
        fetch("someone/tiny", &offline),
        &["not in the cache", "offline"],
    );
}
