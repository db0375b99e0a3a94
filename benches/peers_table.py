#!/usr/bin/env python3
"""Writes the comparison tables of benches/peers.sh into docs/benchmarks.md, between its two marks.

usage: peers_table.py --out docs/benchmarks.md FILE.jsonl...

Files are named SET.PEER.ROUND.{peer,torre}.jsonl. A peer's queries per second at a target are those of its fastest point that reaches the
recall; so are Torre's. A ratio is the median over the rounds of Torre's by the peer's, both measured one after the other.
"""
import argparse, collections, datetime, json, os, platform, re, statistics, subprocess

TARGETS = (0.90, 0.95, 0.99)
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"


def points(path):
    with open(path) as file:
        rows = [json.loads(line) for line in file if line.strip()]
    return [r for r in rows if r.get("kind", "search") == "search" and r.get("k", 10) == 10 and r.get("recall@10") is not None]


def best(rows, mode, target):
    reached = [r for r in rows if r["mode"] == mode and r["recall@10"] >= target]
    return max(reached, key=lambda r: r["qps"]) if reached else None


def number(x):
    if x is None:
        return "-"
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] + ["---:"] * (len(head) - 1)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def setting(row):
    return ", ".join(f"{name} {value}" for name, value in row["param"].items() if name != "scan") if row else "-"


class Pair:
    """The rounds of one peer on one set: (its points, Torre's points beside them)."""

    def __init__(self):
        self.rounds = []

    def qps(self, side, mode, target):
        return median([p["qps"] if (p := best(r[side], mode, target)) else None for r in self.rounds])

    def ratio(self, mode, target):
        both = [(best(r[0], mode, target), best(r[1], mode, target)) for r in self.rounds]
        return median([torre["qps"] / peer["qps"] for peer, torre in both if peer and torre])

    def first(self, side):
        return self.rounds[0][side][0]

    def memory(self, side):
        """Of each configuration measured, in the order measured."""
        configs = collections.OrderedDict()
        for r in self.rounds:
            for row in r[side]:
                configs.setdefault(row["config"], row.get("rss_anon_mb"))
        return " / ".join(number(mb) for mb in configs.values())


def load(files):
    sets = collections.OrderedDict()
    found = collections.defaultdict(dict)
    for path in sorted(files):
        match = re.fullmatch(r"(.+?)\.([^.]+)\.(\d+)\.(peer|torre)\.jsonl", os.path.basename(path))
        if match:
            found[match[1], match[2], int(match[3])][match[4]] = points(path)
    for (name, peer, _), sides in sorted(found.items()):
        if sides.get("peer") and sides.get("torre"):
            sets.setdefault(name, collections.OrderedDict()).setdefault(peer, Pair()).rounds.append((sides["peer"], sides["torre"]))
    return sets


def same_lists(pair):
    """At the same number of lists visited: the peer's fastest point whose recall is at least Torre's less 0.005."""
    rows = []
    for nprobe in (32, 64):
        ratios, shown = [], None
        for peer, torre in pair.rounds:
            mine = [r for r in torre if r["mode"] == "one" and r["param"]["nprobe"] == nprobe]
            theirs = [r for r in peer if r["mode"] == "one" and r["param"].get("nprobe") == nprobe]
            if not mine or not theirs:
                continue
            pairs = [(m["qps"] / t["qps"], m, t) for m in mine for t in theirs if m["recall@10"] >= t["recall@10"] - 0.005]
            top = max(t["recall@10"] for t in theirs)
            pairs = [p for p in pairs if p[2]["recall@10"] >= top - 0.005] or pairs
            if pairs:
                # The peer's best setting, and Torre's fastest that is as good.
                fastest = max(p[2]["qps"] for p in pairs)
                chosen = max((p for p in pairs if p[2]["qps"] == fastest), key=lambda p: p[0])
                ratios.append(chosen[0])
                shown = chosen
        if shown:
            _, m, t = shown
            rows.append([f"nprobe {nprobe}", number(t["qps"]), f"{t['recall@10']:.3f}", number(m["qps"]), f"{m['recall@10']:.3f}", f"**{median(ratios):.2f}**"])
    return rows


def write_set(name, peers):
    out = [f"### {name}\n"]
    torre = next(iter(peers.values())).first(1)
    configs = collections.OrderedDict((row["config"], row) for row in reversed(next(iter(peers.values())).rounds[0][1]))
    for config, row in reversed(configs.items()):
        out.append(f"Torre {torre['version']}, {config}: {number(row['index_mb'])} MB by its own count, built in {number(row['build_cpu_s'])} CPU seconds.\n")
    for mode, what in (("one", "One query at a time"), ("batch", "Batches, one thread")):
        rows = []
        for peer, pair in peers.items():
            first = pair.first(0)
            row = [f"{peer} {first['version']}", first["config"].replace("|", "/")]
            for target in TARGETS:
                theirs, mine, ratio = pair.qps(0, mode, target), pair.qps(1, mode, target), pair.ratio(mode, target)
                row.append(f"{number(theirs)} / {number(mine)}" + (f" = **{ratio:.2f}**" if ratio else ""))
            if mode == "one":
                row += [pair.memory(0), pair.memory(1), number(first.get("build_cpu_s"))]
            if any(pair.qps(0, mode, t) for t in TARGETS):
                rows.append(row)
        head = ["peer", "its configuration"] + [f"R {t:.2f}: peer / Torre = ratio" for t in TARGETS]
        out.append(f"{what}: queries per second by recall@10.\n")
        out.append(table(head + (["its MB", "Torre MB, int8 / f16", "its build CPU s"] if mode == "one" else []), rows))
    for peer, pair in peers.items():
        rows = same_lists(pair) if "ivfpq-refine" in peer else []
        if rows:
            out.append(f"Compared with {peer} at the same bytes per code, lists and nprobe, one query at a time:\n")
            out.append(table(["", "its qps", "its recall", "Torre qps", "Torre recall", "ratio"], rows))
    settings = []
    pair = next(iter(peers.values()))
    for target in TARGETS:
        row = best(pair.rounds[0][1], "one", target)
        if row:
            settings.append([f"{target:.2f}", row["config"], setting(row), f"{row['recall@10']:.4f}", number(row["qps"]), number(row["p50_us"]), number(row["p99_us"])])
    out.append("Torre's fastest points in the first round:\n")
    out.append(table(["target", "configuration", "setting", "recall@10", "qps", "p50 us", "p99 us"], settings))
    return "\n".join(out)


def machine():
    cpu, flags = "unknown", ""
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
        if line.startswith("flags"):
            flags = line
    simd = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx512vbmi") if f" {f}" in flags]
    memory = int(next(l for l in open("/proc/meminfo") if l.startswith("MemTotal")).split()[1]) / 1e6
    try:
        rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    except OSError:
        rust = "rustc unknown"
    return f"{os.cpu_count()} cores of {cpu} ({', '.join(simd)}), {memory:.0f} GB, Linux {platform.release().split('-')[0]}, {rust}; {datetime.date.today()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    sets = load(args.files)
    rounds = sorted({len(pair.rounds) for peers in sets.values() for pair in peers.values()})
    counted = [f"{n} for {', '.join(sorted({name for p in sets.values() for name, pair in p.items() if len(pair.rounds) == n}))}" for n in rounds]
    body = [f"{machine()}. Rounds: {'; '.join(counted) if len(rounds) > 1 else rounds[0]}.\n"] + [write_set(name, peers) for name, peers in sets.items()]
    text = open(args.out).read()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    open(args.out, "w").write(before + BEGIN + "\n" + "\n".join(body) + "\n" + END + after)


if __name__ == "__main__":
    main()
