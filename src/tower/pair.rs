//! Two towers that make vectors of one space.

use std::path::Path;
use std::sync::Arc;

use super::attach::attach;
use super::onnx::{Attach, Tower};
use crate::error::Result;
use crate::features::{FeatureSpec, TowerRole};
use crate::model_error::ModelError;
use crate::tower_source::TowerSource;
use crate::types::Metric;

/// An item tower and a user tower, checked against their feature specs and against each other. Cheap to clone.
///
/// ```no_run
/// # fn main() -> torre::Result<()> {
/// let towers = torre::TowerPair::from_files("item.onnx", "user.onnx")?;
/// println!("{}: {} dimensions, {}", towers.model(), towers.dim(), towers.metric());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TowerPair {
    inner: Arc<Inner>,
}

struct Inner {
    item: Arc<Tower>,
    user: Arc<Tower>,
    item_source: Arc<TowerSource>,
    user_source: Arc<TowerSource>,
}

impl TowerPair {
    /// Reads and checks two ONNX files that carry their feature specs (`torre.features` in their metadata).
    ///
    /// # Errors
    /// [`crate::Error::Io`] for a file that cannot be read, [`crate::Error::Model`] for one that is refused: not ONNX, an operator or
    /// a size that towers do not have, a spec that does not fit its graph, a golden row that gives another vector, towers that are no pair.
    pub fn from_files(item: impl AsRef<Path>, user: impl AsRef<Path>) -> Result<Self> {
        Self::new(TowerSource::from_file(item)?, TowerSource::from_file(user)?)
    }

    /// Checks two ONNX files in memory, which carry their feature specs.
    ///
    /// # Errors
    /// As [`Self::from_files`].
    pub fn from_bytes(item: &[u8], user: &[u8]) -> Result<Self> {
        Self::new(TowerSource::new(item), TowerSource::new(user))
    }

    /// Checks two towers whose specs may come beside their files.
    ///
    /// # Errors
    /// As [`Self::from_files`].
    pub fn new(item: TowerSource, user: TowerSource) -> Result<Self> {
        Self::load(item, user, Attach::First)
    }

    /// The same for towers that were attached before: they are not tried again.
    pub(crate) fn reopened(item: TowerSource, user: TowerSource) -> Result<Self> {
        Self::load(item, user, Attach::Again)
    }

    fn load(item: TowerSource, user: TowerSource, how: Attach) -> Result<Self> {
        let (item, user) = (Arc::new(item), Arc::new(user));
        let item_tower = attach(&item, Some(TowerRole::Item), how)?.tower;
        let user_tower = attach(&user, Some(TowerRole::User), how)?.tower;
        check(item_tower.spec(), user_tower.spec())?;
        let inner = Inner { item: Arc::new(item_tower), user: Arc::new(user_tower), item_source: item, user_source: user };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Width of the vectors.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.item_spec().dim()
    }

    /// How near two vectors are.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.item_spec().metric()
    }

    /// Whether both graphs make vectors of unit length themselves.
    #[must_use]
    pub fn normalized(&self) -> bool {
        self.item_spec().normalized() && self.user_spec().normalized()
    }

    /// The label of the trained pair.
    #[must_use]
    pub fn model(&self) -> &str {
        self.item_spec().model()
    }

    /// What the item tower reads.
    #[must_use]
    pub fn item_spec(&self) -> &FeatureSpec {
        self.inner.item.spec()
    }

    /// What the user tower reads.
    #[must_use]
    pub fn user_spec(&self) -> &FeatureSpec {
        self.inner.user.spec()
    }

    /// The item tower; outlives the pair, and keeps the model file's bytes only where a table of embeddings is in them.
    pub(crate) fn item(&self) -> &Arc<Tower> {
        &self.inner.item
    }

    /// The user tower; outlives the pair, and keeps the model file's bytes only where a table of embeddings is in them.
    pub(crate) fn user(&self) -> &Arc<Tower> {
        &self.inner.user
    }

    /// What the item tower was loaded from.
    #[must_use]
    pub fn item_source(&self) -> &TowerSource {
        &self.inner.item_source
    }

    /// What the user tower was loaded from.
    #[must_use]
    pub fn user_source(&self) -> &TowerSource {
        &self.inner.user_source
    }
}

impl std::fmt::Debug for TowerPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut pair = f.debug_struct("TowerPair");
        pair.field("model", &self.model()).field("dim", &self.dim()).field("metric", &self.metric());
        pair.finish_non_exhaustive()
    }
}

/// What the two specs must have in common.
fn check(item: &FeatureSpec, user: &FeatureSpec) -> Result<(), ModelError> {
    let same = [
        ("the width (dim)", item.dim().to_string(), user.dim().to_string()),
        ("the metric", item.metric().to_string(), user.metric().to_string()),
        ("the label (model)", format!("{:?}", item.model()), format!("{:?}", user.model())),
    ];
    match same.into_iter().find(|(_, item, user)| item != user) {
        Some((what, item, user)) => Err(ModelError::NotAPair { what, item, user }),
        None => Ok(()),
    }
}
