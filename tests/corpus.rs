//! Runs over whole corpora: nothing is lost or there twice, however a run ends.

mod tiny;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with the tiny model and an input of `rows` rows.
struct Corpus {
    folder: TempDir,
}

impl Corpus {
    fn new(rows: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        tiny::tiny_model(&folder.path().join("model"));
        let lines: String = (0..rows).map(|n| tiny::row(n) + "\n").collect();
        std::fs::write(folder.path().join("in.jsonl"), lines).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Two folders of the same parts, and no others.
    fn assert_same_parts(&self, one: &str, other: &str) {
        let parts = |folder: &str| {
            let entries = std::fs::read_dir(self.path(folder)).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut parts: Vec<_> = names.filter(|name| name.starts_with("part-")).collect();
            parts.sort();
            parts
        };
        assert_eq!(parts(one), parts(other));
        for part in parts(one) {
            let bytes = |folder| self.bytes(&format!("{folder}/{part}"));
            assert!(bytes(one) == bytes(other), "{part}");
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_detente"));
        command.args(args).current_dir(self.folder.path());
        command.env("DETENTE_MODEL", "model");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs to an end at which some rows failed, as every 50th does.
    fn score(&self, args: &[&str]) {
        let output = self.run(&[&["score"], args].concat());
        assert_eq!(
            output.status.code(),
            Some(1),
            "{args:?}: {}",
            stderr(&output)
        );
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rows(bytes: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(bytes).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn kill(child: &mut Child) -> bool {
    let was_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    was_running
}

/// Moments out of a generator, so that a failure can be seen again.
fn moments() -> impl Iterator<Item = Duration> {
    let mut state = 20u64;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Duration::from_micros((state >> 33) % 600_000)
    })
}

/// The promise of `--resume`, under kill -9 at a hundred moments.
#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let corpus = Corpus::new(6_000);
    let mut moments = moments();
    let mut kills = 0;
    let kinds: [(&str, &[&str]); 4] = [
        ("out.jsonl", &[]),
        ("out.csv", &[]),
        ("out.parquet", &[]),
        ("copies.jsonl", &["--dedup", "mark", "--dedup-rows", "700"]),
    ];
    for round in 0.. {
        let (name, more) = kinds[round % kinds.len()];
        let whole = format!("whole-{name}");
        let args = |output: &'static str| ["in.jsonl", "--part-rows", "250", output];
        if round < kinds.len() {
            let output = ["--output", &whole];
            corpus.score(&[&args("--quiet")[..3], &output, more].concat());
        }
        let resumed = [
            &["score"],
            &args("")[..3],
            &["--output", name, "--resume"],
            more,
        ]
        .concat();
        loop {
            let mut child = corpus.command(&resumed).spawn().unwrap();
            std::thread::sleep(moments.next().unwrap());
            if !kill(&mut child) {
                break;
            }
            kills += 1;
        }
        if corpus.path(&format!("{name}.parts")).exists() {
            let output = corpus.run(&resumed);
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        }
        let again = corpus.run(&resumed);
        assert_eq!(again.status.code(), Some(1), "complete: {}", stderr(&again));
        assert!(
            corpus.bytes(name) == corpus.bytes(&whole),
            "{name}, after {kills} kills"
        );
        if kills >= 100 && round >= kinds.len() {
            break;
        }
        std::fs::remove_file(corpus.path(name)).unwrap();
        std::fs::remove_file(corpus.path(&format!("_{name}.manifest.json"))).unwrap();
    }
}

#[test]
fn rows_come_in_order_each_once() {
    let corpus = Corpus::new(1_200);
    corpus.score(&["in.jsonl", "--output", "out/", "--part-rows", "100"]);
    let mut parts: Vec<_> = std::fs::read_dir(corpus.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    parts.sort();
    assert_eq!(parts.len(), 12);
    let rows: Vec<_> = parts
        .iter()
        .flat_map(|path| rows(&std::fs::read(path).unwrap()))
        .collect();
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["id"], number);
        assert_eq!(row.get("error").is_some(), number % 50 == 49, "{row}");
        assert_eq!(row.get("label").is_some(), number % 50 != 49, "{row}");
    }
    assert_eq!(rows.len(), 1_200);
}

/// What one format holds, read again, is scored as the same text in another.
#[test]
fn every_format_gives_the_same_scores() {
    let corpus = Corpus::new(300);
    corpus.score(&["in.jsonl", "--output", "first.jsonl"]);
    let scores = |name: &str| {
        let rows = rows(&corpus.bytes(name)).into_iter().map(|row| {
            let ours = [
                "label",
                "tone",
                "p_cooperative",
                "relevance",
                "abstain",
                "lang",
            ];
            let ours = ours.map(|column| row[column].clone());
            (ours, row["evidence"].clone(), row["coverage"].clone())
        });
        rows.collect::<Vec<_>>()
    };
    let packed = zstd::encode_all(&corpus.bytes("in.jsonl")[..], 1).unwrap();
    std::fs::write(corpus.path("in.jsonl.zst"), packed).unwrap();
    for (output, format) in [
        ("again.csv", "csv"),
        ("again.parquet", "parquet"),
        ("flat.parquet", "parquet-flat"),
    ] {
        corpus.score(&["in.jsonl", "--output", output, "--format", format]);
    }
    for input in ["in.jsonl.zst", "again.csv", "again.parquet", "flat.parquet"] {
        let output = format!("from-{input}.jsonl");
        corpus.score(&[input, "--output", &output]);
        assert!(scores(&output) == scores("first.jsonl"), "{input}");
    }
}

#[test]
fn shards_merge_to_the_whole() {
    let corpus = Corpus::new(1_000);
    for format in ["jsonl", "csv"] {
        let whole = format!("whole.{format}");
        corpus.score(&["in.jsonl", "--output", &whole]);
        let folders: Vec<_> = (1..=3).map(|i| format!("{format}-{i}")).collect();
        for (i, folder) in folders.iter().enumerate() {
            let shard = format!("{}/3", i + 1);
            let shard = ["--shard", &shard, "--part-rows", "70", "--format", format];
            corpus.score(&[&["in.jsonl", "--output", folder], &shard[..]].concat());
        }
        let merged = format!("merged.{format}");
        let merge = [
            "merge",
            &folders[2],
            &folders[0],
            &folders[1],
            "--output",
            &merged,
        ];
        assert_eq!(
            corpus.run(&merge).status.code(),
            Some(1),
            "failed rows are in it"
        );
        assert!(corpus.bytes(&merged) == corpus.bytes(&whole), "{format}");

        let missing = corpus.run(&["merge", &folders[0], &folders[2], "--output", "x"]);
        assert_eq!(missing.status.code(), Some(2));
        assert!(
            stderr(&missing).contains("shard 2/3 is missing"),
            "{}",
            stderr(&missing)
        );
        let twice = ["merge", &folders[0], &folders[1], &folders[1], &folders[2]];
        let twice = corpus.run(&[&twice[..], &["--output", "x"]].concat());
        assert!(
            stderr(&twice).contains("is shard 2 of 3, as is"),
            "{}",
            stderr(&twice)
        );
        assert!(!corpus.path("x").exists());
    }
}

#[test]
fn another_run_is_not_gone_on_with() {
    let corpus = Corpus::new(300);
    let output = ["in.jsonl", "--output", "out", "--part-rows", "100"];
    corpus.score(&output);
    let again = corpus.run(&[&["score"], &output[..]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("--resume"), "{}", stderr(&again));
    let changed = |args: &[&str], named: &str| {
        let output = corpus.run(&[&["score"], &output[..], &["--resume"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            stderr(&output).contains(named),
            "{args:?}: {}",
            stderr(&output)
        );
    };
    changed(&["--evidence", "7"], "settings was");
    changed(&["--alpha", "0.2"], "alpha was");
    changed(&["--shard", "1/2"], "shard was");
    changed(&["--text-column", "body"], "reading was");
    let more = corpus.bytes("in.jsonl").repeat(2);
    std::fs::write(corpus.path("in.jsonl"), more).unwrap();
    changed(&[], "input was");
}

#[test]
fn too_many_errors_end_the_run_and_what_is_done_stays() {
    let corpus = Corpus::new(2_000);
    let args = ["score", "in.jsonl", "--output", "out", "--part-rows", "100"];
    let stopped = corpus.run(&[&args[..], &["--max-errors", "10"]].concat());
    assert_eq!(stopped.status.code(), Some(2));
    assert!(
        stderr(&stopped).contains("--max-errors"),
        "{}",
        stderr(&stopped)
    );
    let resumed = corpus.run(&[&args[..], &["--resume"]].concat());
    assert_eq!(resumed.status.code(), Some(1), "{}", stderr(&resumed));
    corpus.score(&["in.jsonl", "--output", "whole", "--part-rows", "100"]);
    corpus.assert_same_parts("out", "whole");
}

/// Standard output on a full disk, and a folder of parts on one that gets room again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_loss() {
    let corpus = Corpus::new(2_000);
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command = corpus.command(&["score", "in.jsonl"]);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("No space left"),
        "{}",
        stderr(&output)
    );

    let disk = corpus.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |options: &str| {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&disk);
        mount.output().is_ok_and(|output| output.status.success())
    };
    if !mount("size=200k") {
        println!("skipped: no right to mount a small disk");
        return;
    }
    let _unmount = Unmount(&disk);
    let args = ["in.jsonl", "--part-rows", "100"];
    let on_disk = [&["score"], &args[..], &["--output", "disk/out", "--resume"]].concat();
    let stopped = corpus.run(&on_disk);
    assert_eq!(stopped.status.code(), Some(2));
    assert!(
        stderr(&stopped).contains("No space left"),
        "{}",
        stderr(&stopped)
    );
    assert!(mount("remount,size=16m"));
    let resumed = corpus.run(&on_disk);
    assert_eq!(resumed.status.code(), Some(1), "{}", stderr(&resumed));
    corpus.score(&[&args[..], &["--output", "whole"]].concat());
    corpus.assert_same_parts("disk/out", "whole");
}

#[cfg(target_os = "linux")]
struct Unmount<'a>(&'a Path);

#[cfg(target_os = "linux")]
impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn copies_get_the_scores_of_their_original() {
    let corpus = Corpus::new(0);
    let article = "The foreign ministers of Norway and Kenya signed an agreement on fisheries in Oslo on Tuesday after \
        two years of talks. The agreement gives Kenyan vessels access to training and Norwegian firms a share of \
        the processing. Both ministers praised the patience of their negotiators and promised a first review in spring.";
    let other = "Peru expelled the ambassador of Spain on Friday and threatened to close the harbour of Callao to its ships. \
        Madrid called the step unjustified, recalled its own envoy and said that it would answer in kind within days.";
    let copy = format!("{article} (Reuters)");
    let lines: String = [("a", article), ("b", other), ("c", &copy)]
        .map(|(id, text)| serde_json::json!({"id": id, "text": text}).to_string() + "\n")
        .concat();
    std::fs::write(corpus.path("in.jsonl"), lines).unwrap();
    let score = |mode| corpus.run(&["score", "in.jsonl", "--dedup", mode]);
    let marked = rows(&score("mark").stdout);
    assert_eq!(marked.len(), 3);
    assert_eq!(marked[2]["duplicate_of"], "a");
    assert_eq!(marked[2]["tone"], marked[0]["tone"]);
    assert!(marked[0].get("duplicate_of").is_none() && marked[1].get("duplicate_of").is_none());
    assert_eq!(
        marked[2]["evidence"],
        serde_json::json!([]),
        "offsets are of another text"
    );
    let ids: Vec<_> = rows(&score("skip").stdout)
        .iter()
        .map(|r| r["id"].clone())
        .collect();
    assert_eq!(ids, ["a", "b"]);
}

/// Also by a run that goes on after it.
#[test]
fn a_row_with_the_id_of_an_earlier_one_fails() {
    let corpus = Corpus::new(0);
    let lines: String = (0..2_000)
        .map(|n| tiny::row(if n % 7 == 6 { n - n % 300 } else { n }) + "\n")
        .collect();
    std::fs::write(corpus.path("in.jsonl"), lines).unwrap();
    let kinds: [&[&str]; 3] = [&[], &["--dedup", "mark"], &["--shard", "2/3"]];
    for more in kinds {
        let args = |name| [&["in.jsonl", "--part-rows", "100", "--output", name], more].concat();
        corpus.score(&args("whole.jsonl"));
        let stopped = args("out.jsonl");
        let stopped = corpus.run(&[&["score"], &stopped[..], &["--max-errors", "90"]].concat());
        assert_eq!(stopped.status.code(), Some(2), "{}", stderr(&stopped));
        corpus.score(&[&args("out.jsonl")[..], &["--resume"]].concat());
        let whole = corpus.bytes("whole.jsonl");
        assert!(corpus.bytes("out.jsonl") == whole, "{more:?}");
        let rows = rows(&whole);
        if more.is_empty() {
            assert_eq!(
                rows[6]["error"],
                "in.jsonl, row 7: id \"0\" was already that of row 1"
            );
            assert_eq!(
                rows[20]["error"],
                "in.jsonl, row 21: id \"0\" was already that of row 1"
            );
            assert!(rows[300].get("label").is_some() && rows[300]["id"] == 300);
        }
        for name in ["whole.jsonl", "out.jsonl"] {
            std::fs::remove_file(corpus.path(name)).unwrap();
            std::fs::remove_file(corpus.path(&format!("_{name}.manifest.json"))).unwrap();
        }
    }
}

#[test]
fn standard_input_goes_to_parts_but_cannot_be_gone_on_with() {
    let corpus = Corpus::new(0);
    let lines: String = (0..1_500)
        .filter(|n| n % 50 != 49)
        .map(|n| tiny::row(n) + "\n")
        .collect();
    std::fs::write(corpus.path("in.jsonl"), lines).unwrap();
    let piped = |args: &[&str]| {
        let input = std::fs::File::open(corpus.path("in.jsonl")).unwrap();
        let mut command = corpus.command(&[&["score", "-", "--part-rows", "400"], args].concat());
        command.stdin(input).output().unwrap()
    };
    for name in ["out.jsonl", "out.parquet"] {
        let file = format!("file-{name}");
        let part_rows = ["--part-rows", "400"];
        let from_file =
            corpus.run(&[&["score", "in.jsonl", "--output", &file], &part_rows[..]].concat());
        assert!(from_file.status.success(), "{}", stderr(&from_file));
        let output = piped(&["--output", name]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(corpus.bytes(name) == corpus.bytes(&file), "{name}");
    }
    let output = piped(&["--output", "more", "--resume"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("a second time"),
        "{}",
        stderr(&output)
    );
    assert!(!corpus.path("more").exists());
}

#[test]
fn progress_as_json_ends_in_a_summary() {
    let corpus = Corpus::new(500);
    let output = corpus.run(&["score", "in.jsonl", "--progress", "json", "--output", "out"]);
    let stderr = stderr(&output);
    let last: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "summary");
    assert_eq!(last["summary"]["rows"], 500);
    assert_eq!(last["summary"]["failed"], 10);
    assert!(last["stages"]["encode"].as_f64().is_some());
}

#[test]
fn a_dry_run_says_what_would_be_read_and_writes_nothing() {
    let corpus = Corpus::new(400);
    let output = corpus.run(&["score", "in.jsonl", "--dry-run", "--output", "out"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("1 files") && text.contains("rows to score"),
        "{text}"
    );
    assert!(!corpus.path("out").exists());
}

/// A file that cannot be read is one row, and when it can, any number: every row after it is another one then.
#[test]
fn a_file_that_can_be_read_again_moves_the_rows_after_it() {
    let corpus = Corpus::new(0);
    std::fs::create_dir(corpus.path("in")).unwrap();
    let rows = |from: u64| (from..from + 500).map(|n| tiny::row(n) + "\n");
    for (name, from) in [("a.jsonl", 0), ("c.jsonl", 2_000)] {
        let rows: String = rows(from).collect();
        std::fs::write(corpus.path("in").join(name), rows).unwrap();
    }
    let then = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    // As long as it is when it can be read: neither its size nor its time tells.
    let write = |name: &str, is_sound: bool| {
        let from = if name == MIDDLE { 1_000 } else { 3_000 };
        let mut bytes = zstd::encode_all(rows(from).collect::<String>().as_bytes(), 1).unwrap();
        if !is_sound {
            bytes.fill(0);
        }
        let path = corpus.path("in").join(name);
        std::fs::write(&path, bytes).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(then).unwrap();
    };
    const MIDDLE: &str = "b.jsonl.zst";
    const LAST: &str = "d.jsonl.zst";
    for (name, more) in [
        ("all", &[][..]),
        ("marked", &["--dedup", "mark"]),
        ("unique", &["--dedup", "skip"]),
    ] {
        let args = |output: &str| {
            let args = ["score", "in", "--part-rows", "300", "--output", output];
            let output = corpus.run(&[&args[..], more].concat());
            output.status.code()
        };
        let resume = |output: &str| {
            let args = ["score", "in", "--part-rows", "300", "--resume"];
            corpus.run(&[&args[..], &["--output", output], more].concat())
        };
        write(MIDDLE, true);
        write(LAST, true);
        let whole = format!("{name} whole");
        assert_eq!(args(&whole), Some(1));
        for file in [MIDDLE, LAST] {
            let output = format!("{name} {}", &file[..1]);
            write(file, false);
            assert_eq!(args(&output), Some(1));
            write(file, true);
            assert_eq!(resume(&output).status.code(), Some(1));
            corpus.assert_same_parts(&output, &whole);
        }

        write(MIDDLE, false);
        let refused = resume(&whole);
        assert_eq!(refused.status.code(), Some(2));
        let message = stderr(&refused);
        assert!(
            message.contains("cannot go on") && message.contains(MIDDLE),
            "{message}"
        );
        write(MIDDLE, true);
        let again = resume(&whole);
        assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
    }

    // The parts of an output of one file are gone when it is there.
    for suffix in ["jsonl", "csv", "parquet"] {
        let args = |output: &str, more: &[&str]| {
            let args = ["score", "in", "--part-rows", "300", "--output", output];
            let output = corpus.run(&[&args[..], more].concat());
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        };
        let (whole, output) = (format!("whole.{suffix}"), format!("out.{suffix}"));
        args(&whole, &[]);
        write(MIDDLE, false);
        args(&output, &[]);
        args(&output, &["--resume"]);
        assert!(corpus.bytes(&output) != corpus.bytes(&whole));
        write(MIDDLE, true);
        for _ in 0..2 {
            args(&output, &["--resume"]);
            assert!(corpus.bytes(&output) == corpus.bytes(&whole), "{suffix}");
            assert!(!corpus.path(&format!("{output}.parts")).exists());
        }
    }
}

/// A file server that was away for a while: rows that failed then are scored, the others are left as they are.
#[test]
fn rows_that_failed_are_scored_again() {
    use detente::corpus::{Copies, Dedup, Input, Job, Plan, Settings, Shard, Stages, Target};
    use detente::input::{self, Records};
    use detente::{Error, Model, Options, Scorer};

    let corpus = Corpus::new(2_000);
    let model = Model::open(&corpus.path("model"), &Default::default()).unwrap();
    let scorer = Scorer::new(model, Options::default()).unwrap();
    let file = corpus.path("in.jsonl");
    let options = input::Options::default();
    // More of one part than a chunk holds; 16 of them are empty anyway.
    let away = |row: usize| row == 3 || (100..900).contains(&row);
    let run = |name: &str, dedup: Option<Dedup>, is_away: bool, resume: bool| {
        let open = || -> Records {
            let records = input::read_all(std::slice::from_ref(&file), &options).enumerate();
            Box::new(
                records.map(move |(row, record)| match is_away && away(row) {
                    true => Err(Error::Argument("away".into()).into()),
                    false => record,
                }),
            )
        };
        let mut seen = 0;
        let (settings, stages) = (Settings { evidence: 1, dedup }, Stages::default());
        let plan = Plan {
            input: Some(Input::new(
                &input::identity(std::slice::from_ref(&file), &options).unwrap(),
            )),
            reading: serde_json::Value::Null,
            model: scorer.model().provenance(),
            compute: "cpu".into(),
            alpha: 0.1,
            settings: settings.clone(),
            shard: Shard::WHOLE,
            format: detente::output::Format::Jsonl,
            part_rows: 1_000,
        };
        let mut job = Job {
            scorer: &scorer,
            settings,
            shard: Shard::WHOLE,
            max_failed: None,
            open: &open,
            observer: &mut |_| seen += 1,
            stages: &stages,
        };
        let summary = job
            .score_to(&Target::Folder(corpus.path(name)), plan, resume)
            .unwrap();
        (summary.failed, seen)
    };
    assert_eq!(run("out", None, true, false), (825, 2_000));
    assert_eq!(
        run("out", None, false, true),
        (40, 825),
        "failed rows alone are scored"
    );
    run("whole", None, false, false);
    corpus.assert_same_parts("out", "whole");
    for copies in [Copies::Mark, Copies::Skip] {
        let dedup = Some(Dedup {
            copies,
            rows: 1_500,
            threshold: 0.7,
        });
        let name = format!("{copies:?}");
        let whole = format!("whole {name}");
        let (failed, seen) = run(&name, dedup, true, false);
        assert!(failed > 800 && seen == 2_000);
        assert_eq!(
            run(&name, dedup, false, true),
            run(&whole, dedup, false, false),
            "what is a copy depends on the rows before it: all are scored"
        );
        corpus.assert_same_parts(&name, &whole);
        let (_, seen) = run(&name, dedup, false, true);
        assert_eq!(seen, 0, "nothing is left to do");
    }
}
