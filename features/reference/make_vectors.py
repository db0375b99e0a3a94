"""Writes the test vectors of feature specs, version 2: what the reference encoder makes of rows, ordinary and awkward.

    python3 features/reference/make_vectors.py > features/tests/vectors_v2.json
    python3 features/reference/make_vectors.py --check         # fails where the file says something else
"""
import json
import pathlib
import random
import sys

import sample_tokenizers
import spec_ref

FILE = pathlib.Path(__file__).parent.parent / "tests" / "vectors_v2.json"
VOCABS = {"genres": ["rock", "jazz", 7, "ñandú"]}
TOKENIZERS = sample_tokenizers.all()
NOW = 1764244800.25  # 2025-11-27T12:00:00.25Z
CASES = []
random = random.Random(20251127)


def i64(op, source="f", **more):
    shape = ["N", more["list"]["max"]] if "list" in more else ["N"]
    return {"tensor": "x", "dtype": "i64", "shape": shape, "from": source, "op": op, **more}


def f32(op, width=1, source="f", **more):
    shape = ["N", more["list"]["max"]] if "list" in more else ["N", width]
    return {"tensor": "x", "dtype": "f32", "shape": shape, "from": source, "op": op, **more}


def keep(most, end="last"):
    return {"max": most, "keep": end}


def rows(*values):
    return [{"f": value} for value in values]


def document(given, torre=2):
    return {"torre": torre, "tower": "user", "model": "vectors", "dim": 3, "metric": "ip", "output": "vector", "vocabs": VOCABS, "tokenizers": TOKENIZERS, "inputs": [given]}


def case(name, given, rows):
    """What the rows give: tensors, or an error."""
    made = {"name": name, "input": given, "rows": rows}
    spec = spec_ref.Spec(document(given))
    try:
        tensors = spec.encode(rows, now=NOW).values()
        made["tensors"] = [{"name": t.name, "dtype": t.dtype, "shape": t.shape, "data": t.data} for t in tensors]
        if spec.inputs[0].pieces[0].is_index:
            made["index_size"] = spec.inputs[0].pieces[0].index_size()
            assert all(index < made["index_size"] for index in made["tensors"][0]["data"]), name
    except spec_ref.FeatureError as error:
        made["error"] = str(error)
    CASES.append(made)


def errors(name, given, *rows):
    """Rows of which each is an error by itself, behind one that is none."""
    for place, row in enumerate(rows):
        case(f"{name}: error {place}", given, [row])
        assert "error" in CASES[-1], (name, row)


def refused(name, given, torre=2):
    """A spec that is refused."""
    try:
        spec_ref.Spec(document(given, torre))
    except spec_ref.SpecError:
        CASES.append({"name": name, "torre": torre, "input": given, "refused": True})
    else:
        raise AssertionError(name)


def identities():
    table = {"identity": {"size": 5}}
    case("identity", i64(table), rows(0, 4, "3", "0"))
    errors("identity", i64(table), *rows(5, -1, "05", "+1", "", "x", 2.0, True, None, [1], {"1": 1}), {})
    case("identity, unknown and missing at an index", i64(table, missing="null", index={"missing": 0, "first": 1}), rows(0, 4, 5, "05", None) + [{}])
    case("identity, list, padding at the end", i64(table, list=keep(3), index={"padding": 4}), rows([0, 1, 2, 3], [1], [], ["2", 3]))
    errors("identity, list", i64(table, list=keep(2)), *rows([9, None], [1.5], 3, None))
    case("identity, list, cut before it is read", i64(table, list=keep(2, "first")), rows([1, 2, 99]))
    case("identity, the largest size", i64({"identity": {"size": 1 << 40}}), rows((1 << 40) - 1, 0))
    refused("identity, missing null without an index", i64(table, missing="null"))
    refused("identity, size 0", i64({"identity": {"size": 0}}))
    refused("identity, size missing", i64({"identity": {}}))
    refused("identity, missing value", i64(table, missing={"value": 1}))


def layouts():
    keras = {"index": {"first": 0, "missing": 0}}
    case("vocab as a Keras StringLookup", i64({"vocab": {"name": "genres", "oov": 1}}, **keras), rows("rock", 7, "7", "ñandú", "folk", "", None))
    case("vocab without oov, unknown at 9", i64({"vocab": {"name": "genres"}}, index={"missing": 9}), rows("rock", "folk", None))
    case("hash, list, layout of its own", i64({"hash": {"buckets": 6}}, list=keep(3), index={"padding": 7, "missing": 6, "first": 0}), rows(["a", None], [], None))
    refused("layout of columns", f32({"number": []}, index={"first": 0}))
    refused("layout with an unknown key", i64({"hash": {"buckets": 6}}, index={"oov": 0}))
    refused("layout below 0", i64({"hash": {"buckets": 6}}, index={"first": -1}))


def bags():
    def bag(op, most=3, end="largest", **more):
        return i64({"bag": op}, weights="w", list=keep(most, end), **more)

    hashed, known = {"hash": {"buckets": 100}}, {"vocab": {"name": "genres", "oov": 0}}
    some = {"rock": 0.7, "jazz": 2, "folk": -1.5, "7": True, "ñandú": 0.1}
    for end in ("largest", "first", "last"):
        case(f"bag, {end}", bag(known, end=end), rows(some, {"jazz": 1}, {}, None, {"folk": 0.25}) + [{}])
    case("bag, ties by the bytes of the names", bag(hashed), rows({"b": 1, "é": 1, "a": 1, "Z": 1}, {"x": 0.0, "y": -0.0, "z": -0.0}))
    case("bag, ties at f32", bag(hashed, most=1), rows({"b": 0.1, "a": 0.1000000001}))
    case("bag, a weight that is null leaves its entry out", bag(hashed, end="first"), rows({"a": None, "b": 1, "c": 0, "d": None, "e": 5, "f": 6}))
    case("bag, room for more", bag(hashed, most=7, end="last"), rows(some, {"": 1e-46, "x": -3e38}))
    case("bag of identities", bag({"identity": {"size": 8}}, index={"padding": 7}), rows({"0": 1, "6": 0.5}))
    case("bag of identities, unknown ones at 0", bag({"identity": {"size": 8}}, missing="null", index={"first": 1, "missing": 0}), rows({"8": 2, "7": 1}, None))
    case("bag, own vocabulary with buckets", bag({"vocab": {"values": ["a"], "oov": 2}}), rows({"a": 1, "b": 2, "c": 3}))
    errors("bag", bag(hashed), *rows({"a": "x"}, {"a": [1]}, {"a": 1e39}, {"a": {}}, ["a"], "a", 5))
    case("bag, a weight is read even where it is not kept", bag(hashed, most=1, end="first"), rows({"a": 1, "b": "x"}))
    errors("bag, strict", bag(known, missing="error"), *rows({"rock": None}, {"folk": 1}, None))
    errors("bag of identities", bag({"identity": {"size": 8}}), *rows({"8": 1}, {"x": 1}, None))
    refused("bag without weights", i64({"bag": hashed}, list=keep(3)))
    refused("bag without a list", {**i64({"bag": hashed}), "weights": "w"})
    refused("bag of texts", bag({"text": {"buckets": 9}}))
    refused("weights of a hash", i64(hashed, list=keep(3), weights="w"))
    refused("largest of a hash", i64(hashed, list=keep(3, "largest")))
    refused("weights in the same tensor", bag(hashed) | {"weights": "x"})


def buckets():
    bounds = {"bucketize": [-1, 0, 2.5]}
    values = -2, -1, -0.0, 0, 2.4999999, 2.5, 1e300, True, False, None
    case("bucketize to an index", i64({"number": [bounds]}), rows(*values) + [{}])
    case("bucketize to an index, after steps", i64({"number": [{"power": 2}, {"bucketize": [1, 4, 9]}]}), rows(-5, 1, 1.9999, 2, 3, 1e200))
    case("bucketize to an index, list", i64({"number": [bounds]}, list=keep(4)), rows([9, -9, None, 0, 1], [], None))
    case("bucketize to an index, a value for missing", i64({"number": [bounds]}, missing={"value": 1}, index={"first": 0}), rows(None, -7, True))
    case("bucketize to an index, no bounds", i64({"number": [{"bucketize": []}]}), rows(1, None))
    errors("bucketize to an index", i64({"number": ["log", bounds]}, missing="error"), *rows(None, "1", 0, -1, [1]))
    refused("an index without buckets", i64({"number": ["log1p"]}))
    refused("an index of a vector", i64({"vector": {"width": 1}}))
    refused("bounds that do not increase", i64({"number": [{"bucketize": [1, 1]}]}))


def crosses():
    cross = {"cross": {"buckets": 1000}}
    pair = i64(cross, ["city", "device"])
    some = {"city": "Bergen", "device": "phone"}
    case("cross", pair, [some, {"city": "phone", "device": "Bergen"}, {"city": "", "device": ""}, {"city": 5, "device": "5"}, {"city": "日本", "device": -7}])
    case("cross, missing", pair, [{"city": "x"}, {"device": "x"}, {}, {"city": None, "device": "x"}])
    case("cross of three", i64(cross, ["a", "b", "c"]), [{"a": 1, "b": 2, "c": 3}, {"a": "1\x1f2", "b": "3", "c": ""}, {"a": "x" * 200, "b": "y", "c": 1 << 63}])
    errors("cross", i64(cross, ["city", "device"], missing="error"), {"city": "x"}, {"device": "x"}, {"city": "x", "device": 1.5}, {"city": ["x"], "device": "x"})
    errors("cross, kinds are checked beside a missing one", pair, {"device": True})
    refused("cross of one", i64(cross, ["city"]))
    refused("cross of nine", i64(cross, list("abcdefghi")))
    refused("cross in a list", i64(cross, ["a", "b"], list=keep(2)))
    refused("hash of two", i64({"hash": {"buckets": 5}}, ["a", "b"]))


def ages():
    def age(unit="days", **more):
        return {"age": {"now": "now", "unit": unit, **more}}

    def at(t, now=None):
        return {"f": t, "now": now}

    events = at("2025-11-27T12:00:00Z"), at(1764244800, 1764244801), at(1764331200.5, "2025-11-27T12:00:00.25Z"), at(0, 0), at(-1e9, 1e9)
    for unit in ("seconds", "minutes", "hours", "days", "weeks"):
        case(f"age in {unit}", f32(age(unit)), list(events))
    case("age after steps", f32(age(steps=["log1p", {"standardize": {"mean": 1, "std": 2}}])), list(events))
    case("age, buckets as columns", f32(age("hours", steps=[{"bucketize": [0, 1, 24]}]), 4), list(events))
    case("age, a value for missing", f32(age(steps=["sqrt"]), missing={"value": 9}), [at(None), at(0, 864000), {}])
    case("age, every event of a list", f32(age("hours"), list=keep(3)), [at([0, 3600, "1970-01-01T02:00:00Z", 7200], 7200), at([], 5), at([1764244800])])
    case("age, indexes of events", i64(age("hours", steps=[{"bucketize": [1, 24]}]), list=keep(3)), [at([0, None, 86400], 90000), at(None, 5), {}])
    case("age, an index", i64(age("hours", steps=[{"bucketize": [1, 24]}]), missing={"value": 2}), [at(0, 3599), at(0, 3600), at(0, 1e9), at(None)])
    errors("age", f32(age()), at(None), at("yesterday"), at(True), at(1, "now"), at(1, [5]), at(1, True), at(None, "now"), at([1]), {})
    errors("age, beyond f32", f32(age("seconds")), at(-1e308, 1e308))
    errors("age, logarithm of the future", f32(age(steps=["log"])), at(10, 5))
    case("age, milliseconds", f32(age("seconds")), [at(1764244799.125, 1764244800.875), at(1764244800.1, 1764244800.2)])
    refused("age without now", f32({"age": {"unit": "days"}}))
    refused("age in years", f32(age("years")))
    refused("age, missing null", f32(age(), missing="null"))
    refused("age, buckets in a list", f32(age(steps=[{"bucketize": [1]}]), list=keep(2)))


def steps():
    awkward = 0, -0.0, 1, -1, 0.5, 2, 100, 5e-324, 1e-300, 1e30, True, False
    drawn = [random.uniform(-10, 10) * 10 ** random.randint(-6, 6) for _ in range(60)]
    for name, given in {
        "sqrt": ["sqrt"], "power 2": [{"power": 0.5}, {"power": 3}], "power 0": [{"power": 0}], "min_max": [{"min_max": [-1, 3]}],
        "quantiles": [{"quantiles": [-1, 0, 0, 0.5, 2, 2, 2, 100]}], "quantiles of two": [{"quantiles": [0, 1]}],
        "quantiles with equal ends": [{"quantiles": [0, 0, 1, 1]}], "log1p and quantiles": ["log1p", {"quantiles": [0, 0.5, 1, 2, 4, 8]}],
        "clip and log": [{"clip": [1e-6, 1e6]}, "log"], "all": [{"clip": [0.001, 50]}, "log", {"min_max": [-7, 4]}, {"power": 1.5}, "sqrt"],
    }.items():
        case(f"number, {name}", f32({"number": given}), rows(*awkward, *drawn))
    case("number, quantiles to buckets", f32({"number": [{"quantiles": [0, 10, 100]}, {"bucketize": [0.25, 0.5, 0.75]}]}, 4), rows(*drawn[:20]))
    case("number, steps in a list", f32({"number": ["sqrt"]}, list=keep(3)), rows([1, 4, 9, 16], [2]))
    errors("number, log", f32({"number": ["log"]}), *rows(0, -0.0, -5, False, None, "1"))
    errors("number, not finite after", f32({"number": [{"power": -1}]}), *rows(0, -3, 1e-300))
    errors("number, power beyond f32", f32({"number": [{"power": 2}]}), *rows(1e20, 1e200))
    case("number, a value for missing", f32({"number": ["log"]}, missing={"value": 1}), rows(None, 2.718281828459045))
    refused("number, log of a missing 0", f32({"number": ["log"]}, missing={"value": 0}))
    for name, bad in {"min_max": [1, 1], "min_max of three": [1, 2, 3], "quantiles": [1], "quantiles that fall": [1, 0, 2], "quantiles of one value": [1, 1]}.items():
        refused(f"number, {name}", f32({"number": [{name.split()[0]: bad}]}))
    refused("number, power of a text", f32({"number": [{"power": "2"}]}))
    refused("number, span beyond f64", f32({"number": [{"min_max": [-1.7e308, 1.7e308]}]}))


def dates():
    times = (0, -1, -0.25, 86399.999, 951782400, 951868799, "2024-02-29T23:59:59.5Z", "2025-12-31T23:30:00-01:00", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
             "9999-12-31T23:59:59Z", 1764244800.25, -1e11, 3.1e11, *(random.uniform(-5e10, 5e10) for _ in range(60)))
    for part in ("hour", "dow", "day", "month"):
        case(f"time, {part}", i64({"time": [part]}), rows(*times, None))
        errors(f"time, {part}", i64({"time": [part]}, missing="error"), *rows(None, "noon", True, 1e15, [0]))
    case("time, cycles beside indexes", f32({"time": ["hour_cyclic", "dow_cyclic", "year_cyclic"]}, 6), rows(*times))
    case("time, list of hours", i64({"time": ["hour"]}, list=keep(3)), rows([0, 3600, None, "1970-01-01T05:00:00Z"], [], None))
    case("time, a value for missing", i64({"time": ["month"]}, missing={"value": "2025-03-01T00:00:00Z"}, index={"first": 0}), rows(None, 0))
    refused("time, two indexes", i64({"time": ["hour", "dow"]}))
    refused("time, an index as a column", f32({"time": ["hour"]}, 1))
    refused("time, a cycle as an index", i64({"time": ["hour_cyclic"]}))


def places():
    points = [(0, 0), (90, 0), (-90, 180), (90, 180), (52.37, 4.89), (-33.9, 151.2), (0, -180), (0, 180), (0.0000001, -0.0000001), (45, 179.9999999)]
    points += [(random.uniform(-90, 90), random.uniform(-180, 180)) for _ in range(40)]
    two, one = [{"lat": a, "lon": b} for a, b in points], rows(*map(list, points))
    case("geo_unit of two fields", f32({"geo_unit": {}}, 3, ["lat", "lon"]), two)
    case("geo_unit of one field", f32({"geo_unit": {}}, 3), one)
    case("geo_unit, missing", f32({"geo_unit": {}}, 3, ["lat", "lon"], missing="null"), [{}, {"lat": 1}, {"lon": 1}, {"lat": None, "lon": 1}, {"lat": True, "lon": False}])
    case("geo_unit of one field, missing", f32({"geo_unit": {}}, 3, missing="null"), rows(None, [None, 1], [1, None], [1, 2]))
    for resolution in (0, 1, 7, 12, 23):
        case(f"geo_cell at {resolution}", i64({"geo_cell": {"resolution": resolution, "buckets": 1 << 30}}, ["lat", "lon"]), two + [{}, {"lat": 1}])
    case("geo_cell of one field", i64({"geo_cell": {"resolution": 5, "buckets": 50}}), one + rows(None, [None, None]))
    bad = {"lat": 90.5, "lon": 0}, {"lat": 0, "lon": -180.25}, {"lat": "x", "lon": 0}, {"lat": 0}, {"lon": 0}, {"lat": [1, 2], "lon": 0}
    errors("geo_unit", f32({"geo_unit": {}}, 3, ["lat", "lon"]), *bad)
    errors("geo_cell", i64({"geo_cell": {"resolution": 5, "buckets": 50}}, ["lat", "lon"], missing="error"), *bad)
    errors("geo_unit of one field", f32({"geo_unit": {}}, 3), *rows([1], [1, 2, 3], [], "x", None, [91, 0], [None, 1], [0, "x"]))
    errors("geo_cell, a wrong longitude beside a missing latitude", i64({"geo_cell": {"resolution": 5, "buckets": 50}}, ["lat", "lon"]), {"lon": 181})
    refused("geo_cell, too fine", i64({"geo_cell": {"resolution": 24, "buckets": 9}}))
    refused("geo_unit of three", f32({"geo_unit": {}}, 3, ["a", "b", "c"]))
    refused("geo_unit in a list", f32({"geo_unit": {}}, 3, list=keep(2)))


def vectors():
    def clips(most=2, end="last", **more):
        return {**f32({"vector": {"width": 3}}, list=keep(most, end), **more), "shape": ["N", most, 3]}

    case("list of vectors", clips(), rows([[1, 2, 3], [4, 5, 6], [7, 8.5, True]], [[0.1, 0.2, 0.3]], []))
    case("list of vectors, the first", clips(1, "first"), rows([[1, 2, 3], ["not read"]]))
    case("list of vectors, missing", clips(missing="null"), rows(None, [None, [1, 2, 3]], [None]))
    errors("list of vectors", clips(), *rows(None, [None], [[1, 2]], [[1, 2, None]], [1, 2, 3], [["a", 1, 2]], "x", [[1, 2, 1e39]]))
    case("vector, missing", f32({"vector": {"width": 2}}, 2, missing="null"), rows(None, [1, 2]))
    errors("vector, null inside", f32({"vector": {"width": 2}}, 2, missing="null"), *rows([1, None], []))
    refused("list of vectors, another shape", f32({"vector": {"width": 3}}, list=keep(2)))


def missing():
    case("is_missing", f32({"is_missing": {}}), rows(None, 0, "", [], {}, False, [None]) + [{}])
    case("is_missing, without a second dimension", {**f32({"is_missing": {}}), "shape": ["N"]}, rows(None, 1))
    pieces = [{"from": "f", "op": {"is_missing": {}}}, {"from": "f", "op": {"number": []}, "missing": {"value": 0}}, {"from": "v", "op": {"vector": {"width": 2}}, "missing": "null"},
              {"from": ["lat", "lon"], "op": {"geo_unit": {}}, "missing": "null"}, {"from": "t", "op": {"age": {"now": "now", "unit": "days"}}, "missing": {"value": -1}}]
    case("concat of version 2", {"tensor": "x", "dtype": "f32", "shape": ["N", 8], "concat": pieces},
         [{}, {"f": 5, "v": [1, 2], "lat": 10, "lon": 20, "t": 0, "now": 86400}, {"t": 1764244800}])
    refused("is_missing, missing", f32({"is_missing": {}}, missing="null"))
    refused("concat of indexes", {"tensor": "x", "dtype": "f32", "shape": ["N", 1], "concat": [{"from": "f", "op": {"identity": {"size": 4}}}]})
    refused("concat with an index", {"tensor": "x", "dtype": "f32", "shape": ["N", 1], "concat": [{"from": "f", "op": {"number": []}, "index": {}}]})


def characters():
    def chars(most=8, end="first", **more):
        return i64({"chars": {"buckets": 1000, **more}}, list=keep(most, end))

    texts = "Red shoe", "é", "", " - ", "日本語のテキスト", "a-b c'd", "ΟΔΟΣ İ", "snake_case 12³", "x" * 50
    case("chars", chars(), rows(*texts))
    case("chars, lower-cased, two lengths, the last", chars(6, "last", lower=True, ngrams=[3, 4]), rows(*texts))
    case("chars, single and long", chars(5, ngrams=[6, 1]), rows(*texts))
    case("chars, room for all", chars(300, ngrams=[2, 64], lower=True), rows(*texts))
    case("chars, missing", chars(2), rows(None) + [{}])
    errors("chars", chars(), *rows(5, ["a"], True))
    refused("chars without a list", i64({"chars": {"buckets": 9}}))
    refused("chars of no length", chars(ngrams=[0]))


def tokens():
    texts = ("The red shoes, size 42!", "unknownable", "Ünïcødé naïve CAFÉ", "日本語 text", "", " \t\n ", "don't  stop's 'll", "a[SEP]b [MASK] c", "x" * 12, "zero\u200bwidth\x00\x07\ufffd",
             "ΟΔΟΣ İ", "...---...", "a <mask> b</s>", "tabs\tand  many   spaces  ", "🙂 emoji", "price: $5 + 3% = ^~`|<>", "runningrunning")
    for name, op in (("uncased", "wordpiece"), ("cased", "wordpiece"), ("roberta", "bpe"), ("gpt", "bpe"), ("marked", "bpe")):
        def given(most=12, end="first", **more):
            return i64({op: {"tokenizer": name}}, list=keep(most, end), **more)

        beside = {"token_types": "t", "mask": "m", "length": "n"}
        case(f"{op} of {name}", given(), rows(*texts))
        case(f"{op} of {name}, the last", given(6, "last", **beside), rows(*texts))
        case(f"{op} of {name}, missing, room for all", given(40, **beside), rows(None, *texts) + [{}])
        case(f"{op} of {name}, padding and first of its own", given(8, index={"padding": 9, "first": 5}, length="n"), rows("red shoe", None))
        errors(f"{op} of {name}", given(missing="error"), *rows(None, 5, ["a"], True), {})
        refused(f"{op} of {name}, as the other model", i64({"bpe" if op == "wordpiece" else "wordpiece": {"tokenizer": name}}, list=keep(9)))
    refused("wordpiece without a list", i64({"wordpiece": {"tokenizer": "uncased"}}))
    refused("wordpiece of a tokenizer that is not there", i64({"wordpiece": {"tokenizer": "x"}}, list=keep(9)))
    refused("wordpiece without room for a token", i64({"wordpiece": {"tokenizer": "uncased"}}, list=keep(2)))


def told():
    beside = {"mask": "m", "length": "n"}
    case("mask and length of a list", i64({"hash": {"buckets": 9}}, list=keep(3), **beside), rows(["a", None, "b", "c"], ["a"], [], None))
    case("mask of a bag", i64({"bag": {"hash": {"buckets": 9}}}, weights="w", list=keep(3, "largest"), **beside), rows({"a": 1, "b": None}, {}, None))
    case("length of a text", i64({"text": {"buckets": 9, "ngrams": [1, 2]}}, list=keep(4, "last"), **beside), rows("a b c d", "a", "", None))
    case("length of characters", i64({"chars": {"buckets": 9}}, list=keep(4), length="n"), rows("abcdef", "a", None))
    case("mask of numbers", f32({"number": []}, list=keep(2), missing={"value": 0}, **beside), rows([0, 1, 2], [0], []))
    case("mask of vectors", {**f32({"vector": {"width": 2}}, list=keep(2), **beside), "shape": ["N", 2, 2]}, rows([[0, 0], [1, 2]], [[0, 0]], []))
    refused("mask without a list", i64({"hash": {"buckets": 9}}, mask="m"))
    refused("mask in the same tensor", i64({"hash": {"buckets": 9}}, list=keep(2), mask="x"))
    refused("mask and length in one tensor", i64({"hash": {"buckets": 9}}, list=keep(2), mask="m", length="m"))
    refused("mask of another kind", i64({"hash": {"buckets": 9}}, list=keep(2), mask=5))
    refused("token types of a hash", i64({"hash": {"buckets": 9}}, list=keep(2), token_types="t"))
    refused("mask in a concat", {"tensor": "x", "dtype": "f32", "shape": ["N", 1], "concat": [{"from": "f", "op": {"number": []}, "mask": "m"}]})


def older():
    """Everything of version 2 in a document of version 1."""
    for name, given in {
        "identity": i64({"identity": {"size": 4}}), "bag": i64({"bag": {"hash": {"buckets": 4}}}, list=keep(2), weights="w"),
        "chars": i64({"chars": {"buckets": 4}}, list=keep(2)), "cross": i64({"cross": {"buckets": 4}}, ["a", "b"]),
        "age": f32({"age": {"now": "now", "unit": "days"}}), "geo_unit": f32({"geo_unit": {}}, 3), "geo_cell": i64({"geo_cell": {"resolution": 4, "buckets": 9}}),
        "is_missing": f32({"is_missing": {}}), "log": f32({"number": ["log"]}), "sqrt": f32({"number": ["sqrt"]}), "power": f32({"number": [{"power": 2}]}),
        "min_max": f32({"number": [{"min_max": [0, 1]}]}), "quantiles": f32({"number": [{"quantiles": [0, 1]}]}), "hour": i64({"time": ["hour"]}),
        "bucketize to an index": i64({"number": [{"bucketize": [1]}]}), "index": i64({"hash": {"buckets": 4}}, index={"first": 0}),
        "fields": i64({"hash": {"buckets": 4}}, ["a"]), "vectors": {**f32({"vector": {"width": 1}}, list=keep(2)), "shape": ["N", 2, 1]},
        "wordpiece": i64({"wordpiece": {"tokenizer": "uncased"}}, list=keep(4)), "bpe": i64({"bpe": {"tokenizer": "gpt"}}, list=keep(4)),
        "mask": i64({"hash": {"buckets": 4}}, list=keep(2), mask="m"), "length": i64({"hash": {"buckets": 4}}, list=keep(2), length="m"),
        "vector, missing null": f32({"vector": {"width": 1}}, missing="null"),
    }.items():
        refused(f"version 1: {name}", given, 1)
        spec_ref.Spec(document(given))  # and taken in version 2


def main():
    for make in (identities, layouts, bags, buckets, crosses, ages, steps, dates, places, vectors, missing, characters, tokens, told, older):
        make()
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in CASES)
    about = "feature specs, version 2; made by features/reference/make_vectors.py; docs/feature-spec.md says how they are read"
    text = f'{{"about": "{about}",\n"vocabs": {json.dumps(VOCABS, ensure_ascii=False)},\n"tokenizers": {json.dumps(TOKENIZERS, ensure_ascii=False)},\n"now": {NOW},\n"cases": [\n{lines}\n]}}\n'
    if "--check" in sys.argv[1:]:
        sys.exit(None if FILE.read_text(encoding="utf-8") == text else f"{FILE} is not what the reference makes; write it anew")
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
