#!/usr/bin/env python3
"""How long others take for the trees of `cargo bench --bench ranker`, in one thread: ONNX Runtime for the same files, and LightGBM for its own trees of
that shape, called once with all rows.

    TORRE_BENCH_KEEP=DIR cargo bench --bench ranker     writes the files, and prints Torre's times
    benches/ranker_peers.py DIR                         prints those of the others; needs numpy, onnx, onnxruntime and lightgbm
"""

import sys
import time
from pathlib import Path

import lightgbm
import numpy
import onnx
import onnxruntime

WIDTH, ROWS, TURNS = 30, 200, 300


def median(call):
    call()
    times = []
    for _ in range(TURNS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return sorted(times)[TURNS // 2] * 1e6


def main():
    random = numpy.random.default_rng(1)
    rows = random.random((ROWS, WIDTH), dtype=numpy.float32)
    rows[random.random(rows.shape) < 0.05] = numpy.nan
    one_thread = onnxruntime.SessionOptions()
    one_thread.intra_op_num_threads = one_thread.inter_op_num_threads = 1
    print(f"{'ensemble':<44} {'rows':>6} {'median':>10}")
    for file in sorted(Path(sys.argv[1]).glob("*.onnx")):
        model = onnx.load(file)
        for opset in model.opset_import:
            # The operator has another name from 5 on, which ONNX Runtime insists on.
            opset.version = min(opset.version, 3) if opset.domain == "ai.onnx.ml" else opset.version
        session = onnxruntime.InferenceSession(model.SerializeToString(), one_thread, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        print(f"{'ONNX Runtime, ' + file.stem:<44} {ROWS:>6} {median(lambda: session.run(None, {name: rows})):>7.1f} us")
    x = random.random((20_000, WIDTH), dtype=numpy.float32)
    y = numpy.sin(9 * x[:, :8]).sum(1) + random.normal(size=len(x))
    for leaves, depth in [(64, 6), (31, -1)]:
        params = dict(num_leaves=leaves, max_depth=depth, min_data_in_leaf=1, learning_rate=0.05, num_threads=1, verbose=-1, seed=1)
        model = lightgbm.train(params, lightgbm.Dataset(x, y), num_boost_round=500)
        name = f"LightGBM, 500 trees, {leaves} leaves"
        print(f"{name:<44} {ROWS:>6} {median(lambda: model.predict(rows, num_threads=1)):>7.1f} us")


if __name__ == "__main__":
    main()
