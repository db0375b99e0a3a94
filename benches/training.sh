#!/usr/bin/env bash
# What training gives and costs: recall of codes alone (no refine vectors) by the weight eta of score-aware encoding, beside FAISS's IVFPQ of
# the same lists and bytes; recall with refine vectors by the weight of groups' errors; and the time to train on and add 1,000,000 x 128 vectors, beside FAISS's.
#
#   benches/training.sh [WORK_DIR] [PYTHON]      PYTHON has numpy and faiss-cpu ($TORRE_SHARED/peers/requirements.txt)
set -euo pipefail
cd "$(dirname "$0")/.."
shared=$(realpath "${TORRE_SHARED:-../shared}")
work=${1:-target/training}; python=${2:-target/peers/venv/bin/python}; threads=$(nproc)
[ -n "${TORRE_BIN:-}" ] || { cargo build --release --locked --bin torre; TORRE_BIN=${CARGO_TARGET_DIR:-target}/release/torre; }
mkdir -p "$work"; work=$(realpath "$work")

echo "| set | lists visited | FAISS | eta 1 | eta 2 | eta 4 (default) | eta 8 |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
for set in glove100-en-341k:50:1024 minilm384-wordnet-100k:96:512; do
    IFS=: read -r name m lists <<<"$set"
    for eta in 1 2 4 8; do
        lines=$work/$name.$eta.jsonl; rm -f "$lines"
        "$TORRE_BIN" bench --data "$shared/data/$name" --m "$m" --lists "$lists" --refine none --scan exact --eta "$eta" --threads "$threads" \
            --nprobe 32,256 --refine-factor 1 --reps 1 --point-s 0.01 --out "$lines"
    done
    "$python" - "$shared/data/$name" "$m" "$lists" "$work/$name" <<'PYTHON'
import json, sys, os
import numpy as np, faiss
data, m, lists, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def load(name):
    if os.path.exists(f"{data}/{name}.npy"):
        return np.load(f"{data}/{name}.npy")
    import io, zstandard
    return np.load(io.BytesIO(zstandard.ZstdDecompressor().stream_reader(open(f"{data}/{name}.npy.zst", "rb")).read()))
unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
base, query = unit(load("base").astype("f4")), unit(load("query").astype("f4"))
order = np.random.default_rng(7).permutation(len(query))[:1000]
query, tenth = query[order], load("gt100_scores")[order][:, 9]
index = faiss.index_factory(base.shape[1], f"IVF{lists},PQ{m}x8", faiss.METRIC_INNER_PRODUCT)
index.cp.spherical = True
index.train(base); index.add(base)
for nprobe in (32, 256):
    index.nprobe = nprobe
    found = index.search(query, 10)[1]
    theirs = np.mean([(base[ids] @ q >= least - 1e-6).sum() / 10 for ids, q, least in zip(found, query, tenth)])
    ours = []
    for eta in (1, 2, 4, 8):
        rows = [json.loads(line) for line in open(f"{lines}.{eta}.jsonl")]
        ours.append(next(r["recall@10"] for r in rows if r["param"]["nprobe"] == nprobe))
    print(f"| {os.path.basename(data)}, m = {m} | {nprobe} of {lists} | {theirs:.4f} | " + " | ".join(f"{x:.4f}" for x in ours) + " |")
PYTHON
done

# The towers' own vectors: real users' queries, all lists visited, codes of a quarter of the default's bytes, so that there is something to lose.
for name in ml100k-avg retail-attn; do
    bundle=$shared/towers/$name; row="| $name, users | all of 16 | -"
    rm -rf "$work/$name"
    "$TORRE_BIN" create "$work/$name" --item "$bundle/item.onnx" --user "$bundle/user.onnx" --refine none >/dev/null
    "$TORRE_BIN" import "$work/$name" "$bundle/items.jsonl" --no-seal >/dev/null 2>&1
    for eta in 1 2 4 8; do
        "$TORRE_BIN" build "$work/$name" --m 16 --lists 16 --eta $eta --json >/dev/null
        recall=$("$TORRE_BIN" recall "$work/$name" --queries "$bundle/eval.jsonl" --sample 900 --nprobe 16 --json)
        row+=" | $("$python" -c 'import json, sys; print("%.4f" % json.loads(sys.argv[1])[0]["recall10"])' "$recall")"
    done
    echo "$row |"
done

echo
echo "| set, codes that are refined (f16) | 50 | 100 | 200 | 400 |"
echo "| --- | ---: | ---: | ---: | ---: |"
for set in glove100-en-341k:50:1024 minilm384-wordnet-100k:96:512; do
    IFS=: read -r name m lists <<<"$set"
    for weight in 0 2; do
        lines=$work/$name.group$weight.jsonl; rm -f "$lines"
        "$TORRE_BIN" bench --data "$shared/data/$name" --m "$m" --lists "$lists" --refine f16 --group-weight $weight --threads "$threads" \
            --nprobe 128 --refine-factor 5,10,20,40 --reps 1 --point-s 0.01 --out "$lines"
        echo "| $name, group weight $weight |" $("$python" -c 'import json, sys; [print("%.4f |" % json.loads(line)["recall@10"]) for line in open(sys.argv[1])]' "$lines")
    done
done

echo
echo "1,000,000 x 128, 4096 lists, m = 64, $threads threads:"
[ -f "$work/rows/base.npy" ] || "$python" benches/growth_data.py 1000000 "$work/rows"
for round in 1 2; do
    rm -f "$work/rows.index"
    began=$(date +%s.%N)
    "$TORRE_BIN" bench --data "$work/rows" --m 64 --lists 4096 --refine none --threads "$threads" --index "$work/rows.index" --build-only
    "$python" -c "print(f'Torre: {$(date +%s.%N) - $began:.1f} s, reading the vectors and writing the index included')"
    "$python" - "$work/rows/base.npy" "$threads" <<'PYTHON'
import sys, time
import numpy as np, faiss
faiss.omp_set_num_threads(int(sys.argv[2]))
base = np.load(sys.argv[1])
index = faiss.index_factory(128, "IVF4096,PQ64x8", faiss.METRIC_INNER_PRODUCT)
began = time.time(); index.train(base); trained = time.time(); index.add(base); added = time.time()
print(f"FAISS {faiss.__version__}: train {trained - began:.1f} s, add {added - trained:.1f} s, together {added - began:.1f} s")
PYTHON
done
