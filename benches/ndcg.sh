#!/usr/bin/env bash
# What the index costs in nDCG, with one stage and with two: a shop of more than 100,000 products, exactly and at a recall target of 0.95.
#
#   benches/ndcg.sh [WORK_DIR] [PRODUCTS] [SHOPPERS]
#
# The demo's towers and ranker know no ids, so they serve a shop of any size. Its shoppers are those who clicked something new in the held-out days.
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-target/ndcg}; products=${2:-120000}; shoppers=${3:-2000}
[ -n "${TORRE_BIN:-}" ] || { cargo build --release --locked --bin torre; TORRE_BIN=${CARGO_TARGET_DIR:-target}/release/torre; }
rm -rf "$work"; mkdir -p "$work"
shop=(--seed 2 --products "$products" --shoppers "$shoppers")
"$TORRE_BIN" demo "${shop[@]}" --rows "$work/rows"
"$TORRE_BIN" demo "${shop[@]}" --keep "$work/db" >/dev/null
for effort in --exact "--recall 0.95"; do
    echo "-- ${effort#--}"
    # shellcheck disable=SC2086 # an option and its value
    "$TORRE_BIN" eval "$work/db" "$work/rows/eval.jsonl" --k 10 --timed 200 --rerank 200 $effort
done
