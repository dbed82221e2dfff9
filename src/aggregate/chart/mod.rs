//! Groups as a picture: a time line where they are grouped by time, else bars. SVG that is legible on light and dark.

mod axes;
mod bars;
mod svg;
mod time_line;

use std::collections::BTreeSet;

use super::{By, Group};

/// Width of the picture, and its margins left of the time axis, right of everything and above the values.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 64.0;
/// Lines that can be told apart.
const MOST_LINES: usize = 8;

const COLOURS: [&str; MOST_LINES] = [
    "#2f81c7", "#d9730d", "#2a9d6f", "#c2569b", "#b58900", "#7a6ff0", "#a0705a", "#7f8790",
];

/// Draws groups that were made by `by`.
///
/// Grouped by time: mean tone over time, one line for each combination of the other keys (of the eight with most rows),
/// the 95 % interval as an area around it, and below the counts of rows behind the means. Groups without a date are left
/// out and counted in words. Grouped otherwise: a bar for each group (of the forty with most rows) with its interval.
/// What has no mean is left out.
pub fn svg(groups: &[Group], by: &[By]) -> String {
    match by.iter().position(|by| matches!(by, By::Period(_))) {
        Some(time) => time_line::draw(groups, by, time),
        None => bars::draw(groups, by),
    }
}

/// Keeps the `most` items that weigh most, in their order; how many went.
fn most<T>(items: &mut Vec<T>, most: usize, weight: impl Fn(&T) -> u64) -> usize {
    let rest = items.len().saturating_sub(most);
    let mut order: Vec<_> = (0..items.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(weight(&items[i])));
    let kept: BTreeSet<_> = order.into_iter().take(most).collect();
    let mut i = 0..;
    items.retain(|_| i.next().is_some_and(|i| kept.contains(&i)));
    rest
}

fn title(by: &[By]) -> String {
    match by {
        [] => "Mean tone".to_owned(),
        by => format!(
            "Mean tone by {}",
            by.iter()
                .map(|by| cut(&by.to_string(), 26))
                .collect::<Vec<_>>()
                .join(" and ")
        ),
    }
}

/// The group's keys but the one at `without`.
fn name(group: &Group, without: Option<usize>) -> String {
    let keys = group.keys.iter().enumerate();
    let keys = keys.filter(|(i, _)| Some(*i) != without);
    keys.map(|(_, key)| key.to_string())
        .collect::<Vec<_>>()
        .join(" · ")
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Aggregation, Options};
    use crate::fields::Fields;
    use serde_json::json;

    const HOSTILE: &str = "</text><script>alert('&\"')</script>\u{0}\u{ffff}";

    /// Draws rows of (date, language, tone), grouped by `by`.
    fn draw(by: &[&str], rows: &[(&str, &str, f64)]) -> String {
        let by: Vec<By> = by.iter().map(|by| by.parse().unwrap()).collect();
        let mut aggregation = Aggregation::new(Options {
            by: by.clone(),
            ..Options::default()
        });
        for (date, lang, tone) in rows {
            let row = json!({"date": date, "lang": lang, "label": "cooperative", "tone": tone, "p_cooperative": 0.5});
            aggregation
                .add(&Fields::Named(row.as_object().unwrap().clone()))
                .unwrap();
        }
        svg(&aggregation.groups(), &by)
    }

    /// Asserts that tags are balanced, that text and attributes are escaped, and that no number is missing.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        for part in svg.split('<').skip(1) {
            let (tag, text) = part.split_once('>').expect("a tag ends");
            assert!(
                !text.contains('>') && !text.contains('&') || text.contains(';'),
                "{part}"
            );
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split_whitespace().next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{svg}"),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?} in {svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(
            !svg.contains("script>") && !svg.contains(['\u{0}', '\u{ffff}']),
            "{svg}"
        );
    }

    const ROWS: [(&str, &str, f64); 6] = [
        ("2024-01-03", "uk", 0.4),
        ("2024-01-20", "uk", 0.2),
        ("2024-02-01", "uk", -0.3),
        ("2024-02-01", "en", 0.1),
        ("2024-05-01", "en", 0.1),
        ("never", "en", 0.1),
    ];

    #[test]
    fn a_time_line_has_a_line_for_each_language() {
        let svg = draw(&["month", "lang"], &ROWS);
        assert_well_formed(&svg);
        assert!(svg.contains("Mean tone by month and lang"));
        assert!(
            svg.contains(">uk</text>") && svg.contains(">en</text>"),
            "{svg}"
        );
        assert!(
            svg.contains(">2024-01</text>") && svg.contains(">rows without a date: 1<"),
            "{svg}"
        );
        assert_eq!(
            (
                svg.matches("stroke-width:2").count(),
                svg.matches("<circle").count()
            ),
            (2, 4)
        );
        // Three months have rows; the months between keep their place.
        assert_eq!(svg.matches("class=\"bar\"").count(), 3);
    }

    #[test]
    fn what_is_not_grouped_by_time_is_bars() {
        let svg = draw(&["lang"], &ROWS);
        assert_well_formed(&svg);
        assert_eq!(svg.matches("fill=\"#").count(), 2);
    }

    #[test]
    fn hostile_names_are_escaped_and_empty_pictures_are_pictures() {
        for by in [
            &["day", "lang"][..],
            &["lang"],
            &["column:lang", "week"],
            &["year"],
            &[],
        ] {
            for rows in [
                &[][..],
                &[("never", HOSTILE, 0.0)],
                &[("2024-01-01", HOSTILE, 1.0)],
                &[
                    ("2024-01-01", HOSTILE, -1.0),
                    ("2025-01-01", "<", 0.0),
                    ("0001-01-01", "", 0.0),
                ],
            ] {
                assert_well_formed(&draw(by, rows));
            }
        }
        assert_well_formed(&svg(&[], &[By::Column(HOSTILE.to_owned())]));
    }

    #[test]
    fn what_has_no_mean_is_left_out() {
        let by = ["month", "lang"].map(|by| by.parse().unwrap());
        let mut aggregation = Aggregation::new(Options {
            by: by.to_vec(),
            ..Options::default()
        });
        let row = json!({"date": "2024-01-01", "error": "empty"});
        aggregation.add_failed(&Fields::Named(row.as_object().unwrap().clone()));
        for by in [&by[..], &by[1..]] {
            assert!(!svg(&aggregation.groups(), by).contains("(none)"));
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_in_words() {
        let names: Vec<_> = (0..50).map(|n| format!("n{n:02}")).collect();
        let rows: Vec<_> = names
            .iter()
            .map(|name| ("2024-01-01", name.as_str(), 0.5))
            .collect();
        assert!(draw(&["lang"], &rows).contains(">groups not shown: 10<"));
        assert!(draw(&["day", "lang"], &rows).contains(">lines not shown: 42<"));
    }
}
