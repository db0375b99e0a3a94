//! Names, parameters and types; what filters say of rows, by examples.

use super::testing::{NOW, params, schema};
use super::{Filter, FilterError, Params, field};
use crate::features::{Row, Value};
use crate::row;

fn eval(text: &str, row: &Row) -> Option<bool> {
    let filter = Filter::parse(text).unwrap();
    filter.bind(&schema(), &params(), NOW).unwrap_or_else(|error| panic!("{text}: {error}")).eval(row)
}

fn refused(text: &str) -> String {
    Filter::parse(text).unwrap().bind(&schema(), &params(), NOW).unwrap_err().to_string()
}

#[test]
fn what_does_not_fit_is_refused_with_what_there_is() {
    let numbers = "=, !=, <, <=, >, >=, BETWEEN, IN, IS NULL and WITHIN";
    for (text, error) in [
        (
            "f > 1 AND latt < 5",
            r#", column 11: unknown field "latt" (did you mean "lat"?); there is: id, t, u, i, j, f, lat, lon, b, w, tt, ii, ff, bb, ww"#.to_owned(),
        ),
        ("t = 5", r#", column 5: field "t" is of type text: expected a text, got the number 5"#.to_owned()),
        ("t = $number", r#", column 5: field "t" is of type text: expected a text, got the number 5 (the parameter "number")"#.to_owned()),
        ("i < 'x'", r#", column 5: field "i" is of type int: expected a number, got the string "x""#.to_owned()),
        ("f IN (1, true)", r#", column 10: field "f" is of type float: expected a number, got true"#.to_owned()),
        ("f < now()", r#", column 5: field "f" is of type float: expected a number, got the time now()"#.to_owned()),
        ("b = 1", r#", column 5: field "b" is of type bool: expected true or false, got the number 1"#.to_owned()),
        ("tt HAS 1", r#", column 8: field "tt" is of type list<text>: expected a text, got the number 1"#.to_owned()),
        (
            "w > '2001-09-09'",
            r#", column 5: field "w" is of type time: expected now(), unix seconds or RFC 3339 text with a zone, as '2026-04-25T20:15:00Z', got the string "2001-09-09""#
                .to_owned(),
        ),
        ("b < true", r#", column 1: field "b" is of type bool, which has no <; it has =, !=, IS NULL and its name alone"#.to_owned()),
        ("a", r#", column 1: unknown field "a" (did you mean "t"?); there is: "#.to_owned()),
        ("i", format!(r#", column 1: field "i" is of type int, which has no truth of its own; it has {numbers}"#)),
        ("f HAS 1", format!(r#", column 1: field "f" is of type float, which has no HAS; it has {numbers}"#)),
        (
            "tt = 'a'",
            r#", column 1: field "tt" is of type list<text>, which has no =; it has HAS, HAS ANY, HAS ALL, HAS NONE, MATCH and IS NULL"#.to_owned(),
        ),
        ("i STARTS WITH 'a'", format!(r#", column 1: field "i" is of type int, which has no STARTS WITH; it has {numbers}"#)),
        (
            "ii MATCH 'a'",
            r#", column 1: field "ii" is of type list<int>, which has no MATCH; it has HAS, HAS ANY, HAS ALL, HAS NONE and IS NULL"#.to_owned(),
        ),
        ("t MATCH ' - '", r#", column 9: MATCH needs at least one word (letters or digits), got " - ""#.to_owned()),
        (
            "i = $nmber",
            ", column 5: no value for the parameter \"nmber\"; there is: flag, flags, half, nothing, number, numbers, text, texts, time, times".to_owned(),
        ),
        ("i IN $number", r#", column 6: IN or HAS with a $parameter: expected a list, got the number 5"#.to_owned()),
        (
            "i = $numbers",
            r#", column 5: a value: expected text, a number, true or false, got a list (the parameter "numbers")"#.to_owned(),
        ),
        ("WITHIN(t, lon, 0, 0, 1)", r#", column 8: field "t" is of type text, which has no WITHIN"#.to_owned()),
        (
            "WITHIN(lat, lon, 90.5, 0, 1)",
            ", column 18: the latitude of WITHIN: expected a number from -90 to 90, got the number 90.5".to_owned(),
        ),
        (
            "WITHIN(lat, lon, 0, 181, 1)",
            ", column 21: the longitude of WITHIN: expected a number from -180 to 180, got the number 181".to_owned(),
        ),
        ("WITHIN(lat, lon, 0, 0, -1)", ", column 24: the distance of WITHIN: expected kilometres, from 0 up, got the number -1".to_owned()),
        ("IN LIST 5", ", column 9: the name of IN LIST: expected a text, got the number 5".to_owned()),
    ] {
        let says = refused(text);
        assert!(says.starts_with(&format!("filter{error}")), "{text}\n  {says}\n  filter{error}");
    }
    let lenient = crate::features::Schema { lenient: true, ..schema() };
    assert!(matches!(field("other").eq(1).bind(&lenient, &Params::new(), NOW), Err(FilterError::UnknownField { .. })));
}

#[test]
fn nulls_and_nans_are_nothing_to_compare_with() {
    let bind = |filter: Filter, params: Params| filter.bind(&schema(), &params, NOW).unwrap_err().to_string();
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let said = format!("filter: expected a finite number, got the number {number:?}");
        assert_eq!(bind(field("f").lt(number), Params::new()), said);
        assert_eq!(bind(field("f").is_in([number]), Params::new()), said);
        let params = Params::new().with("x", number).with("l", [number]);
        let said = format!("{said} (the parameter \"x\")").replace("filter:", "filter, column 5:");
        assert_eq!(bind(Filter::parse("f < $x").unwrap(), params.clone()), said);
        assert!(bind(Filter::parse("f IN $l").unwrap(), params).contains("finite"));
    }
    let params = Params::new().with("x", Value::Null).with("l", vec![Value::Null]);
    for text in ["f = $x", "f IN $l", "tt HAS $x", "tt HAS NONE $l"] {
        assert!(bind(Filter::parse(text).unwrap(), params.clone()).contains("ask with IS NULL"), "{text}");
    }
    assert!(field("b").is_true().bind(&schema(), &Params::new(), f64::NAN).is_err());
}

#[test]
fn whole_numbers_and_floats_compare_exactly() {
    let edge = 1i64 << 53;
    for (text, row, truth) in [
        ("i = 9007199254740992.0", row! { "i" => edge + 1 }, false),
        ("i = 9007199254740992.0", row! { "i" => edge }, true),
        ("i > 9007199254740992.0", row! { "i" => edge + 1 }, true),
        ("f = 9007199254740993", row! { "f" => edge as f64 }, false),
        ("f < 9007199254740993", row! { "f" => edge as f64 }, true),
        ("f > 9007199254740993", row! { "f" => (edge + 2) as f64 }, true),
        ("f IN (9007199254740993, 9007199254740995)", row! { "f" => (edge + 2) as f64 }, false),
        ("f IN (9007199254740993, 9007199254740994)", row! { "f" => (edge + 2) as f64 }, true),
        ("i < 9223372036854775807.0", row! { "i" => i64::MAX }, true),
        ("i >= 9223372036854775808", row! { "i" => i64::MAX }, false),
        ("i >= 9223372036854775808", row! { "i" => 1u64 << 63 }, true),
        ("i = 18446744073709551615", row! { "i" => u64::MAX }, true),
        ("i < 18446744073709551616.0", row! { "i" => u64::MAX }, true),
        ("i <= -9223372036854775808", row! { "i" => i64::MIN }, true),
        ("i < -9223372036854775808.0", row! { "i" => i64::MIN }, false),
        ("i > -1e300", row! { "i" => i64::MIN }, true),
        ("i > 1e300", row! { "i" => u64::MAX }, false),
        ("i = 5.5", row! { "i" => 5 }, false),
        ("i != 5.5", row! { "i" => 5 }, true),
        ("i < 5.5", row! { "i" => 5 }, true),
        ("i <= 5.5", row! { "i" => 6 }, false),
        ("i > -0.5", row! { "i" => 0 }, true),
        ("i BETWEEN 4.5 AND 5.5", row! { "i" => 5 }, true),
        ("i BETWEEN 5.1 AND 5.9", row! { "i" => 5 }, false),
        ("i BETWEEN 6 AND 5", row! { "i" => 5 }, false),
        ("i NOT BETWEEN 6 AND 5", row! { "i" => 5 }, true),
        ("f = 0", row! { "f" => -0.0 }, true),
        ("f = -0.0", row! { "f" => 0.0 }, true),
        ("f < 0", row! { "f" => -0.0 }, false),
        ("f > -0.0", row! { "f" => 0.0 }, false),
        ("f > 0", row! { "f" => 5e-324 }, true),
        ("f IN (-0.0, 5)", row! { "f" => 0 }, true),
        ("f <= 18446744073709551615", row! { "f" => 2f64.powi(64) }, false),
        ("f > 1.7976931348623157e308", row! { "f" => f64::MAX }, false),
        ("f >= 1.7976931348623157e308", row! { "f" => f64::MAX }, true),
        ("ii HAS 9007199254740992.0", row! { "ii" => [edge + 1] }, false),
        ("ff HAS 9007199254740993", row! { "ff" => [edge as f64] }, false),
    ] {
        assert_eq!(eval(text, &row), Some(truth), "{text} of {}", row.to_json());
    }
}

#[test]
fn null_is_unknown_in_every_test_but_is_null() {
    let tests = [
        "t = 'a'",
        "t != 'a'",
        "t < 'a'",
        "t BETWEEN 'a' AND 'b'",
        "t IN ('a')",
        "t NOT IN ('a')",
        "t IN ()",
        "t NOT IN $nothing",
        "t STARTS WITH 'a'",
        "t MATCH 'a'",
        "i = 5",
        "i = 5.5",
        "i != 5.5",
        "i IN (1, 2)",
        "f < 5",
        "f IN (0.5, 1)",
        "b",
        "NOT b",
        "b = false",
        "w > now()",
        "tt HAS 'a'",
        "tt HAS ANY ()",
        "tt HAS ALL ()",
        "tt HAS ALL ('a', 'b')",
        "tt HAS NONE ('a')",
        "tt HAS NONE $nothing",
        "tt MATCH 'a'",
        "bb HAS ANY (true, false)",
        "WITHIN(lat, lon, 0, 0, 1e9)",
        "IN LIST 'seen'",
        "id = 'a'",
    ];
    let wrong = row! {
        "t" => [1], "i" => "5", "f" => "x", "b" => 1, "w" => "now", "tt" => "a", "bb" => true, "lat" => "0", "lon" => 0, "id" => true,
    };
    for test in tests {
        for row in [row! {}, row! { "t" => null, "i" => null, "tt" => null, "lat" => 0, "id" => null }, wrong.clone()] {
            assert_eq!(eval(test, &row), None, "{test} of {}", row.to_json());
            assert_eq!(eval(&format!("NOT ({test})"), &row), None, "{test} of {}", row.to_json());
            assert_eq!(eval(&format!("({test}) AND t IS NOT NULL"), &row), Some(false), "{test}");
            assert_eq!(eval(&format!("({test}) OR t IS NULL"), &row), Some(true), "{test}");
        }
    }
}

#[test]
fn lists_are_asked_by_element() {
    let row = row! { "tt" => vec![Value::from("a"), Value::Null, Value::from("Big Tent"), Value::from(7)], "ii" => Vec::<i64>::new() };
    for (text, truth) in [
        ("tt HAS 'a'", true),
        ("tt HAS 'A'", false),
        ("tt HAS '7'", true),
        ("tt HAS ANY ('x', 'a')", true),
        ("tt HAS ALL ('x', 'a')", false),
        ("tt HAS ALL ('7', 'a')", true),
        ("tt HAS NONE ('x', 'y')", true),
        ("tt HAS NONE ('x', 'a')", false),
        ("tt MATCH 'tent BIG'", true),
        ("tt MATCH 'a big'", false),
        ("tt IS NULL", false),
        ("ii IS NULL", false),
        ("ii HAS 1", false),
        ("ii HAS NONE (1)", true),
        ("ii HAS ALL ()", true),
        ("ii HAS ANY ()", false),
    ] {
        assert_eq!(eval(text, &row), Some(truth), "{text}");
    }
}

#[test]
fn times_and_ids_are_read_as_rows_have_them() {
    let row = row! { "id" => 42, "w" => "2001-09-09T03:46:40.5+02:00" };
    for (text, truth) in [
        ("w = now()", true),
        ("w > now() - 1s", true),
        ("w < now() + 1s", true),
        ("w = '2001-09-09T01:46:40.5Z'", true),
        ("w = 1000000000.5", true),
        ("w IN $times", false),
        ("id = 42", true),
        ("id = '42'", true),
        ("id IN (41, '42')", true),
        ("id STARTS WITH '4'", true),
        ("id IS NULL", false),
    ] {
        assert_eq!(eval(text, &row), Some(truth), "{text}");
    }
    let bound = Filter::parse("NOT IN LIST 'seen' AND IN LIST 'new'").unwrap().bind(&schema(), &Params::new(), NOW).unwrap();
    assert_eq!(bound.eval(&row), Some(false));
    assert_eq!(bound.eval_with(&row, &|list, id| list == "new" && id == "42"), Some(true));
    assert_eq!(bound.eval_with(&row, &|list, id| !list.is_empty() && id == "42"), Some(false));
}

#[test]
fn what_is_bound_is_bounded() {
    let many: Vec<i64> = (0..1_000_001).collect();
    let bind = |text: &str, list: &[i64]| Filter::parse(text).unwrap().bind(&schema(), &Params::new().with("l", list), NOW);
    assert!(bind("i IN $l", &many[1..]).is_ok());
    let error = bind("i IN $l", &many).unwrap_err();
    assert_eq!(error, FilterError::TooMany { column: Some(6), what: "values", limit: 1_000_000 });
    let error = bind("ii HAS ALL $l", &many[..5000]).unwrap_err();
    assert_eq!(error, FilterError::TooMany { column: None, what: "tests", limit: 4096 });
    assert!(bind("ii HAS ALL $l", &many[..4096]).is_ok());
    let wide = (0..5000).map(|n| field("i").eq(n)).reduce(|a, b| a | b).unwrap();
    assert!(matches!(wide.bind(&schema(), &Params::new(), NOW), Err(FilterError::TooMany { .. })));
}
