//! What is read, what is printed, what is refused and how.

use super::operand::{Literal, Operand};
use super::tree::{Expr, MAX_DEPTH, MAX_TESTS};
use super::{Filter, FilterError, field, in_list, now, param, within};

/// What is written, and its canonical text.
const TABLE: &[(&str, &str)] = &[
    ("price<50", "price < 50"),
    ("price <> -5", "price != -5"),
    ("price >= +1.50", "price >= 1.5"),
    ("price = -0.0", "price = -0.0"),
    ("price = 1E3", "price = 1000.0"),
    ("price = 1e300", "price = 1e300"),
    ("n = - 5", "n = -5"),
    ("n = -9223372036854775808", "n = -9223372036854775808"),
    ("n = 18446744073709551615", "n = 18446744073709551615"),
    ("in_stock", "in_stock"),
    ("not in_stock", "NOT in_stock"),
    ("b = TRUE or b != False", "b = true OR b != false"),
    ("brand = 'it''s'", "brand = 'it''s'"),
    ("brand = '\"é\n'", "brand = '\"é\n'"),
    (r#""a ""b""" = 1"#, r#""a ""b""" = 1"#),
    (r#""plain" = 1"#, "plain = 1"),
    (r#""And" is null"#, r#""And" IS NULL"#),
    ("größe IS NOT NULL", "größe IS NOT NULL"),
    ("NOT größe IS NULL", "größe IS NOT NULL"),
    ("price between 1 and 2 and x", "price BETWEEN 1 AND 2 AND x"),
    ("NOT price between $a and $b", "price NOT BETWEEN $a AND $b"),
    ("brand in ('a' , \"b\" )", ""),
    ("brand in ('a' , 'b' )", "brand IN ('a', 'b')"),
    ("brand not in ()", "brand NOT IN ()"),
    ("brand not in $list", "brand NOT IN $list"),
    (r#"brand in $"odd name""#, r#"brand IN $"odd name""#),
    ("id in (1, 'a')", "id IN (1, 'a')"),
    ("tags has 'x'", "tags HAS 'x'"),
    ("tags has any ('x')", "tags HAS 'x'"),
    ("tags HAS Any ('x', $y)", "tags HAS ANY ('x', $y)"),
    ("tags has all $list", "tags HAS ALL $list"),
    ("tags not has none ('x')", "NOT tags HAS NONE ('x')"),
    ("title not starts with 'A'", "title NOT STARTS WITH 'A'"),
    ("title match $words", "title MATCH $words"),
    ("title not match 'a b'", "NOT title MATCH 'a b'"),
    ("within(lat, lon, 52.3, -4, $km)", "WITHIN(lat, lon, 52.3, -4, $km)"),
    ("within = 5 and now > 3 and list and has has 1", "within = 5 AND now > 3 AND list AND has HAS 1"),
    ("in list 'seen:u42'", "IN LIST 'seen:u42'"),
    ("not in list $seen", "NOT IN LIST $seen"),
    ("seen > now ( ) - 7d", "seen > now() - 1w"),
    ("seen > NOW() + 90s", "seen > now() + 90s"),
    ("seen > now() - 36H", "seen > now() - 36h"),
    ("seen > now() - 0d", "seen > now()"),
    ("a or b and c", "a OR b AND c"),
    ("(a or b) and c", "(a OR b) AND c"),
    ("((a)) and (b and (c and d))", "a AND b AND c AND d"),
    ("not (a and b)", "NOT (a AND b)"),
    ("not not (a or b)", "a OR b"),
    ("not (not (not a)) or b", "NOT a OR b"),
    ("\u{a0}a\u{3000}=\t1\r\n", "a = 1"),
];

#[test]
fn what_is_written_has_one_canonical_text() {
    for (text, canonical) in TABLE {
        match Filter::parse(text) {
            Ok(filter) => {
                assert_eq!(filter.to_string(), *canonical, "{text}");
                assert_eq!(Filter::parse(canonical), Ok(filter), "{text}");
            }
            Err(error) => assert!(canonical.is_empty(), "{text}: {error}"),
        }
    }
}

#[test]
fn what_is_built_is_what_is_written() {
    let week = std::time::Duration::from_secs(7 * 86_400);
    for (built, text) in [
        (field("price").lt(50) & field("brand").is_in(["a", "b"]) & !field("tags").has("adult"), TABLE_OF_BUILT[0]),
        (field("a").eq(1u64) | (field("b").ne(2.5f32) & field("c").le("x")), TABLE_OF_BUILT[1]),
        ((field("a").gt(param("x")) | field("b").ge(now() - week)) & field("c").between(-1, 1usize), TABLE_OF_BUILT[2]),
        (field("a").is_null() & field("b").is_not_null() & field("c").is_true() & field("d").eq(u64::MAX), TABLE_OF_BUILT[3]),
        (field("a").has_any(["x"]) & field("a").has_all(param("l")) & field("a").has_none(vec![1, 2]), TABLE_OF_BUILT[4]),
        (!field("a").starts_with("x") & field("a").matches("x y") & !in_list("seen"), TABLE_OF_BUILT[5]),
        (within("lat", "lon", 52.5, 4, param("km")), TABLE_OF_BUILT[6]),
    ] {
        assert_eq!(built.to_string(), text);
        assert_eq!(Filter::parse(text), Ok(built));
    }
}

const TABLE_OF_BUILT: [&str; 7] = [
    "price < 50 AND brand IN ('a', 'b') AND NOT tags HAS 'adult'",
    "a = 1 OR b != 2.5 AND c <= 'x'",
    "(a > $x OR b >= now() - 1w) AND c BETWEEN -1 AND 1",
    "a IS NULL AND b IS NOT NULL AND c AND d = 18446744073709551615",
    "a HAS 'x' AND a HAS ALL $l AND a HAS NONE (1, 2)",
    "a NOT STARTS WITH 'x' AND a MATCH 'x y' AND NOT IN LIST 'seen'",
    "WITHIN(lat, lon, 52.5, 4, $km)",
];

#[test]
fn errors_say_where_and_what_was_expected() {
    for (text, error) in [
        ("", "column 1: expected a field, `(`, NOT, IN LIST or WITHIN, got the end"),
        ("   ", "column 4: expected a field, `(`, NOT, IN LIST or WITHIN, got the end"),
        ("price <", "column 8: expected a value, got the end"),
        ("größe = brand", "column 9: expected a value (text stands in single quotes), got brand"),
        (r#"a = "b""#, r#"column 5: expected a value (text stands in single quotes), got the field "b""#),
        ("a = 'b", "column 5: expected a closing ' to this one, got the end"),
        ("a == 5", "column 4: expected a value, got `=`"),
        ("a = 5 b", "column 7: expected AND, OR or the end, got b"),
        ("(a = 5", "column 7: expected AND, OR or `)`, got the end"),
        ("a = 5)", "column 6: expected AND, OR or the end, got `)`"),
        (
            "a b",
            "column 3: expected =, !=, <, <=, >, >=, [NOT] BETWEEN, [NOT] IN, IS [NOT] NULL, HAS, STARTS WITH or MATCH after a field, got b",
        ),
        ("a NOT = 5", "column 7: expected BETWEEN, IN, HAS, STARTS WITH or MATCH, got `=`"),
        ("and = 5", "column 1: expected a field (one of such a name stands in double quotes), got and"),
        ("a AND", "column 6: expected a field, `(`, NOT, IN LIST or WITHIN, got the end"),
        ("a IN LIST 'x'", "column 6: expected `(` and values, or a $parameter; IN LIST stands without a field, got LIST"),
        ("a IN ('x' 'y')", r#"column 11: expected `,` or `)`, got the string "y""#),
        ("a IN ('x',)", "column 11: expected a value, got `)`"),
        ("IN 'x'", r#"column 4: expected LIST, as in IN LIST 'name', got the string "x""#),
        ("a IS 5", "column 6: expected NULL or NOT NULL, got the number 5"),
        ("a = NULL", "column 5: NULL where a value is expected: nothing is equal to null, ask with IS NULL"),
        ("a IN (1, null)", "column 10: NULL where a value is expected: nothing is equal to null, ask with IS NULL"),
        ("a BETWEEN 1", "column 12: expected AND and the upper end, got the end"),
        ("a STARTS 'x'", r#"column 10: expected WITH, got the string "x""#),
        ("a = - 'x'", r#"column 7: expected a number after the sign, got the string "x""#),
        ("a = 5x", r#"column 5: expected a number, or a whole number of s, m, h, d or w (as 7d), got "5x""#),
        ("a = 1.5d", r#"column 5: expected a number, or a whole number of s, m, h, d or w (as 7d), got "1.5d""#),
        ("a = 7d", "column 5: expected a value, got a span of 604800 s"),
        (
            "a = 99999999999999999w",
            r#"column 5: expected a number, or a whole number of s, m, h, d or w (as 7d), got "99999999999999999w""#,
        ),
        ("a = 5.", "column 5: expected a digit after the decimal point, got none"),
        ("a = 5e", "column 5: expected digits in the exponent, got none"),
        ("a = 1e999", r#"column 5: expected a number that 64 bits can hold, got "1e999""#),
        ("a = 18446744073709551616", r#"column 5: expected a number that 64 bits can hold, got "18446744073709551616""#),
        ("a = -9223372036854775809", "column 5: expected a number that 64 bits can hold, got the number -9223372036854775809"),
        ("a = now", "column 8: expected `()` after now, got the end"),
        ("a > now() - 7", "column 13: expected a span of time such as 90s, 15m, 12h, 7d or 2w, got the number 7"),
        ("a = $", "column 5: expected a name after $, got none"),
        ("a ! 5", "column 3: expected a condition, got the character '!'"),
        ("a; b", "column 2: expected a condition, got the character ';'"),
        ("WITHIN(lat, lon, 1, 2)", "column 22: expected `,`, got `)`"),
    ] {
        assert_eq!(Filter::parse(text).map_err(|error| error.to_string()), Err(format!("filter, {error}")), "{text}");
    }
}

/// Each returns at once, on the small stack of a test thread.
#[test]
fn hostile_texts_are_refused() {
    let many = 1_000_000;
    for (text, says) in [
        ("(".repeat(many), "nested more than 32 deep"),
        (format!("{}a{}", "(".repeat(many / 2), ")".repeat(many / 2)), "nested more than 32 deep"),
        ("(a or (b and ".repeat(50_000), "nested more than 32 deep"),
        ("NOT (".repeat(150_000), "nested more than 32 deep"),
        ("a or ".repeat(200_000), "more than 4096 tests"),
        ("a or ".repeat(many), "5000000 bytes of text; at most 1048576 are read, so give long lists as parameters"),
        ("a = 1 and not b or ".repeat(50_000), "more than 4096 tests"),
        ("NOT ".repeat(250_000), "got the end"),
        ("'".repeat(many - 1), "a closing '"),
        (format!("a = {}", "9".repeat(many)), "64 bits"),
        (format!("a = 1{}", "x".repeat(many)), "a whole number of"),
        (format!("a {}", "b".repeat(many)), "after a field"),
    ] {
        let error = Filter::parse(&text).unwrap_err().to_string();
        assert!(error.contains(says) && error.len() < 400, "{error}");
    }
    assert_eq!(Filter::parse(&format!("{}a", "NOT ".repeat(200_001))).unwrap().to_string(), "NOT a");
}

#[test]
fn limits_are_reached_and_not_passed() {
    let nested = |deep: usize| format!("{}a{}", "NOT (b AND ".repeat(deep), ")".repeat(deep));
    // Each of the levels is a NOT over an AND.
    assert!(Filter::parse(&nested(MAX_DEPTH / 2 - 1)).is_ok());
    assert!(matches!(Filter::parse(&nested(MAX_DEPTH / 2)), Err(FilterError::TooDeep { column: Some(_), limit: MAX_DEPTH })));
    let parens = |deep: usize| format!("{}a{}", "(".repeat(deep), ")".repeat(deep));
    assert!(Filter::parse(&parens(MAX_DEPTH)).is_ok());
    assert!(Filter::parse(&parens(MAX_DEPTH + 1)).is_err());
    let tests = |count: usize| vec!["a"; count].join(" OR ");
    assert!(Filter::parse(&tests(MAX_TESTS)).is_ok());
    assert!(Filter::parse(&tests(MAX_TESTS + 1)).is_err());
}

/// Operators cannot fail, so the tree says that it is too deep when it is used.
#[test]
fn a_tree_built_too_deep_is_refused_when_it_is_bound() {
    let mut filter = field("a").is_true();
    for _ in 0..100_000 {
        filter = (filter & field("b").is_true()) | field("c").is_true();
    }
    assert!(matches!(filter.expr, Expr::TooDeep));
    let bound = filter.bind(&super::testing::schema(), &super::Params::new(), 0.0);
    assert_eq!(bound, Err(FilterError::TooDeep { column: None, limit: MAX_DEPTH }));
    assert!(serde_json::to_string(&filter).is_err() && Filter::parse(&filter.to_string()).is_err());
    assert!(matches!((!filter).expr, Expr::TooDeep));
}

#[test]
fn json_is_a_tree_or_a_text() {
    let text = "(a < 5 OR NOT b) AND c IN ('x', $y) AND c IN $l AND d BETWEEN 1.5 AND now() - 1w AND t HAS NONE (1) AND u STARTS WITH 'v' \
                AND u MATCH 'w' AND e IS NULL AND WITHIN(lat, lon, 1, 2, $km) AND IN LIST 'seen'";
    let filter = Filter::parse(text).unwrap();
    let json = serde_json::json!({"and": [
        {"or": [{"compare": {"field": "a", "op": "<", "value": 5}}, {"not": {"is_true": "b"}}]},
        {"in": {"field": "c", "values": ["x", {"param": "y"}]}},
        {"in": {"field": "c", "values": {"param": "l"}}},
        {"between": {"field": "d", "low": 1.5, "high": {"now": -604_800}}},
        {"has": {"field": "t", "which": "none", "values": [1]}},
        {"starts_with": {"field": "u", "prefix": "v"}},
        {"match": {"field": "u", "words": "w"}},
        {"is_null": "e"},
        {"within": {"fields": ["lat", "lon"], "center": [1, 2], "km": {"param": "km"}}},
        {"in_list": "seen"},
    ]});
    assert_eq!(serde_json::to_value(&filter).unwrap(), json);
    assert_eq!(serde_json::from_value::<Filter>(json).unwrap(), filter);
    assert_eq!(serde_json::from_value::<Filter>(text.into()).unwrap(), filter);

    let read = |json: &str| serde_json::from_str::<Filter>(json).map(|filter| filter.to_string()).map_err(|error| error.to_string());
    // Trees that are not in the normal form are brought into it.
    assert_eq!(read(r#"{"and": [{"and": [{"is_true": "a"}, {"is_true": "b"}]}, {"or": [{"is_true": "c"}]}]}"#).unwrap(), "a AND b AND c");
    assert_eq!(read(r#"{"not": {"not": {"is_true": "a"}}}"#).unwrap(), "a");
    for (json, says) in [
        (r#""a = ""#.to_owned(), "filter, column 5: expected a value, got the end"),
        (r#"{"and": []}"#.to_owned(), "filter: an AND or OR of no conditions"),
        (r#"{"is_true": "a", "is_null": "b"}"#.to_owned(), "trailing comma"),
        (r#"{"compare": {"field": "a", "op": "<"}}"#.to_owned(), "missing field `value`"),
        (r#"{"compare": {"field": "a", "op": "<", "value": 1, "x": 2}}"#.to_owned(), "unknown field `x`"),
        (r#"{"compare": {"field": "a", "op": "~", "value": 1}}"#.to_owned(), "unknown variant `~`"),
        (r#"{"compare": {"field": "a", "op": "=", "value": null}}"#.to_owned(), "null is asked for with is_null"),
        (r#"{"like": {}}"#.to_owned(), "unknown variant `like`"),
        ("5".to_owned(), "a filter, as a string or as a tree"),
        (format!("{}5", r#"{"not":"#.repeat(100_000)), "recursion limit"),
        (
            format!("{}{{\"is_true\":\"a\"}}{}", r#"{"or":[{"is_true":"b"},{"not":"#.repeat(30), "}]}".repeat(30)),
            "nested more than 32 deep",
        ),
    ] {
        let error = read(&json).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

/// As deep as a filter can be, it is read back as JSON, a reader's limit of 128 levels notwithstanding.
#[test]
fn the_deepest_filter_comes_back_from_json() {
    let mut filter = field("a").is_in(["x"]);
    for level in 1..MAX_DEPTH {
        filter = if level % 2 == 0 { filter & field("b").is_true() } else { filter | field("c").is_true() };
    }
    assert!(!filter.is_too_deep() && (!filter.clone()).is_too_deep());
    assert_eq!(Filter::parse(&filter.to_string()).as_ref(), Ok(&filter));
    let json = serde_json::to_string(&vec![&filter]).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Filter>>(&json).unwrap(), [filter]);
}

#[test]
fn integers_have_one_form() {
    assert_eq!(Operand::from(5u64), Operand::from(5i64));
    assert_eq!(Operand::from(u64::MAX), Literal::Uint(u64::MAX).into());
    assert_ne!(Operand::from(5), Operand::from(5.0));
}
