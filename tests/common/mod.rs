//! A server on this machine that answers as the Hugging Face hub does; nothing leaves it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The commit that `main` is.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The commit that `v1` is.
pub const TAGGED: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// A hub with one public model, `someone/tiny`, with branch `main` and tag `v1`, and a private one.
pub struct Hub {
    /// Its address.
    pub endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    pub fn start() -> Self {
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

    /// The paths asked for since the last call.
    pub fn asked(&self) -> Vec<String> {
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
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
