//! What the demo recommends by: two towers and a second stage.

use torre::{RankerSource, Result, TowerPair};

/// The towers, trained on the shop of seed 1 (assets/demo/README.md).
const ITEM_TOWER: &[u8] = include_bytes!("../../assets/demo/item.onnx");
const USER_TOWER: &[u8] = include_bytes!("../../assets/demo/user.onnx");
/// The second stage, trained on shops of other seeds.
const RANKER: &[u8] = include_bytes!("../../assets/demo/ranker.onnx");

/// Two towers and a second stage.
pub(super) struct Stages {
    pub(super) towers: TowerPair,
    pub(super) ranker: RankerSource,
}

impl Stages {
    /// Those that come with the demo.
    pub(super) fn shipped() -> Result<Self> {
        Ok(Self { towers: TowerPair::from_bytes(ITEM_TOWER, USER_TOWER)?, ranker: RankerSource::new(RANKER) })
    }
}
