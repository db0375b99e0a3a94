//! Writers and readers at once: products come in and go while shoppers are served. Readers never wait for writers.
//!
//!     cargo run --release --example streaming

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use torre::{Collection, CollectionOptions, Database, Item, Row, TowerPair, row};

const ITEM_TOWER: &[u8] = include_bytes!("../cli/assets/demo/item.onnx");
const USER_TOWER: &[u8] = include_bytes!("../cli/assets/demo/user.onnx");

const BATCHES: usize = 60;
const BATCH: usize = 250;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let database = Database::create(directory.path().join("shop"))?;
    let towers = TowerPair::from_bytes(ITEM_TOWER, USER_TOWER)?;
    let shop = database.create_collection("items", CollectionOptions::towers(&towers))?;

    let writing = AtomicBool::new(true);
    let written = AtomicU64::new(0);
    // A collection is shared by reference or by clone; all calls take `&self`.
    let (mut times, begun) = thread::scope(|scope| {
        let begun = Instant::now();
        let writer = scope.spawn(|| {
            let done = write(&shop, &written);
            writing.store(false, Ordering::Release);
            done
        });
        let reader = scope.spawn(|| read(&shop, &writing));
        let times = reader.join().map_err(|_| "the reader panicked")??;
        writer.join().map_err(|_| "the writer panicked")??;
        Ok::<_, Box<dyn std::error::Error>>((times, begun))
    })?;
    let seconds = begun.elapsed().as_secs_f64();

    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("{} rows written in {seconds:.1} s, each batch of {BATCH} durable", written.load(Ordering::Relaxed));
    println!("{} recommendations meanwhile: median {:.0?}, 99th percentile {:.0?}", times.len(), at(50), at(99));
    let stats = shop.stats()?;
    println!("{} rows now, of which {} in the tail", stats.rows, stats.tail);
    Ok(())
}

/// Puts products in, batch by batch; of each batch it takes ten out again.
fn write(shop: &Collection, written: &AtomicU64) -> torre::Result<()> {
    for batch in 0..BATCHES {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        shop.upsert_many(numbers.clone().map(product).collect::<torre::Result<Vec<Item>>>()?)?;
        shop.delete(numbers.take(10).map(|number| number.to_string()))?;
        written.fetch_add(BATCH as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Recommends as long as somebody writes. Each answer is of one moment: what was deleted before is never in it.
fn read(shop: &Collection, writing: &AtomicBool) -> torre::Result<Vec<Duration>> {
    let mut times = Vec::new();
    while writing.load(Ordering::Acquire) {
        let user = shopper(times.len());
        times.push(shop.recommend(&user).k(10).run()?.elapsed);
    }
    Ok(times)
}

fn product(number: usize) -> torre::Result<Item> {
    let (category, noun) = [("tents", "Tent"), ("mugs", "Mug"), ("puzzles", "Puzzle"), ("headphones", "Headphones")][number % 4];
    let colour = ["black", "red", "olive", "navy", "rust"][number % 5];
    Item::from_row(row! {
        "id" => number, "title" => format!("Nova {number} Classic {noun}, {colour}"), "brand" => "Nova", "category" => category,
        "colour" => colour, "price" => 10.0 + (number % 300) as f64, "rating" => 4.0, "reviews" => number % 90,
    })
}

fn shopper(number: usize) -> Row {
    row! {
        "history" => [number % 1_000 + 10, number % 700 + 10], "city" => "Porto", "age" => 20 + number % 50, "device" => "phone",
        "now" => 1_777_000_000_u64 + number as u64,
    }
}
