"""Reference encoder of feature specs, versions 1 and 2: raw rows -> input tensors. docs/feature-spec.md says what each operation means.

    spec = Spec(document)                      # a dict, as read from JSON
    tensors = spec.encode(rows)                # {name: Tensor}; numpy.asarray(tensors["x"]) makes an array of one

Needs Python 3.9 and the other files of this folder, nothing else. Rows are dicts of JSON values.
"""
import math
import time

from spec_piece import Piece
from spec_reader import Reader
from spec_values import FeatureError, SpecError, f32, field_hash

__all__ = ["FeatureError", "Spec", "SpecError", "Tensor", "f32", "field_hash"]


class Tensor:
    """Name, element type ("i64" or "f32"), shape with the batch, and elements in row-major order."""

    def __init__(self, name, dtype, shape, data):
        self.name, self.dtype, self.shape, self.data = name, dtype, shape, data

    def __array__(self, dtype=None, copy=None):
        import numpy
        return numpy.asarray(self.data, dtype or {"i64": numpy.int64, "f32": numpy.float32}[self.dtype]).reshape(self.shape)


class Input:
    """One entry of `inputs`."""

    def __init__(self, entry, document):
        self.tensor, self.dtype, self.shape = entry["tensor"], entry.get("dtype"), entry.get("shape")
        pieces = entry["concat"] if "concat" in entry else [entry]
        readers = [Reader(self.tensor, piece, document) for piece in pieces]
        self.pieces = [Piece(reader, "concat" not in entry and self.dtype == "i64") for reader in readers]
        first, reader = self.pieces[0], readers[0]
        known = "tensor dtype shape concat" if "concat" in entry else "tensor dtype shape from op list missing index weights token_types mask length"
        reader.keys(entry, *known.split())
        if "concat" in entry:
            for piece, entry_piece in zip(self.pieces, pieces):
                reader.keys(entry_piece, "from", "op", "list", "missing")
                reader.check(not piece.is_index and piece.op != "lookup" and not piece.list, "concat takes columns, without list")
        width = sum(piece.width for piece in self.pieces)
        if first.list:
            wanted = [["N", first.list["max"]] + [width] * (first.op in ("lookup", "vector"))]
        elif first.is_index:
            wanted = [["N"]]
        else:
            wanted = [["N", width]] + [["N"]] * (width == 1 and "concat" not in entry)
        reader.check(self.shape in wanted, f"expected the shape {wanted[0]}, got {self.shape}")
        reader.check(self.dtype == ("i64" if first.is_index else "f32"), "another dtype")
        self.weights = entry.get("weights")
        reader.since_two("weights", self.weights is not None)
        reader.check(isinstance(self.weights, str) if first.op == "bag" else self.weights is None, "weights are for bag")
        self.beside = {key: entry[key] for key in first.beside}
        self.names = [self.tensor] + [self.weights] * (self.weights is not None) + list(self.beside.values())

    def tensors(self, rows, now, items):
        first, length = self.pieces[0], math.prod(self.shape[1:])
        shape = [len(rows)] + self.shape[1:]
        padding = first.layout["padding"] if first.is_index else 0.0
        data, weights, beside = [], [], {key: [] for key in self.beside}
        most = first.list["max"] if first.list else 0
        for number, row in enumerate(rows):
            made = []
            for piece in self.pieces:
                given = piece.of_row(row, number, now, items)
                made += given if isinstance(given, list) else [given]
            count = len(made)
            for key, told in beside.items():
                if key == "length":
                    told.append(count)
                else:
                    told += ([1] * count if key == "mask" else first.token_types) + [0] * (most - count)
            if first.op == "bag":
                weights += [weight for _, weight in made] + [0.0] * (length - len(made))
                made = [index for index, _ in made]
            elif first.list and not first.is_index:
                made = [x for columns in made for x in columns] if first.list else made
            data += made + [padding] * (length - len(made))
        yield Tensor(self.tensor, self.dtype, shape, data)
        if self.weights:
            yield Tensor(self.weights, "f32", shape, weights)
        for key, told in beside.items():
            yield Tensor(self.beside[key], "i64", [len(rows)] + [most] * (key != "length"), told)


class Spec:
    """A feature spec."""

    def __init__(self, document):
        if document.get("torre") not in (1, 2):
            raise SpecError("not a feature spec of version 1 or 2")
        self.inputs = [Input(entry, document) for entry in document["inputs"]]
        names = [name for each in self.inputs for name in each.names]
        if len(set(names)) < len(names):
            raise SpecError("an input is named twice")
        pieces = [piece for each in self.inputs for piece in each.pieces]
        self.fields = {field for piece in pieces for field in piece.fields + [piece.now] * (piece.now is not None)}
        for golden in document.get("golden", []):
            for piece in pieces:
                if piece.now is not None and golden["row"].get(piece.now) is None:
                    raise SpecError(f"a golden row without {piece.now}, from which ages count")

    def encode(self, rows, items=None, now=None, lenient=True):
        """The tensors of rows. `items`: id -> vector, for `lookup`. `now`: unix seconds for rows that do not say it; the clock without.
        `lenient=False` refuses fields that the spec does not read."""
        if not lenient:
            for number, row in enumerate(rows):
                for field in row:
                    if field not in self.fields:
                        raise FeatureError(f'feature "{field}" (row {number}): unknown field')
        now = time.time() if now is None else now
        return {tensor.name: tensor for each in self.inputs for tensor in each.tensors(rows, now, items or {})}
