//! Reports on the quality of a model, as table, JSON and Markdown.

use std::io::{self, Write};

use detente::eval::{Figures, Report};

/// Two reports on the same articles.
pub struct Comparison {
    /// Of the model that was started from.
    pub before: Report,
    /// Of the model that came out.
    pub after: Report,
    /// How `after` was measured.
    pub note: String,
}

/// Writes everything as one JSON object.
pub fn json(out: &mut impl Write, report: &Report) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Writes aligned columns.
pub fn table(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for rows in tables(report) {
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|column| {
                rows.iter()
                    .map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).enumerate();
            let line: Vec<_> = cells
                .map(|(column, (cell, &width))| {
                    if column == 0 {
                        format!("{cell:width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            writeln!(out, "{}", line.join("  ").trim_end())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes Markdown tables.
pub fn markdown(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for rows in tables(report) {
        for (number, row) in rows.iter().enumerate() {
            writeln!(out, "| {} |", row.join(" | "))?;
            if number == 0 {
                writeln!(out, "| --- |{}", " ---: |".repeat(row.len() - 1))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes what changed.
pub fn comparison(out: &mut impl Write, comparison: &Comparison) -> io::Result<()> {
    let (before, after) = (&comparison.before, &comparison.after);
    writeln!(
        out,
        "{:24} {:>8} {:>8} {:>8}",
        "", "before", "after", "change"
    )?;
    let rows = [
        ("accuracy", before.overall.accuracy, after.overall.accuracy),
        ("macro-F1", before.overall.macro_f1, after.overall.macro_f1),
        ("AUC", before.overall.auc, after.overall.auc),
        ("calibration error", before.overall.ece, after.overall.ece),
        ("Brier score", before.overall.brier, after.overall.brier),
        (
            "sentence macro-F1",
            before.sentence_macro_f1,
            after.sentence_macro_f1,
        ),
        (
            "other news found",
            before.relevance.found,
            after.relevance.found,
        ),
        (
            "main articles lost",
            before.relevance.lost,
            after.relevance.lost,
        ),
    ];
    for (name, before, after) in rows {
        let change = before
            .zip(after)
            .map_or_else(String::new, |(b, a)| format!("{:+.3}", a - b));
        writeln!(
            out,
            "{name:24} {:>8} {:>8} {change:>8}",
            figure(before),
            figure(after)
        )?;
    }
    writeln!(
        out,
        "\n{} articles with a label; {}",
        before.overall.rows, comparison.note
    )
}

type Rows = Vec<Vec<String>>;

fn tables(report: &Report) -> Vec<Rows> {
    let mut quality = vec![headings("")];
    quality.push(figures("all", &report.overall));
    quality.extend(report.languages.iter().map(|(name, f)| figures(name, f)));
    let mut tables = vec![quality];
    if !report.kinds.is_empty() {
        let mut kinds = vec![headings("kind")];
        kinds.extend(report.kinds.iter().map(|(name, f)| figures(name, f)));
        tables.push(kinds);
    }
    let r = &report.relevance;
    let mut more = vec![row(["", "rows", "share"])];
    let mut line = |name: &str, rows: usize, share| {
        more.push(vec![name.into(), rows.to_string(), figure(share)])
    };
    line(
        "sentences, macro-F1",
        report.sentences,
        report.sentence_macro_f1,
    );
    line("other news found to be not_diplomatic", r.other, r.found);
    line("main articles lost as not_diplomatic", r.main, r.lost);
    if report.pairs > 0 {
        line(
            "pairs with both members right",
            report.pairs,
            report.pairs_right,
        );
    }
    tables.push(more);
    let mut abstention = vec![row(["most confident share", "accuracy"])];
    abstention.extend(
        report
            .abstention
            .iter()
            .map(|c| vec![format!("{:.2}", c.coverage), figure(c.accuracy)]),
    );
    tables.push(abstention);
    let mut conformal = vec![row([
        "error rate asked for",
        "certain",
        "accuracy when certain",
    ])];
    conformal.extend(report.conformal.iter().map(|c| {
        vec![
            format!("{:.2}", c.alpha),
            figure(c.certain),
            figure(c.accuracy),
        ]
    }));
    tables.push(conformal);
    tables
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Names of what [`figures`] gives.
fn headings(first: &str) -> Vec<String> {
    row([
        first,
        "rows",
        "accuracy",
        "macro-F1",
        "AUC",
        "ECE",
        "by chance",
        "Brier",
    ])
}

fn figures(name: &str, f: &Figures) -> Vec<String> {
    let shares = [
        f.accuracy,
        f.macro_f1,
        f.auc,
        f.ece,
        f.ece_by_chance,
        f.brier,
    ];
    [name.to_owned(), f.rows.to_string()]
        .into_iter()
        .chain(shares.map(figure))
        .collect()
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.3}"))
}
