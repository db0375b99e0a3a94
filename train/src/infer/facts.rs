//! What can be said of a field from the rows that are trained on.

use std::collections::{HashMap, HashSet};

use torre_features::{Row, Tokens, Value};
use torre_report::percentile;

use super::kind::Kind;

/// Statistics of one field.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Rows looked at.
    pub(super) rows: usize,
    /// Rows that have a value.
    pub(super) present: usize,
    /// Categories (or the elements of lists) and how many rows have them.
    pub(super) categories: HashMap<String, u32>,
    /// Numbers (or times).
    pub(super) numbers: Vec<f64>,
    /// Words of texts, each text's.
    words: Vec<f64>,
    distinct_words: HashSet<String>,
    /// Lengths of lists.
    lengths: Vec<f64>,
}

impl Facts {
    pub(super) fn of<'a>(name: &str, kind: Kind, rows: impl Iterator<Item = &'a Row>) -> Self {
        let (mut facts, mut tokens) = (Self::default(), Tokens::default());
        for row in rows {
            facts.rows += 1;
            let Some(value) = row.get(name).filter(|value| !value.is_null()) else { continue };
            facts.present += 1;
            match (kind, value) {
                (Kind::Bool | Kind::Number | Kind::Time, Value::Bool(flag)) => facts.numbers.push(f64::from(u8::from(*flag))),
                (Kind::Bool | Kind::Number | Kind::Time, value) => facts.numbers.extend(value.as_f64()),
                (Kind::Text, value) => {
                    let text = value.to_id_text().unwrap_or_default();
                    tokens.split(&text, true, usize::MAX);
                    facts.words.push(tokens.len() as f64);
                    for word in tokens.iter().filter(|word| !facts.distinct_words.contains(*word)).collect::<Vec<_>>() {
                        facts.distinct_words.insert(word.to_owned());
                    }
                    *facts.categories.entry(text).or_default() += 1;
                }
                (Kind::Texts(_) | Kind::Numbers, Value::List(values)) => {
                    facts.lengths.push(values.len() as f64);
                    let own: HashSet<String> = values.iter().filter_map(Value::to_id_text).collect();
                    own.into_iter().for_each(|text| *facts.categories.entry(text).or_default() += 1);
                }
                _ => {}
            }
        }
        facts
    }

    /// Different values.
    pub(super) fn distinct(&self) -> usize {
        if self.numbers.is_empty() {
            return self.categories.len();
        }
        self.numbers.iter().map(|number| number.to_bits()).collect::<HashSet<_>>().len()
    }

    /// Share of rows without a value.
    pub(super) fn missing(&self) -> f64 {
        1.0 - self.present as f64 / self.rows.max(1) as f64
    }

    /// Words of a text on average.
    pub(super) fn mean_words(&self) -> f64 {
        self.words.iter().sum::<f64>() / self.words.len().max(1) as f64
    }

    /// Different words, and words in all.
    pub(super) fn words(&self) -> (usize, usize) {
        (self.distinct_words.len(), self.words.iter().sum::<f64>() as usize)
    }

    /// The 95th percentile of the words of a text.
    pub(super) fn most_words(&self) -> usize {
        percentile(&self.words, 95.0).unwrap_or(1.0).ceil() as usize
    }

    /// The 99th percentile of the lengths of lists.
    pub(super) fn most_elements(&self) -> usize {
        percentile(&self.lengths, 99.0).unwrap_or(1.0).ceil() as usize
    }

    /// The length that all lists have, if they have one.
    pub(super) fn width(&self) -> Option<usize> {
        let first = *self.lengths.first()?;
        self.lengths.iter().all(|length| *length == first).then_some(first as usize)
    }
}

/// Mean, deviation and skewness (third standardised moment).
pub(super) fn moments(numbers: &[f64]) -> (f64, f64, f64) {
    let n = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let moment = |power: i32| numbers.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    let deviation = moment(2).sqrt();
    let skew = if deviation > 0.0 { moment(3) / deviation.powi(3) } else { 0.0 };
    (mean, deviation, skew)
}
