//! Settings beside what is typed, on the real command line.

use super::*;

/// Parses a command line beside a settings file and variables; the arguments as they are debugged, or the error.
fn parsed(line: &str, file: &str, variables: &[(&str, &str)]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, file).unwrap();
    let argv = format!("detente --config {} {line}", path.display());
    let argv: Vec<OsString> = argv.split(' ').map(OsString::from).collect();
    let env = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name)?;
        Some(OsString::from(found.1))
    };
    match parse(&argv, &env) {
        Ok(args) => Ok(format!("{args:?}")),
        Err(error) => Err(format!("{error:#}")),
    }
}

fn gives(line: &str, file: &str, variables: &[(&str, &str)], part: &str) {
    let args = parsed(line, file, variables).unwrap();
    assert!(args.contains(part), "{part} is not in {args}");
}

fn refuses(line: &str, file: &str, variables: &[(&str, &str)], parts: &[&str]) {
    let error = parsed(line, file, variables).unwrap_err();
    for part in parts {
        assert!(error.contains(part), "{error} does not say {part:?}");
    }
}

#[test]
fn what_is_typed_comes_before_the_environment_and_that_before_the_file() {
    let file = "[eval]\nalpha = 0.3\n";
    let variable = [("DETENTE_EVAL_ALPHA", "0.2")];
    gives("eval x", "", &[], "alpha: 0.1");
    gives("eval x", file, &[], "alpha: 0.3");
    gives("eval x", file, &variable, "alpha: 0.2");
    gives("eval x --alpha 0.4", file, &variable, "alpha: 0.4");
    gives("eval x", file, &[("DETENTE_EVAL_ALPHA", "")], "alpha: 0.3");
    // Nobody else's.
    gives("fit x --output y", file, &variable, "max_lost: ");
}

#[test]
fn what_commands_share_is_set_for_all_of_them_or_for_one() {
    let file = "model = \"shared\"\nthreads = 3\n[eval]\nmodel = \"own\"\n";
    gives("eval x", file, &[], "model: Some(\"own\")");
    gives("eval x", file, &[], "threads: Some(3)");
    gives("fit x --output y", file, &[], "model: Some(\"shared\")");
    let variable = [("DETENTE_MODEL", "variable")];
    gives("eval x", file, &variable, "model: Some(\"variable\")");
    let both = [
        ("DETENTE_MODEL", "variable"),
        ("DETENTE_EVAL_MODEL", "nearer"),
    ];
    gives("eval x", file, &both, "model: Some(\"nearer\")");
    // Its --model is another option, and required.
    refuses("windows x", file, &variable, &["--model"]);
}

#[test]
fn a_switch_is_turned_on_by_a_setting_and_off_by_its_negation() {
    gives("eval x", "", &[], "offline: false");
    gives("eval x", "offline = true", &[], "offline: true");
    gives("model pull a/b", "offline = true", &[], "offline: true");
    gives(
        "eval x --no-offline",
        "offline = true",
        &[],
        "offline: false",
    );
    gives(
        "eval x",
        "offline = true",
        &[("DETENTE_OFFLINE", "0")],
        "offline: false",
    );
    gives(
        "eval x --offline",
        "",
        &[("DETENTE_OFFLINE", "false")],
        "offline: true",
    );
    refuses(
        "eval x",
        "",
        &[("DETENTE_OFFLINE", "maybe")],
        &["DETENTE_OFFLINE", "true or false"],
    );
}

#[test]
fn a_setting_gives_what_is_required() {
    refuses("fit x", "", &[], &["--output"]);
    gives(
        "fit x",
        "[fit]\noutput = \"folder\"",
        &[],
        "output: \"folder\"",
    );
    gives(
        "fit x",
        "",
        &[("DETENTE_FIT_OUTPUT", "folder")],
        "output: \"folder\"",
    );
    gives("model list", "[model-list]\nformat = \"json\"", &[], "Json");
}

#[test]
fn a_setting_gives_way_to_what_excludes_it() {
    let file = "[score]\ndedup = \"mark\"";
    gives("score x", file, &[], "dedup: Some(Mark)");
    gives("score x --shard 1/2", file, &[], "dedup: None");
    let variable = [("DETENTE_SCORE_SHARD", "1/2")];
    gives("score x", file, &variable, "dedup: None");
    gives("score x --dedup skip", "", &variable, "dedup: Some(Skip)");
    let both = "[score]\ndedup = \"mark\"\nshard = \"1/2\"";
    refuses("score x", both, &[], &["score.dedup", "score.shard"]);
    gives("score x --dedup skip", both, &[], "dedup: Some(Skip)");
}

#[test]
fn a_setting_gives_what_a_typed_flag_requires() {
    let file = "[score]\noutput = \"out\"";
    refuses("score x --resume", "", &[], &["--output"]);
    for line in ["score x --resume", "score --resume -- x"] {
        gives(line, file, &[], "output: Some(\"out\")");
        gives(line, file, &[], "resume: true");
    }
    gives("score x", "[score]\nresume = true", &[], "output: None");
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_place_and_what_was_meant() {
    let refuses = |file: &str, parts: &[&str]| refuses("eval x", file, &[], parts);
    refuses(
        "[eval]\nalhpa = 1",
        &["settings.toml", "eval.alhpa", "nearest is `alpha`"],
    );
    refuses("[eval]\nalpha = \"much\"", &["eval.alpha", "much"]);
    refuses("[eval]\nalpha = true", &["eval.alpha", "boolean"]);
    refuses("[eval]\nalpha = [0.1]", &["eval.alpha", "array"]);
    refuses(
        "[eval]\nformat = \"xml\"",
        &["eval.format", "xml", "markdown"],
    );
    refuses("offline = \"yes\"", &["key offline", "true or false"]);
    refuses("modle = \"x\"", &["key modle", "nearest is `model`"]);
    refuses("alpha = 0.1", &["key alpha", "[eval]"]);
    refuses("eval = 1", &["expected a table [eval]"]);
    refuses("[evla]\n", &["evla", "nearest is `eval`"]);
    refuses(
        "[completions]\nshell = \"zsh\"",
        &["completions.shell", "none can be set"],
    );
    refuses("\n[eval\n", &["settings.toml, line 2"]);
    // Also where another command is meant.
    refuses("[fit]\nfolds = \"many\"", &["fit.folds"]);
    let missing = parse(
        &["detente", "--config", "no.toml", "man"].map(OsString::from),
        &|_| None,
    );
    assert!(format!("{:#}", missing.unwrap_err()).contains("no.toml"));
}

#[test]
fn help_needs_no_settings() {
    let help = parsed("eval --help", "not a table", &[]).unwrap_err();
    assert!(
        help.contains("Usage: detente eval") && !help.contains("--no-offline"),
        "{help}"
    );
}

#[test]
fn every_option_of_every_command_can_be_set() {
    let command = command();
    command.clone().debug_assert();
    with_negations(command.clone()).debug_assert();
    for (name, command) in options::leaves(&command) {
        for (long, arg) in options(command) {
            // A value that each kind of option takes stands in its possible values or defaults.
            let possible = arg.get_possible_values();
            let value = match (is_switch(arg), possible.first(), arg.get_default_values()) {
                (true, ..) => "true".into(),
                (_, Some(value), _) => value.get_name().to_owned(),
                (_, _, [value, ..]) if !value.is_empty() => value.to_string_lossy().into_owned(),
                _ => continue,
            };
            let variable = format!("detente_{name}_{long}")
                .to_uppercase()
                .replace('-', "_");
            let env = |asked: &str| (asked == variable).then(|| OsString::from(&value));
            let settings = settings(command, &name, None, &env).unwrap();
            assert_eq!(settings.len(), 1, "{variable}");
            assert_eq!(settings[0].values.first(), Some(&value), "{variable}");
        }
    }
}
