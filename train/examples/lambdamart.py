"""LightGBM on the table, the folds and with the options of lambdamart.rs. Needs lightgbm, numpy, pandas and pyarrow.

    python lambdamart.py TABLE.parquet [SEEDS]
"""
import sys, time
import lightgbm, numpy, pandas

FOLDS = 5
table = pandas.read_parquet(sys.argv[1])
names = sorted(set(table.columns) - {"id", "group", "part", "label"})

def ndcg(rows, scores):
    values, places = [], 1 / numpy.log2(numpy.arange(10) + 2)
    for _, at in rows.reset_index(drop=True).groupby("group", sort=False).indices.items():
        labels = rows.label.to_numpy()[at]
        if labels.any():
            best = labels[numpy.argsort(-scores[at], kind="stable")[:10]]
            values.append((best * places[: len(best)]).sum() / places[: min(10, labels.sum())].sum())
    return values

means, seconds = [], []
for seed in range(1, int(sys.argv[2]) + 1 if len(sys.argv) > 2 else 4):
    values = []
    for fold in range(FOLDS):
        train, test = table[table.group % FOLDS != fold], table[table.group % FOLDS == fold]
        model = lightgbm.LGBMRanker(n_estimators=120, num_leaves=8, learning_rate=0.05, min_child_samples=60, reg_lambda=5,
            lambdarank_truncation_level=20, subsample=0.8, subsample_freq=1, random_state=seed, verbose=-1, n_jobs=1, deterministic=True)
        start = time.perf_counter()
        model.fit(train[names].to_numpy("float32"), train.label, group=train.groupby("group", sort=False).size().to_numpy())
        seconds.append(time.perf_counter() - start)
        values += ndcg(test, model.predict(test[names].to_numpy("float32")))
    means.append(numpy.mean(values))
    print(f"seed {seed}: all {means[-1]:.4f}")
print(f"LightGBM {lightgbm.__version__}: ndcg@10 {numpy.mean(means):.4f}, {numpy.mean(seconds):.2f} s a fold")
