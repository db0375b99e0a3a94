"""Trains the demo's second stage and writes ranker.onnx beside this script.

    torre demo --seed 3 --rows ROWS3; torre demo --seed 4 --rows ROWS4; torre demo --seed 1 --rows ROWS1
    python train_ranker.py --train ROWS3 ROWS4 --eval ROWS1 --spec-ref DIR      # DIR holds spec_ref.py (features/reference)

The towers were trained on the shop of seed 1; the ranker learns on shops that they have not seen, so that scores of clicked products are what they
are in service. Candidates are the CANDIDATES best products of the towers for each shopper, labels are the clicks of the held-out days.
Needs numpy, lightgbm, onnx, onnxmltools, onnxruntime and regex. One thread and a fixed seed: the same rows give the same ranker.
"""
import argparse, collections, json, math, pathlib, sys
import numpy as np, lightgbm as lgb, onnx, onnxruntime as ort
from onnxmltools.convert import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

HERE = pathlib.Path(__file__).parent
args = argparse.ArgumentParser()
args.add_argument("--train", type=pathlib.Path, nargs="+", required=True)
args.add_argument("--eval", type=pathlib.Path, required=True)
args.add_argument("--spec-ref", required=True)
args.add_argument("--out", type=pathlib.Path, default=HERE)
args.add_argument("--trees", type=int, default=150)
args.add_argument("--leaves", type=int, default=12)
args = args.parse_args()
sys.path.append(args.spec_ref)
from spec_ref import Spec

CANDIDATES = 200
DEVICES = ["phone", "tablet", "computer"]
FEATURES = [
    {"name": "score", "from": "score"},
    {"name": "price", "from": "item.price"}, {"name": "rating", "from": "item.rating"},
    {"name": "reviews", "from": "item.reviews"}, {"name": "clicks", "from": "item.clicks"},
    {"name": "price to usual", "cross": "ratio", "of": ["item.price", "user.usual_price"]},
    {"name": "of the brand", "cross": "in_list", "of": ["user.brands", "item.brand"]},
    {"name": "of the category", "cross": "in_list", "of": ["user.categories", "item.category"]},
    {"name": "of the colour", "cross": "in_list", "of": ["user.colours", "item.colour"]},
    {"name": "age", "from": "user.age"}, {"name": "device", "from": "user.device", "vocab": DEVICES},
]

def session(path):
    options = ort.SessionOptions(); options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
def tower(name, rows, stored=None):
    spec, s = Spec.from_onnx(str(HERE / name)), session(HERE / name)
    return np.concatenate([s.run(["vector"], spec.encode(rows[i:i + 256], stored))[0] for i in range(0, len(rows), 256)])

# ---- features, as docs/ranker.md has them ---------------------------------------------------------------------------
def share(values, of): return sum(v == of for v in values) / len(values) if values else math.nan
def features(score, item, user):
    number = lambda row, key: math.nan if row.get(key) is None else float(row[key])
    usual = number(user, "usual_price")
    return np.array([score, number(item, "price"), number(item, "rating"), number(item, "reviews"), number(item, "clicks"),
        number(item, "price") / usual if usual else math.nan,
        *(share(user.get(many) or [], item.get(one)) if item.get(one) is not None else math.nan for many, one in (("brands", "brand"), ("categories", "category"), ("colours", "colour"))),
        number(user, "age"), DEVICES.index(user["device"]) if user.get("device") in DEVICES else math.nan], np.float32)

class Shop:
    """Items with their clicks, users with what is known of their histories, candidates of the towers."""
    def __init__(self, folder):
        read = lambda name: [json.loads(line) for line in open(folder / name, encoding="utf-8")]
        self.items, visits, self.evals = read("items.jsonl"), read("train.jsonl"), read("eval.jsonl")
        clicks = collections.Counter(i for v in visits for i in v["clicked"])
        known = ["id", "title", "brand", "category", "colour", "price", "rating", "reviews"]
        vectors = tower("item.onnx", [{k: row[k] for k in known} for row in self.items])
        self.items = [{**row, "clicks": clicks[row["id"]]} for row in self.items]
        number = {row["id"]: at for at, row in enumerate(self.items)}
        bare = [{k: e["user"].get(k) for k in ("history", "city", "age", "device", "now")} for e in self.evals]
        users = tower("user.onnx", bare, dict(zip(number, vectors)))
        self.users = []
        for row in bare:
            past = [self.items[number[i]] for i in row["history"]]
            usual = {"usual_price": round(sum(p["price"] for p in past) / len(past), 2)} if past else {}
            self.users.append({**row, **usual, "brands": [p["brand"] for p in past], "categories": [p["category"] for p in past], "colours": [p["colour"] for p in past]})
        x, self.y, self.candidates = [], [], []
        for user, vector, e in zip(self.users, users, self.evals):
            scores = (vectors @ vector).astype(np.float64); scores[[number[i] for i in e["seen"]]] = -np.inf
            best = np.argsort(-scores, kind="stable")[:CANDIDATES]; relevant = {number[i] for i in e["relevant"]}
            self.candidates.append((best, scores[best].astype(np.float32)))
            x += [features(s, self.items[at], user) for at, s in zip(*self.candidates[-1])]; self.y += [int(at in relevant) for at in best]
        self.x, self.groups = np.array(x, np.float32), [CANDIDATES] * len(self.users)
    def metrics(self, scores):
        hit, ndcg = [], []
        for (best, _), s, e in zip(self.candidates, scores.reshape(-1, CANDIDATES), self.evals):
            relevant = set(e["relevant"]); top = best[np.argsort(-s, kind="stable")[:10]]; hits = [self.items[at]["id"] in relevant for at in top]
            hit.append(any(hits)); ndcg.append(sum(h / math.log2(r + 2) for r, h in enumerate(hits)) / sum(1 / math.log2(r + 2) for r in range(min(10, len(relevant)))))
        return {"hit_rate@10": round(float(np.mean(hit)), 4), "ndcg@10": round(float(np.mean(ndcg)), 4)}

train = [Shop(folder) for folder in args.train]; x = np.concatenate([s.x for s in train]); y = np.concatenate([s.y for s in train])
model = lgb.LGBMRanker(objective="lambdarank", n_estimators=args.trees, num_leaves=args.leaves, learning_rate=0.05, min_child_samples=200, lambdarank_truncation_level=20,
    reg_lambda=5.0, subsample=0.8, subsample_freq=1, verbose=-1, n_jobs=1, random_state=1, deterministic=True, force_row_wise=True)
model.fit(x, y, group=sum((s.groups for s in train), []), feature_name=[f["name"].replace(" ", "_") for f in FEATURES])
onx = convert_lightgbm(model.booster_, initial_types=[("features", FloatTensorType(["N", len(FEATURES)]))], target_opset=15, zipmap=False)
onx.doc_string = ""; onx.graph.doc_string = ""; output = onx.graph.output[0].name; onx.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "N"
path = args.out / "ranker.onnx"; onnx.save(onx, path); run = lambda rows: session(path).run([output], {"features": rows})[0].ravel()

# ---- golden rows and the spec ----------------------------------------------------------------------------------------
shop = train[0]; golden = []
for user, place in ((0, 0), (1, 7), (2, 150)):
    at, score = shop.candidates[user][0][place], shop.candidates[user][1][place]; golden.append({"score": float(f"{score:.9g}"), "item": shop.items[at], "user": shop.users[user]})
golden.append({"score": 0.25, "item": {"id": "new", "price": 12.5}, "user": {"device": "watch", "brands": []}})
for row in golden:
    f = features(np.float32(row["score"]), row["item"], row["user"]); row["features"] = [None if math.isnan(v) else float(f"{v:.9g}") for v in f]; row["output"] = float(f"{run(f[None])[0]:.9g}")
spec = {"torre": 2, "features": FEATURES, "input": "features", "output": output, "golden": golden}
onnx.helper.set_model_props(onx, {"torre.ranker": json.dumps(spec, ensure_ascii=False, separators=(",", ":"))}); onnx.checker.check_model(onx); onnx.save(onx, path)

test = Shop(args.eval); scores = run(test.x)
print("trained on", len(y), "rows,", int(y.sum()), "clicks;", path.stat().st_size, "bytes; differs from LightGBM by", float(np.abs(scores - model.booster_.predict(test.x)).max()))
print("towers", test.metrics(np.concatenate([s for _, s in test.candidates])))
print("ranked", test.metrics(scores), dict(zip([f["name"] for f in FEATURES], [round(float(v)) for v in model.booster_.feature_importance("gain")])))
