//! From what a field holds to how a tower reads it, with the reason.

use std::cmp::Reverse;

use serde_json::{Value as Json, json};
use torre_report::percentile;

use super::facts::{Facts, moments};
use super::kind::Kind;

/// Categories that a vocabulary lists at most; more are hashed.
const VOCABULARY: usize = 20_000;
/// Hash buckets at most.
const BUCKETS: usize = 1 << 16;
/// Words on average from which text is a text and not a category.
const TEXT_WORDS: f64 = 3.0;
/// Standard deviations beyond which numbers are cut.
const CLIP: f64 = 5.0;
/// Share of rows without a value from which the tower is told that it is missing.
const OFTEN_MISSING: f64 = 0.01;
/// Values of whole numbers that may be codes, by the endings of their names.
const CODE_NAMES: [&str; 6] = ["id", "code", "type", "class", "category", "zip"];

/// How a field is read.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Reading {
    /// An input of its own: everything of it but `tensor` and `from`.
    Input(Json),
    /// Columns beside those of other fields, and how many.
    Columns(Vec<(Json, usize)>),
    /// Not at all.
    Nothing,
}

/// How a field is read, and why.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Choice {
    pub(super) reading: Reading,
    pub(super) why: String,
}

impl Choice {
    fn nothing(why: impl Into<String>) -> Self {
        Self { reading: Reading::Nothing, why: format!("left out: {}", why.into()) }
    }
}

pub(super) fn choose(name: &str, kind: Kind, facts: &Facts) -> Choice {
    if facts.present == 0 {
        return Choice::nothing("no row that is trained on has it");
    }
    if facts.distinct() <= 1 && facts.present == facts.rows && !matches!(kind, Kind::Numbers | Kind::Other) {
        return Choice::nothing("it is the same in all rows");
    }
    match kind {
        Kind::Other => Choice::nothing("objects and lists of lists are not read"),
        Kind::Bool | Kind::Number | Kind::Time => numbers(name, kind, facts),
        Kind::Text => text(facts),
        Kind::Texts(_) => texts(facts),
        Kind::Numbers => match facts.width() {
            Some(width) if (1..=4096).contains(&width) => Choice {
                reading: Reading::Columns(vec![(json!({"op": {"vector": {"width": width}}, "missing": "null"}), width)]),
                why: format!("lists of {width} numbers each: as they are"),
            },
            _ => Choice::nothing("lists of numbers of unlike lengths"),
        },
    }
}

fn numbers(name: &str, kind: Kind, facts: &Facts) -> Choice {
    let numbers = &facts.numbers;
    let (least, most) = numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(*x), most.max(*x)));
    let distinct = facts.distinct();
    let whole = numbers.iter().all(|x| x.fract() == 0.0);
    let lower = name.to_lowercase();
    if kind == Kind::Number && whole && distinct > 2 && CODE_NAMES.iter().any(|ending| lower.ends_with(ending)) {
        return if distinct * 2 > facts.present {
            Choice::nothing(format!(
                "whole numbers called like a code, {distinct} different ones in {} rows: they say nothing of other rows",
                facts.present
            ))
        } else {
            Choice { why: "whole numbers called like a code: a category".to_owned(), ..hashed(distinct) }
        };
    }
    let (mean, deviation, skew) = moments(numbers);
    if !(mean.is_finite() && deviation.is_finite()) {
        return Choice::nothing(format!("numbers from {least:e} to {most:e}, too large to have a deviation"));
    }
    let logs: Vec<f64> = numbers.iter().map(|x| x.max(0.0).ln_1p()).collect();
    let (log_mean, log_deviation, log_skew) = moments(&logs);
    let skewed = kind == Kind::Number && least >= 0.0 && skew > 2.0 && log_skew.abs() < skew / 2.0;
    let (steps, how) = if least >= 0.0 && most <= 1.0 {
        (json!([]), "from 0 to 1: as they are".to_owned())
    } else {
        let (mean, deviation) = if skewed { (log_mean, log_deviation) } else { (mean, deviation) };
        // A constant with missing values still has a spread to divide by.
        let deviation = if deviation > 1e-9 { deviation } else { 1.0 };
        let standardize = json!({"standardize": {"mean": rounded(mean), "std": rounded(deviation)}});
        let clip = json!({"clip": [-CLIP, CLIP]});
        if skewed {
            (
                json!(["log1p", standardize, clip]),
                format!("from {least} to {most}, skewed by {skew:.1} ({log_skew:.1} as logarithms): log1p, standardised"),
            )
        } else {
            (json!([standardize, clip]), format!("from {least} to {most}, mean {mean:.4}: standardised"))
        }
    };
    let median = percentile(numbers, 50.0).unwrap_or(0.0);
    let mut columns = vec![(json!({"op": {"number": steps}, "missing": {"value": median}}), 1)];
    let mut why = format!("{} {how}; a missing one is the median, {median}", kind.name());
    if facts.missing() > OFTEN_MISSING {
        columns.push((json!({"op": {"is_missing": {}}}), 1));
        why += &format!("; {:.0} % are missing: a column says so", facts.missing() * 100.0);
    }
    Choice { reading: Reading::Columns(columns), why }
}

fn text(facts: &Facts) -> Choice {
    let (distinct, present) = (facts.categories.len(), facts.present);
    let mostly_unique = distinct * 2 > present && distinct > 20;
    let (distinct_words, all_words) = facts.words();
    if mostly_unique || (facts.mean_words() >= TEXT_WORDS && distinct > 100) {
        if distinct_words as f64 > 0.8 * all_words as f64 {
            return Choice::nothing(format!(
                "{distinct} different texts in {present} rows, hardly a word of which comes again: they say nothing of other rows"
            ));
        }
        let buckets = distinct_words.next_power_of_two().clamp(256, BUCKETS);
        let most = facts.most_words().clamp(4, 64);
        let input = json!({"dtype": "i64", "shape": ["N", most], "op": {"text": {"buckets": buckets, "lower": true, "ngrams": [1]}},
            "list": {"max": most, "keep": "first"}});
        let why = format!(
            "text of {:.1} words, {distinct_words} different ones: its first {most} words, hashed into {buckets} buckets",
            facts.mean_words()
        );
        return Choice { reading: Reading::Input(input), why };
    }
    if distinct > VOCABULARY {
        return hashed(distinct);
    }
    let (values, least) = vocabulary(facts);
    let why = format!("a category of {distinct} values: a vocabulary of the {} that {} have", values.len(), rows(least));
    Choice { reading: Reading::Input(json!({"dtype": "i64", "shape": ["N"], "op": {"vocab": {"values": values, "oov": 1}}})), why }
}

fn texts(facts: &Facts) -> Choice {
    let most = facts.most_elements().clamp(1, 64);
    let distinct = facts.categories.len();
    let (op, how) = if distinct > VOCABULARY {
        let buckets = buckets(distinct);
        (json!({"hash": {"buckets": buckets}}), format!("hashed into {buckets} buckets"))
    } else {
        let (values, least) = vocabulary(facts);
        let how = format!("a vocabulary of the {} that {} have", values.len(), rows(least));
        (json!({"vocab": {"values": values, "oov": 1}}), how)
    };
    let input = json!({"dtype": "i64", "shape": ["N", most], "op": op, "list": {"max": most, "keep": "first"}});
    Choice {
        reading: Reading::Input(input),
        why: format!("lists of categories, {distinct} different ones: the first {most} of a list, {how}"),
    }
}

/// A category by its hash.
fn hashed(distinct: usize) -> Choice {
    let buckets = buckets(distinct);
    let why = format!("a category of {distinct} values: hashed into {buckets} buckets");
    Choice { reading: Reading::Input(json!({"dtype": "i64", "shape": ["N"], "op": {"hash": {"buckets": buckets}}})), why }
}

fn buckets(distinct: usize) -> usize {
    distinct.next_power_of_two().clamp(16, BUCKETS)
}

/// The values worth a place of their own, most frequent first, and the rows that the rarest of them has.
fn vocabulary(facts: &Facts) -> (Vec<&str>, u32) {
    let least = if facts.categories.len() > 50 { 2 } else { 1 };
    let mut values: Vec<(&str, u32)> = facts.categories.iter().map(|(text, count)| (text.as_str(), *count)).collect();
    values.sort_unstable_by_key(|(text, count)| (Reverse(*count), *text));
    let kept: Vec<&str> = values.iter().filter(|(_, count)| *count >= least).map(|(text, _)| *text).collect();
    // All of them rare: better each once than none.
    if kept.is_empty() { (values.into_iter().map(|(text, _)| text).collect(), 1) } else { (kept, least) }
}

fn rows(least: u32) -> &'static str {
    if least > 1 { "two rows or more" } else { "rows" }
}

/// To six digits: enough for a spec that people read.
fn rounded(x: f64) -> f64 {
    if x == 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powi(5 - x.abs().log10().floor() as i32);
    let rounded = (x * scale).round() / scale;
    if rounded.is_finite() { rounded } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use torre_features::{Row, Value};

    fn chosen(name: &str, kind: Kind, values: impl IntoIterator<Item = Value>) -> Choice {
        let rows: Vec<Row> = values.into_iter().map(|value| Row::new().with(name, value)).collect();
        choose(name, kind, &Facts::of(name, kind, rows.iter()))
    }

    fn op(choice: &Choice) -> String {
        match &choice.reading {
            Reading::Input(input) => input["op"].to_string(),
            Reading::Columns(columns) => columns.iter().map(|(piece, _)| piece["op"].to_string()).collect::<Vec<_>>().join(" "),
            Reading::Nothing => String::new(),
        }
    }

    #[test]
    fn numbers_are_scaled_by_their_distribution() {
        let even = chosen("age", Kind::Number, (18..80).map(Value::from));
        assert!(op(&even).contains("standardize") && !op(&even).contains("log1p"), "{even:?}");
        let skewed = chosen("price", Kind::Number, (0..60).map(|n| Value::from(1.3_f64.powi(n))));
        assert!(op(&skewed).contains("log1p"), "{skewed:?}");
        let huge = chosen("price", Kind::Number, (0..99).map(|n| Value::from(if n == 7 { 1e9 } else { f64::from(n) })));
        assert!(op(&huge).contains("clip"), "{huge:?}");
        assert_eq!(op(&chosen("new", Kind::Bool, [true, false].map(Value::from))), r#"{"number":[]}"#);
        let missing = chosen("n", Kind::Number, [Value::from(1), Value::Null, Value::from(9)]);
        assert!(op(&missing).contains("is_missing") && missing.why.contains("33 %"), "{missing:?}");
    }

    #[test]
    fn what_says_nothing_is_left_out_with_the_reason() {
        for (kind, values, says) in [
            (Kind::Number, vec![Value::from(3); 9], "same in all rows"),
            (Kind::Text, vec![Value::from("x"); 9], "same in all rows"),
            (Kind::Text, vec![Value::Null; 9], "no row"),
            (Kind::Text, (0..99).map(|n| Value::from(format!("sku{n}"))).collect(), "hardly a word"),
            (Kind::Numbers, vec![Value::from(vec![1.0]), Value::from(vec![1.0, 2.0])], "unlike lengths"),
            (Kind::Other, vec![Value::from(Row::new())], "objects"),
        ] {
            let choice = chosen("field", kind, values);
            assert!(choice.reading == Reading::Nothing && choice.why.contains(says), "{choice:?}");
        }
        assert_eq!(chosen("brand_id", Kind::Number, (0..99).map(Value::from)).reading, Reading::Nothing);
    }

    #[test]
    fn categories_have_a_vocabulary_while_it_is_short() {
        let few = chosen("brand", Kind::Text, (0..90).map(|n| Value::from(format!("b{}", n % 3))));
        assert_eq!(op(&few), r#"{"vocab":{"values":["b0","b1","b2"],"oov":1}}"#);
        let many = chosen("shop", Kind::Text, (0..90_000).map(|n| Value::from(format!("s{}", n % 30_000))));
        assert!(op(&many).contains(r#"{"hash":{"buckets":32768}}"#), "{}", many.why);
        let rare =
            chosen("brand", Kind::Text, (0..300).map(|n| Value::from(format!("b{}", if n < 60 { n } else { n % 60 + 100 * (n % 2) }))));
        assert!(rare.why.contains("two rows or more"), "{}", rare.why);
        let code = chosen("brand_id", Kind::Number, (0..99).map(|n| Value::from(n % 9)));
        assert!(op(&code).contains("hash"), "{code:?}");
    }

    #[test]
    fn titles_are_words_and_lists_are_lists() {
        let titles = (0..200).map(|n| Value::from(format!("the {} of part {}", ["tale", "day", "end"][n % 3], n / 4)));
        let title = chosen("title", Kind::Text, titles);
        assert!(op(&title).contains(r#""text":{"buckets":256"#), "{title:?}");
        let genres = chosen("genres", Kind::Texts(None), (0..9).map(|n| Value::from(vec![["a", "b", "c"][n % 3], "d"])));
        assert!(op(&genres).contains("vocab"), "{genres:?}");
        assert!(matches!(&genres.reading, Reading::Input(input) if input["list"]["max"] == 2));
    }
}
