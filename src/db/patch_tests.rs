//! A patch runs the item tower when something that it reads has changed, and only then.
#![allow(clippy::unwrap_used)]

use crate::ingest::{NewRow, Op};
use crate::{Collection, CollectionOptions, Database, Item, NoProgress, Row, TowerPair, Value, row};

fn product(id: &str) -> Row {
    row! {
        "id" => id, "title" => "Tazza Luna Retro Mug, red", "brand" => "Tazza", "category" => "mugs", "colour" => "red", "price" => 14.9,
        "rating" => 4.5, "reviews" => 12, "stock" => 3,
    }
}

fn vector(items: &Collection, id: &str) -> Vec<f32> {
    items.get(id).unwrap().unwrap().vector().unwrap().to_vec()
}

fn shop() -> Collection {
    let pair = TowerPair::from_bytes(include_bytes!("../../cli/assets/demo/item.onnx"), include_bytes!("../../cli/assets/demo/user.onnx"))
        .unwrap();
    let options = CollectionOptions::towers(&pair).field("stock:int".parse().unwrap()).unwrap();
    Database::in_memory().unwrap().create_collection("items", options).unwrap()
}

#[test]
fn a_field_that_the_tower_reads_is_indexed_with_the_type_that_its_spec_says() {
    let items = shop();
    items.upsert_row(product("mug")).unwrap();
    items.upsert_row(product("twin").with("price", 99)).unwrap();
    items.add_index("price", &NoProgress).unwrap();
    let value = |id: &str, field: &str| {
        let snapshot = items.core.shared.snapshot.load_full();
        let (part, position) = snapshot.locate(id).unwrap();
        snapshot.table(part).columns().value(field, position as usize)
    };
    assert_eq!((value("mug", "price"), value("twin", "price")), (Some(Value::Float(14.9)), Some(Value::Float(99.0))));
    items.upsert_row(product("late").with("price", 5)).unwrap();
    assert_eq!(value("late", "price"), Some(Value::Float(5.0)));
    let fields = || items.schema().fields.iter().map(ToString::to_string).collect::<Vec<String>>();
    assert_eq!(fields(), ["stock:int", "price:float index"]);
    items.drop_index("price").unwrap();
    assert_eq!((fields(), value("mug", "price")), (vec!["stock:int".to_owned(), "price:float".to_owned()], None));
    // As a program without this check may have stored it.
    let odd = product("odd").with("stock", "many");
    let odd = NewRow { id: crate::ItemId::new("odd").unwrap(), vector: vec![1.0; items.dim()], features: odd.to_bytes() };
    items.put_as_stored(vec![Op::Put(odd)]).unwrap();
    let error = items.add_index("stock", &NoProgress).unwrap_err();
    assert_eq!(error.to_string(), "index: expected a field that holds int in every row, and row 3 has another value there, got stock");
    assert_eq!(value("mug", "stock"), None);
}

#[test]
fn the_tower_runs_only_for_what_it_reads() {
    let items = shop();
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
