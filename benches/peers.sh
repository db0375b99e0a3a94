#!/usr/bin/env bash
# Measures Torre beside other vector search libraries, in one run on one core, writes the comparison into docs/benchmarks.md and draws its chart.
#
#   benches/peers.sh [--work DIR] [--cpu N] [--rounds N] [--first N] [--point-s S] [--sets a,b] [--peers a,b] [--python FILE]
#                    [--builds | --table] [-- options of torre bench]
#
# The scripts that drive the others, the data sets and the list of versions come from $TORRE_SHARED (default ../shared). Without --python a
# virtual environment is made in the work directory (Python 3.11, about 1 GB of packages). Indexes are built once and kept there; a round
# then measures one peer, then Torre, then the next peer, so that both sides of a ratio see the same machine.
# Torre is measured with int8 refine vectors, its default, and with f16 ones, which the highest recalls need.
# Options after -- are the settings that Torre is measured at, instead of the usual lists and 5 to 40 times k candidates.
# --first N begins with that round and keeps those before it, perhaps of more peers.
# --builds stops when everything is built, --table only writes the tables and the chart again.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${TORRE_SHARED:-../shared}; shared=$(realpath "$shared")
work=target/peers; cpu=1; rounds=3; first=1; seconds=0.15; python=; only=
sets=glove100-en-341k,minilm384-wordnet-100k
peers=faiss-ivfpq-refine-sq8,faiss-ivfpq-refine,faiss-fastscan-refine,faiss-fastscan-refine-sq8,scann,hnswlib,usearch,faiss-hnsw32,zvec-hnsw,qdrant-edge,lancedb-ivfpq
while [ $# -gt 0 ]; do
    case $1 in
    --work) work=$2; shift 2 ;;
    --cpu) cpu=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --first) first=$2; shift 2 ;;
    --point-s) seconds=$2; shift 2 ;;
    --sets) sets=$2; shift 2 ;;
    --peers) peers=$2; shift 2 ;;
    --python) python=$2; shift 2 ;;
    --builds | --table) only=$1; shift ;;
    --) shift; break ;;
    *) echo "unknown argument $1" >&2; exit 2 ;;
    esac
done
[ $# -gt 0 ] || set -- --refine-factor 5,7,10,14,20,28,40
mkdir -p "$work/out"; work=$(realpath "$work")

write_tables() {
    python3 benches/peers_table.py --out docs/benchmarks.md "$work"/out/*.jsonl
    python3 benches/peers_chart.py
}
[ "$only" != --table ] || { write_tables; exit; }

if [ -z "$python" ]; then
    python=$work/venv/bin/python
    [ -x "$python" ] || { python3.11 -m venv "$work/venv"; "$python" -m pip install --quiet -r "$shared/peers/requirements.txt"; }
fi
[ -n "${TORRE_BIN:-}" ] || { cargo build --release --locked --bin torre; TORRE_BIN=${CARGO_TARGET_DIR:-target}/release/torre; }

# Real-time priority keeps other work off the core; it needs root.
pinned() { if chrt -f 50 true 2>/dev/null; then chrt -f 50 taskset -c "$cpu" "$@"; else taskset -c "$cpu" "$@"; fi; }

# The others' settings: bytes of a code by width, 2 sqrt(n) lists to the nearest power of two.
bench() { # refine, a command to run it under..., --, its further options
    local refine=$1 under=() m lists; shift
    while [ "$1" != -- ]; do under+=("$1"); shift; done
    shift
    case $set in
    glove100-*) m=50 lists=1024 ;;
    minilm384-*) m=96 lists=512 ;;
    *) m=${TORRE_M:?bytes of a code for $set} lists=${TORRE_LISTS:?lists for $set} ;;
    esac
    "${under[@]}" "$TORRE_BIN" bench --data "$shared/data/$set" --m $m --lists $lists --refine "$refine" --index "$work/$set/torre.$refine.index" "$@"
}

for set in ${sets//,/ }; do
    mkdir -p "$work/$set"
    for name in ${peers//,/ }; do
        [ -f "$work/$set/$name.meta.json" ] || taskset -c "$cpu" "$python" "$shared/peers/ann_peers.py" --data "$shared/data/$set" \
            --peer "$name" --work "$work" --out /dev/null --phase build --keep || echo "$name: not built" >&2
    done
    for refine in int8 f16; do
        [ -f "$work/$set/torre.$refine.index" ] || bench $refine taskset -c "$cpu" -- --build-only
    done
done
[ "$only" != --builds ] || exit 0

for round in $(seq "$first" "$rounds"); do
    for set in ${sets//,/ }; do
        for name in ${peers//,/ }; do
            [ -f "$work/$set/$name.meta.json" ] || continue
            out=$work/out/$set.$name.$round
            rm -f "$out.peer.jsonl" "$out.torre.jsonl"
            pinned "$python" "$shared/peers/ann_peers.py" --data "$shared/data/$set" --peer "$name" --work "$work" --out "$out.peer.jsonl" \
                --phase search --keep --no-k100 --no-filters --point-s "$seconds" || { echo "$name: search failed" >&2; continue; }
            for refine in int8 f16; do
                bench $refine pinned -- --batch --point-s "$seconds" --out "$out.torre.jsonl" "$@"
            done
            echo "round $round, $set: $name and torre measured"
        done
    done
done
write_tables
