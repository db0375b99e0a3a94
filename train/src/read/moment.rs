//! Times as files write them.

use std::fmt;

use torre_features::Value;

const DAY: i64 = 86_400;
/// Seconds beyond which a number counts milliseconds: the year 5138.
const MILLISECONDS: f64 = 1e11;
/// Beyond which it counts microseconds, and beyond which nanoseconds.
const MICROSECONDS: f64 = 1e14;
const NANOSECONDS: f64 = 1e17;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Unix seconds of a time, rounded down: a number (of seconds; of milli-, micro- or nanoseconds where it is too large for that), RFC 3339
/// text, the same without a zone or a time of day (taken as UTC and 00:00), or a date like `01-Jan-1995`. `None` for anything else.
///
/// ```
/// use torre_train::to_seconds;
/// for text in ["2010-12-01 08:26:00", "2010-12-01T08:26:00Z", "2010-12-01T09:26:00+01:00", "1291191960", "1291191960000"] {
///     assert_eq!(to_seconds(&text.into()), Some(1_291_191_960), "{text}");
/// }
/// assert_eq!(to_seconds(&"01-Jan-1970".into()), Some(0));
/// assert_eq!(to_seconds(&"soon".into()), None);
/// ```
#[must_use]
pub fn to_seconds(value: &Value) -> Option<i64> {
    match value {
        Value::Text(text) => {
            let text = text.trim();
            if let Ok(number) = text.parse::<f64>() {
                return of_number(number);
            }
            let zoned = |suffix: &str| Value::from(format!("{text}{suffix}")).to_unix_seconds();
            let seconds = zoned("").or_else(|| zoned("Z")).or_else(|| zoned(":00Z")).or_else(|| zoned("T00:00:00Z"));
            seconds.map(|seconds| seconds.floor() as i64).or_else(|| of_month_name(text))
        }
        Value::Bool(_) => None,
        _ => value.as_f64().and_then(of_number),
    }
}

fn of_number(number: f64) -> Option<i64> {
    let seconds = match number.abs() {
        size if size < MILLISECONDS => number,
        size if size < MICROSECONDS => number / 1e3,
        size if size < NANOSECONDS => number / 1e6,
        size if size < NANOSECONDS * 1e3 => number / 1e9,
        _ => return None,
    };
    seconds.is_finite().then(|| seconds.floor() as i64)
}

/// `01-Jan-1995`.
fn of_month_name(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name))? + 1;
    if parts.next().is_some() || year.len() != 4 || day.len() > 2 {
        return None;
    }
    let date = Value::from(format!("{year}-{month:02}-{:0>2}T00:00:00Z", day));
    date.to_unix_seconds().map(|seconds| seconds as i64)
}

/// Unix seconds, shown as a date and a time of day in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Date(pub i64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        // Days to the civil calendar, whose years begin with March here (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_smaller_units_are_told_by_their_size() {
        for (number, seconds) in [
            (0.0, Some(0)),
            (-1.5, Some(-2)),
            (881_250_949.0, Some(881_250_949)),
            (881_250_949_123.0, Some(881_250_949)),
            (881_250_949_123_456.0, Some(881_250_949)),
            (1.6e18, Some(1_600_000_000)),
            (1e30, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(of_number(number), seconds, "{number}");
        }
        assert_eq!(to_seconds(&Value::from(5)), Some(5));
        assert_eq!(to_seconds(&Value::Bool(true)), None);
        assert_eq!(to_seconds(&Value::Null), None);
    }

    #[test]
    fn dates_without_a_zone_are_utc() {
        for (text, shown) in [
            ("1995-01-01", "1995-01-01 00:00:00"),
            ("01-Jan-1995", "1995-01-01 00:00:00"),
            ("4-feb-1971", "1971-02-04 00:00:00"),
            ("2011-12-09 12:50", "2011-12-09 12:50:00"),
            ("2000-02-29T23:59:59.9", "2000-02-29 23:59:59"),
            ("1900-03-01", "1900-03-01 00:00:00"),
            ("0001-01-01", "0001-01-01 00:00:00"),
        ] {
            assert_eq!(to_seconds(&text.into()).map(|t| Date(t).to_string()), Some(shown.to_owned()), "{text}");
        }
        for text in ["", "Jan", "01-Jan-95", "31-Feb-1995", "1-2-3", "01-Jan-1995-x", "2011-13-01"] {
            assert_eq!(to_seconds(&text.into()), None, "{text}");
        }
    }

    #[test]
    fn every_day_is_shown_as_it_is_read() {
        for day in (-700_000..2_000_000).step_by(37) {
            let shown = Date(day * DAY + 3661).to_string();
            assert_eq!(to_seconds(&shown.as_str().into()), Some(day * DAY + 3661), "{shown}");
        }
    }
}
