//! The language of rules: what it reads, means and refuses.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::error::{RuleError, RuleProblem};
use super::testing::{candidate, candidates, conditions, expressions, number, truth};
use super::tree::{MAX_DEPTH, MAX_TEXT_BYTES};
use super::{Condition, Formula, MaxPer, Pin, Policy};
use crate::filter::field;

fn value(text: &str) -> Option<f64> {
    number(&Formula::parse(text).unwrap(), &candidate()).unwrap()
}

fn holds(text: &str) -> Option<bool> {
    truth(&Condition::parse(text).unwrap(), &candidate()).unwrap()
}

#[test]
fn formulas_are_the_numbers_that_one_expects() {
    for (text, expected) in [
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("(1 + 2) * -3", -9.0),
        ("10 - 4 - 3", 3.0),
        ("16 / 4 / 2", 2.0),
        ("- - 2", 2.0),
        ("price", 9.0),
        ("0.2*promo - 0.05*ln1p(price)", 0.2 - 0.05 * 9f64.ln_1p()),
        ("decay(added, 7d)", 0.5),
        ("decay(now() + 1d, 7d)", 1.0),
        ("decay(added - 7d, $p * 14d / 3)", 0.5),
        ("min(stock, 3, 5) + max(1, 2)", 5.0),
        ("sqrt(price) + pow(2, 3) + abs(-1) + log(exp(1))", 13.0),
        ("if(price > 5 AND promo, 1, 0)", 1.0),
        ("if(tags HAS 'y', 1, if(brand IN ('a', 'b'), 2, 3))", 2.0),
        ("if(user.country = 'NL' AND value.days <= 3, rank_score, score)", 2.0),
        ("coalesce(user.nobody, value.days)", 3.0),
        ("score + rank_score", 2.5),
        ("if(stock > 0, price / stock, 0)", 2.25),
        ("90s + 15m + 12h + 2w", 90.0 + 900.0 + 43_200.0 + 1_209_600.0),
        ("user.age * user.plus", 30.0),
    ] {
        assert!((value(text).unwrap() - expected).abs() < 1e-12, "{text}: {:?}", value(text));
    }
    for null in ["user.nobody", "1 + user.nobody", "min(1, $null)", "if(user.nobody > 1, 1, $null)", "-user.none", "decay($null, 1d)"] {
        assert_eq!(value(null), None, "{null}");
    }
}

#[test]
fn conditions_are_true_false_or_unknown() {
    for (text, expected) in [
        ("promo", Some(true)),
        ("NOT promo OR brand = user.brand", Some(true)),
        ("price * 2 > user.age", Some(false)),
        ("price - 9 = 0", Some(true)),
        ("user.age IN (29, 30)", Some(true)),
        ("user.likes HAS ALL ('x', 'q')", Some(false)),
        ("user.nobody < 5", None),
        ("NOT user.nobody < 5", None),
        ("user.nobody IS NULL", Some(true)),
        ("user.age IS NOT NULL", Some(true)),
        ("user.nobody < 5 OR promo", Some(true)),
        ("user.nobody < 5 AND promo", None),
        ("brand = user.nobody", None),
        ("brand IN user.brands", Some(true)),
        ("brand not in user.likes AND NOT tags HAS NONE user.likes", Some(true)),
        ("tags HAS ALL user.likes", Some(false)),
        ("brand IN user.nothing", Some(false)),
        ("brand IN user.nobody", None),
        ("value.days > 2 AND NOT (stock = 0 OR brand STARTS WITH 'b')", Some(true)),
        ("5 < price", Some(true)),
    ] {
        assert_eq!(holds(text), expected, "{text}");
    }
}

#[test]
fn a_text_has_one_canonical_form() {
    for (text, canonical) in [
        ("0.2*promo-0.05*ln1p( price )", "0.2 * promo - 0.05 * ln1p(price)"),
        ("(a*b)/(c*d)", "a * b / (c * d)"),
        ("a-(b-c)-(d+e)", "a - (b - c) - (d + e)"),
        ("-(a+b)*-c", "-(a + b) * -c"),
        ("-(-(a))", "--a"),
        ("if(a in USER.b or c not has user.\"and\", 1, 2)", "if(a IN user.b OR NOT c HAS ANY user.\"and\", 1, 2)"),
        ("if(a has none user.b and a in (1, 2), 1, 2)", "if(a HAS NONE user.b AND a IN (1, 2), 1, 2)"),
        ("IF(NOT (a=1 or B), Min(1,2), value.\"x y\")", "if(NOT (a = 1 OR B), min(1, 2), value.\"x y\")"),
        ("\"score\" + score + user.\"and\"", "\"score\" + score + user.\"and\""),
        ("decay(added, 168h)", "decay(added, 1w)"),
        ("if(added > now() - 24h, 1, 0)", "if(added > now() - 1d, 1, 0)"),
        ("if(x > -5 and y = -0.5, 1, 0.0)", "if(x > -5 AND y = -0.5, 1, 0.0)"),
    ] {
        let formula = Formula::parse(text).unwrap();
        assert_eq!(formula.to_string(), canonical);
        assert_eq!(Formula::parse(canonical).unwrap(), formula, "{canonical}");
    }
}

/// Policies are stored as their canonical texts: what one reads must be read again.
#[test]
fn what_is_read_is_read_again_from_its_canonical_text_at_every_limit() {
    for depth in 0..=MAX_DEPTH + 1 {
        let nested = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
        for text in [
            nested("-", "a", ""),
            nested("-(", "a", ")"),
            nested("-(1 + ", "a", ")"),
            nested("ln1p(-", "a", ")"),
            nested("if(a AND b OR ", "c", ", 1, 2)"),
            nested("a*(b+", "c", ")"),
            nested("if(NOT (a OR b AND ", "c", "), 1, 2)"),
        ] {
            if let Ok(formula) = Formula::parse(&text) {
                assert_eq!(Formula::parse(&formula.to_string()), Ok(formula), "{text}");
            }
        }
        for text in [
            nested("NOT ", "a", ""),
            nested("NOT (a OR ", "b", ")"),
            nested("NOT (a AND b OR ", "c", ")"),
            nested("a AND (b OR ", "c", ")"),
            nested("a OR b AND (c OR ", "d", ")"),
            nested("1 < -(", "a", ")"),
        ] {
            if let Ok(condition) = Condition::parse(&text) {
                assert_eq!(Condition::parse(&condition.to_string()), Ok(condition), "{text}");
            }
        }
    }
    for (part, longer) in [("a=1", 2), ("a<1e15", 4), ("a in(1,2)", 2), ("a=b-c", 2)] {
        let parts = MAX_TEXT_BYTES / (part.len() + 4);
        let text = vec![part; parts].join(" or ");
        let said = Condition::parse(&text).map(|condition| condition.to_string().len());
        assert!(matches!(said, Err(RuleError { problem: RuleProblem::TooLong { .. } | RuleProblem::Filter(_), .. })), "{part}: {said:?}");
        let text = vec![part; parts / longer / 2].join(" or ");
        if let Ok(condition) = Condition::parse(&text) {
            assert_eq!(Condition::parse(&condition.to_string()), Ok(condition), "{part}");
        }
    }
}

#[test]
fn what_is_no_rule_is_refused_with_its_column() {
    for (text, said) in [
        ("", "formula: column 1: expected a number, a field, a function, a $parameter or `(`, got the end"),
        ("1 +", "formula: column 4: expected a number, a field"),
        (
            "price > 5",
            "formula: column 10: expected a number before this (a condition stands in if(condition, number, number)), got the end",
        ),
        ("price 5", "formula: column 7: expected an operator or the end, got the number 5"),
        ("if(price, 1, 2) + promo > 'a'", "formula: column 27: expected"),
        ("if(1 + 2, 1, 2)", "formula: column 9: expected a comparison (=, !=, <, <=, >, >=), got `,`"),
        ("sin(1)", "formula: column 1: expected a function (if, now, min, max, abs,"),
        ("pow(1)", "formula: column 1: expected 2 arguments of pow, got 1 of them"),
        ("min(1)", "formula: column 1: expected 2 to 64 arguments of min"),
        ("(1 + 2", "formula: column 7: expected an operator or `)`, got the end"),
        ("'text'", "formula: column 1: expected a number"),
        ("user.", "formula: column 6: expected a field"),
        ("1 ^ 2", "got the character '^'"),
        ("price IN (1, 2)", "a condition stands in if"),
        ("if(price IN user, 1, 2)", "column 13: expected `(` and values"),
        ("if(user.price IN user.prices, 1, 2)", "column 18: expected `(` and values"),
        ("if(price IN user., 1, 2)", "column 18: expected a field"),
    ] {
        let error = Formula::parse(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(Condition::parse("price").is_ok() && Condition::parse("price + 1").is_err());
    for deep in
        ["(".repeat(100), "-".repeat(100) + "1", "1+".repeat(100) + "1", "not ".repeat(100) + "a", "abs(".repeat(100), "if(a,".repeat(100)]
    {
        let error = Formula::parse(&deep).unwrap_err().to_string();
        assert!(error.contains("deep"), "{deep}: {error}");
    }
    let error = Formula::parse(&" ".repeat(20_000)).unwrap_err().to_string();
    assert!(error.contains("20000 bytes"), "{error}");
}

#[test]
fn what_does_not_fit_or_has_no_value_is_an_error() {
    for (text, said) in [
        ("prices", "column 1: the field \"prices\" is not indexed, and rules read indexed fields (indexed: price, stock"),
        ("1 + plain", "column 5: the field \"plain\" is not indexed"),
        ("brand", "column 1: brand: expected a number, a bool or a time, got a field of type text"),
        ("user.country", "column 6: user.country: expected a number"),
        ("$nothing", "column 1: the parameter $nothing: expected a number, got no value"),
        ("$text", "the parameter $text: expected a number, got"),
        ("if(user.plus = 'x', 1, 2)", "expected true or false"),
        ("if(brand = user.likes, 1, 2)", "user.likes"),
        ("if(tags IN user.likes, 1, 2)", "IN"),
        ("if(brand HAS user.likes, 1, 2)", "HAS"),
        ("if(stock IN user.likes, 1, 2)", "expected a number"),
        ("stock / (price - 9)", "column 7: 4 / 0 for the item \"i\"; guard it"),
        ("0 / 0", "0 / 0 for the item"),
        ("log(0)", "column 1: log(0) is no finite number for the item \"i\""),
        ("sqrt(-1) * 0", "sqrt(-1) is no finite"),
        ("exp(1000)", "exp(1000) is no finite"),
        ("1e300 * 1e300", "column 7: "),
        ("decay(added, 0s)", "decay("),
        ("min(1 / 0, $null)", "1 / 0"),
    ] {
        let error = number(&Formula::parse(text).unwrap(), &candidate()).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn policies_are_json_that_people_read() {
    let policy = Policy::new()
        .boost("0.2*promo")
        .unwrap()
        .bury("stock = 0 or value.days>5")
        .unwrap()
        .max_per("brand", 2)
        .pin("a", 1)
        .require(field("price").lt(50))
        .forbid(field("tags").has("adult"));
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(
        json,
        r#"{"boost":["0.2 * promo"],"bury":["stock = 0 OR value.days > 5"],"max_per":[{"field":"brand","most":2}],"pin":[{"id":"a","position":1}],"require":["price < 50"],"forbid":["tags HAS 'adult'"]}"#
    );
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    assert_eq!(serde_json::to_string(&Policy::new()).unwrap(), "{}");
    assert_eq!(policy.fields().iter().map(|(_, field)| *field).collect::<Vec<_>>(), ["promo", "stock", "price", "tags", "brand"]);
    for wrong in
        [r#"{"boots": []}"#, r#"{"boost": ["1 +"]}"#, r#"{"boost": [1]}"#, r#"{"pin": [{"id": "a"}]}"#, r#"{"require": ["price <"]}"#]
    {
        assert!(serde_json::from_str::<Policy>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_policy_that_no_query_can_mean_is_refused() {
    let pin = |id: &str, position| Pin { id: id.to_owned(), position };
    let pins = |pin: Vec<Pin>| Policy { pin, ..Policy::new() };
    let limit = |most| Policy { max_per: vec![MaxPer { field: "brand".to_owned(), most }], ..Policy::new() };
    for (policy, said) in [
        (pins(vec![pin("a", 0)]), "pin: expected a position from 1 to 1000, got 0 for \"a\""),
        (pins(vec![pin("a", 1001)]), "pin: expected a position"),
        (pins(vec![pin("a", 1), pin("b", 1)]), "pin: expected one item a position"),
        (pins(vec![pin("a", 1), pin("a", 2)]), "pin: expected one item a position"),
        (limit(0), "max_per: expected at least 1 hit of a value, got 0 of \"brand\""),
        (Policy { boost: vec![Formula::parse("1").unwrap(); 65], ..Policy::new() }, "boost: expected at most 64 rules, got 65"),
    ] {
        let error = policy.check().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(pins(vec![pin("a", 1000), pin("b", 1)]).check().is_ok() && limit(1).check().is_ok());
}

fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(1000), ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn formulas_evaluate_as_the_plain_way_has_it(expression in expressions(), candidates in prop::collection::vec(candidates(), 1..6)) {
        let text = expression.text();
        let formula = Formula::parse(&text).unwrap();
        let printed = formula.to_string();
        let again = Formula::parse(&printed);
        prop_assert_eq!(again.as_ref(), Ok(&formula), "{} printed as {}", text, printed);
        let json = serde_json::to_string(&formula).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Formula>(&json).unwrap(), &formula);
        for plain in &candidates {
            match (number(&formula, plain), expression.of(plain)) {
                (Ok(found), Ok(expected)) => prop_assert_eq!(found, expected, "{} of {:?}", text, plain),
                (Err(said), Err(_)) => prop_assert!(said.contains("for the item \"i\""), "{}", said),
                (found, expected) => prop_assert!(false, "{:?} instead of {:?}: {} of {:?}", found, expected, text, plain),
            }
        }
    }

    #[test]
    fn conditions_evaluate_as_the_plain_way_has_it(question in conditions(), candidates in prop::collection::vec(candidates(), 1..6)) {
        let text = question.text();
        let condition = Condition::parse(&text).unwrap();
        let printed = condition.to_string();
        let again = Condition::parse(&printed);
        prop_assert_eq!(again.as_ref(), Ok(&condition), "{} printed as {}", text, printed);
        for plain in &candidates {
            match (truth(&condition, plain), question.of(plain)) {
                (Ok(found), Ok(expected)) => prop_assert_eq!(found, expected, "{} of {:?}", text, plain),
                (Err(said), Err(_)) => prop_assert!(said.contains("for the item \"i\""), "{}", said),
                (found, expected) => prop_assert!(false, "{:?} instead of {:?}: {} of {:?}", found, expected, text, plain),
            }
        }
    }

    #[test]
    fn whatever_is_written_is_read_or_refused(text in "\\PC{0,40}|([a-z]{1,3}|[0-9.]{1,3}|user\\.|value\\.|if\\(|min\\(| AND | OR | NOT | IN | IS NULL|HAS|[$'\"(),=<>+*/-]| ){0,30}") {
        if let Ok(formula) = Formula::parse(&text) {
            let printed = formula.to_string();
            prop_assert_eq!(Formula::parse(&printed), Ok(formula), "{}", printed);
        }
        if let Ok(condition) = Condition::parse(&text) {
            let printed = condition.to_string();
            prop_assert_eq!(Condition::parse(&printed), Ok(condition), "{}", printed);
        }
    }
}
