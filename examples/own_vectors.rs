//! A collection of the caller's own vectors: no towers, no ONNX.
//!
//!     cargo run --release --example own_vectors

use torre::{BuildOptions, CollectionOptions, Database, Item, Metric, NoProgress, row};

const DIM: usize = 64;
const ROWS: usize = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::in_memory()?;
    let options = CollectionOptions::vectors(DIM, Metric::Cosine).field("topic:int".parse()?)?;
    let documents = database.create_collection("documents", options)?;

    // Rows come from any iterator; each batch is all there or not at all.
    let items = (0..ROWS).map(|number| {
        let topic = number % 200;
        Ok(Item::new(number)?.with_vector(vector(topic, number)).with_row(row! { "topic" => topic }))
    });
    let imported = documents.import().batch(2_000).run(items)?;
    println!("{} vectors in {:.2?}", imported.rows, imported.elapsed);

    // The index is trained in the background once there is enough to train on; `build` does it now.
    let built = documents.build(&BuildOptions::default(), &NoProgress)?;
    println!("{} lists, codes of {} bytes, {:.0} bytes a row in memory", built.lists, built.m, built.bytes_per_row);

    let query = vector(17, 999_999);
    let answer = documents.search(&query).k(5).recall(0.95).fields(["topic"]).run()?;
    println!("approximate, in {:.0?}", answer.elapsed);
    for hit in &answer {
        println!("  {:6} {:.4} {}", hit.id, hit.score, hit.fields.clone().unwrap_or_default().to_json());
    }
    let exact = documents.search(&query).k(5).exact().run()?;
    println!("exact, in {:.0?}: {:?}", exact.elapsed, exact.ids().collect::<Vec<_>>());

    // Many queries in one call share the work.
    let queries: Vec<Vec<f32>> = (0..100).map(|topic| vector(topic, 5_000_000 + topic)).collect();
    let answers = documents.search_many(queries.iter().map(Vec::as_slice)).k(10).run()?;
    println!("{} queries in one call, {:.0?} each", answers.len(), answers.first().map(|answer| answer.elapsed).unwrap_or_default());

    // What does not fit is refused.
    println!("{}", documents.search(&[1.0; 3]).run().err().map(|error| error.to_string()).unwrap_or_default());
    Ok(())
}

/// A vector near the centre of its topic, always the same one for the same numbers.
fn vector(topic: usize, number: usize) -> Vec<f32> {
    let noise = |stream: usize, at: usize| {
        let mut z = (stream as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (at as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((z >> 40) as f32) / 8_388_608.0 - 1.0
    };
    (0..DIM).map(|at| noise(topic, at) + 0.7 * noise(1_000 + number, at)).collect()
}
