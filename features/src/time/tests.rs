//! Times as texts and as seconds.
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
