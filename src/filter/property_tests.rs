//! Properties of the language and of the row evaluator.

use proptest::prelude::*;

use super::naive::naive;
use super::testing::{NOW, any_filter, fitting, params, rows, schema};
use super::{Filter, Params};
use crate::features::Row;

/// A stored list without a list.
fn seen(list: &str, id: &str) -> bool {
    list == "seen" && id.len() % 2 == 1
}

fn eval(filter: &Filter, row: &Row) -> Option<bool> {
    filter.bind(&schema(), &params(), NOW).unwrap().eval_with(row, &seen)
}

fn not(truth: Option<bool>) -> Option<bool> {
    truth.map(|truth| !truth)
}

/// Cheap cases, so at least a thousand of them; more with PROPTEST_CASES.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(1000), ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_filter_comes_back_from_its_text_and_its_json(filter in any_filter()) {
        let text = filter.to_string();
        let parsed = Filter::parse(&text);
        prop_assert_eq!(parsed.as_ref(), Ok(&filter), "{}", text);
        let json = serde_json::to_string(&filter).unwrap();
        let again: Filter = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&again, &filter, "{}", json);
        prop_assert_eq!(serde_json::from_value::<Filter>(text.into()).unwrap(), filter);
    }

    #[test]
    fn filters_evaluate_as_the_plain_way_has_it(filter in fitting(), rows in prop::collection::vec(rows(), 1..8)) {
        let bound = filter.bind(&schema(), &params(), NOW).unwrap();
        for row in &rows {
            prop_assert_eq!(bound.eval_with(row, &seen), naive(&filter.expr, row, &seen), "{} of {}", filter, row.to_json());
        }
        // What is written says the same.
        let again = Filter::parse(&filter.to_string()).unwrap().bind(&schema(), &params(), NOW).unwrap();
        prop_assert_eq!(again, bound);
    }

    #[test]
    fn de_morgan_and_double_negation_hold_with_unknowns(a in fitting(), b in fitting(), row in rows()) {
        prop_assert_eq!(eval(&!(a.clone() & b.clone()), &row), eval(&(!a.clone() | !b.clone()), &row));
        prop_assert_eq!(eval(&!(a.clone() | b.clone()), &row), eval(&(!a.clone() & !b.clone()), &row));
        prop_assert_eq!(eval(&!a.clone(), &row), not(eval(&a, &row)));
        prop_assert_eq!(eval(&!!a.clone(), &row), eval(&a, &row));
        prop_assert_eq!(eval(&(a.clone() & b.clone()), &row), eval(&(b.clone() & a.clone()), &row));
        prop_assert_eq!(eval(&(a.clone() | b.clone()), &row), eval(&(b | a), &row));
    }

    #[test]
    fn whatever_is_written_is_read_or_refused(text in "\\PC{0,40}|([a-z]{1,3}|[0-9.]{1,3}| AND | OR | NOT | IN | IS NULL|LIST|HAS|[$'\"(),=<>+-]| ){0,30}") {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
        }
    }

    #[test]
    fn whatever_is_bound_can_be_evaluated(filter in any_filter(), row in rows()) {
        if let Ok(bound) = filter.bind(&schema(), &Params::new(), NOW) {
            let _ = bound.eval(&row);
        }
    }
}
