//! Time of day, of the week and of the year, from unix seconds or RFC 3339 text.

use std::f64::consts::PI;

use super::value::Value;

impl Value {
    /// Unix seconds of a time: a finite number as it is, RFC 3339 text with a zone; `None` for anything else.
    #[must_use]
    pub fn to_unix_seconds(&self) -> Option<f64> {
        unix_seconds(self)
    }
}

const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;
/// Days from 1970-01-01 to the end of calendars here, either way.
const LAST_DAY: f64 = 3_650_000.0;

/// A cycle that a `time` operation turns into sine and cosine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimePart {
    /// Of the day since 00:00.
    Hour,
    /// Of the week since Monday 00:00.
    Weekday,
    /// Of the calendar year since 1 January 00:00.
    Year,
}

impl TimePart {
    /// As the spec names it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "hour_cyclic" => Some(Self::Hour),
            "dow_cyclic" => Some(Self::Weekday),
            "year_cyclic" => Some(Self::Year),
            _ => None,
        }
    }

    /// Sine and cosine of the fraction of the cycle that has passed; `None` beyond the years -9999 to 9999.
    pub(crate) fn columns(self, unix: f64) -> Option<[f64; 2]> {
        let fraction = match self {
            Self::Hour => modulo(unix, DAY) / DAY,
            // The epoch was a Thursday.
            Self::Weekday => modulo(unix + 3.0 * DAY, WEEK) / WEEK,
            Self::Year => {
                let day = (unix / DAY).floor();
                if day.abs() > LAST_DAY {
                    return None;
                }
                let year = year_of(unix.floor().div_euclid(DAY) as i64);
                let (start, end) = (days_before(year, 1, 1) as f64 * DAY, days_before(year + 1, 1, 1) as f64 * DAY);
                (unix - start) / (end - start)
            }
        };
        let (sin, cos) = (2.0 * PI * fraction).sin_cos();
        Some([sin, cos])
    }
}

/// A part of a date that a `time` operation turns into an index; in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DatePart {
    /// 0 to 23.
    Hour,
    /// 0 is Monday, 6 is Sunday.
    Weekday,
    /// Of the month: 0 to 30.
    Day,
    /// 0 is January, 11 is December.
    Month,
}

impl DatePart {
    /// As the spec names it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "hour" => Some(Self::Hour),
            "dow" => Some(Self::Weekday),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// How many values it has.
    pub(crate) fn places(self) -> u64 {
        match self {
            Self::Hour => 24,
            Self::Weekday => 7,
            Self::Day => 31,
            Self::Month => 12,
        }
    }

    /// Its value, from 0; `None` beyond the years -9999 to 9999.
    pub(crate) fn place(self, unix: f64) -> Option<u64> {
        if (unix / DAY).floor().abs() > LAST_DAY {
            return None;
        }
        let second = unix.floor() as i64;
        let day = second.div_euclid(86_400);
        let place = match self {
            Self::Hour => second.rem_euclid(86_400) / 3_600,
            // The epoch was a Thursday.
            Self::Weekday => (day + 3).rem_euclid(7),
            Self::Day => month_and_day(day).1,
            Self::Month => month_and_day(day).0,
        };
        Some(place as u64)
    }
}

/// The month and the day of the month of a day counted from 1970-01-01, both from 0.
fn month_and_day(day: i64) -> (i64, i64) {
    let year = year_of(day);
    let mut rest = day - days_before(year, 1, 1);
    let mut month = 1;
    while rest >= days_in(year, month) {
        rest -= days_in(year, month);
        month += 1;
    }
    (month - 1, rest)
}

/// The remainder that has the divisor's sign.
fn modulo(x: f64, divisor: f64) -> f64 {
    let rest = x % divisor;
    if rest < 0.0 { rest + divisor } else { rest }
}

/// Unix seconds of a number or of RFC 3339 text; `None` for anything else.
pub fn unix_seconds(value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => rfc3339(text),
        _ => value.as_f64().filter(|seconds| seconds.is_finite()),
    }
}

/// `2011-11-21T10:10:00.25+01:00` as unix seconds: a `T`, `t` or space between date and time, an offset or `Z`, which must be there.
///
/// No leap second (a second is 0 to 59) and no year 0000, as training had it.
pub(crate) fn rfc3339(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, count: usize| {
        bytes.get(from..from + count)?.iter().try_fold(0i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let mark = |at: usize, marks: &[u8]| bytes.get(at).filter(|byte| marks.contains(byte)).map(|_| ());
    let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
    let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
    for (at, marks) in [(4, &b"-"[..]), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")] {
        mark(at, marks)?;
    }
    let in_range = year >= 1 && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 59 {
        return None;
    }

    let mut zone = 19;
    let mut fraction = 0.0;
    if mark(zone, b".").is_some() {
        let count = bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        zone = 20 + count;
        fraction = text.get(19..zone).filter(|_| count > 0)?.parse().ok()?;
    }
    let offset = match bytes.get(zone)? {
        b'Z' | b'z' if bytes.len() == zone + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == zone + 6 => {
            mark(zone + 3, b":")?;
            let seconds = digits(zone + 1, 2)? * 3600 + digits(zone + 4, 2)? * 60;
            if *sign == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let whole = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(whole as f64 + fraction)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the given day of the Gregorian calendar.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    before * 365 + leap_days + months + day - 1 - 719_162
}

/// The calendar year of a day counted from 1970-01-01.
fn year_of(day: i64) -> i64 {
    // Right or one too small or large, as no year is far from the mean of 365.2425 days.
    let guess = 1970 + (day as f64 / 365.2425).floor() as i64;
    if day < days_before(guess, 1, 1) {
        guess - 1
    } else if day >= days_before(guess + 1, 1, 1) {
        guess + 1
    } else {
        guess
    }
}

#[cfg(test)]
mod tests;
