#!/usr/bin/env bash
# One million rows through a real item tower: rows a second while importing, memory, time to open and answer, recall by target, latency.
#
#   benches/million.sh [WORK_DIR] [ROWS]
#
# The items of the bundle ml100k-avg ($TORRE_SHARED/towers, default ../shared) repeated under new ids: many rows are equal, so recall counts
# rows as near as the true tenth. Refine vectors are f16: between rows this close together int8 ones end at a recall of 0.92.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=$(realpath "${TORRE_SHARED:-../shared}")/towers/ml100k-avg
work=${1:-target/million}; rows=${2:-1000000}
[ -n "${TORRE_BIN:-}" ] || { cargo build --release --locked --bin torre; TORRE_BIN=${CARGO_TARGET_DIR:-target}/release/torre; }
rm -rf "$work"; mkdir -p "$work"
python3 - "$shared/items.jsonl" "$rows" "$work/items.jsonl" <<'PYTHON'
import json, sys
source = [json.loads(line) for line in open(sys.argv[1])]
with open(sys.argv[3], "w") as out:
    for i in range(int(sys.argv[2])):
        out.write(json.dumps({**source[i % len(source)], "id": f"i{i}"}, separators=(",", ":")) + "\n")
PYTHON

"$TORRE_BIN" create "$work/db" --item "$shared/item.onnx" --user "$shared/user.onnx" --refine f16
echo "-- import, in durable batches of 1,000; the memory is the whole process's, training and sealing at the end included"
python3 - "$TORRE_BIN" import "$work/db" "$work/items.jsonl" --batch 1000 <<'PYTHON'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(f"most memory: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6:.2f} GB")
PYTHON
echo "-- build, calibrated with the bundle's users"
"$TORRE_BIN" build "$work/db" --users "$shared/eval.jsonl"
echo "-- open and answer the first query, the process's start included"
time "$TORRE_BIN" recommend "$work/db" --user '{"age": 24, "gender": "M", "occupation": "technician", "history": ["i173", "i50"]}' --k 3
echo "-- recall by target, one thread"
"$TORRE_BIN" recall "$work/db" --queries "$shared/eval.jsonl" --sample 908 --target 0.8,0.9,0.95,0.99
echo "-- recommend at recall 0.95, tower included, one thread"
"$TORRE_BIN" eval "$work/db" "$shared/eval.jsonl" --recall 0.95
