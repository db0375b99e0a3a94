#!/usr/bin/env python3
"""Makes a data set for `torre bench` from a seed: growth_data.py ROWS FOLDER. Every size is a prefix of the same rows, with the same queries."""
import json, os, sys
import numpy as np

HIDDEN, WIDE, DIM, QUERIES, PIECE = 12, 64, 128, 1000, 50_000
rows, folder = int(sys.argv[1]), sys.argv[2]
shape = np.random.default_rng(1)
first = shape.normal(size=(HIDDEN, WIDE)).astype(np.float32)
second = shape.normal(size=(WIDE, DIM)).astype(np.float32)


def vectors(seed, count):
    """Unit vectors; a piece of rows has a seed of its own, so that a prefix does not depend on the size."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(count, HIDDEN)).astype(np.float32)
    x = np.tanh(hidden @ first * 0.4) @ second + random.normal(size=(count, DIM)).astype(np.float32) * 0.8
    return x / np.linalg.norm(x, axis=1, keepdims=True)


base = np.concatenate([vectors(1000 + at, PIECE)[: rows - at * PIECE] for at in range(-(-rows // PIECE))])
queries = vectors(2, QUERIES)
ids = np.empty((QUERIES, 100), np.int32)
for at in range(0, QUERIES, 50):
    scores = queries[at : at + 50] @ base.T
    top = np.argpartition(-scores, 100, axis=1)[:, :100]
    order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
    ids[at : at + 50] = np.take_along_axis(top, order, 1)
scores = np.stack([base[i] @ q for i, q in zip(ids, queries)]).astype(np.float32)
os.makedirs(folder, exist_ok=True)
json.dump({"n_base": rows, "n_query": QUERIES, "dim": DIM, "metric": "cosine"}, open(f"{folder}/info.json", "w"))
for name, table in (("base", base), ("query", queries), ("gt100_ids", ids), ("gt100_scores", scores)):
    np.save(f"{folder}/{name}.npy", table)
