#!/usr/bin/env bash
# Times every tower of the fixtures and of the trained bundles beside ONNX Runtime in one run, one thread each, at batches of 1, 8, 9 and 64 rows.
#
#   benches/towers.sh [NAME,...]       only models with one of these parts in their names
#
# $PY is a Python with numpy and onnxruntime (default python3); the models come from $TORRE_SHARED (default ../shared).
set -euo pipefail
cd "$(dirname "$0")/.."
lines=$(mktemp); trap 'rm -f "$lines"' EXIT
export TORRE_TOWERS=${1:-}
cargo test --release --locked --lib -- --ignored --nocapture --test-threads=1 shared_towers_are_timed >"$lines"
"${PY:-python3}" benches/towers_table.py "$lines"
