//! Every command in the README, run as it stands there.

mod tiny;

use std::path::Path;
use std::process::Command;

/// Blocks of shell commands, without those of cargo, which build what is running here.
fn commands() -> Vec<String> {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("cargo "))
        .map(str::to_owned)
        .collect()
}

/// The files that the examples name.
fn prepare(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    tiny::tiny_model(&folder.join("model"));
    let rows = |key: &str| {
        let row = |n| tiny::row(n).replace("\"text\":", &format!("\"{key}\":"));
        // Every 50th row of the generator fails, and these commands should not.
        (0..40).map(|n| row(n) + "\n").collect::<String>()
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("corpus.jsonl", rows("text").as_bytes());
    write("bodies.jsonl", rows("body").as_bytes());
    write(
        "dump.jsonl.zst",
        &zstd::encode_all(rows("text").as_bytes(), 1).unwrap(),
    );
    std::fs::create_dir(folder.join("articles")).unwrap();
    for name in ["en-typhoon-engineers.txt", "uk-volleyball.txt"] {
        let sample = root.join("datasets/samples").join(name);
        std::fs::copy(sample, folder.join("articles").join(name)).unwrap();
    }
    std::fs::create_dir(folder.join("news")).unwrap();
    let csv = (0..20).map(|n| format!("{n}\tKenya and Peru signed treaty {n}.\n"));
    let csv = "id\tbody\n".to_owned() + &csv.collect::<String>();
    write("news/monday.csv", csv.as_bytes());
    let dev = std::fs::read_to_string(root.join("datasets/tone-written/dev.jsonl")).unwrap();
    let labelled: Vec<_> = dev.lines().take(60).collect();
    write("labelled.jsonl", labelled.join("\n").as_bytes());
}

#[test]
fn every_command_of_the_readme_runs() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let program = Path::new(env!("CARGO_BIN_EXE_detente")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let commands = commands();
    assert!(commands.len() >= 12, "{commands:#?}");
    for command in commands {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("DETENTE_MODEL", "model")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}\n{stderr}");
    }
}
