"""Trains the demo's two towers and writes item.onnx and user.onnx beside this script.

    torre demo --rows ROWS
    python train_towers.py ROWS
    python train_towers.py ROWS --inner  # days 40 to 49 held out instead, metrics an epoch, no files: for choosing settings

Needs torch, onnx, onnxscript, onnxruntime, numpy and regex. One thread and a fixed seed: the same rows give the same towers.
"""
import argparse, json, math, pathlib, sys, time, warnings
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F, onnx, onnxruntime as ort

warnings.filterwarnings("ignore")
args = argparse.ArgumentParser()
args.add_argument("rows", type=pathlib.Path)
args.add_argument("--inner", action="store_true")
args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
args.add_argument("--epochs", type=int, default=5)
args.add_argument("--tau", type=float, default=0.1)
args.add_argument("--lr", type=float, default=3e-3)
args.add_argument("--wd", type=float, default=0.1)
args = args.parse_args()
# The project's reference encoder of feature specs.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "features" / "reference"))
from spec_ref import Spec

def encode(document, rows, stored=None, lenient=True):
    return {name: np.asarray(tensor) for name, tensor in Spec(document).encode(rows, stored, lenient=lenient).items()}
def document_of(path):
    return json.loads({entry.key: entry.value for entry in onnx.load(path).metadata_props}["torre.features"])

DIM, HISTORY, TOKENS, BUCKETS, BATCH, EXTRA = 64, 30, 10, 1000, 512, 1024
DAY, START = 86_400, 1_772_409_600
MODEL = "demo-shop-1"
torch.set_num_threads(1)
torch.manual_seed(1); rng = np.random.default_rng(1)

# ---- rows ---------------------------------------------------------------------------------------------------------
read = lambda name: [json.loads(line) for line in open(args.rows / name, encoding="utf-8")]
items, visits, evals = read("items.jsonl"), read("train.jsonl"), read("eval.jsonl")
number = {row["id"]: at for at, row in enumerate(items)}
if args.inner:  # train on days 0 to 39, evaluate on days 40 to 49
    cut, by_shopper = START + 40 * DAY, {}
    for v in visits: by_shopper.setdefault(v["shopper"], []).append(v)
    visits, evals = [v for v in visits if v["user"]["now"] < cut], []
    for own in by_shopper.values():
        seen = [i for v in own if v["user"]["now"] < cut for i in v["clicked"]]; later = [v for v in own if v["user"]["now"] >= cut]
        relevant = list(dict.fromkeys(i for v in later for i in v["clicked"] if i not in set(seen)))
        if relevant: evals.append({"user": {**later[0]["user"], "history": seen[-HISTORY:]}, "seen": seen, "relevant": relevant})

# ---- feature specs ------------------------------------------------------------------------------------------------
values = lambda field: sorted({row[field] for row in items})
log_prices, log_reviews = np.log1p([row["price"] for row in items]), np.log1p([row["reviews"] for row in items])
spread = lambda x: {"standardize": {"mean": round(float(np.mean(x)), 4), "std": round(float(np.std(x)), 4)}}
ITEM = {"torre": 1, "tower": "item", "model": MODEL, "dim": DIM, "metric": "ip", "normalized": True, "output": "vector", "vocabs": {},
    "inputs": [
        {"tensor": "title", "dtype": "i64", "shape": ["N", TOKENS], "from": "title", "op": {"text": {"buckets": BUCKETS, "lower": True, "ngrams": [1]}},
         "list": {"max": TOKENS, "keep": "first"}},
        {"tensor": "brand", "dtype": "i64", "shape": ["N"], "from": "brand", "op": {"vocab": {"values": values("brand"), "oov": 4}}},
        {"tensor": "category", "dtype": "i64", "shape": ["N"], "from": "category", "op": {"vocab": {"values": values("category"), "oov": 2}}},
        {"tensor": "colour", "dtype": "i64", "shape": ["N"], "from": "colour", "op": {"vocab": {"values": values("colour"), "oov": 1}}},
        {"tensor": "numbers", "dtype": "f32", "shape": ["N", 10], "concat": [
            {"from": "price", "op": {"number": ["log1p", spread(log_prices), {"clip": [-3, 3]}]}},
            {"from": "price", "op": {"number": [{"bucketize": [20, 40, 80, 150, 300, 600]}]}},
            {"from": "rating", "op": {"number": [{"standardize": {"mean": 4.0, "std": 0.5}}]}, "missing": {"value": 4.0}},
            {"from": "reviews", "op": {"number": ["log1p", spread(log_reviews)]}, "missing": {"value": 0}}]}]}
USER = {"torre": 1, "tower": "user", "model": MODEL, "dim": DIM, "metric": "ip", "normalized": True, "output": "vector", "vocabs": {},
    "inputs": [
        {"tensor": "history", "dtype": "f32", "shape": ["N", HISTORY, DIM], "from": "history", "op": {"lookup": {"vector": "item"}},
         "list": {"max": HISTORY, "keep": "last"}},
        {"tensor": "city", "dtype": "i64", "shape": ["N"], "from": "city",
         "op": {"vocab": {"values": sorted({v["user"]["city"] for v in visits}), "oov": 2}}},
        {"tensor": "profile", "dtype": "f32", "shape": ["N", 15], "concat": [
            {"from": "age", "op": {"number": [{"standardize": {"mean": 45.0, "std": 12.0}}]}, "missing": {"value": 45}},
            {"from": "age", "op": {"number": [{"bucketize": [25, 32, 40, 48, 56, 64]}]}, "missing": {"value": 45}},
            {"from": "device", "op": {"onehot": {"values": ["phone", "tablet", "computer"]}}},
            {"from": "now", "op": {"time": ["hour_cyclic", "dow_cyclic"]}}]}]}

# ---- towers -------------------------------------------------------------------------------------------------------
unit = lambda x: F.normalize(x, p=2.0, dim=-1, eps=1e-6)
def table(n, width):
    e = nn.Embedding(n, width, padding_idx=0); nn.init.normal_(e.weight, std=0.1)
    with torch.no_grad(): e.weight[0] = 0
    return e
size = lambda spec, tensor: next(i.pieces[0].index_size() for i in Spec(spec).inputs if i.tensor == tensor)

class ItemTower(nn.Module):
    """Mean of the title's tokens, brand, category, colour and numbers, through one hidden layer."""
    def __init__(self):
        super().__init__()
        self.title, self.brand = table(size(ITEM, "title"), 24), table(size(ITEM, "brand"), 24)
        self.category, self.colour = table(size(ITEM, "category"), 24), table(size(ITEM, "colour"), 12)
        self.mlp = nn.Sequential(nn.Linear(24 * 3 + 12 + 10, 192), nn.ReLU(), nn.Linear(192, DIM))
    def forward(self, title, brand, category, colour, numbers):
        mask = (title != 0).to(torch.float32).unsqueeze(-1)
        words = (self.title(title) * mask).sum(1) / mask.sum(1).clamp(min=1.0)
        return unit(self.mlp(torch.cat([words, self.brand(brand), self.category(category), self.colour(colour), numbers], -1)))

class UserTower(nn.Module):
    """The stored vectors of the last products looked at: their mean, and a mean weighted by attention; with city, age, device and time."""
    def __init__(self):
        super().__init__()
        self.city = table(size(USER, "city"), 12)
        self.key, self.query, self.weigh = nn.Linear(DIM, 32), nn.Linear(12 + 15, 32), nn.Linear(32, 1, bias=False)
        self.mlp = nn.Sequential(nn.Linear(2 * DIM + 12 + 15 + 1, 192), nn.ReLU(), nn.Dropout(0.1), nn.Linear(192, DIM))
    def forward(self, history, city, profile):
        here = (history.abs().sum(-1) > 0).to(torch.float32)
        count = here.sum(1, keepdim=True)
        context = torch.cat([self.city(city), profile], -1)
        mean = (history * here.unsqueeze(-1)).sum(1) / count.clamp(min=1.0)
        a = self.weigh(torch.tanh(self.key(history) + self.query(context).unsqueeze(1))).squeeze(-1)
        a = (a * here + (here - 1.0) * 1e9).softmax(-1) * here
        attended = (a.unsqueeze(-1) * history).sum(1)
        return unit(2.0 * mean + self.mlp(torch.cat([mean, attended, context, (count + 1.0).log() / 3.0], -1)))

# ---- examples: (user at the start of a visit, one click of that visit) ----------------------------------------------
item_feeds = [torch.from_numpy(x) for x in encode(ITEM, items).values()]
def encode_users(rows):
    """City and profile by the spec; the history as item numbers + 1, 0 = padding."""
    feeds = encode(USER, [{**row, "history": []} for row in rows])
    h = np.zeros((len(rows), HISTORY), np.int64)
    for at, row in enumerate(rows):
        last = [number[i] + 1 for i in row["history"]][-HISTORY:]; h[at, :len(last)] = last
    return torch.from_numpy(h), torch.from_numpy(feeds["city"]), torch.from_numpy(feeds["profile"])
user_history, user_city, user_profile = encode_users([v["user"] for v in visits])
example_visit = torch.tensor([at for at, v in enumerate(visits) for _ in v["clicked"]])
example_item = torch.tensor([number[i] for v in visits for i in v["clicked"]])
counts = np.bincount(example_item.numpy(), minlength=len(items))
# Expected times an item is among a batch's candidates: as another's click, or as one of the EXTRA drawn evenly. (logQ correction.)
log_q = torch.from_numpy(np.log(BATCH * counts / counts.sum() + EXTRA / len(items)).astype(np.float32))

def metrics(rankings):
    hit, ndcg, recall = [], [], []
    for top, e in zip(rankings, evals):
        relevant = {number[i] for i in e["relevant"]}; hits = [int(x in relevant) for x in top[:10]]
        hit.append(float(any(hits))); recall.append(sum(hits) / len(relevant))
        ndcg.append(sum(h / math.log2(r + 2) for r, h in enumerate(hits)) / sum(1 / math.log2(r + 2) for r in range(min(10, len(relevant)))))
    return {"hit_rate@10": round(float(np.mean(hit)), 4), "ndcg@10": round(float(np.mean(ndcg)), 4), "recall@10": round(float(np.mean(recall)), 4)}
def rank(scores, seen):
    s = scores.astype(np.float64).copy(); s[[number[i] for i in seen]] = -np.inf
    return np.argsort(-s, kind="stable")[:10]
def popularity(since=0):
    n = np.zeros(len(items))
    for v in visits:
        if v["user"]["now"] >= since:
            for i in v["clicked"]: n[number[i]] += 1
    return metrics([rank(n, e["seen"]) for e in evals])

def own_categories():
    """A shopper's own categories, by their share of the history; in each, what all shoppers click most."""
    category = np.array([row["category"] for row in items]); share = {c: counts * (category == c) / max(1, counts[category == c].sum()) for c in set(category)}
    out = []
    for e in evals:
        score = np.zeros(len(items))
        for i in e["seen"]: score += share[category[number[i]]]
        out.append(rank(score if e["seen"] else counts.astype(np.float64), e["seen"]))
    return metrics(out)

item, user = ItemTower(), UserTower()
def train():
    opt = torch.optim.AdamW([*item.parameters(), *user.parameters()], lr=args.lr, weight_decay=args.wd)
    n = len(example_item); steps = n // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, args.lr, total_steps=args.epochs * steps + 1, pct_start=0.15)
    for epoch in range(args.epochs):
        began, total = time.time(), 0.0; item.train(); user.train(); order = rng.permutation(n)
        for b in range(steps):
            pick = torch.from_numpy(order[b * BATCH:(b + 1) * BATCH]); y, at = example_item[pick], example_visit[pick]
            extra = torch.from_numpy(rng.integers(0, len(items), EXTRA)); candidates = torch.cat([y, extra])
            h = user_history[at]
            h = h * torch.from_numpy((rng.random((len(y), 1)) > 0.05).astype(np.int64))       # some shoppers are new
            h = h * torch.from_numpy((rng.random(h.shape) > 0.1).astype(np.int64))
            need, place = torch.unique(torch.cat([candidates + 1, h.flatten()]), return_inverse=True)
            v = item(*[x[(need - 1).clamp(min=0)] for x in item_feeds]) * (need > 0).to(torch.float32).unsqueeze(-1)
            u = user(v[place[len(candidates):]].view(*h.shape, DIM), user_city[at], user_profile[at])
            z = u @ v[place[:len(candidates)]].T / args.tau - log_q[candidates]
            same = (candidates[None] == y[:, None]) & (torch.arange(len(candidates))[None] != torch.arange(len(y))[:, None])
            loss = F.cross_entropy(z.masked_fill(same, -1e9), torch.arange(len(y)))
            opt.zero_grad(); loss.backward(); opt.step(); schedule.step(); total += loss.item()
        if args.inner: print(epoch, round(total / steps, 3), evaluate_torch(), f"{time.time() - began:.0f} s", flush=True)
        else: print(epoch, round(total / steps, 3), f"{time.time() - began:.0f} s", flush=True)
    item.eval(); user.eval()
def evaluate_torch():
    item.eval(); user.eval()
    with torch.no_grad():
        v = item(*item_feeds); h, city, profile = encode_users([e["user"] for e in evals])
        u = user(torch.cat([torch.zeros(1, DIM), v])[h], city, profile)
        return metrics([rank(s, e["seen"]) for s, e in zip((u @ v.T).numpy(), evals)])

# ---- files ----------------------------------------------------------------------------------------------------------
def session(path):
    options = ort.SessionOptions(); options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
def strip(model):
    """Drops the exporter's notes (stack traces and the like)."""
    del model.metadata_props[:]; model.doc_string = ""; model.graph.doc_string = ""; del model.graph.metadata_props[:]
    for thing in [*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer, *model.functions]:
        thing.doc_string = ""; del thing.metadata_props[:]
    for function in model.functions:
        for node in function.node: node.doc_string = ""; del node.metadata_props[:]
def export(module, spec, golden, path, stored=None):
    feeds = encode(spec, golden, stored); n = torch.export.Dim("N")
    torch.onnx.export(module, tuple(torch.from_numpy(x) for x in feeds.values()), str(path), dynamo=True, opset_version=18,
                      input_names=list(feeds), output_names=["vector"], dynamic_shapes=tuple({0: n} for _ in feeds), external_data=False, verbose=False)
    model = onnx.load(path); strip(model); onnx.save(model, path)
    vectors = session(path).run(["vector"], feeds)[0]
    with torch.no_grad(): worst = float(np.abs(module(*[torch.from_numpy(x) for x in feeds.values()]).numpy() - vectors).max())
    assert worst < 1e-5, worst
    digits = lambda x: [float(f"{y:.9g}") for y in x]
    gold = [{"row": row, "vector": digits(v)} for row, v in zip(golden, vectors)]
    if stored is not None:
        for g in gold: g["items"] = {i: digits(stored[i]) for i in g["row"].get("history") or [] if i in stored}
    text = json.dumps({**spec, "golden": gold}, ensure_ascii=False, separators=(",", ":"))
    onnx.helper.set_model_props(model, {"torre.features": text}); onnx.save(model, path); onnx.checker.check_model(str(path))
    return worst
def run(path, rows, stored=None):
    document, s = document_of(path), session(path)
    return np.concatenate([s.run(["vector"], encode(document, rows[i:i + 256], stored))[0] for i in range(0, len(rows), 256)])
def replay(path):
    document, s = document_of(path), session(path)
    return max(float(np.abs(s.run(["vector"], encode(document, [g["row"]], g.get("items"), lenient=False))[0][0] - np.array(g["vector"])).max()) for g in document["golden"])

print(f"{len(items)} items, {len(visits)} visits, {len(example_item)} clicks, {len(evals)} shoppers to evaluate")
print("popularity", popularity(), "| of the last 10 days", popularity(max(v["user"]["now"] for v in visits) - 10 * DAY), "| in own categories", own_categories(), flush=True)
train()
if args.inner: sys.exit()
item_path, user_path = args.out / "item.onnx", args.out / "user.onnx"
bare = lambda row: {k: v for k, v in row.items() if k != "id"}      # the id is not a feature of this tower
new = {"title": "Ædelsten Ønske Retro Teapot, celadon", "brand": "Ædelsten", "category": "teapots", "colour": "celadon", "price": 39.9}
export(item, ITEM, [bare(items[0]), bare(items[1]), new, {"price": 0}], item_path)
vectors = run(item_path, items); stored = dict(zip((row["id"] for row in items), vectors))
known = [row["id"] for row in items[:3]]
first = {k: evals[0]["user"][k] for k in ("history", "city", "age", "device", "now")}   # without what the second stage reads
export(user, USER, [{**first, "history": first["history"][-4:]}, {"history": [known[0], "new-1", known[2]], "city": "Zanzibar", "age": 31, "device": "phone", "now": START},
                    {"now": "2026-04-25T20:15:00+02:00"}, {"history": known, "city": "Porto", "age": None, "device": "watch", "now": START + 3600.5}], user_path, stored)
users = run(user_path, [e["user"] for e in evals], stored)
assert max(replay(item_path), replay(user_path)) < 1e-5
print("towers", metrics([rank(s, e["seen"]) for s, e in zip(users @ vectors.T, evals)]))
print("bytes", item_path.stat().st_size, user_path.stat().st_size)
