//! Mean tone over time, and below it how many rows are behind it.

use std::collections::BTreeMap;

use super::axes::{Scale, TimeAxis};
use super::svg::{Svg, path};
use super::{COLOURS, LEFT, MOST_LINES, RIGHT, TOP, WIDTH, cut, most, name, title};
use crate::aggregate::{By, Group, Interval, Key};

/// Height of the tones, of the gap, of the counts and of the foot.
const TONES: f64 = 240.0;
const GAP: f64 = 28.0;
const COUNTS: f64 = 64.0;
const FOOT: f64 = 28.0;
/// Values of a line that have a dot each.
const MOST_DOTS: usize = 100;

/// One value of a line: when, and the figures.
type Point<'a> = (Interval, &'a Group);

pub fn draw(groups: &[Group], by: &[By], time: usize) -> String {
    let mut series: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    let mut undated = 0;
    for group in groups {
        if let Some(Key::Interval(interval)) = group.keys.get(time) {
            let point = (*interval, group);
            series
                .entry(name(group, Some(time)))
                .or_default()
                .push(point);
        } else {
            undated += group.figures.rows;
        }
    }
    let mut notes = Vec::new();
    if undated > 0 {
        notes.push(format!("rows without a date: {undated}"));
    }
    let has_mean = |points: &[Point]| points.iter().any(|(_, group)| group.figures.n > 0);
    let mut lines: Vec<_> = series.into_iter().collect();
    lines.retain(|(_, points)| has_mean(points));
    let rest = most(&mut lines, MOST_LINES, |(_, points)| {
        points.iter().map(|(_, group)| group.figures.n).sum()
    });
    if rest > 0 {
        notes.push(format!("lines not shown: {rest}"));
    }
    let shown = lines.iter().flat_map(|(_, points)| points);
    let mut counts: BTreeMap<Interval, u64> = BTreeMap::new();
    for (interval, group) in shown.clone() {
        *counts.entry(*interval).or_default() += group.figures.n;
    }
    let axis = TimeAxis::of(counts.keys().copied());
    let scale = Scale::of(shown.map(|(_, group)| *group), TOP + TONES, TOP);

    let height = TOP + TONES + GAP + COUNTS + FOOT;
    let mut svg = Svg::new(height, &title(by), &notes.join(", "));
    for (y, tone) in scale.ticks() {
        svg.line("grid", (LEFT, y), (WIDTH - RIGHT, y));
        svg.text("soft end", LEFT - 8.0, y + 4.0, &tone);
    }
    svg.line(
        "zero",
        (LEFT, scale.place(0.0)),
        (WIDTH - RIGHT, scale.place(0.0)),
    );
    // Areas of many lines lie on each other and would hide them.
    let opacity = 0.3 / lines.len().max(2) as f64;
    for ((_, points), colour) in lines.iter().zip(COLOURS) {
        area(&mut svg, &axis, &scale, points, (colour, opacity));
    }
    for ((_, points), colour) in lines.iter().zip(COLOURS) {
        curve(&mut svg, &axis, &scale, points, colour);
    }
    histogram(&mut svg, &axis, &counts, height - FOOT);
    if lines.iter().any(|(name, _)| !name.is_empty()) {
        legend(&mut svg, lines.iter().map(|(name, _)| name.as_str()));
    }
    svg.end()
}

/// How many rows are behind the means of each interval, as bars that stand on `floor`.
fn histogram(svg: &mut Svg, axis: &TimeAxis, counts: &BTreeMap<Interval, u64>, floor: f64) {
    let largest = counts.values().copied().max().unwrap_or(0);
    for (interval, &count) in counts {
        let bar = COUNTS * count as f64 / largest.max(1) as f64;
        let x = axis.place(*interval) - axis.bar / 2.0;
        svg.rect("class=\"bar\"", (x, floor - bar), (axis.bar, bar));
    }
    let top = floor - COUNTS;
    svg.text("soft", LEFT, top - 6.0, "rows");
    svg.text("soft end", LEFT - 8.0, top + 10.0, &largest.to_string());
    svg.text("soft end", LEFT - 8.0, floor, "0");
    for interval in axis.labels(counts) {
        let x = axis.place(interval);
        svg.text("soft middle", x, floor + 20.0, &interval.to_string());
    }
}

/// The intervals of a line's values, along the upper bounds and back along the lower ones.
fn area(svg: &mut Svg, axis: &TimeAxis, scale: &Scale, points: &[Point], fill: (&str, f64)) {
    let (colour, opacity) = fill;
    let bounds: Vec<_> = points
        .iter()
        .filter_map(|(interval, group)| {
            let figures = &group.figures;
            Some((axis.place(*interval), figures.tone_low?, figures.tone_high?))
        })
        .collect();
    let upper = bounds.iter().map(|&(x, _, high)| (x, scale.place(high)));
    let lower = bounds
        .iter()
        .rev()
        .map(|&(x, low, _)| (x, scale.place(low)));
    let d = path(upper.chain(lower));
    if !d.is_empty() {
        svg.push(format_args!(
            "<path style=\"fill:{colour};fill-opacity:{opacity:.2}\" d=\"{d}Z\"/>"
        ));
    }
}

/// The means of a line's values, with a dot each where there is room.
fn curve(svg: &mut Svg, axis: &TimeAxis, scale: &Scale, points: &[Point], colour: &str) {
    let means = points.iter().filter_map(|(interval, group)| {
        Some((axis.place(*interval), scale.place(group.figures.tone?)))
    });
    let d = path(means.clone());
    svg.push(format_args!(
        "<path style=\"stroke:{colour};stroke-width:2\" d=\"{d}\"/>"
    ));
    if points.len() > MOST_DOTS {
        return;
    }
    for (x, y) in means {
        svg.push(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\"/>"
        ));
    }
}

fn legend<'a>(svg: &mut Svg, names: impl Iterator<Item = &'a str>) {
    let column = (WIDTH - 32.0) / MOST_LINES as f64;
    for (i, (name, colour)) in names.zip(COLOURS).enumerate() {
        let x = 16.0 + column * i as f64;
        svg.rect(&format!("fill=\"{colour}\""), (x, 38.0), (10.0, 10.0));
        svg.text("name", x + 14.0, 47.0, &cut(name, 10));
    }
}
