//! A small database, part by part, to be put together again with one part exchanged.

use std::cell::OnceCell;

use torre::{BuildOptions, CollectionOptions, Database, Item, Metric, NoProgress, fuzzing, row};
use torre_storage::{Batch, BlobMeta, CollectionId, Manifest, SpaceId, Storage};

use super::model::vector_of;

const C: CollectionId = CollectionId(1);
const SPACE: SpaceId = SpaceId(1);

/// What a database is made of.
struct Parts {
    settings: Vec<u8>,
    manifest: Manifest,
    blobs: Vec<(BlobMeta, Vec<u8>)>,
    records: Vec<(u64, Vec<u8>)>,
    vectors: Vec<(u64, Vec<u8>)>,
    tombstones: Vec<u64>,
}

thread_local! {
    static WHOLE: [OnceCell<Parts>; 3] = const { [const { OnceCell::new() }; 3] };
}

/// Two segments, a tail, tombstones in both.
fn whole(metric: Metric) -> Parts {
    let storage = Storage::in_memory();
    let database = fuzzing::database(storage.clone()).expect("it opens");
    let options = CollectionOptions::vectors(4, metric).lenient(true).m(2).lists(3);
    let items = database.create_collection("items", options).expect("it can be created");
    let item = |id: u8| Item::new(u64::from(id)).expect("an id").with_row(row! { "n" => id }).with_vector(vector_of(id, 1, 4));
    items.upsert_many((0..70).map(item)).expect("it takes rows");
    items.build(&BuildOptions::default().queries(vec![vector_of(5, 2, 4)]), &NoProgress).expect("it builds");
    items.upsert_many((60..90).map(item)).expect("it takes rows");
    items.maintain(&NoProgress).expect("it seals");
    items.upsert_many((85..95).map(item)).expect("it takes rows");
    items.delete(["1", "80", "94"]).expect("it deletes");
    let manifest = storage.manifest(C).expect("it reads").expect("a manifest");
    let blobs = manifest.parts().map(|meta| (*meta, storage.read_blob(C, meta).expect("it reads"))).collect();
    Parts {
        settings: storage.collections().expect("it reads").remove(0).1,
        blobs,
        records: storage.records(C, 0..u64::MAX).map(|record| record.expect("it reads")).collect(),
        vectors: storage.vectors(C, SPACE, 0..u64::MAX).map(|vector| vector.expect("it reads")).collect(),
        tombstones: storage.tombstones(C).expect("it reads").rows,
        manifest,
    }
}

/// Changes bytes in place: each change is a place (two bytes) and a value. Then what is left may cut the end off.
fn change(bytes: &mut Vec<u8>, edits: &[u8]) {
    let (edits, rest) = edits.as_chunks::<3>();
    for [low, high, value] in edits.iter().take(8) {
        let place = usize::from(u16::from_le_bytes([*low, *high]));
        if !bytes.is_empty() {
            let place = place % bytes.len();
            bytes[place] = *value;
        }
    }
    if let [cut] = rest {
        bytes.truncate(bytes.len().saturating_sub(usize::from(*cut)));
    }
}

/// Puts the database together with one part changed or exchanged, and uses it. What was written so is damage that no checksum shows.
pub fn exchanged(data: &[u8]) {
    let [metric, which, how, edits @ ..] = data else { return };
    let metric_at = usize::from(metric % 3);
    WHOLE.with(|cells| {
        let parts = cells[metric_at].get_or_init(|| whole([Metric::L2, Metric::InnerProduct, Metric::Cosine][metric_at]));
        let put = |bytes: &[u8]| {
            if how % 2 == 0 {
                let mut bytes = bytes.to_vec();
                change(&mut bytes, edits);
                return bytes;
            }
            edits.to_vec()
        };
        let mut manifest = parts.manifest.clone();
        let (mut settings, mut tombstones) = (parts.settings.clone(), parts.tombstones.clone());
        let (mut records, mut vectors) = (parts.records.clone(), parts.vectors.clone());
        let which = usize::from(*which);
        let mut exchanged = None;
        match which % 16 {
            0 => settings = put(&settings),
            1 => {
                if let Ok(changed) = Manifest::from_bytes(&put(&manifest.to_bytes().expect("it encodes"))) {
                    manifest = changed;
                }
            }
            2 => {
                let at = which / 16 % records.len();
                records[at].1 = put(&records[at].1);
            }
            4 => {
                let at = which / 16 % vectors.len();
                vectors[at].1 = put(&vectors[at].1);
            }
            3 => tombstones.extend(edits.iter().map(|row| u64::from(*row))),
            _ => exchanged = Some((which / 4) % parts.blobs.len()),
        }
        let storage = Storage::in_memory();
        for (at, (meta, bytes)) in parts.blobs.iter().enumerate() {
            let bytes = if exchanged == Some(at) { put(bytes) } else { bytes.clone() };
            let written = storage.write_blob(C, meta.blob, meta.part, &bytes).expect("memory takes it");
            let spaces = manifest.spaces.iter_mut().flat_map(|space| &mut space.parts);
            let trainings = manifest.trainings.iter_mut().flat_map(|training| &mut training.parts);
            let segments = manifest.segments.iter_mut().flat_map(|segment| &mut segment.parts);
            let named = spaces.chain(trainings).chain(segments).filter(|part| (part.blob, part.part) == (meta.blob, meta.part));
            named.for_each(|part| *part = written);
        }
        let mut batch = Batch::new();
        batch.put_collection(C, &settings);
        records.iter().for_each(|(row, bytes)| batch.put_record(C, *row, bytes.as_slice()));
        vectors.iter().for_each(|(row, bytes)| batch.put_vector(C, SPACE, *row, bytes.as_slice()));
        batch.put_tombstones(C, &tombstones);
        batch.put_manifest(C, &manifest);
        if storage.commit(batch).is_ok()
            && let Ok(database) = fuzzing::database(storage)
        {
            use_it(&database);
        }
    });
}

/// Everything that an application can do with a database; errors are welcome.
pub fn use_it(database: &Database) {
    for name in database.collections() {
        let Ok(items) = database.collection(&name) else { continue };
        let dim = items.dim();
        if dim > 64 {
            // Another width is damage that opening finds, or there is nothing stored.
            continue;
        }
        let query = vector_of(3, 3, dim);
        let _ = items.search(&query).k(200).fields(["n"]).explain().run();
        let _ = items.search(&query).nprobe(1 << 20).exclude(["3"]).run();
        let _ = items.search(&query).exact().run();
        let _ = items.similar("2").recall(0.9).run();
        let _ = (items.get("2"), items.ids("", 300), items.stats(), items.schema());
        let _ = items.upsert(Item::new("new").expect("an id").with_vector(query.clone()));
        let _ = (items.patch("2", &row! { "n" => 1 }), items.delete(["3"]));
        let _ = items.maintain(&NoProgress);
        let _ = items.compact(&NoProgress);
        let _ = items.search(&query).run();
    }
    let _ = database.verify(&NoProgress);
}
