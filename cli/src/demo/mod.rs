//! `torre demo`: a shop's catalogue and shoppers from a seed, recommendations from raw features, and what they are worth.
//!
//! It uses the public calls of the library and no others, as an application would.

mod ask;
mod baseline;
mod catalogue;
mod clicks;
mod dice;
mod names;
mod report;
mod rows;
mod rules;
mod shop;
mod shopper;
mod showcase;
mod thousands;
mod time;

use std::path::{Path, PathBuf};

pub(crate) use report::Report;

use self::report::{ImportLine, IndexLine};
use self::shop::Shop;
use torre::{BuildOptions, CollectionOptions, Database, Error, Item, Progress, RankerSource, Result, TowerPair};

/// The towers, trained on the shop of seed 1 (assets/demo/README.md).
const ITEM_TOWER: &[u8] = include_bytes!("../../assets/demo/item.onnx");
const USER_TOWER: &[u8] = include_bytes!("../../assets/demo/user.onnx");
/// The second stage, trained on shops of other seeds.
const RANKER: &[u8] = include_bytes!("../../assets/demo/ranker.onnx");
/// What it is called in the collection.
const RANKER_NAME: &str = "clicks";
/// Fields of the products that no tower reads, and those that the second stage reads from memory.
const FIELDS: [&str; 2] = ["clicks:int index", "stock:int index"];
const INDEXED: [&str; 6] = ["brand", "category", "colour", "price", "rating", "reviews"];

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
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, products: 20_000, shoppers: 2_000, keep: None }
    }
}

/// Writes the rows from which the towers are trained into a directory: `items.jsonl`, `train.jsonl`, `eval.jsonl`.
///
/// # Errors
/// [`Error::Io`] naming the file that could not be written.
pub(crate) fn write_rows(options: &Options, directory: &Path) -> Result<()> {
    rows::write(&Shop::new(options.seed, options.products, options.shoppers), directory)
}

/// Makes the shop, imports its products, recommends to its shoppers and measures.
///
/// # Errors
/// [`Error::Io`] when there is no room for the temporary directory, [`Error::Interrupted`], and what the database answers.
pub(crate) fn run(options: &Options, progress: &dyn Progress) -> Result<Report> {
    let shop = Shop::new(options.seed, options.products, options.shoppers);
    let scratch = tempfile::tempdir().map_err(|source| Error::Io { path: std::env::temp_dir(), source })?;
    let path = options.keep.clone().unwrap_or_else(|| scratch.path().join("shop"));
    // Building is a step of its own here, so nothing is to be built in the background before it.
    let database = Database::builder(path).create(true).background(false).trim_memory(true).open()?;
    let towers = TowerPair::from_bytes(ITEM_TOWER, USER_TOWER)?;
    let mut collection = CollectionOptions::towers(&towers);
    for field in FIELDS {
        collection = collection.field(field.parse()?)?;
    }
    let items = database.create_collection("items", collection)?;
    items.attach_ranker(RANKER_NAME, &RankerSource::new(RANKER))?;

    let clicks = shop.popularity();
    let rows = shop.catalogue.products.iter().zip(&clicks).map(|(product, &clicks)| Item::from_row(product.stocked_row(clicks)));
    let imported = items.import().progress(progress).run(rows)?;
    INDEXED.iter().try_for_each(|field| items.add_index(field, progress))?;
    let policy = rules::policy()?;
    items.set_policy(rules::POLICY, &policy)?;
    let built = items.build(&BuildOptions::default().queries(ask::vectors(&items, &shop)?), progress)?;
    let (held_out, query, ranked_query) = ask::evaluate(&items, &shop, progress)?;
    let seconds = imported.elapsed.as_secs_f64();
    Ok(Report {
        seed: options.seed,
        products: shop.catalogue.products.len(),
        shoppers: shop.shoppers.len(),
        clicks: clicks.iter().map(|&clicks| clicks as usize).sum(),
        import: ImportLine { rows: imported.rows, seconds, rows_per_second: imported.rows as f64 / seconds.max(1e-9) },
        index: IndexLine {
            dim: items.dim(),
            lists: built.lists,
            m: built.m,
            bytes_per_row: built.bytes_per_row,
            seconds: built.elapsed.as_secs_f64(),
        },
        shown: ask::show(&items, &shop)?,
        policy,
        held_out,
        query,
        ranked_query,
        kept: options.keep.clone(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use torre::NoProgress;

    #[test]
    fn towers_beat_popularity_clearly_on_a_shop_they_were_not_trained_on() {
        let report = run(&Options { seed: 7, products: 3000, shoppers: 300, keep: None }, &NoProgress).unwrap();
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
        let options = Options { seed: 2, products: 50, shoppers: 5, keep: Some(keep.clone()) };
        run(&options, &NoProgress).unwrap();
        assert_eq!(Database::open(&keep).unwrap().collection("items").unwrap().len(), 50);
        // It is not overwritten.
        assert!(matches!(run(&options, &NoProgress), Err(Error::CollectionExists { .. })));
    }
}
