//! `torre demo`: a shop's catalogue and shoppers from a seed, recommendations from raw features, and what they are worth.
//!
//! It uses the public calls of the library and no others, as an application would.

mod ask;
mod baseline;
mod catalogue;
mod clicks;
mod dice;
mod learn;
mod names;
mod report;
mod rows;
mod rules;
mod served;
mod shop;
mod shopper;
mod showcase;
mod stages;
mod thousands;
mod time;

use std::path::{Path, PathBuf};

pub(crate) use report::Report;

use self::report::Compared;
use self::served::{Served, serve};
use self::shop::Shop;
use self::stages::Stages;
use crate::repl::Failure;
use torre::{Database, Error, Progress, Result};

/// What the demo is asked to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// Makes the shop. The towers were trained on 1; they know no ids, so they serve any other.
    pub(crate) seed: u64,
    /// Number of products.
    pub(crate) products: usize,
    /// Number of shoppers.
    pub(crate) shoppers: usize,
    /// Where the database is made and stays. Without it: in a temporary directory, which is removed.
    pub(crate) keep: Option<PathBuf>,
    /// Whether towers and second stage are trained on this very shop, and compared with those that come with the demo.
    pub(crate) train: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, products: 20_000, shoppers: 2_000, keep: None, train: false }
    }
}

/// Writes the rows from which the towers are trained into a directory: `items.jsonl`, `train.jsonl`, `eval.jsonl`.
///
/// # Errors
/// [`Error::Io`] naming the file that could not be written.
pub(crate) fn write_rows(options: &Options, directory: &Path) -> Result<()> {
    rows::write(&Shop::new(options.seed, options.products, options.shoppers), directory)
}

/// Makes the shop, trains on it where that is wanted, imports its products, recommends to its shoppers and measures.
///
/// # Errors
/// Where there is no room for the temporary directory, where it is interrupted, and what training and the database answer.
pub(crate) fn run(options: &Options, progress: &dyn Progress) -> Result<Report, Failure> {
    let shop = Shop::new(options.seed, options.products, options.shoppers);
    let scratch = tempfile::tempdir().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    // Building is a step of its own here, so nothing is to be built in the background before it.
    let open = |path: PathBuf| Database::builder(path).create(true).background(false).trim_memory(true).open();
    let (mut stages, mut trained, mut compared) = (Stages::shipped()?, None, None);
    if options.train {
        let aside = open(scratch.path().join("aside"))?;
        compared = Some(compare(&aside, &shop, &stages, progress)?);
        let (own, line) = learn::learn(&shop, options.seed, &aside, progress)?;
        (stages, trained) = (own, Some(line));
    }
    let database = open(options.keep.clone().unwrap_or_else(|| scratch.path().join("shop")))?;
    let Served { items, import, index } = serve(&database, "items", &shop, &stages, progress)?;
    let (held_out, query, ranked_query) = ask::evaluate(&items, &shop, progress)?;
    Ok(Report {
        seed: options.seed,
        products: shop.catalogue.products.len(),
        shoppers: shop.shoppers.len(),
        clicks: shop.popularity().iter().map(|&clicks| clicks as usize).sum(),
        trained,
        import,
        index,
        shown: ask::show(&items, &shop)?,
        policy: rules::policy()?,
        held_out,
        compared,
        query,
        ranked_query,
        kept: options.keep.clone(),
    })
}

/// The same shop by what comes with the demo.
fn compare(database: &Database, shop: &Shop, shipped: &Stages, progress: &dyn Progress) -> Result<Compared> {
    let Served { items, .. } = serve(database, "shipped", shop, shipped, progress)?;
    let (held_out, ..) = ask::evaluate(&items, shop, progress)?;
    Ok(Compared { towers: held_out.towers, ranked: held_out.ranked })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use torre::NoProgress;

    #[test]
    fn towers_beat_popularity_clearly_on_a_shop_they_were_not_trained_on() {
        let report = run(&Options { seed: 7, products: 3000, shoppers: 300, keep: None, train: false }, &NoProgress).unwrap();
        assert_eq!(report.import.rows, 3000);
        let (towers, popular) = (report.held_out.towers, report.held_out.popularity);
        let (rate, popular_rate) = (towers.hit_rate.unwrap(), popular.hit_rate.unwrap());
        assert!(rate >= 2.0 * popular_rate && popular_rate > 0.0, "{towers:?} {popular:?}");
        assert!(towers.ndcg.unwrap() >= 2.0 * popular.ndcg.unwrap());
        // So does the second stage the towers alone.
        let ranked = report.held_out.ranked;
        assert!(ranked.ndcg.unwrap() > towers.ndcg.unwrap() && ranked.hit_rate.unwrap() > rate, "{towers:?} {ranked:?}");
        // What the rules say holds of every page.
        for shown in &report.shown {
            assert!(shown.hits.len() == 10 && shown.hits.iter().all(|hit| hit.stock > 0), "{shown}");
            assert!(shown.hits.iter().all(|hit| hit.boost == Some(0.1 * f64::from(hit.stock).ln_1p())), "{shown}");
            assert!(shown.hits.iter().all(|hit| shown.hits.iter().filter(|other| other.brand == hit.brand).count() <= 3), "{shown}");
            let usual = shown.user.get("usual_price").and_then(torre::Value::as_f64);
            assert!(usual.is_none_or(|usual| shown.hits.iter().all(|hit| hit.price <= 2.0 * usual)), "{shown}");
        }
        let page = report.to_string();
        assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["shown"].as_array().unwrap().len(), 4);
        assert_eq!(json["held_out"]["towers"]["hit_rate"], rate);
        assert_eq!(json["policy"]["max_per"][0]["most"], 3);
        assert!(json["shown"][0]["rules"]["left_out"].as_u64().unwrap() > 0, "{}", json["shown"][0]["rules"]);
    }

    #[test]
    fn a_database_that_is_kept_answers_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let keep = directory.path().join("shop");
        let options = Options { seed: 2, products: 50, shoppers: 5, keep: Some(keep.clone()), train: false };
        run(&options, &NoProgress).unwrap();
        assert_eq!(Database::open(&keep).unwrap().collection("items").unwrap().len(), 50);
        // It is not overwritten.
        assert!(run(&options, &NoProgress).unwrap_err().to_string().contains("exists"));
    }

    #[test]
    fn a_shop_trains_its_own_towers_and_says_what_they_are_worth_beside_the_shipped_ones() {
        let report = run(&Options { seed: 3, products: 1500, shoppers: 400, keep: None, train: true }, &NoProgress).unwrap();
        let (towers, ranked, popular) = (report.held_out.towers, report.held_out.ranked, report.held_out.popularity);
        assert!(towers.ndcg.unwrap() > 1.5 * popular.ndcg.unwrap() && popular.ndcg.unwrap() > 0.0, "{towers:?} {popular:?}");
        assert!(ranked.ndcg.unwrap() > 1.5 * popular.ndcg.unwrap(), "{ranked:?} {popular:?}");
        let trained = report.trained.unwrap();
        assert!(trained.epochs > 0 && trained.trees > 0, "{trained:?}");
        let page = report.to_string();
        assert!(page.contains("the shipped towers") && page.lines().all(|line| line.chars().count() <= 100), "{page}");
        let json = serde_json::to_value(&report).unwrap();
        assert!(json["compared"]["towers"]["ndcg"].as_f64().unwrap() > 0.0 && json["trained"]["epochs"].as_u64().unwrap() > 0, "{json}");
    }
}
