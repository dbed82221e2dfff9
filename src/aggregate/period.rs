//! Dates as articles have them, and the days, weeks, months, quarters and years that they fall into.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, NaiveDate};

use crate::{Error, Result};

/// How long a group's interval of time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// A day.
    Day,
    /// A week as ISO 8601 has it: from Monday, week 1 being that of 4 January.
    Week,
    /// A month.
    Month,
    /// A quarter, from January, April, July or October.
    Quarter,
    /// A year.
    Year,
}

/// One day, week, month, quarter or year. Prints as `2024-01-31`, `2024-W05`, `2024-01`, `2024-Q1` or `2024`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    period: Period,
    first: NaiveDate,
}

impl Period {
    const ALL: [Self; 5] = [
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::Year,
    ];

    /// Its name: `day`, `week`, `month`, `quarter`, `year`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The interval of a date, which is read as it is written, without going to another time zone: `2024-01-31`,
    /// `20240131`, each with or without a time of day behind it (`2024-01-31T12:00:00Z`, `20240131120000`). `None` for
    /// anything else and for days that are not in the calendar.
    pub fn of(self, date: &str) -> Option<Interval> {
        let date = parse(date)?;
        let first = match self {
            Self::Day => Some(date),
            Self::Week => {
                let days = date.weekday().num_days_from_monday();
                date.checked_sub_days(Days::new(days.into()))
            }
            Self::Month => date.with_day(1),
            Self::Quarter => date.with_day(1)?.with_month0(date.month0() / 3 * 3),
            Self::Year => NaiveDate::from_ymd_opt(date.year(), 1, 1),
        };
        first.map(|first| Interval {
            period: self,
            first,
        })
    }

    fn days(self) -> f64 {
        match self {
            Self::Day => 1.0,
            Self::Week => 7.0,
            Self::Month => 30.4,
            Self::Quarter => 91.3,
            Self::Year => 365.25,
        }
    }
}

impl FromStr for Period {
    type Err = Error;

    /// # Errors
    /// [`Error::Argument`] naming the periods that there are.
    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|p| p.as_str() == name);
        found.ok_or_else(|| {
            Error::Argument(format!(
                "no period `{name}`; there are {}",
                Self::ALL.map(Self::as_str).join(", ")
            ))
        })
    }
}

impl Interval {
    /// Its usual length in days.
    pub(super) fn days(self) -> f64 {
        self.period.days()
    }

    /// Its middle in days, counted from the beginning of the calendar.
    pub(super) fn middle(self) -> f64 {
        f64::from(self.first.num_days_from_ce()) + self.days() / 2.0
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = (self.first.year(), self.first.month());
        match self.period {
            Period::Day => write!(f, "{year:04}-{month:02}-{:02}", self.first.day()),
            Period::Week => {
                let week = self.first.iso_week();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            Period::Month => write!(f, "{year:04}-{month:02}"),
            Period::Quarter => write!(f, "{year:04}-Q{}", self.first.month0() / 3 + 1),
            Period::Year => write!(f, "{year:04}"),
        }
    }
}

fn parse(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let year = text.get(..4)?;
    let (month, day, time) = if text.as_bytes().get(4) == Some(&b'-') {
        let dashed = text.as_bytes().get(7) == Some(&b'-');
        dashed.then_some((text.get(5..7)?, text.get(8..10)?, text.get(10..)?))?
    } else {
        (text.get(4..6)?, text.get(6..8)?, text.get(8..)?)
    };
    let year = i32::try_from(number(year)?).ok().filter(|&year| year > 0)?;
    let date = NaiveDate::from_ymd_opt(year, number(month)?, number(day)?)?;
    (time.is_empty() || is_time(time)).then_some(date)
}

/// Whether what follows a date is a time of day: six digits, or after a `T` or a blank hours and minutes; what may follow
/// these is not looked at.
fn is_time(text: &str) -> bool {
    let Some(time) = text.strip_prefix(['T', 't', ' ']) else {
        return text.len() == 6 && number(text).is_some_and(|time| time < 240_000);
    };
    let hour = time.get(..2).and_then(number);
    let rest = time.get(2..).unwrap_or_default();
    let minute = rest.strip_prefix(':').unwrap_or(rest).get(..2);
    hour.is_some_and(|hour| hour < 24) && minute.and_then(number).is_some_and(|minute| minute < 60)
}

fn number(digits: &str) -> Option<u32> {
    let all = digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(period: Period, date: &str) -> Option<String> {
        period.of(date).map(|interval| interval.to_string())
    }

    #[test]
    fn every_way_to_write_a_day_is_the_same_day() {
        for date in [
            "2024-02-29",
            " 2024-02-29\n",
            "20240229",
            "2024-02-29T23:59:59Z",
            "2024-02-29t00:30:00.123+03:00",
            "2024-02-29 10:00",
            "20240229T101500Z",
            "20240229235959",
        ] {
            assert_eq!(
                name(Period::Day, date).as_deref(),
                Some("2024-02-29"),
                "{date}"
            );
        }
    }

    #[test]
    fn what_is_no_date_has_no_interval() {
        for date in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "0000-01-01",
            "20240230",
            "2024",
            "2024-01",
            "2024/01/01",
            "29.02.2024",
            "yesterday",
            "1706659200",
            "1706659200000",
            "2024010",
            "202401011",
            "20240101250000",
            "2024-01-01x",
            "2024-01-01T25:00",
            "2024-01-01T10:61",
            "2024-01-0١",
            "+024-01-01",
            "２０２４-01-01",
            "€€€€€€€€",
        ] {
            assert_eq!(name(Period::Month, date), None, "{date}");
        }
    }

    #[test]
    fn weeks_at_year_ends_are_those_of_iso_8601() {
        for (date, week) in [
            ("2020-12-31", "2020-W53"),
            ("2021-01-03", "2020-W53"),
            ("2021-01-04", "2021-W01"),
            ("2024-12-29", "2024-W52"),
            ("2024-12-30", "2025-W01"),
            ("2027-01-01", "2026-W53"),
        ] {
            assert_eq!(name(Period::Week, date).as_deref(), Some(week), "{date}");
        }
    }

    #[test]
    fn intervals_have_names_and_follow_each_other() {
        let date = "2024-11-30";
        assert_eq!(name(Period::Month, date).as_deref(), Some("2024-11"));
        assert_eq!(name(Period::Quarter, date).as_deref(), Some("2024-Q4"));
        assert_eq!(
            name(Period::Quarter, "2024-03-31").as_deref(),
            Some("2024-Q1")
        );
        assert_eq!(name(Period::Year, date).as_deref(), Some("2024"));
        assert!(Period::Month.of("2023-12-31") < Period::Month.of("2024-01-01"));
        assert_eq!(
            Period::Month.of("2024-01-01"),
            Period::Month.of("2024-01-31")
        );
    }
}
