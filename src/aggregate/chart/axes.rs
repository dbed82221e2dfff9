//! From tones and dates to places in the picture.

use std::collections::BTreeMap;

use super::{LEFT, RIGHT, WIDTH};
use crate::aggregate::{Group, Interval};

/// Names that fit below the time axis.
const MOST_LABELS: usize = 8;

/// Tones to places, the same distance on both sides of zero.
pub struct Scale {
    limit: f64,
    middle: f64,
    half: f64,
}

impl Scale {
    /// From the place of the most confrontational tone to that of the most cooperative one.
    pub fn of<'a>(groups: impl Iterator<Item = &'a Group>, from: f64, to: f64) -> Self {
        let tones = groups.flat_map(|g| [g.figures.tone, g.figures.tone_low, g.figures.tone_high]);
        let largest = tones
            .flatten()
            .fold(0.0, |most: f64, tone| most.max(tone.abs()));
        let limit = [0.1, 0.2, 0.5].into_iter().find(|&limit| largest <= limit);
        Self {
            limit: limit.unwrap_or(1.0),
            middle: (from + to) / 2.0,
            half: (to - from) / 2.0,
        }
    }

    pub fn place(&self, tone: f64) -> f64 {
        self.middle + self.half * tone / self.limit
    }

    /// Where the grid is, and what stands there.
    pub fn ticks(&self) -> [(f64, String); 5] {
        [-1.0, -0.5, 0.0, 0.5, 1.0].map(|part| {
            let tone: f64 = part * self.limit;
            let name = if tone == 0.0 {
                "0".to_owned()
            } else {
                format!("{tone:+.2}").replace('-', "−")
            };
            (self.place(tone), name)
        })
    }
}

/// Intervals to places.
pub struct TimeAxis {
    first: f64,
    days: f64,
    /// Width of a bar.
    pub bar: f64,
}

impl TimeAxis {
    pub fn of(intervals: impl Iterator<Item = Interval> + Clone) -> Self {
        let days = intervals.clone().map(Interval::days).next().unwrap_or(1.0);
        let middles = intervals.map(Interval::middle);
        let (first, last) = middles.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), day| {
            (low.min(day), high.max(day))
        });
        let all = (last - first).max(0.0) + days;
        Self {
            first: first - days / 2.0,
            days: all,
            bar: (0.8 * days / all * (WIDTH - LEFT - RIGHT)).clamp(1.0, 40.0),
        }
    }

    pub fn place(&self, interval: Interval) -> f64 {
        LEFT + (interval.middle() - self.first) / self.days * (WIDTH - LEFT - RIGHT)
    }

    /// The intervals whose names stand below the axis, far enough from each other.
    pub fn labels(&self, counts: &BTreeMap<Interval, u64>) -> Vec<Interval> {
        let apart = (WIDTH - LEFT - RIGHT) / MOST_LABELS as f64;
        let mut labels: Vec<Interval> = Vec::new();
        for &interval in counts.keys() {
            let free = labels
                .last()
                .map(|&last| self.place(interval) - self.place(last));
            if free.is_none_or(|free| free >= apart) {
                labels.push(interval);
            }
        }
        labels
    }
}
