//! The program as a user calls it: formats, exit status, and what becomes of bad input.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn detente(args: &[&str]) -> Output {
    command(args).output().expect("the program starts")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detente"));
    command.args(args).current_dir(root());
    command
}

fn with_stdin(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn rows(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

const VISIT: &str = "The prime ministers of Norway and Japan signed an agreement on joint research in Oslo and praised their cooperation.";
const THREAT: &str =
    "Moscow threatened Berlin with retaliation and expelled ten diplomats after the new sanctions.";

/// The promise of `datasets/samples`: what the labels file says is what the program says.
#[test]
fn the_samples_get_their_labels() {
    let output = detente(&["score", "datasets/samples", "--format", "jsonl"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let verdicts = rows(&output);
    let labels = std::fs::read_to_string(root().join("datasets/samples/labels.jsonl")).unwrap();
    let labels: Vec<Value> = labels
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(verdicts.len(), labels.len());
    assert!(labels.len() >= 12);
    let mut wrong = Vec::new();
    for label in &labels {
        let verdict = verdicts.iter().find(|v| v["id"] == label["id"]).unwrap();
        assert_eq!(verdict["lang"], label["lang"], "{}", label["id"]);
        let right = match label["lean"].as_str() {
            Some("+") => {
                verdict["label"] == "cooperative" && verdict["abstain"] != "not_diplomatic"
            }
            Some("-") => {
                verdict["label"] == "confrontational" && verdict["abstain"] != "not_diplomatic"
            }
            _ => verdict["abstain"] == "not_diplomatic",
        };
        if !right {
            wrong.push(format!(
                "{} {} {} {}",
                label["id"], verdict["label"], verdict["p_cooperative"], verdict["relevance"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Tails of the opposite tone must not be among the evidence.
#[test]
fn tails_are_no_evidence() {
    for (name, tail) in [
        ("uk-border-crossing.txt", "Фото: "),
        ("en-tariff-threat.txt", "Photo: Harbour"),
    ] {
        let path = root().join("datasets/samples").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let tail = text
            .find(tail)
            .unwrap_or_else(|| panic!("{name} has its tail"));
        let output = detente(&["score", path.to_str().unwrap(), "--evidence", "50"]);
        for evidence in rows(&output)[0]["evidence"].as_array().unwrap() {
            let range = evidence["start"].as_u64().unwrap() as usize
                ..evidence["end"].as_u64().unwrap() as usize;
            assert!(range.end <= tail, "{name}: {}", &text[range]);
        }
    }
}

#[test]
fn a_bad_row_is_reported_with_its_place_and_the_others_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = format!("{{\"id\":\"a\",\"text\":\"{VISIT}\",\"extra\":[1,2]}}\nnot json\n{{\"id\":\"c\",\"body\":\"x\"}}\n").into_bytes();
    lines.extend(b"{\"id\":\"d\",\"text\":\"\"}\n\xff\xfe\n");
    lines.extend(format!("{{\"id\":\"f\",\"text\":\"{THREAT}\"}}\n").bytes());
    let path = write(folder.path(), "in.jsonl", &lines);
    let output = detente(&["score", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "some rows failed");
    let rows = rows(&output);
    assert_eq!(rows.len(), 6, "one row out for each row in");
    assert_eq!(rows[0]["label"], "cooperative");
    assert_eq!(
        rows[0]["extra"].to_string(),
        "[1,2]",
        "input columns pass through"
    );
    assert_eq!(rows[5]["label"], "confrontational");
    for (number, reason) in [
        (1, "not a JSON object"),
        (2, "no column `text`"),
        (3, "empty"),
        (4, "not UTF-8"),
    ] {
        let error = rows[number]["error"].as_str().unwrap();
        assert!(
            error.contains(&format!("row {}", number + 1)) && error.contains(reason),
            "{error}"
        );
        assert!(
            error.contains("in.jsonl") && stderr(&output).contains(error),
            "{error}"
        );
        assert!(rows[number].get("label").is_none());
    }
    assert_eq!(rows[3]["id"], "d", "what is known of a bad row is kept");
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.txt", VISIT.as_bytes());
    write(folder.path(), "b.txt", b"\xff\xfe\x00");
    write(folder.path(), "c.txt", b" \n ");
    write(folder.path(), "d.txt", THREAT.as_bytes());
    let output = detente(&["score", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let labels: Vec<_> = rows(&output).iter().map(|r| r["label"].clone()).collect();
    assert_eq!(
        labels,
        [
            "cooperative".into(),
            Value::Null,
            Value::Null,
            "confrontational".into()
        ]
    );
    let messages = stderr(&output);
    assert!(
        messages.contains("b.txt") && messages.contains("c.txt"),
        "{messages}"
    );

    let output = detente(&[
        "score",
        "no-such-file.jsonl",
        folder.path().join("a.txt").to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no-such-file.jsonl"));
    assert_eq!(rows(&output)[1]["label"], "cooperative");
}

#[test]
fn what_cannot_start_says_what_to_do() {
    for (args, reason) in [
        (
            &["score", "datasets/samples", "--model", "no/such/folder"][..],
            "no such folder",
        ),
        (
            &["score", "datasets/samples", "--model", "tests/fixtures"],
            "tests/fixtures",
        ),
        (&["score", "datasets/samples", "--device", "cuda"], "cuda"),
        (&["score", "datasets/samples", "--alpha", "2"], "alpha"),
        (&["eval", "no-such.jsonl"], "no-such.jsonl"),
    ] {
        let output = detente(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            stderr(&output).contains(reason),
            "{args:?}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn standard_input_is_rows_or_one_article() {
    let output = with_stdin(
        &["score", "-"],
        format!("\n{{\"text\":\"{THREAT}\"}}\n").as_bytes(),
    );
    assert_eq!(
        rows(&output)[0]["label"],
        "confrontational",
        "{}",
        stderr(&output)
    );
    let output = with_stdin(&["score", "-"], VISIT.as_bytes());
    assert_eq!(
        rows(&output)[0]["label"],
        "cooperative",
        "{}",
        stderr(&output)
    );
}

#[test]
fn columns_can_be_named() {
    let input = format!("{{\"url\":\"u1\",\"body\":\"{VISIT}\"}}\n");
    let output = with_stdin(
        &[
            "score",
            "-",
            "--text-column",
            "body",
            "--id-column",
            "url",
            "--format",
            "table",
        ],
        input.as_bytes(),
    );
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(
        table.contains("u1") && table.contains("cooperative") && table.contains("Norway"),
        "{table}"
    );
}

#[test]
fn csv_holds_the_same_columns() {
    let input = format!("{{\"id\":\"a\",\"n\":7,\"text\":\"{VISIT}\"}}\n{{\"id\":\"b\"}}\n");
    let output = with_stdin(&["score", "-", "--format", "csv"], input.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| {
        header
            .iter()
            .position(|h| h == name)
            .unwrap_or_else(|| panic!("{name} in {header:?}"))
    };
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 2);
    assert_eq!(
        (&records[0][at("n")], &records[0][at("label")]),
        ("7", "cooperative")
    );
    let evidence: Value = serde_json::from_str(&records[0][at("evidence")]).unwrap();
    assert!(evidence[0]["contribution"].as_f64().unwrap() > 0.0);
    assert!(records[1][at("error")].contains("no column `text`"));
}

/// `detente … | head` is no failure.
#[test]
fn a_reader_that_leaves_is_no_failure() {
    let input = format!("{{\"text\":\"{VISIT}\"}}\n").repeat(300);
    let mut child = command(&["score", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // The program may leave before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn eval_reports_in_three_forms() {
    let folder = tempfile::tempdir().unwrap();
    let row = |text: &str, lean: &str| {
        format!("{{\"lang\":\"en\",\"text\":\"{text}\",\"rel\":2,\"lean\":\"{lean}\"}}\n")
    };
    let path = write(
        folder.path(),
        "l.jsonl",
        (row(VISIT, "+") + &row(THREAT, "-") + "{}\n").as_bytes(),
    );
    let path = path.to_str().unwrap();
    let output = detente(&["eval", path, "--format", "json"]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "the row without a text is reported"
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["overall"]["accuracy"], 1.0);
    assert_eq!(report["languages"]["en"]["rows"], 2);
    for format in ["table", "markdown"] {
        let output = detente(&["eval", path, "--format", format]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("macro-F1") && text.contains("1.000"),
            "{text}"
        );
    }
}

/// From labels to a model of one's own: fit writes a folder that `score --model` reads.
#[test]
fn fit_writes_a_model_that_scores() {
    let folder = tempfile::tempdir().unwrap();
    let written = std::fs::read_to_string(root().join("datasets/tone-written/dev.jsonl")).unwrap();
    let labels: Vec<&str> = written
        .lines()
        .filter(|l| l.contains("\"lang\": \"en\""))
        .collect();
    assert!(labels.len() > 20);
    let labels = write(folder.path(), "labels.jsonl", labels.join("\n").as_bytes());
    let model = folder.path().join("mine");
    let output = detente(&[
        "fit",
        labels.to_str().unwrap(),
        "--output",
        model.to_str().unwrap(),
        "--folds",
        "3",
        "--id",
        "mine",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        report.contains("before") && report.contains("accuracy"),
        "{report}"
    );
    let output = with_stdin(
        &["score", "-", "--model", model.to_str().unwrap()],
        THREAT.as_bytes(),
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let row = &rows(&output)[0];
    assert_eq!(
        (row["label"].as_str(), row["model"]["id"].as_str()),
        (Some("confrontational"), Some("mine"))
    );

    let one_kind = write(
        folder.path(),
        "one.jsonl",
        format!("{{\"text\":\"{VISIT}\",\"lean\":\"+\"}}\n").as_bytes(),
    );
    let output = detente(&[
        "fit",
        one_kind.to_str().unwrap(),
        "--output",
        model.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("0 confrontational"),
        "{}",
        stderr(&output)
    );
}

/// Training reads these windows, so they must be those that scoring uses.
#[test]
fn windows_are_those_of_scoring() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(
        folder.path(),
        "l.jsonl",
        format!("{{\"id\":\"a\",\"rel\":2,\"text\":\"{VISIT} {THREAT}\"}}\n").as_bytes(),
    );
    let output = detente(&[
        "windows",
        path.to_str().unwrap(),
        "--model",
        "models/default",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let windows = &rows(&output)[0];
    let scored = &rows(&detente(&[
        "score",
        path.to_str().unwrap(),
        "--evidence",
        "9",
    ]))[0];
    assert_eq!(windows["rel"], 2);
    assert!(windows.get("text").is_none());
    assert_eq!(
        windows["sentences"].as_array().unwrap().len(),
        scored["evidence"].as_array().unwrap().len()
    );
    let ids = windows["windows"][0]["ids"].as_array().unwrap();
    assert_eq!(
        ids.len() as u64,
        scored["coverage"]["tokens"].as_u64().unwrap() + 2
    );
}
