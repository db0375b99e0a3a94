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
mod tests {
    use super::*;

    #[test]
    fn days_and_years_agree_day_by_day() {
        let mut day = days_before(1, 1, 1);
        assert_eq!(day, -719_162);
        for year in 1..=2500 {
            assert_eq!(days_before(year, 1, 1), day);
            for month in 1..=12 {
                assert_eq!(days_before(year, month, 1), day);
                assert_eq!(
                    (month_and_day(day), month_and_day(day - 1 + days_in(year, month))),
                    ((month - 1, 0), (month - 1, days_in(year, month) - 1))
                );
                day += days_in(year, month);
            }
            assert_eq!((year_of(days_before(year, 1, 1)), year_of(day - 1)), (year, year));
        }
        assert_eq!(days_before(2000, 2, 29), 11_016);
    }

    #[test]
    fn rfc3339_takes_what_the_reference_takes() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2011-11-21T10:10:00.25+01:00", 1_321_866_600.25),
            ("2012-02-29 23:59:59-05:30", 1_330_579_799.0),
            ("1969-12-31t12:00:00z", -43_200.0),
            ("0001-01-01T00:00:00Z", -62_135_596_800.0),
            ("9999-12-31T23:59:59.9Z", 253_402_300_799.9),
            ("2000-02-29T00:00:00+99:99", 951_782_400.0 - 99.0 * 3660.0),
        ] {
            assert_eq!(rfc3339(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "2011-11-21",
            "2011-11-21T09:10:00",
            "2011-04-31T00:00:00Z",
            "2011-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2011-13-01T00:00:00Z",
            "2011-00-01T00:00:00Z",
            "2011-01-00T00:00:00Z",
            "2011-01-01T24:00:00Z",
            "2011-01-01T00:60:00Z",
            "2011-01-01T23:59:60Z",
            "0000-01-01T00:00:00Z",
            "2011-01-01T00:00:00.Z",
            "2011-01-01T00:00:00ZZ",
            "2011-01-01T00:00:00+0100",
            "2011-01-01T00:00:00+01:0",
            "2011-01-01T00:00:00+01:000",
            "2011-01-01_00:00:00Z",
            "+011-01-01T00:00:00Z",
            "2011-01-01T00:00:00é",
            "2011-01-01T00:00:00.1é",
            "é011-01-01T00:00:00Z",
            "2011-01-01T00:00:00.25",
            " 2011-01-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_refused_or_a_time_of_four_digits(text in "[0-9TtZz:.+é -]{0,40}|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}.*") {
            // From year 1 to the end of 9999, a day more on either side for the offset.
            let years = -62_135_596_800.0 - 86_400.0..253_402_300_800.0 + 86_400.0;
            proptest::prop_assert!(rfc3339(&text).is_none_or(|unix| years.contains(&unix)));
        }

        #[test]
        fn every_part_of_a_date_is_in_range(unix in proptest::prop_oneof![-4e11..4e11f64, proptest::num::f64::ANY]) {
            for part in [DatePart::Hour, DatePart::Weekday, DatePart::Day, DatePart::Month] {
                proptest::prop_assert!(part.place(unix).is_none_or(|place| place < part.places()));
                proptest::prop_assert!(part.place(unix).is_some() || unix.is_nan() || unix.abs() > 3.1e11);
            }
        }

        #[test]
        fn every_finite_time_gives_columns_on_the_circle(unix: f64) {
            for part in [TimePart::Hour, TimePart::Weekday, TimePart::Year] {
                if let Some([sin, cos]) = part.columns(unix) {
                    proptest::prop_assert!(!unix.is_finite() || (sin.hypot(cos) - 1.0).abs() < 1e-9);
                }
            }
        }
    }
}
