//! The elements of a picture, and their escaping.

use std::fmt::Write;

use super::{RIGHT, WIDTH};

/// One picture for light and dark surroundings.
const STYLE: &str = ".paper{fill:#fff}text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:14px}\
    .soft{fill:#656d76}.grid{stroke:#d8dee4}.zero{stroke:#656d76}.bar{fill:#afb8c1}\
    .end{text-anchor:end}.middle{text-anchor:middle}path,line{fill:none}\
    @media(prefers-color-scheme:dark){.paper{fill:#0d1117}text{fill:#e6edf3}.soft{fill:#8d96a0}.grid{stroke:#30363d}\
    .zero{stroke:#8d96a0}.bar{fill:#484f58}}";

/// A picture as it is written.
pub struct Svg(String);

impl Svg {
    pub fn new(height: f64, title: &str, note: &str) -> Self {
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
             <title>{0}</title>\n<style>{STYLE}</style>\n",
            escape(title)
        ));
        svg.rect("class=\"paper\"", (0.0, 0.0), (WIDTH, height));
        svg.text("title", 16.0, 24.0, title);
        svg.text("soft end", WIDTH - RIGHT, 24.0, note);
        svg
    }

    pub fn end(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    pub fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(element);
        self.0.push('\n');
    }

    pub fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        if !text.is_empty() {
            let text = escape(text);
            self.push(format_args!(
                "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
            ));
        }
    }

    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.push(format_args!(
            "<path class=\"{class}\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>"
        ));
    }

    pub fn rect(&mut self, attributes: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.push(format_args!(
            "<rect {attributes} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }
}

pub fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let step = |(i, (x, y)): (usize, (f64, f64))| {
        format!("{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' })
    };
    points.enumerate().map(step).collect()
}

/// Text as XML holds it; characters that XML cannot hold are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
