"""Times of ONNX Runtime beside those that `shared_towers_are_timed` printed, as a table. Called by benches/towers.sh."""

import json
import math
import re
import sys
import time

import numpy as np
import onnxruntime as ort

SECONDS, LEAST = 0.15, 5


def batch_of(rng, given, rows):
    shape = [rows, *given["row_shape"]]
    if given["dtype"] == "i64":
        return rng.integers(0, given["index_size"] or 2, shape, dtype=np.int64)
    return rng.standard_normal(shape, dtype=np.float32)


def least(run):
    start, runs, least = time.thread_time(), 0, math.inf
    while runs < LEAST or time.thread_time() - start < SECONDS:
        turn = time.thread_time()
        run()
        least = min(least, time.thread_time() - turn)
        runs += 1
    return least * 1e6


def times(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model["path"], options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    for rows in model["batches"]:
        inputs = {given["name"]: batch_of(rng, given, rows) for given in model["inputs"]}
        yield least(lambda: session.run([model["output"]], inputs))


def main():
    ratios = []
    lines = [json.loads(found.group()) for line in open(sys.argv[1]) if (found := re.search(r'\{"model".*', line))]
    batches = lines[0]["batches"]
    print(f"ONNX Runtime {ort.__version__}; microseconds of Torre / of ONNX Runtime = ratio\n")
    print("| model | " + " | ".join(f"{n} row{'s' * (n > 1)}" for n in batches) + " |")
    print("| --- |" + " --: |" * len(batches))
    for model in sorted(lines, key=lambda model: model["model"]):
        cells = []
        for ours, theirs in zip(model["us"], times(model)):
            cells.append(f"{ours:.0f} / {theirs:.0f} = {ours / theirs:.2f}")
            ratios.append(ours / theirs)
        print(f"| `{model['model']}` | " + " | ".join(cells) + " |", flush=True)
    print(f"\nratios at {batches} rows, geometric means:", end="")
    for place in range(len(batches)):
        print(f" {math.exp(sum(map(math.log, ratios[place :: len(batches)])) / len(lines)):.2f}", end="")
    print()


main()
