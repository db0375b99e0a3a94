//! A ranker: features in, scores out.

use super::domain::ML;
use super::golden;
use super::graph;
use super::plan::Plan;
use super::proto::{self, Model};
use super::source::RankerSource;
use super::spec::RankerSpec;
use crate::error::{Error, Result};
use crate::model_error::ModelError;
use crate::tower::Network;
use crate::vector::Matrix;

/// The metadata key under which a ranker carries its spec.
const SPEC_KEY: &str = "torre.ranker";

/// A second-stage model that is ready to score candidates, on any number of threads.
///
/// Trees (LightGBM, XGBoost, CatBoost, scikit-learn) and linear models run by Torre itself, and give what ONNX Runtime gives. Any other graph
/// is a network, and runs as towers do.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ranker = torre::Ranker::load(&torre::RankerSource::from_file("ranker.onnx")?)?;
/// let width = ranker.spec().features().len();
/// let rows = torre::Matrix::from_vec(width, vec![0.5; 2 * width]).ok_or("no rows")?;
/// assert_eq!(ranker.score(&rows)?.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct Ranker {
    spec: RankerSpec,
    model: Kind,
}

enum Kind {
    /// Trees and linear models, with what converters put around them.
    Plan(Plan),
    Network(Network),
}

impl Ranker {
    /// Checks and prepares a ranker, and replays its golden rows.
    ///
    /// # Errors
    /// [`Error::Model`]: the file is not ONNX, its spec does not hold together or does not fit the graph, an operator, a size or a tree that
    /// does not run, a golden row that differs. It names the source's file.
    pub fn load(source: &RankerSource) -> Result<Self> {
        Self::prepare(source).map_err(|error| error.in_file(source.path.as_deref()).into())
    }

    fn prepare(source: &RankerSource) -> Result<Self, ModelError> {
        let model = proto::decode(&source.onnx)?;
        let text = source.spec.as_deref().or_else(|| spec_of(&model)).ok_or(ModelError::NoSpec { what: "ranker spec", entry: SPEC_KEY })?;
        let spec = RankerSpec::parse(text)?;
        let Some(graph) = &model.graph else { return Err(ModelError::NotOnnx { reason: "it has no graph".to_owned() }) };
        if model.functions {
            return Err(ModelError::graph("model", "functions and training information are not supported in a ranker"));
        }
        let ours = graph.nodes.iter().any(|node| node.domain == ML);
        let model = if ours {
            Kind::Plan(graph::plan(graph, &spec)?)
        } else {
            Kind::Network(Network::load(&source.onnx, spec.input(), spec.features().len(), spec.output())?)
        };
        let ranker = Self { spec, model };
        golden::replay(&ranker.spec, |rows| ranker.run(rows))?;
        Ok(ranker)
    }

    /// What it reads and gives.
    #[must_use]
    pub fn spec(&self) -> &RankerSpec {
        &self.spec
    }

    /// The scores of rows of features, in the order of [`RankerSpec::features`]; higher is better. Missing features are NaN. A score is NaN
    /// where the model makes that, as linear models do of missing features.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for rows of another width; [`Error::Model`] when a network fails.
    pub fn score(&self, rows: &Matrix) -> Result<Vec<f32>> {
        let width = self.spec.features().len();
        if rows.dim() != width && !rows.is_empty() {
            let (given, expected) = (format!("{} columns", rows.dim()), format!("{width} columns, one a feature"));
            return Err(Error::InvalidOption { option: "rows", given, expected });
        }
        Ok(self.run(rows.as_slice())?)
    }

    /// The scores of rows of the right width.
    pub(super) fn run(&self, rows: &[f32]) -> Result<Vec<f32>, ModelError> {
        match &self.model {
            Kind::Plan(plan) => Ok(plan.scores(rows)),
            Kind::Network(network) => network.scores(rows),
        }
    }
}

impl std::fmt::Debug for Ranker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if matches!(self.model, Kind::Plan(_)) { "trees or linear" } else { "network" };
        f.debug_struct("Ranker").field("kind", &kind).field("features", &self.spec.features().len()).finish_non_exhaustive()
    }
}

/// The spec inside the model, as text; the last one where there are several, as readers of ONNX metadata do.
fn spec_of<'a>(model: &Model<'a>) -> Option<&'a str> {
    model.metadata.iter().rev().find(|(key, _)| *key == SPEC_KEY).map(|(_, value)| *value)
}
