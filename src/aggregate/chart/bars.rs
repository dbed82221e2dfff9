//! A bar for each group, from zero to its mean tone.

use super::axes::Scale;
use super::svg::Svg;
use super::{COLOURS, RIGHT, TOP, WIDTH, cut, most, name, title};
use crate::aggregate::{By, Group};

/// Bars that can be read.
const MOST_BARS: usize = 40;
/// Height of a row, and the width of the names and of the counts.
const ROW: f64 = 24.0;
const NAMES: f64 = 190.0;
const NUMBERS: f64 = 84.0;

pub fn draw(groups: &[Group], by: &[By]) -> String {
    let mut shown: Vec<_> = groups.iter().filter(|group| group.figures.n > 0).collect();
    let rest = most(&mut shown, MOST_BARS, |group| group.figures.n);
    let note = match rest {
        0 => String::new(),
        rest => format!("groups not shown: {rest}"),
    };
    let scale = Scale::of(shown.iter().copied(), NAMES, WIDTH - NUMBERS);
    let top = TOP + 8.0;
    let bottom = top + ROW * shown.len() as f64;
    let mut svg = Svg::new(bottom + 16.0, &title(by), &note);
    for (x, tone) in scale.ticks() {
        svg.line("grid", (x, top), (x, bottom));
        svg.text("soft middle", x, top - 8.0, &tone);
    }
    svg.text("soft end", WIDTH - RIGHT, top - 8.0, "rows");
    let zero = scale.place(0.0);
    for (i, group) in shown.iter().enumerate() {
        let y = top + ROW * i as f64;
        let (figures, middle) = (&group.figures, y + ROW / 2.0);
        svg.text(
            "end",
            NAMES - 10.0,
            middle + 4.0,
            &cut(&name(group, None), 26),
        );
        if let Some(tone) = figures.tone {
            let x = scale.place(tone);
            let colour = if tone < 0.0 { COLOURS[1] } else { COLOURS[0] };
            let size = ((x - zero).abs(), ROW - 10.0);
            svg.rect(&format!("fill=\"{colour}\""), (zero.min(x), y + 5.0), size);
        }
        if let (Some(low), Some(high)) = (figures.tone_low, figures.tone_high) {
            svg.line(
                "zero",
                (scale.place(low), middle),
                (scale.place(high), middle),
            );
        }
        svg.text(
            "soft end",
            WIDTH - RIGHT,
            middle + 4.0,
            &figures.n.to_string(),
        );
    }
    svg.line("zero", (zero, top), (zero, bottom));
    svg.end()
}
