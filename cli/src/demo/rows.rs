//! Raw rows, exactly as the towers take them, and the files from which they were trained.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::catalogue::{Catalogue, Product, category};
use super::clicks::{Split, history};
use super::names::COLOURS;
use super::shop::Shop;
use super::shopper::Shopper;
use torre::{Error, Result, Row, row};

impl Product {
    /// The product as a raw item row.
    pub(super) fn row(&self) -> Row {
        row! {
            "id" => self.id(),
            "title" => &self.title,
            "brand" => self.brand_name(),
            "category" => category(self.category).name,
            "colour" => COLOURS[self.colour],
            "price" => f64::from(self.cents) / 100.0,
            "rating" => self.rating as f64 / 10.0,
            "reviews" => self.reviews,
        }
    }
}

impl Product {
    /// The same with what the second stage and filters read: how often it was clicked before the held-out days, and how many are in stock.
    pub(super) fn stocked_row(&self, clicks: u32) -> Row {
        self.row().with("clicks", clicks).with("stock", self.stock)
    }
}

impl Shopper {
    /// The row as the towers read it, with what the second stage reads of the products looked at last: the price that is usual, brands, categories
    /// and colours.
    pub(super) fn ranked_row(&self, shop: &Catalogue, clicks: &[usize], now: i64) -> Row {
        let looked_at: Vec<&Product> = history(clicks).iter().map(|&number| &shop.products[number]).collect();
        let texts = |of: fn(&Product) -> &'static str| looked_at.iter().map(|product| of(product)).collect::<Vec<&str>>();
        let mut row = self.row(shop, clicks, now);
        if !looked_at.is_empty() {
            let cents: u32 = looked_at.iter().map(|product| product.cents).sum();
            row.insert("usual_price", f64::from(cents) / 100.0 / looked_at.len() as f64);
        }
        row.with("brands", texts(Product::brand_name))
            .with("categories", texts(|product| category(product.category).name))
            .with("colours", texts(|product| COLOURS[product.colour]))
    }

    /// The shopper as a raw user row: profile, the last of `clicks`, and the time of the visit (unix seconds).
    pub(super) fn row(&self, shop: &Catalogue, clicks: &[usize], now: i64) -> Row {
        let history: Vec<String> = history(clicks).iter().map(|&number| shop.products[number].id()).collect();
        row! { "history" => history, "city" => self.city_name(), "age" => self.age, "device" => self.device_name(), "now" => now }
    }
}

/// Writes `items.jsonl` (item rows), `train.jsonl` (`{"shopper", "user", "clicked"}`, a line for each visit before the held-out days, the
/// user row as it was when the visit began) and `eval.jsonl` (`{"user", "seen", "relevant"}`, with what the second stage reads of users) into a
/// directory, which is made.
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

pub(super) fn ids(shop: &Catalogue, numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|&number| shop.products[number].id()).collect()
}

fn visits<'a>(shop: &'a Catalogue, shopper: &'a Shopper, split: &'a Split) -> impl Iterator<Item = Row> + 'a {
    let mut clicks = Vec::new();
    split.before.iter().map(move |session| {
        let user = shopper.row(shop, &clicks, session.at);
        clicks.extend_from_slice(&session.clicks);
        row! { "shopper" => shopper.number, "user" => user, "clicked" => ids(shop, &session.clicks) }
    })
}

fn evaluation(shop: &Catalogue, shopper: &Shopper, split: &Split) -> Option<Row> {
    let relevant = split.relevant();
    let now = split.after.first().filter(|_| !relevant.is_empty())?.at;
    let seen = split.seen();
    Some(row! { "user" => shopper.ranked_row(shop, &seen, now), "seen" => ids(shop, &seen), "relevant" => ids(shop, &relevant) })
}

fn lines(directory: &Path, name: &str, rows: impl Iterator<Item = Row>) -> Result<()> {
    let path = directory.join(name);
    let failed = |source| Error::Io { path: path.clone(), source };
    let mut file = BufWriter::new(File::create(&path).map_err(failed)?);
    for row in rows {
        writeln!(file, "{}", row.to_json()).map_err(failed)?;
    }
    file.flush().map_err(failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::demo::clicks::HISTORY;
    use crate::demo::time::HELD_OUT;

    #[test]
    fn rows_carry_what_the_specs_name() {
        let shop = Shop::new(1, 100, 3);
        let row = shop.catalogue.products[0].row().to_json();
        assert_eq!(row["id"], "P00000");
        assert!(row["price"].as_f64().unwrap() > 0.0);
        let (shopper, split) = &shop.shoppers[0];
        let user = shopper.row(&shop.catalogue, &split.seen(), 5).to_json();
        assert_eq!(user["now"], 5);
        assert!(user["history"].as_array().unwrap().len() <= HISTORY);
    }

    #[test]
    fn training_rows_know_nothing_of_the_visit_itself_or_of_later_ones() {
        let shop = Shop::new(1, 500, 5);
        for (shopper, split) in &shop.shoppers {
            let mut so_far = 0;
            for (row, session) in visits(&shop.catalogue, shopper, split).zip(&split.before) {
                let row = row.to_json();
                assert_eq!(row["user"]["now"], session.at);
                assert_eq!(row["user"]["history"].as_array().unwrap().len(), so_far.min(HISTORY));
                so_far += session.clicks.len();
            }
        }
    }

    #[test]
    fn the_files_hold_a_row_a_line_and_only_clicks_before_the_held_out_days_to_learn_from() {
        let shop = Shop::new(1, 300, 8);
        let directory = tempfile::tempdir().unwrap();
        write(&shop, directory.path()).unwrap();
        let read = |name: &str| -> Vec<serde_json::Value> {
            let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        assert_eq!(read("items.jsonl").len(), 300);
        assert!(read("train.jsonl").iter().all(|row| row["user"]["now"].as_i64().unwrap() < HELD_OUT));
        let evaluation = read("eval.jsonl");
        assert!(!evaluation.is_empty() && evaluation.iter().all(|row| row["user"]["now"].as_i64().unwrap() >= HELD_OUT));
        assert!(write(&shop, &directory.path().join("items.jsonl")).is_err());
    }
}
