//! Where the program looks for its settings file.

use std::path::Path;
use std::process::{Command, Output};

/// Runs `detente man` in a folder, with a home folder; which settings file was read shows by the mistake in it.
fn run(folder: &Path, home: &Path, more: &[&str], variables: &[(&str, &Path)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_detente"))
        .arg("man")
        .args(more)
        .current_dir(folder)
        .env_clear()
        .env("HOME", home)
        .envs(variables.iter().copied())
        .output()
        .expect("the program starts")
}

fn blames(output: &Output, key: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(key), "{said} does not name {key}");
}

#[test]
fn the_nearest_settings_file_is_read() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, key: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("{key} = 1\n")).unwrap();
        path
    };
    let (folder, home) = (root.path().join("work"), root.path().join("home"));
    std::fs::create_dir(&folder).unwrap();
    let run = |more: &[&str], variables: &[(&str, &Path)]| run(&folder, &home, more, variables);
    assert!(run(&[], &[]).status.success(), "none is needed");

    #[cfg(unix)]
    {
        write("home/.config/detente/detente.toml", "of-home");
        blames(&run(&[], &[]), "of-home");
    }
    write("xdg/detente/detente.toml", "of-xdg");
    let xdg = root.path().join("xdg");
    let xdg = [("XDG_CONFIG_HOME", xdg.as_path())];
    blames(&run(&[], &xdg), "of-xdg");
    write("work/detente.toml", "of-folder");
    blames(&run(&[], &xdg), "of-folder");
    let of_variable = write("variable.toml", "of-variable");
    let variable = [("DETENTE_CONFIG", of_variable.as_path())];
    blames(&run(&[], &variable), "of-variable");
    let named = write("named.toml", "of-flag");
    blames(
        &run(&["--config", named.to_str().unwrap()], &variable),
        "of-flag",
    );
}

#[test]
fn a_setting_reaches_the_command() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(
        root.path().join("detente.toml"),
        "[man]\noutput = \"pages\"\n",
    )
    .unwrap();
    let output = run(root.path(), root.path(), &[], &[]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(root.path().join("pages/detente-score.1").is_file());
}
