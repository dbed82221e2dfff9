//! `detente aggregate`: scored rows in, figures of groups out.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use console::{Alignment, measure_text_width, pad_str, truncate_str};
use detente::aggregate::{Aggregation, By, Figures, Group, Options, chart};
use detente::input;
use serde_json::{Map, Value, json};

use super::{Outcome, report};

/// Aggregate scored articles: tone and cooperation by time, language or any column
///
/// Reads what `detente score` wrote. Means and shares are those of rows that are diplomatic and no copies; intervals are
/// of 95 %.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files of scored rows, folders of them, or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    paths: Vec<PathBuf>,
    /// Format of every file: jsonl, csv, tsv, parquet or arrow [default: told by the suffix]
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<input::Format>,
    /// What rows of a group have in common: day, week, month, quarter, year, lang or column:NAME; may be repeated
    #[arg(long, value_name = "WHAT")]
    by: Vec<By>,
    /// Column that holds the date, as 2024-01-31 or 20240131, with or without a time
    #[arg(long, default_value_t = Options::default().date_column, value_name = "NAME")]
    date_column: String,
    /// Let copies of other rows count in the means
    #[arg(long)]
    with_duplicates: bool,
    /// Output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Also draw the groups: tone over time, or bars where they are not grouped by time
    #[arg(long, value_name = "FILE.svg")]
    chart: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Table,
    /// Comma-separated with a header
    Csv,
    /// A list with an object for each group
    Json,
}

/// Widest key in the table.
const KEY: usize = 30;

pub fn run(args: Args) -> Result<Outcome> {
    let mut aggregation = Aggregation::new(Options {
        by: args.by.clone(),
        date_column: args.date_column,
        with_duplicates: args.with_duplicates,
    });
    let failed = read(&args.paths, args.input_format, &mut aggregation);
    let groups = aggregation.groups();
    if let Some(path) = &args.chart {
        std::fs::write(path, chart::svg(&groups, &args.by))
            .with_context(|| path.display().to_string())?;
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    match args.format {
        Format::Table => table(&mut out, &args.by, &groups)?,
        Format::Csv => csv(&mut out, &args.by, &groups)?,
        Format::Json => json(&mut out, &args.by, &groups)?,
    }
    out.flush()?;
    Ok(Outcome::of(failed))
}

/// Adds all rows; how many were no scored rows. Of these the first is reported, and how many are like it.
fn read(paths: &[PathBuf], format: Option<input::Format>, aggregation: &mut Aggregation) -> u64 {
    let options = input::Options {
        format,
        text_required: false,
        ..input::Options::default()
    };
    let (mut unreadable, mut unscored) = (0, 0);
    for record in input::read_all(paths, &options) {
        match record {
            Err(rejected) => {
                aggregation.add_failed(&rejected.fields);
                unreadable += 1;
                report::failure(&rejected.error);
            }
            Ok(article) => {
                if let Err(error) = aggregation.add(&article.fields) {
                    unscored += 1;
                    if unscored == 1 {
                        report::failure(&article.error(error.in_one_line()));
                    }
                }
            }
        }
    }
    if unscored > 1 {
        eprintln!("detente: {unscored} rows in all are not as `detente score` writes them");
    }
    unreadable + unscored
}

/// The figures by name, in their order.
fn figures(figures: &Figures) -> Result<Map<String, Value>> {
    Ok(serde_json::from_value(json!(figures))?)
}

fn json(out: &mut impl Write, by: &[By], groups: &[Group]) -> Result<()> {
    let objects = groups.iter().map(|group| {
        let keys = by.iter().zip(&group.keys);
        let keys: Map<_, _> = keys
            .map(|(by, key)| (by.to_string(), Value::from(key.to_string())))
            .collect();
        let mut object = Map::from_iter([("group".to_owned(), Value::from(keys))]);
        object.extend(figures(&group.figures)?);
        Ok(object)
    });
    serde_json::to_writer_pretty(&mut *out, &objects.collect::<Result<Vec<_>>>()?)?;
    out.write_all(b"\n")?;
    Ok(())
}

fn csv(out: &mut impl Write, by: &[By], groups: &[Group]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let mut header: Vec<_> = by.iter().map(By::to_string).collect();
    header.extend(
        figures(&Figures::default())?
            .into_iter()
            .map(|(name, _)| name),
    );
    writer.write_record(header)?;
    for group in groups {
        let mut record: Vec<_> = group.keys.iter().map(ToString::to_string).collect();
        let cells = figures(&group.figures)?.into_iter();
        record.extend(cells.map(|(_, value)| match value {
            Value::Null => String::new(),
            value => value.to_string(),
        }));
        writer.write_record(record)?;
    }
    writer.flush()?;
    Ok(())
}

fn table(out: &mut impl Write, by: &[By], groups: &[Group]) -> Result<()> {
    const NUMBERS: [&str; 11] = [
        "rows",
        "scored",
        "failed",
        "not dipl.",
        "uncertain",
        "copies",
        "n",
        "tone",
        "±",
        "cooperative",
        "p",
    ];
    let mut lines = vec![
        by.iter()
            .map(By::to_string)
            .chain(NUMBERS.map(Into::into))
            .collect(),
    ];
    for group in groups {
        let keys = group.keys.iter().map(ToString::to_string);
        lines.push(keys.chain(numbers(&group.figures)).collect::<Vec<_>>());
    }
    let cell = |text: &str| truncate_str(&printable(text), KEY, "…").into_owned();
    for line in &mut lines {
        line.iter_mut()
            .take(by.len())
            .for_each(|key| *key = cell(key));
    }
    let columns = by.len() + NUMBERS.len();
    let width = |i: usize| {
        lines
            .iter()
            .map(|line| measure_text_width(&line[i]))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    for line in &lines {
        let cells = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(i, (cell, &width))| {
                let side = if i < by.len() {
                    Alignment::Left
                } else {
                    Alignment::Right
                };
                pad_str(cell, width, side, None).into_owned()
            });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  "))?;
    }
    Ok(())
}

/// The cells of a group: counts, mean tone with half its interval, share with its interval, mean probability.
fn numbers(figures: &Figures) -> [String; 11] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let percent = |share: f64| format!("{:.0}", share * 100.0);
    let half = figures.tone_low.zip(figures.tone_high);
    let bounds = figures.cooperative_low.zip(figures.cooperative_high);
    let share = figures.cooperative.zip(bounds);
    [
        figures.rows.to_string(),
        figures.scored.to_string(),
        figures.failed.to_string(),
        figures.not_diplomatic.to_string(),
        figures.uncertain.to_string(),
        figures.duplicates.to_string(),
        figures.n.to_string(),
        or_dash(figures.tone.map(|tone| format!("{tone:+.2}"))),
        or_dash(half.map(|(low, high)| format!("{:.2}", (high - low) / 2.0))),
        or_dash(share.map(|(share, (low, high))| {
            format!("{}% ({}–{})", percent(share), percent(low), percent(high))
        })),
        or_dash(figures.p_cooperative.map(|p| format!("{p:.2}"))),
    ]
}

/// Text of strangers without what a terminal would obey.
fn printable(text: &str) -> String {
    let harmless = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> (Vec<By>, Vec<Group>) {
        let by: Vec<By> = ["year", "column:rows"]
            .map(|by| by.parse().unwrap())
            .to_vec();
        let mut aggregation = Aggregation::new(Options {
            by: by.clone(),
            ..Options::default()
        });
        let row = json!({"date": "2024-01-31", "rows": "\u{1b}[31ma, b", "label": "cooperative", "tone": 0.5,
            "p_cooperative": 0.9});
        for row in [row, json!({"error": "empty"})] {
            let row = detente::fields::Fields::Named(row.as_object().unwrap().clone());
            aggregation.add(&row).unwrap();
        }
        (by, aggregation.groups())
    }

    fn written(write: impl Fn(&mut Vec<u8>, &[By], &[Group]) -> Result<()>) -> String {
        let (by, groups) = groups();
        let mut out = Vec::new();
        write(&mut out, &by, &groups).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_format_is_taken_in_place_of_the_suffix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.out");
        let row = r#"{"date":"2024-01-31","label":"cooperative","tone":0.5,"p_cooperative":0.9}"#;
        std::fs::write(&path, row).unwrap();
        for (format, failed) in [(Some(input::Format::JsonLines), 0), (None, 1)] {
            let mut aggregation = Aggregation::new(Options::default());
            let paths = [path.clone()];
            assert_eq!(read(&paths, format, &mut aggregation), failed, "{format:?}");
        }
    }

    #[test]
    fn every_format_has_the_same_groups() {
        let lines = written(csv);
        let lines: Vec<_> = lines.lines().collect();
        assert!(
            lines[0].starts_with("year,rows,rows,scored,failed,"),
            "{lines:?}"
        );
        assert_eq!(
            lines[1],
            "2024,\"\u{1b}[31ma, b\",1,1,0,0,0,0,1,0.5,,,1.0,0.2065,1.0,0.9"
        );
        assert_eq!(lines[2], "(no date),(none),1,0,1,0,0,0,0,,,,,,,");
        let json: Value = serde_json::from_str(&written(json)).unwrap();
        assert_eq!(json[0]["group"]["year"], "2024");
        assert_eq!(
            (&json[0]["rows"], &json[0]["tone"]),
            (&json!(1), &json!(0.5))
        );
        let table = written(table);
        assert!(
            table.contains("100% (21–100)") && table.contains("+0.50"),
            "{table}"
        );
        assert!(!table.contains('\u{1b}'), "{table}");
    }
}
