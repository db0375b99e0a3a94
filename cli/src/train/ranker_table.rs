//! The table that a ranker is trained on, for other trainers.

use std::path::Path;

use serde_json::Value as Json;
use torre_data::{TableColumn, write_table};
use torre_train::{FittedRanker, TreeOptions};

use super::files;
use crate::repl::Failure;

/// Columns that are no features.
const OWN: [&str; 4] = ["id", "group", "part", "label"];

/// Refuses what cannot be written, before anything is trained: features that are called like the table's own columns.
pub(super) fn check(features: Option<&Json>) -> Result<(), Failure> {
    let names = features.and_then(Json::as_array).into_iter().flatten().filter_map(|feature| feature["name"].as_str());
    match names.into_iter().find(|name| OWN.contains(name)) {
        Some(name) => {
            Err(Failure::new(format!("the feature {name:?} is called like a column that --table has besides: {}", OWN.join(", "))))
        }
        None => Ok(()),
    }
}

/// Writes the table, and the script beside it.
pub(super) fn write(path: &Path, fitted: &FittedRanker, options: &TreeOptions) -> Result<(), Failure> {
    let names = fitted.train.names();
    let tables = [(&fitted.train, "train"), (&fitted.held, "validation")];
    let (mut groups, mut parts, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let mut features = vec![Vec::new(); names.len()];
    let mut group = 0;
    for (table, part) in tables {
        for rows in table.ranges() {
            groups.extend(std::iter::repeat_n(group, rows.len()));
            group += 1;
        }
        parts.extend(std::iter::repeat_n(part.to_owned(), table.rows()));
        labels.extend(table.grades().iter().map(|&grade| i64::from(grade)));
        for row in table.values().chunks_exact(names.len()) {
            features.iter_mut().zip(row).for_each(|(column, &value)| column.push(value));
        }
    }
    let own =
        [TableColumn::Texts(fitted.ids.concat()), TableColumn::Integers(groups), TableColumn::Texts(parts), TableColumn::Integers(labels)];
    let mut columns: Vec<(String, TableColumn)> = OWN.map(str::to_owned).into_iter().zip(own).collect();
    columns.extend(names.iter().cloned().zip(features.into_iter().map(TableColumn::Floats)));
    write_table(path, columns).map_err(|source| torre_train::TrainError::Io { path: path.to_owned(), source })?;
    files::write(&path.with_extension("py"), script(path, options))
}

/// Trains LightGBM on the table with the same options, and says the NDCG of the same groups.
fn script(path: &Path, options: &TreeOptions) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let TreeOptions { trees, leaves, rate, min_leaf, l2, truncation, bins, feature_share, row_share, patience, k, seed } = options;
    format!(
        r#"import lightgbm, pandas
table = pandas.read_parquet({name:?}); x = table.drop(columns=["id", "group", "part", "label"]).to_numpy("float32"); train = (table.part == "train").to_numpy()
sizes = lambda rows: table[rows].groupby("group", sort=False).size().to_numpy()
model = lightgbm.LGBMRanker(n_estimators={trees}, num_leaves={leaves}, learning_rate={rate}, min_child_samples={min_leaf}, reg_lambda={l2}, lambdarank_truncation_level={truncation}, max_bin={bins}, colsample_bytree={feature_share}, subsample={row_share}, subsample_freq=1, random_state={seed}, verbose=-1)
model.fit(x[train], table.label[train], group=sizes(train), eval_set=[(x[~train], table.label[~train])], eval_group=[sizes(~train)], eval_at=[{k}], callbacks=[lightgbm.early_stopping({patience}, verbose=False)])
print(model.best_iteration_, "trees, validation", dict(model.best_score_["valid_0"]))
"#
    )
}
