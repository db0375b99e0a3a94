//! Raw features in, recommendations out: two towers, a few products, one shopper.
//!
//!     cargo run --release --example quickstart
//!
//! The towers are those of `torre demo`; their feature specs (which fields they read, and how) travel inside the ONNX files.

use torre::{CollectionOptions, Database, TowerPair, row};

const ITEM_TOWER: &[u8] = include_bytes!("../cli/assets/demo/item.onnx");
const USER_TOWER: &[u8] = include_bytes!("../cli/assets/demo/user.onnx");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A database is a directory. `Database::in_memory()` needs none; `TowerPair::from_files` reads the towers from paths.
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("shop");
    {
        let database = Database::create(&path)?;
        let towers = TowerPair::from_bytes(ITEM_TOWER, USER_TOWER)?;
        let shop = database.create_collection("items", CollectionOptions::towers(&towers))?;

        // Rows carry raw features. The item tower makes the vectors; the rows are durable and searchable when the call returns.
        for (id, title, brand, category, colour, price) in PRODUCTS {
            shop.upsert_row(row! {
                "id" => id, "title" => title, "brand" => brand, "category" => category, "colour" => colour, "price" => price,
                "rating" => 4.2, "reviews" => 25,
            })?;
        }
    }

    // The database holds the towers too: whoever opens it needs nothing else.
    let database = Database::open(&path)?;
    let shop = database.collection("items")?;

    let shopper = row! {
        "history" => ["tent-1", "boots-1"], "city" => "Bergen", "age" => 52, "device" => "phone", "now" => "2026-04-25T20:15:00+02:00",
    };
    println!("Somebody who looked at a tent and at hiking boots gets");
    for hit in shop.recommend(&shopper).k(3).exclude(["tent-1", "boots-1"]).fields(["title", "price"]).run()? {
        println!("  {:8} {:.3}  {}", hit.id, hit.score, hit.fields.unwrap_or_default().to_json());
    }

    println!("Like the kettle:");
    for hit in &shop.similar("kettle-1").k(2).run()? {
        println!("  {:8} {:.3}", hit.id, hit.score);
    }

    // A patch runs the tower only when it changes something that the tower reads.
    shop.patch("bag-1", &row! { "price" => 79.9 })?;
    shop.delete(["tent-2"])?;

    // A row that does not fit is refused with the field's name, and nothing changes.
    let bad = row! { "id" => "mug-1", "title" => "Tazza Luna Retro Mug, red", "price" => "cheap" };
    println!("A bad row: {}", shop.upsert_row(bad).err().map(|error| error.to_string()).unwrap_or_default());
    Ok(())
}

const PRODUCTS: [(&str, &str, &str, &str, &str, f64); 8] = [
    ("tent-1", "Nordhag Fjord Rugged Tent, olive", "Nordhag", "tents", "olive", 219.0),
    ("tent-2", "Fernweg Alder Storm Tent, forest green", "Fernweg", "tents", "forest green", 189.0),
    ("boots-1", "Nordhag Gale Storm Hiking Boots, rust", "Nordhag", "hiking boots", "rust", 139.0),
    ("bag-1", "Tarnside Kestrel Rugged Backpack, olive", "Tarnside", "backpacks", "olive", 89.9),
    ("jacket-1", "Nordhag Tide Expedition Rain Jacket, navy", "Nordhag", "rain jackets", "navy", 129.0),
    ("kettle-1", "Steamo Hazel Retro Kettle, red", "Steamo", "kettles", "red", 49.9),
    ("teapot-1", "Leafwell Hazel Vintage Teapot, red", "Leafwell", "teapots", "red", 39.9),
    ("game-1", "Kobold Games Wren Classic Board Game, mustard", "Kobold Games", "board games", "mustard", 34.9),
];
