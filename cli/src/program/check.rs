//! `torre check`: what attaching a tower checks, without a database; for the CI of those who train.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use torre::{Dtype, TowerPair, TowerReport, TowerSource};

use crate::repl::Failure;
use crate::repl::output::{Output, Record, rounded};

/// Which towers.
#[derive(Args, Clone, Debug)]
pub(super) struct Check {
    /// The item tower, an ONNX file; or any one tower
    #[arg(value_name = "ITEM")]
    item: PathBuf,
    /// The user tower that was trained with it
    #[arg(value_name = "USER")]
    user: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A tower's report as it is written.
#[derive(Serialize)]
struct Checked {
    tower: String,
    file: String,
    model: String,
    dim: usize,
    inputs: Vec<String>,
    operators: Vec<String>,
    batches: Vec<usize>,
    rows_compared: usize,
    largest_difference: f64,
    tolerance: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_stopped_at: Option<String>,
    golden_rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    golden_difference: Option<f32>,
}

/// Checks one tower, or two and that they are a pair.
pub(super) fn check(args: &Check) -> Result<Output, Failure> {
    let item = TowerSource::from_file(&args.item)?;
    let mut all = vec![report(&args.item, &item)?];
    let mut notes = Vec::new();
    if let Some(path) = &args.user {
        let user = TowerSource::from_file(path)?;
        all.push(report(path, &user)?);
        let pair = TowerPair::new(item, user)?;
        notes.push(format!("a pair: {:?}, {} dimensions, {}", pair.model(), pair.dim(), pair.metric()));
    }
    notes.extend(all.iter().filter_map(|checked| {
        let node = checked.reference_stopped_at.as_ref()?;
        Some(format!("{}: the reference stopped at node {node:?}; what comes after it was not compared", checked.tower))
    }));
    Ok(Output { notes, ..Output::list(&all, record) }.in_cards())
}

fn report(path: &Path, source: &TowerSource) -> Result<Checked, Failure> {
    let report = TowerReport::of(source)?;
    let input = |input: &torre::InputSpec| {
        let dims: Vec<String> = std::iter::once("N".to_owned()).chain(input.row_shape.iter().map(ToString::to_string)).collect();
        let below = input.index_size.filter(|_| input.dtype == Dtype::I64).map_or_else(String::new, |size| format!(" below {size}"));
        format!("{}: {} [{}]{below}", input.tensor, input.dtype.name(), dims.join(", "))
    };
    Ok(Checked {
        tower: report.role.name().to_owned(),
        file: path.display().to_string(),
        model: report.model,
        dim: report.dim,
        inputs: report.inputs.iter().map(input).collect(),
        operators: report.operators.iter().map(|(operator, count)| format!("{count} {operator}")).collect(),
        batches: report.batches,
        rows_compared: report.compared,
        largest_difference: report.difference,
        tolerance: report.tolerance,
        reference_stopped_at: report.cut,
        golden_rows: report.golden,
        golden_difference: report.golden_difference,
    })
}

fn record(checked: &Checked) -> Record {
    let difference = if checked.largest_difference == 0.0 { "0".to_owned() } else { format!("{:.1e}", checked.largest_difference) };
    let batches: Vec<String> = checked.batches.iter().map(ToString::to_string).collect();
    let mut record = vec![
        ("tower".to_owned(), checked.tower.clone().into()),
        ("file".to_owned(), checked.file.clone().into()),
        ("model".to_owned(), checked.model.clone().into()),
        ("dimensions".to_owned(), checked.dim.into()),
        ("inputs".to_owned(), checked.inputs.join("; ").into()),
        ("operators".to_owned(), checked.operators.join(", ").into()),
        ("batches tried".to_owned(), batches.join(", ").into()),
        ("rows compared".to_owned(), checked.rows_compared.into()),
        ("largest difference".to_owned(), format!("{difference} of {:.0e} allowed", checked.tolerance).into()),
        ("golden rows".to_owned(), checked.golden_rows.into()),
    ];
    if let Some(golden) = checked.golden_difference {
        record.push(("golden difference".to_owned(), rounded(golden.into(), 7).into()));
    }
    record
}
