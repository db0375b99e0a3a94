//! Raw rows, exactly as the towers take them, and the files from which they were trained.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::catalogue::{Catalogue, Product, category};
use super::clicks::{Split, history};
use super::names::COLOURS;
use super::shop::Shop;
use super::shopper::Shopper;
use crate::error::{Error, Result};

impl Product {
    /// The product as a raw item row.
    pub(super) fn row(&self) -> Value {
        json!({
            "id": self.id(),
            "title": self.title,
            "brand": self.brand_name(),
            "category": category(self.category).name,
            "colour": COLOURS[self.colour],
            "price": f64::from(self.cents) / 100.0,
            "rating": self.rating as f64 / 10.0,
            "reviews": self.reviews,
        })
    }
}

impl Shopper {
    /// The shopper as a raw user row: profile, the last of `clicks`, and the time of the visit (unix seconds).
    pub(super) fn row(&self, shop: &Catalogue, clicks: &[usize], now: i64) -> Value {
        let history: Vec<String> = history(clicks).iter().map(|&number| shop.products[number].id()).collect();
        json!({ "history": history, "city": self.city_name(), "age": self.age, "device": self.device_name(), "now": now })
    }
}

/// Writes `items.jsonl` (item rows), `train.jsonl` (`{"shopper", "user", "clicked"}`, a line for each visit before the held-out days, the
/// user row as it was when the visit began) and `eval.jsonl` (`{"user", "seen", "relevant"}`) into a directory, which is made.
///
/// # Errors
/// [`Error::Io`] naming the file that could not be written.
pub(super) fn write(shop: &Shop, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|source| Error::Io { path: directory.to_owned(), source })?;
    lines(directory, "items.jsonl", shop.catalogue.products.iter().map(Product::row))?;
    let visits = shop.shoppers.iter().flat_map(|(shopper, split)| visits(&shop.catalogue, shopper, split));
    lines(directory, "train.jsonl", visits)?;
    lines(directory, "eval.jsonl", shop.shoppers.iter().filter_map(|(shopper, split)| evaluation(&shop.catalogue, shopper, split)))
}

fn ids(shop: &Catalogue, numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|&number| shop.products[number].id()).collect()
}

fn visits<'a>(shop: &'a Catalogue, shopper: &'a Shopper, split: &'a Split) -> impl Iterator<Item = Value> + 'a {
    let mut clicks = Vec::new();
    split.before.iter().map(move |session| {
        let user = shopper.row(shop, &clicks, session.at);
        clicks.extend_from_slice(&session.clicks);
        json!({ "shopper": shopper.number, "user": user, "clicked": ids(shop, &session.clicks) })
    })
}

fn evaluation(shop: &Catalogue, shopper: &Shopper, split: &Split) -> Option<Value> {
    let relevant = split.relevant();
    let now = split.after.first().filter(|_| !relevant.is_empty())?.at;
    let seen = split.seen();
    Some(json!({ "user": shopper.row(shop, &seen, now), "seen": ids(shop, &seen), "relevant": ids(shop, &relevant) }))
}

fn lines(directory: &Path, name: &str, rows: impl Iterator<Item = Value>) -> Result<()> {
    let path = directory.join(name);
    let failed = |source| Error::Io { path: path.clone(), source };
    let mut file = BufWriter::new(File::create(&path).map_err(failed)?);
    for row in rows {
        writeln!(file, "{row}").map_err(failed)?;
    }
    file.flush().map_err(failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_carry_what_the_specs_name() {
        let shop = Shop::new(1, 100, 3);
        let row = shop.catalogue.products[0].row();
        assert_eq!(row["id"], "P00000");
        assert!(row["price"].as_f64().unwrap() > 0.0);
        let (shopper, split) = &shop.shoppers[0];
        let user = shopper.row(&shop.catalogue, &split.seen(), 5);
        assert_eq!(user["now"], 5);
        assert!(user["history"].as_array().unwrap().len() <= crate::demo::clicks::HISTORY);
    }

    #[test]
    fn training_rows_know_nothing_of_the_visit_itself_or_of_later_ones() {
        let shop = Shop::new(1, 500, 5);
        for (shopper, split) in &shop.shoppers {
            let mut so_far = 0;
            for (row, session) in visits(&shop.catalogue, shopper, split).zip(&split.before) {
                assert_eq!(row["user"]["now"], session.at);
                assert_eq!(row["user"]["history"].as_array().unwrap().len(), so_far.min(crate::demo::clicks::HISTORY));
                so_far += session.clicks.len();
            }
        }
    }
}
