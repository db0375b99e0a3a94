//! A database of format 2, as it was written when the format was fixed, opens for ever; other formats are refused.
//!
//! `tests/fixtures/README.md` says what is in the archive. `cargo test --release --test format -- --ignored make_the_fixture` makes it, and
//! refuses to overwrite it.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use torre::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Refine, Row, TowerPair, Value, row};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v2.tar.gz")
}

fn unpacked() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    tar::Archive::new(GzDecoder::new(File::open(fixture()).unwrap())).unpack(directory.path()).unwrap();
    let path = directory.path().join("db");
    (directory, path)
}

fn vector(number: u64, dim: u64) -> Vec<f32> {
    let mix = |x: u64| (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(x | 1);
    (0..dim).map(|at| (mix(number * 64 + at + 1) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
}

fn item(number: u64, dim: u64) -> Item {
    let row = row! { "number" => number as i64, "name" => format!("é{number}") };
    Item::new(format!("item-{number}")).unwrap().with_row(row).with_vector(vector(number, dim))
}

fn product(number: u64) -> Row {
    row! {
        "id" => format!("p{number}"), "title" => format!("Tazza Luna Mug, number {number}"), "brand" => "Tazza", "category" => "mugs",
        "colour" => if number.is_multiple_of(2) { "red" } else { "blue" }, "price" => 5.0 + number as f64, "rating" => 4.5,
        "reviews" => number as i64, "stock" => 3,
    }
}

/// Fills a collection of the caller's vectors: a segment, rows that are updated and deleted in it, a tail.
fn fill(items: &Collection, dim: u64) {
    items.upsert_many((0..100).map(|number| item(number, dim))).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((100..120).map(|number| item(number, dim))).unwrap();
    items.delete(["item-3", "item-110"]).unwrap();
    items.patch("item-4", &row! { "name" => "patched" }).unwrap();
}

#[test]
#[ignore = "makes the fixture"]
fn make_the_fixture() {
    assert!(!fixture().exists(), "remove it first");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    {
        let database = Database::builder(&path).create(true).background(false).open().unwrap();
        let options = |dim, metric, refine| {
            let options = CollectionOptions::vectors(dim, metric).field("number:int".parse().unwrap()).unwrap();
            options.lenient(true).m(2).lists(4).refine(refine)
        };
        fill(&database.create_collection("halves", options(8, Metric::Cosine, Refine::F16)).unwrap(), 8);
        let bytes = database.create_collection("bytes", options(4, Metric::L2, Refine::Int8)).unwrap();
        fill(&bytes, 4);
        bytes.maintain(&NoProgress).unwrap();
        bytes.upsert_many((90..95).chain(120..130).map(|number| item(number, 4))).unwrap();
        let asset = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo").join(name);
        let pair = TowerPair::from_files(asset("item.onnx"), asset("user.onnx")).unwrap();
        let options = CollectionOptions::towers(&pair).field("stock:int".parse().unwrap()).unwrap();
        let shop = database.create_collection("shop", options).unwrap();
        shop.upsert_many((0..30).map(|number| Item::from_row(product(number)).unwrap())).unwrap();
        fill(
            &database.create_collection("gone", CollectionOptions::vectors(4, Metric::InnerProduct).lenient(true).m(2).lists(4)).unwrap(),
            4,
        );
        database.drop_collection("gone").unwrap();
    }
    let mut archive = tar::Builder::new(GzEncoder::new(File::create_new(fixture()).unwrap(), Compression::best()));
    archive.mode(tar::HeaderMode::Deterministic);
    add(&mut archive, &path, Path::new("db"));
    archive.into_inner().unwrap().finish().unwrap();
    assert!(fs::metadata(fixture()).unwrap().len() < 1 << 20);
}

/// Adds a directory, its entries sorted.
fn add(archive: &mut tar::Builder<GzEncoder<File>>, from: &Path, to: &Path) {
    let mut names: Vec<_> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() { add(archive, &from, &to) } else { archive.append_path_with_name(from, to).unwrap() }
    }
}

fn check(items: &Collection, dim: u64, last: u64) {
    assert_eq!((items.len(), items.dim()), (last - 2, dim as usize));
    for number in 0..last {
        let found = items.get(&format!("item-{number}")).unwrap();
        if [3, 110].contains(&number) {
            assert!(found.is_none());
            continue;
        }
        let (found, expected) = (found.unwrap(), vector(number, dim));
        let length = if items.metric() == Metric::Cosine { expected.iter().map(|x| x * x).sum::<f32>().sqrt() } else { 1.0 };
        let near = |(a, b): (&f32, &f32)| (a - b / length).abs() < 1e-6;
        assert!(found.vector().unwrap().iter().zip(&expected).all(near), "{number}");
        let name = if number == 4 { "patched".to_owned() } else { format!("é{number}") };
        assert_eq!(found.row().get("name").and_then(Value::as_str), Some(&*name));
        for query in [items.search(&expected).k(1).exact(), items.search(&expected).k(1).nprobe(4)] {
            assert_eq!(query.run().unwrap().ids().next(), Some(format!("item-{number}").as_str()));
        }
    }
}

#[test]
fn a_database_of_format_2_opens() {
    let (_directory, path) = unpacked();
    let database = Database::builder(&path).background(false).open().unwrap();
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
    assert_eq!(database.collections(), ["bytes", "halves", "shop"]);
    let (halves, bytes) = (database.collection("halves").unwrap(), database.collection("bytes").unwrap());
    let kind = |items: &Collection| (items.metric(), items.stats().unwrap().refine_kind, items.stats().unwrap().segments);
    assert_eq!(kind(&halves), (Metric::Cosine, Some("f16"), 1));
    assert_eq!(kind(&bytes), (Metric::L2, Some("int8"), 2));
    check(&halves, 8, 120);
    check(&bytes, 4, 130);
    let shop = database.collection("shop").unwrap();
    assert_eq!(shop.len(), 30);
    let user = row! { "history" => vec!["p3", "p5"], "city" => "Lyon", "age" => 30, "device" => "phone", "now" => 1_700_000_000 };
    assert_eq!(shop.recommend(&user).k(5).run().unwrap().hits.len(), 5);
    // The stored towers make the same vectors today.
    for number in 0..30 {
        let twin = Item::from_row(product(number).with("id", "twin")).unwrap();
        shop.upsert(twin).unwrap();
        let vector = |id: &str| shop.get(id).unwrap().unwrap().vector().unwrap().to_vec();
        assert!(vector("twin").iter().zip(vector(&format!("p{number}"))).all(|(a, b)| (a - b).abs() < 1e-5), "{number}");
    }
    for items in [&halves, &bytes, &shop] {
        items.build(&BuildOptions::default(), &NoProgress).unwrap();
        items.compact(&NoProgress).unwrap();
    }
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
}

#[test]
fn a_newer_and_an_older_format_are_refused_with_what_to_do() {
    let (directory, path) = unpacked();
    let marker = path.join("TORRE");
    let whole = fs::read(&marker).unwrap();
    for (format, what) in [(3, "use a newer Torre"), (1, "dump it with the Torre that wrote it")] {
        let mut bytes = whole.clone();
        bytes[8] = format;
        let sum = crc32c(&bytes[..40]).to_le_bytes();
        bytes[40..].copy_from_slice(&sum);
        fs::write(&marker, &bytes).unwrap();
        let out = directory.path().join("out");
        for refused in [Database::open(&path).err().unwrap(), Database::salvage(&path, out, &NoProgress).err().unwrap()] {
            let refused = refused.to_string();
            assert!(refused.contains(&format!("format {format}")) && refused.contains(what), "{refused}");
        }
    }
}

/// The Castagnoli CRC, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 }))
}
