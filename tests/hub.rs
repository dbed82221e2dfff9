//! The hub client against a server on this machine that answers as the hub does; nothing leaves it.
#![cfg(feature = "hub")]

mod common;

use detente::Error;
use detente::encoder::hub::{Download, HubOptions, cached, fetch, fetch_with};
use detente::encoder::{Bert, Device};
use std::path::{Path, PathBuf};

use common::{COMMIT, Hub, TAGGED, nobody};

fn options(hub: &Hub, cache: &Path) -> HubOptions {
    HubOptions {
        endpoint: Some(hub.endpoint.clone()),
        cache: Some(cache.into()),
        ..HubOptions::default()
    }
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
    let options = options(&hub, cache.path());
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
fn every_file_is_followed_from_its_first_byte_to_its_last() {
    let (hub, cache) = (Hub::start(), tempfile::tempdir().unwrap());
    let options = options(&hub, cache.path());
    let mut seen: Vec<(String, u64, u64)> = Vec::new();
    let mut follow = |d: Download<'_>| seen.push((d.file.to_owned(), d.done, d.total));
    let folder = fetch_with("someone/tiny", &options, &mut follow).unwrap();
    for name in files(&folder) {
        let of_file: Vec<_> = seen.iter().filter(|(file, ..)| *file == name).collect();
        let size = folder.join(&name).metadata().unwrap().len();
        assert_eq!(of_file.first().unwrap().1, 0, "{name}");
        assert_eq!(of_file.last().unwrap().1, size, "{name}");
        assert!(of_file.iter().all(|(_, _, total)| *total == size), "{name}");
    }
    // What is there already is not followed.
    fetch_with("someone/tiny", &options, &mut |d| panic!("{d:?}")).unwrap();

    let found = cached(&options).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].id.as_str(), found[0].commit.as_str()),
        ("someone/tiny", COMMIT)
    );
    assert_eq!(
        (found[0].names.join(" ").as_str(), &found[0].folder),
        ("main", &folder)
    );
}

#[test]
fn revisions_are_kept_apart() {
    let (hub, cache) = (Hub::start(), tempfile::tempdir().unwrap());
    let at = |revision: &str, offline| HubOptions {
        revision: Some(revision.into()),
        offline,
        ..options(&hub, cache.path())
    };
    let main = fetch("someone/tiny", &options(&hub, cache.path())).unwrap();
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
    let options = options(&hub, cache.path());
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
