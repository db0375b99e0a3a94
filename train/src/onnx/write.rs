//! Writes the two files, once it is seen that they compute what the trainer computes.

use std::path::{Path, PathBuf};

use prost::Message;
use serde_json::{Value as Json, json};
use torre::{TowerReport, TowerSource};
use torre_features::{FeatureSpec, Row, TowerRole};

use super::graph::entry;
use super::tower::model;
use crate::dataset::{Case, Dataset};
use crate::error::TrainError;
use crate::events::Part;
use crate::trained::Trained;

/// The largest difference of an element between the trainer's vectors and the written tower's.
const PARITY: f32 = 1e-5;
/// Rows whose vectors travel in the file.
const GOLDEN: usize = 4;

/// A pair of towers as ONNX files, checked.
#[derive(Clone, Debug)]
pub struct Files {
    /// The item tower.
    pub item: Vec<u8>,
    /// The user tower.
    pub user: Vec<u8>,
    /// The largest difference of an element to the trainer's vectors, over rows of both sides.
    pub difference: f32,
    /// The rows that were compared.
    pub compared: usize,
}

impl Trained {
    /// The towers as files, with specs, golden rows and `card` (what is to be known of the training) inside. Each is attached as a database
    /// would, and computes up to 1,000 rows: all have to agree with the trainer within 1e-5.
    ///
    /// # Errors
    /// [`TrainError::Parity`], or [`TrainError::Attach`] where the towers would be refused.
    pub fn files(&self, dataset: &Dataset, card: &Json) -> Result<Files, TrainError> {
        let (item_rows, item_vectors) = self.item_samples(dataset);
        let (user_rows, user_vectors) = self.user_samples(dataset);
        let item = Side { spec: &dataset.items.spec, rows: &item_rows, vectors: &item_vectors };
        let user = Side { spec: &dataset.users.spec, rows: &user_rows, vectors: &user_vectors };
        let (item, item_difference) = item.file(self, card)?;
        let (user, user_difference) = user.file(self, card)?;
        let compared = item_rows.len() + user_rows.len();
        Ok(Files { item, user, difference: item_difference.max(user_difference), compared })
    }

    fn item_samples(&self, dataset: &Dataset) -> (Vec<Row>, Vec<f32>) {
        let rows: Vec<u32> = dataset.items.samples.iter().map(|(row, _)| *row).collect();
        let vectors = self.model.items(dataset, &rows);
        (dataset.items.samples.iter().map(|(_, row)| row.clone()).collect(), vectors)
    }

    /// Users as they are after the training part. A row of a user's inputs that is no user's own has an empty history.
    fn user_samples(&self, dataset: &Dataset) -> (Vec<Row>, Vec<f32>) {
        let mut rows = Vec::new();
        let mut cases = Vec::new();
        for (profile, row) in &dataset.users.samples {
            let events = dataset.events.of(*profile as usize).iter();
            let history: Vec<u32> = events.filter(|event| event.part == Part::Train && event.positive).map(|event| event.item).collect();
            let mut row = row.clone();
            if let Some(of) = &dataset.history {
                let ids: Vec<&str> = of.cut(&history).iter().map(|&item| &*dataset.items.ids[item as usize]).collect();
                row.insert(&*of.field, ids);
            }
            rows.push(row);
            cases.push(Case { user: *profile, profile: *profile, history, seen: vec![], relevant: vec![] });
        }
        let vectors = self.model.users(dataset, &cases);
        (rows, vectors)
    }
}

impl Files {
    /// Writes `item.onnx` and `user.onnx` into a folder, which is made where it is not there. Each is whole or as it was before.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the file.
    pub fn write(&self, folder: &Path) -> Result<(), TrainError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| TrainError::Io { path, source }
        };
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        for (name, bytes) in [("item.onnx", &self.item), ("user.onnx", &self.user)] {
            let (path, temporary): (PathBuf, PathBuf) = (folder.join(name), folder.join(format!("{name}.tmp")));
            std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, &path)).map_err(io(&path))?;
        }
        Ok(())
    }
}

/// One side's spec, and rows with the trainer's vectors.
struct Side<'a> {
    spec: &'a FeatureSpec,
    rows: &'a [Row],
    vectors: &'a [f32],
}

impl Side<'_> {
    fn file(&self, trained: &Trained, card: &Json) -> Result<(Vec<u8>, f32), TrainError> {
        let side = self.spec.tower().name();
        let (tower, layouts) = match self.spec.tower() {
            TowerRole::Item => (&trained.model.item, &trained.model.item_layouts),
            TowerRole::User => (&trained.model.user, &trained.model.user_layouts),
        };
        let mut proto = model(tower, &trained.model.tables, self.spec, layouts);
        let every = self.rows.len().div_ceil(GOLDEN).max(1);
        proto.metadata_props = vec![entry("torre.features", &self.golden(every)?), entry("torre.card", &card.to_string())];
        let bytes = proto.encode_to_vec();
        let source = TowerSource::new(bytes.clone()).with_spec(self.golden(1)?);
        let report = TowerReport::of(&source).map_err(|error| TrainError::Attach { side, reason: error.to_string() })?;
        let difference = report.golden_difference.unwrap_or(0.0);
        if difference > PARITY {
            return Err(TrainError::Parity { side, difference, bound: PARITY, rows: self.rows.len() });
        }
        Ok((bytes, difference))
    }

    /// The spec with every so many rows as golden ones.
    fn golden(&self, every: usize) -> Result<String, TrainError> {
        let side = self.spec.tower().name();
        let mut document: Json =
            serde_json::from_str(self.spec.to_json()).map_err(|error| TrainError::Data(format!("the {side} spec is no JSON: {error}")))?;
        let vectors = self.vectors.chunks_exact(self.spec.dim());
        let rows = self.rows.iter().zip(vectors).step_by(every);
        document["golden"] = rows.map(|(row, vector)| json!({"row": row.to_json(), "vector": vector})).collect();
        Ok(document.to_string())
    }
}
