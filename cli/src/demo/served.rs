//! The shop in a database: towers attached, products imported, the index built.

use super::ask;
use super::report::{ImportLine, IndexLine};
use super::rules;
use super::shop::Shop;
use super::stages::Stages;
use torre::{BuildOptions, Collection, CollectionOptions, Database, Item, Progress, Result, TowerPair};

/// What the second stage is called in the collection.
const RANKER_NAME: &str = "clicks";
/// Fields of the products that no tower reads, and those that the second stage reads from memory.
const FIELDS: [&str; 2] = ["clicks:int index", "stock:int index"];
const INDEXED: [&str; 6] = ["brand", "category", "colour", "price", "rating", "reviews"];

/// A collection that recommends, and how it came to be.
pub(super) struct Served {
    pub(super) items: Collection,
    pub(super) import: ImportLine,
    pub(super) index: IndexLine,
}

/// A collection of the products, embedded, not yet with an index; `clicks` are those that are known of each.
pub(super) fn stocked(
    database: &Database,
    name: &str,
    shop: &Shop,
    towers: &TowerPair,
    clicks: &[u32],
    progress: &dyn Progress,
) -> Result<(Collection, ImportLine)> {
    let mut options = CollectionOptions::towers(towers);
    for field in FIELDS {
        options = options.field(field.parse()?)?;
    }
    let items = database.create_collection(name, options)?;
    let rows = shop.catalogue.products.iter().zip(clicks).map(|(product, &clicks)| Item::from_row(product.stocked_row(clicks)));
    let imported = items.import().progress(progress).run(rows)?;
    let seconds = imported.elapsed.as_secs_f64();
    let import = ImportLine { rows: imported.rows, seconds, rows_per_second: imported.rows as f64 / seconds.max(1e-9) };
    Ok((items, import))
}

/// The same with the second stage, rules and an index.
pub(super) fn serve(database: &Database, name: &str, shop: &Shop, stages: &Stages, progress: &dyn Progress) -> Result<Served> {
    let (items, import) = stocked(database, name, shop, &stages.towers, &shop.popularity(), progress)?;
    items.attach_ranker(RANKER_NAME, &stages.ranker)?;
    INDEXED.iter().try_for_each(|field| items.add_index(field, progress))?;
    items.set_policy(rules::POLICY, &rules::policy()?)?;
    let built = items.build(&BuildOptions::default().queries(ask::vectors(&items, shop)?), progress)?;
    let index = IndexLine {
        dim: items.dim(),
        lists: built.lists,
        m: built.m,
        bytes_per_row: built.bytes_per_row,
        seconds: built.elapsed.as_secs_f64(),
    };
    Ok(Served { items, import, index })
}
