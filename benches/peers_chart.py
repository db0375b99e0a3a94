#!/usr/bin/env python3
"""Draws the chart of recall against queries per second from the comparison tables of docs/benchmarks.md.

usage: peers_chart.py [--tables docs/benchmarks.md] [--out assets/recall.svg]

It reads the tables "One query at a time" that peers_table.py wrote, one panel a data set. Torre is measured again beside every peer, so its
point at a recall is the median over the rows of that table.
"""
import argparse, html, math, re, statistics

SHOWN = (  # The peer's name in the tables, its name in the chart, its colour. Torre comes first.
    ("torre", "Torre", "#c2410c"),
    ("scann", "ScaNN", "#1d4ed8"),
    ("faiss-fastscan-refine", "FAISS FastScan + refine", "#0891b2"),
    ("hnswlib", "hnswlib", "#15803d"),
    ("qdrant-edge", "Qdrant Edge", "#7c3aed"),
    ("faiss-ivfpq-refine", "FAISS IVFPQ + refine", "#64748b"),
    ("lancedb-ivfpq", "LanceDB IVF_PQ", "#a16207"),
)
WIDTH, HEIGHT = 860, 420
TOP, BOTTOM, LEFT, GAP, RIGHT = 62, 318, 74, 46, 24
LOW, HIGH = 50, 100_000  # Queries per second.
RECALL_LOW, RECALL_HIGH = 0.89, 1.0


def number(text):
    text = text.strip()
    return None if text == "-" else float(text.replace(",", ""))


def read(path):
    """{set: {peer: {recall: queries per second}}}"""
    text = open(path, encoding="utf-8").read()
    sets = {}
    for part in re.split(r"^### ", text, flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        body = body.partition("One query at a time")[2].partition("\nBatches")[0]
        lines = [[cell.strip() for cell in line.strip("| \n").split(" | ")] for line in body.splitlines() if line.startswith("| ")]
        if not lines:
            continue
        targets = {at: float(match[1]) for at, head in enumerate(lines[0]) if (match := re.match(r"R (0\.\d+):", head))}
        peers, torre = {}, {}
        for cells in lines[2:]:
            for at, recall in targets.items():
                theirs, mine = (number(x) for x in cells[at].split(" = ")[0].split(" / "))
                if theirs is not None:
                    peers.setdefault(cells[0].split()[0], {})[recall] = theirs
                if mine is not None:
                    torre.setdefault(recall, []).append(mine)
        peers["torre"] = {recall: statistics.median(values) for recall, values in torre.items()}
        sets[name.strip()] = peers
    return sets


def y(qps):
    share = (math.log10(qps) - math.log10(LOW)) / (math.log10(HIGH) - math.log10(LOW))
    return BOTTOM - share * (BOTTOM - TOP)


def label(x, at, text, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{at:.1f}" text-anchor="{anchor}"{more}>{html.escape(text)}</text>'


def panel(name, peers, left, right):
    def x(recall):
        return left + (recall - RECALL_LOW) / (RECALL_HIGH - RECALL_LOW) * (right - left)

    out = [label((left + right) / 2, TOP - 14, name, more=' class="title"')]
    for qps in (100, 1_000, 10_000, 100_000):
        out.append(f'<line x1="{left}" x2="{right}" y1="{y(qps):.1f}" y2="{y(qps):.1f}" class="grid"/>')
        out.append(label(left - 8, y(qps) + 4, f"{qps:,}", "end"))
    for recall in (0.90, 0.95, 0.99):
        out.append(f'<line x1="{x(recall):.1f}" x2="{x(recall):.1f}" y1="{TOP}" y2="{BOTTOM}" class="grid"/>')
        out.append(label(x(recall), BOTTOM + 18, f"{recall:.2f}"))
    out.append(label((left + right) / 2, BOTTOM + 38, "recall@10"))
    for peer, _, colour in reversed(SHOWN):
        points = sorted(peers.get(peer, {}).items())
        wide = 3.5 if peer == "torre" else 2
        path = " ".join(f"{x(recall):.1f},{y(qps):.1f}" for recall, qps in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{wide}" stroke-linejoin="round"/>')
        out += [f'<circle cx="{x(recall):.1f}" cy="{y(qps):.1f}" r="{wide + 1}" fill="{colour}"/>' for recall, qps in points]
    return out


def draw(sets):
    width = (WIDTH - LEFT - RIGHT - GAP * (len(sets) - 1) - 34 * (len(sets) - 1)) / len(sets)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13" fill="#334155">',
        "<title>Queries per second by recall@10: Torre beside other libraries</title>",
        "<style>.grid{stroke:#e2e8f0;stroke-width:1}.title{font-weight:600;font-size:14px;fill:#0f172a}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        label(LEFT - 56, 26, "Queries per second, one query at a time on one core, log scale. The other libraries are called from Python.", "start"),
    ]
    for at, (name, peers) in enumerate(sets.items()):
        left = LEFT + at * (width + GAP + 34)
        out += panel(name, peers, left, left + width)
    columns, step = 4, (WIDTH - 40) / 4
    for at, (_, name, colour) in enumerate(SHOWN):
        left, line = 28 + (at % columns) * step, HEIGHT - 38 + (at // columns) * 22
        out.append(f'<line x1="{left}" x2="{left + 22}" y1="{line - 4}" y2="{line - 4}" stroke="{colour}" stroke-width="{4 if at == 0 else 2.5}"/>')
        out.append(label(left + 29, line, name, "start", ' font-weight="600"' if at == 0 else ""))
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default="docs/benchmarks.md")
    parser.add_argument("--out", default="assets/recall.svg")
    args = parser.parse_args()
    sets = read(args.tables)
    if not sets:
        raise SystemExit(f"{args.tables} has no table of one query at a time")
    with open(args.out, "w", encoding="utf-8") as file:
        file.write(draw(sets))


if __name__ == "__main__":
    main()
