#!/usr/bin/env python3
"""Makes a set of low intrinsic dimension for `torre bench --metric l2`: SIFT descriptors (128 whole numbers) of pictures.

    benches/sift.py OUT --pictures DIRECTORY... [--rows 1000000] [--queries 2000]

Needs numpy, opencv-python-headless and faiss-cpu. Every seventh picture gives queries and no rows. Where the pictures have fewer descriptors than
rows are wanted, they are turned, scaled, sheared and given noise until there are as many, each time in another way (seeded). Files that are equal to the
byte count once. OUT gets base.npy, query.npy and gt.npy (the true 100 nearest).
"""

import argparse
import hashlib
from pathlib import Path

import cv2
import faiss
import numpy as np

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
LONGEST_SIDE = 1600
# Of one picture, so that none makes up the set.
MOST_OF_ONE = 12_000
QUERIES_OF_ONE = 600


def pictures(directories):
    seen = set()
    for path in sorted(path for directory in directories for path in Path(directory).rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        digest = hashlib.sha256(path.read_bytes()).digest()
        picture = None if digest in seen else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        seen.add(digest)
        if picture is None or min(picture.shape) < 100:
            continue
        scale = LONGEST_SIDE / max(picture.shape)
        yield cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture


def varied(picture, rng):
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(0, 360), rng.uniform(0.5, 1.5))
    turn[:, :2] += rng.normal(0, 0.1, (2, 2))
    moved = cv2.warpAffine(picture, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    return np.clip(moved * rng.uniform(0.7, 1.2) + rng.normal(0, 4, moved.shape), 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--pictures", nargs="+", required=True, help="directories, looked through to the bottom")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=2_000)
    args = parser.parse_args()

    rng = np.random.default_rng(1)
    sift = cv2.SIFT_create(contrastThreshold=0.01, edgeThreshold=20)

    def descriptors(picture, most):
        found = sift.detectAndCompute(picture, None)[1]
        return np.zeros((0, 128), np.float32) if found is None else found[rng.permutation(len(found))[:most]].astype(np.float32)

    every = [picture for picture in pictures(args.pictures) if len(descriptors(picture, 200)) == 200]
    for_queries, for_rows = every[3::7], [picture for at, picture in enumerate(every) if at % 7 != 3]
    if not for_queries:
        parser.error(f"{len(every)} pictures with 200 descriptors and more: too few")
    query = np.concatenate([descriptors(picture, QUERIES_OF_ONE) for picture in for_queries])
    query = query[rng.permutation(len(query))[: args.queries]]
    base, rows, turn = [], 0, 0
    while rows < args.rows:
        for picture in for_rows:
            base.append(descriptors(picture if turn == 0 else varied(picture, rng), MOST_OF_ONE))
            rows += len(base[-1])
            if rows >= args.rows:
                break
        turn += 1
        print(f"{rows} descriptors of {len(for_rows)} pictures, each {turn} times", flush=True)
    base = np.concatenate(base)[: args.rows]
    base = base[rng.permutation(len(base))]
    truth = faiss.knn(query, base, 100)[1].astype(np.int32)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("base", base), ("query", query), ("gt", truth)):
        np.save(args.out / f"{name}.npy", rows)
    print(f"{args.out}: {len(base)} rows, {len(query)} queries")


if __name__ == "__main__":
    main()
