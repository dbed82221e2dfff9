//! The table for reading: a line of verdict and a line of evidence for each article.

use std::io::{self, Write};

use console::{Style, measure_text_width, pad_str, truncate_str};
use detente::corpus::Scored;
use detente::{Abstain, Label};

/// Cells of the tone bar on each side of its middle.
const HALF: usize = 8;
/// Widest name of an article.
const NAME: usize = 30;
/// Columns where the output is no terminal.
const WIDTH: usize = 100;

/// Writes articles one after another, so that the first shows while the last is read.
pub struct Table {
    width: usize,
    header: bool,
}

impl Table {
    pub fn new() -> Self {
        let width = console::Term::stdout()
            .size_checked()
            .map_or(WIDTH, |(_, columns)| columns as usize);
        Self {
            width: width.clamp(60, 160),
            header: true,
        }
    }

    /// Writes one article with the evidence that its row holds; failures are told on stderr.
    pub fn write(&mut self, out: &mut impl Write, scored: &Scored) -> io::Result<()> {
        let Ok(scores) = &scored.row.result else {
            return Ok(());
        };
        if std::mem::take(&mut self.header) {
            let bar = pad_str("− tone +", 2 * HALF + 1, console::Alignment::Center, None);
            let line = format!(
                "{:NAME$}  {:4}  {:15}  {bar}  {:>5}  {:>4}",
                "article", "lang", "label", "tone", "sure"
            );
            writeln!(out, "{}", Style::new().bold().apply_to(line))?;
        }
        let style = match (scores.abstain, scores.label) {
            (Some(_), _) => Style::new().dim(),
            (None, Label::Cooperative) => Style::new().green(),
            (None, Label::Confrontational) => Style::new().red(),
        };
        let name = pad_str(&scored.id, NAME, console::Alignment::Left, Some("…"));
        let abstained = match scores.abstain {
            None => "",
            Some(Abstain::NotDiplomatic) => "  not diplomatic",
            Some(Abstain::Uncertain) => "  uncertain",
        };
        let copy = match &scored.row.duplicate_of {
            None => String::new(),
            Some(original) => format!("  copy of {original}"),
        };
        let sure = scores.p_cooperative.max(1.0 - scores.p_cooperative);
        writeln!(
            out,
            "{name}  {:4}  {}  {}  {:>+5.2}  {:>3.0}%{abstained}{copy}",
            scores.lang.map_or("?", |l| l.code()),
            style.apply_to(format!("{:15}", scores.label)),
            style.apply_to(bar(scores.tone)),
            scores.tone,
            sure * 100.0,
        )?;
        for sentence in &scores.evidence {
            let offset = if sentence.in_title {
                0
            } else {
                scored.headline
            };
            // Offsets are ours, so the slice is there; a bug here must not end a long run.
            let range = offset + sentence.start..offset + sentence.end;
            let text = scored.text.get(range).unwrap_or_default();
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
fn bar(tone: f64) -> String {
    let cells = ((tone.abs() * HALF as f64).round() as usize).min(HALF);
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
