#!/usr/bin/env bash
# How the time of a query grows with the collection: 10,000, 100,000 and 1,000,000 rows of one source, at recall@10 of 0.95, on one core.
#
#   benches/growth.sh [WORK_DIR] [CPU]        needs python3 with numpy ($PYTHON)
#
# The source is made from a seed: 12 hidden coordinates bent into 128 dimensions, with noise. Lists follow 2 sqrt(n), codes have 64 bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-target/growth}; cpu=${2:-1}; python=${PYTHON:-python3}
[ -n "${TORRE_BIN:-}" ] || { cargo build --release --locked --bin torre; TORRE_BIN=${CARGO_TARGET_DIR:-target}/release/torre; }
pinned() { if chrt -f 50 true 2>/dev/null; then chrt -f 50 taskset -c "$cpu" "$@"; else taskset -c "$cpu" "$@"; fi; }
mkdir -p "$work"; rm -f "$work/growth.jsonl"
for rows in 10000 100000 1000000; do
    set=$work/rows-$rows
    [ -f "$set/gt100_scores.npy" ] || "$python" benches/growth_data.py "$rows" "$set"
    lists=$("$python" -c "print(1 << round(__import__('math').log2(2 * $rows ** 0.5)))")
    options=(--data "$set" --m 64 --lists "$lists" --index "$set/torre.index")
    [ -f "$set/torre.index" ] || "$TORRE_BIN" bench "${options[@]}" --build-only --threads "$(nproc)"
    pinned "$TORRE_BIN" bench "${options[@]}" --nprobe 8,10,12,14,16,18,20,22,24,28,32,48,64 --refine-factor 5,7,10,20 --point-s 0.1 --out "$work/growth.jsonl"
done
"$python" - "$work/growth.jsonl" <<'PYTHON'
import collections, json, sys
best = collections.OrderedDict()
for line in open(sys.argv[1]):
    r = json.loads(line)
    if r["recall@10"] >= 0.95 and (r["data"] not in best or r["p50_us"] < best[r["data"]]["p50_us"]):
        best[r["data"]] = r
print("| rows | setting | recall@10 | p50 us | p99 us | time over 10x fewer rows (square root: 3.16) |\n| ---: | --- | ---: | ---: | ---: | ---: |")
last = None
for name, r in best.items():
    setting = f"{r['config'].split(',')[0]}, refine_factor {r['param']['refine_factor']}, nprobe {r['param']['nprobe']}"
    grown = f"{r['p50_us'] / last:.2f}" if last else ""
    print(f"| {int(name.split('-')[1]):,} | {setting} | {r['recall@10']:.3f} | {r['p50_us']} | {r['p99_us']} | {grown} |")
    last = r["p50_us"]
PYTHON
