//! A patch runs the item tower when something that it reads has changed, and only then.
#![allow(clippy::unwrap_used)]

use crate::ingest::{NewRow, Op};
use crate::{Collection, CollectionOptions, Database, Item, Row, TowerPair, row};

fn product(id: &str) -> Row {
    row! {
        "id" => id, "title" => "Tazza Luna Retro Mug, red", "brand" => "Tazza", "category" => "mugs", "colour" => "red", "price" => 14.9,
        "rating" => 4.5, "reviews" => 12, "stock" => 3,
    }
}

fn vector(items: &Collection, id: &str) -> Vec<f32> {
    items.get(id).unwrap().unwrap().vector().unwrap().to_vec()
}

#[test]
fn the_tower_runs_only_for_what_it_reads() {
    let pair = TowerPair::from_bytes(include_bytes!("../../cli/assets/demo/item.onnx"), include_bytes!("../../cli/assets/demo/user.onnx"))
        .unwrap();
    let options = CollectionOptions::towers(&pair).field("stock:int".parse().unwrap()).unwrap();
    let items = Database::in_memory().unwrap().create_collection("items", options).unwrap();
    // A vector that the tower would never give shows whether it has run.
    let mut mark = vec![0.0; items.dim()];
    mark[0] = 1.0;
    let marked = NewRow { id: crate::ItemId::new("mug").unwrap(), vector: mark.clone(), features: product("mug").to_bytes() };
    items.put_as_stored(vec![Op::Put(marked)]).unwrap();
    for changes in [row! { "stock" => 2 }, row! { "stock" => null }, row! { "price" => 14.9, "brand" => "Tazza" }, row! {}] {
        items.patch("mug", &changes).unwrap();
        assert_eq!(vector(&items, "mug"), mark, "{changes:?}");
    }
    assert!(!items.get("mug").unwrap().unwrap().row().contains("stock"));
    // A refused patch changes neither row nor vector.
    items.patch("mug", &row! { "price" => "cheap" }).unwrap_err();
    assert_eq!(vector(&items, "mug"), mark);

    items.patch("mug", &row! { "price" => 99.0 }).unwrap();
    items.upsert(Item::from_row(product("twin").with("price", 99.0)).unwrap()).unwrap();
    assert_eq!(vector(&items, "mug"), vector(&items, "twin"));
    // Taking away what the tower reads counts too, where it can do without.
    items.patch("mug", &row! { "brand" => null }).unwrap();
    assert_ne!(vector(&items, "mug"), vector(&items, "twin"));
}
