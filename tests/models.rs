//! `detente model` as a user calls it, against a hub on this machine.
#![cfg(feature = "hub")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use common::{COMMIT, Hub, TAGGED, nobody};

/// Runs `detente model` with a cache of its own.
fn model(args: &[&str], endpoint: &str, home: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_detente"))
        .arg("model")
        .args(args)
        .current_dir(home)
        .env_clear()
        .envs([
            ("HF_ENDPOINT", endpoint.as_ref()),
            ("HF_HOME", home.as_os_str()),
        ])
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> &str {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "", "a bar is for terminals");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn refused(output: &Output, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    for part in parts {
        assert!(said.contains(part), "{said} does not say {part:?}");
    }
}

#[test]
fn a_model_is_pulled_once_and_then_listed_and_described() {
    let (hub, home) = (Hub::start(), tempfile::tempdir().unwrap());
    let run = |args: &[&str]| model(args, &hub.endpoint, home.path());
    refused(
        &run(&["info", "someone/tiny"]),
        &["not in the cache", "detente model pull someone/tiny"],
    );
    refused(
        &run(&["pull", "someone/tiny", "--offline"]),
        &["not in the cache"],
    );
    assert!(hub.asked().is_empty());

    let output = run(&["pull", "someone/tiny"]);
    let folder = stdout(&output).trim_end();
    assert!(folder.ends_with(COMMIT) && Path::new(folder).join("model.safetensors").is_file());
    let output = run(&["pull", "someone/tiny@v1"]);
    assert!(stdout(&output).trim_end().ends_with(TAGGED));
    hub.asked();
    let output = run(&["pull", "someone/tiny", "--offline"]);
    assert_eq!(stdout(&output).trim_end(), folder);
    assert!(hub.asked().is_empty());

    let output = run(&["list", "--format", "json"]);
    let listed: Vec<Value> = serde_json::from_str(stdout(&output)).unwrap();
    let pulled: Vec<_> = listed
        .iter()
        .filter(|m| m["id"] == "someone/tiny")
        .collect();
    let told: Vec<_> = pulled
        .iter()
        .map(|m| [&m["revision"], &m["commit"], &m["kind"]].map(|v| v.as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [["main", COMMIT, "encoder"], ["v1", TAGGED, "encoder"]]
    );
    assert_eq!(pulled[0]["path"], folder);
    assert!(pulled[0]["bytes"].as_u64().unwrap() > 90_000);
    let output = run(&["list"]);
    assert_eq!(
        stdout(&output).lines().count(),
        listed.len() + 1,
        "a line each, and a header"
    );

    let output = run(&["info", "someone/tiny@v1", "--format", "json"]);
    let info: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(
        (&info["id"], &info["revision"]),
        (&"someone/tiny".into(), &TAGGED.into())
    );
    assert_eq!(
        (&info["layers"], &info["hidden_size"]),
        (&2.into(), &32.into())
    );
    assert_eq!(info["storage"]["layers"], "f32");
    let output = run(&["info", folder]);
    assert!(
        stdout(&output).contains("encoder"),
        "a folder is described too"
    );
}

#[test]
fn what_cannot_be_pulled_says_why() {
    let (hub, home) = (Hub::start(), tempfile::tempdir().unwrap());
    let run = |args: &[&str]| model(args, &hub.endpoint, home.path());
    refused(
        &run(&["pull", "someone/nothing"]),
        &["someone/nothing", "check the id"],
    );
    refused(&run(&["pull", "someone/private"]), &["private", "token"]);
    refused(
        &run(&["pull", "someone/tiny@v9"]),
        &["v9", "no such revision"],
    );
    refused(&run(&["pull", "a b"]), &["expected owner/name"]);
    let output = model(&["pull", "someone/tiny"], &nobody(), home.path());
    refused(&output, &["does not answer", "check network"]);
    refused(
        &run(&["info", "no/such/folder"]),
        &["no/such/folder", "no such folder"],
    );
}

#[cfg(feature = "embedded")]
#[test]
fn the_model_inside_is_there_without_a_cache() {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| model(args, &nobody(), home.path());
    let output = run(&["list", "--format", "json"]);
    let listed: Vec<Value> = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(listed.len(), 1);
    let output = run(&["info", "--format", "json"]);
    let info: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(
        (&info["id"], &info["kind"]),
        (&listed[0]["id"], &"detente".into())
    );
    assert_eq!(info["weights_hash"].as_str().unwrap().len(), 64);
    assert!(info["path"].is_null() && info["relevance_threshold"].as_f64().unwrap() > 0.0);
    let output = run(&["info"]);
    assert!(stdout(&output).contains(info["weights_hash"].as_str().unwrap()));
}
