//! The table for reading: a line of verdict and a line of evidence for each article.

use std::io::{self, Write};

use console::{Style, measure_text_width, pad_str, truncate_str};
use detente::input::Columns;
use detente::{Abstain, Label};

use super::score::Scored;

/// Cells of the tone bar on each side of its middle.
const HALF: usize = 8;
/// Widest name of an article.
const NAME: usize = 30;
/// Columns where the output is no terminal.
const WIDTH: usize = 100;

/// Writes articles one after another, so that the first shows while the last is read.
pub struct Table {
    columns: Columns,
    width: usize,
    header: bool,
}

impl Table {
    pub fn new(columns: Columns) -> Self {
        let width = console::Term::stdout()
            .size_checked()
            .map_or(WIDTH, |(_, columns)| columns as usize);
        Self {
            columns,
            width: width.clamp(60, 160),
            header: true,
        }
    }

    /// Writes one article with its `evidence` weightiest sentences.
    pub fn write(
        &mut self,
        out: &mut impl Write,
        scored: &Scored,
        evidence: usize,
    ) -> io::Result<()> {
        let verdict = &scored.verdict;
        if std::mem::take(&mut self.header) {
            let bar = pad_str("− tone +", 2 * HALF + 1, console::Alignment::Center, None);
            let line = format!(
                "{:NAME$}  {:4}  {:15}  {bar}  {:>5}  {:>4}",
                "article", "lang", "label", "tone", "sure"
            );
            writeln!(out, "{}", Style::new().bold().apply_to(line))?;
        }
        let style = match (verdict.abstain, verdict.label) {
            (Some(_), _) => Style::new().dim(),
            (None, Label::Cooperative) => Style::new().green(),
            (None, Label::Confrontational) => Style::new().red(),
        };
        let id = scored.article.id(&self.columns);
        let name = pad_str(&id, NAME, console::Alignment::Left, Some("…"));
        let note = match verdict.abstain {
            None => "",
            Some(Abstain::NotDiplomatic) => "  not diplomatic",
            Some(Abstain::Uncertain) => "  uncertain",
        };
        writeln!(
            out,
            "{name}  {:4}  {}  {}  {:>+5.2}  {:>3.0}%{note}",
            verdict.lang.map_or("?", |l| l.code()),
            style.apply_to(format!("{:15}", verdict.label)),
            style.apply_to(bar(verdict.tone)),
            verdict.tone,
            verdict.confidence() * 100.0,
        )?;
        for sentence in verdict.evidence(evidence) {
            // Offsets are ours, so the slice is there; a bug here must not end a long run.
            let text = scored
                .article
                .text
                .get(sentence.start..sentence.end)
                .unwrap_or_default();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let mark = format!("  {:+5.2} ", sentence.contribution);
            let room = self.width.saturating_sub(measure_text_width(&mark));
            let line = format!("{mark}{}", truncate_str(&text, room, "…"));
            writeln!(out, "{}", Style::new().dim().apply_to(line))?;
        }
        Ok(())
    }
}

/// A bar from the middle to the tone: left is confrontational, right is cooperative.
fn bar(tone: f32) -> String {
    let cells = ((tone.abs() * HALF as f32).round() as usize).min(HALF);
    let (left, right) = if tone < 0.0 { (cells, 0) } else { (0, cells) };
    let side = |filled: usize| ("█".repeat(filled), "·".repeat(HALF - filled));
    let ((left, left_rest), (right, right_rest)) = (side(left), side(right));
    format!("{left_rest}{left}│{right}{right_rest}")
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn the_bar_grows_from_the_middle() {
        assert_eq!(bar(0.0), "········│········");
        assert_eq!(bar(-0.5), "····████│········");
        assert_eq!(bar(1.0), "········│████████");
    }
}
