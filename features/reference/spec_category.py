"""Operations that turn the text of a category into a place."""
import re

from spec_values import category, field_hash

CATEGORIES = "vocab", "hash", "identity"


class Category:
    """vocab, hash or identity: text -> place."""

    def __init__(self, reader, field, op, args):
        self.op = op
        if op == "vocab":
            reader.keys(args, "name", "values", "oov")
            reader.check(("name" in args) != ("values" in args), "vocab: expected either name or values")
            values = reader.document.get("vocabs", {}).get(args["name"]) if "name" in args else args["values"]
            self.position, self.hashed = vocabulary(reader, values), args.get("name", field)
            reader.check(len(self.position) == len(values), "vocabulary has a value twice")
            self.oov = reader.count(args.get("oov", 0), 0)
            self.places = self.oov + len(values)
        else:
            key = "buckets" if op == "hash" else "size"
            self.places, self.hashed = reader.count(reader.keys(args, key).get(key)), field
        self.expected = f"a whole number from 0 to {self.places - 1}" if op == "identity" else "a value of the vocabulary"
        self.kind = self.expected if op == "identity" else "a string or an integer"

    def place(self, text):
        """From the first index on; None when it is unknown and nothing stands for unknown ones."""
        if self.op == "hash":
            return field_hash(self.hashed, text) % self.places
        if self.op == "identity":
            return int(text) if re.fullmatch("0|[1-9][0-9]*", text) and int(text) < self.places else None
        if text in self.position:
            return self.oov + self.position[text]
        return field_hash(self.hashed, text) % self.oov if self.oov else None


def vocabulary(reader, values):
    reader.check(isinstance(values, list) and all(category(x) is not None for x in values), "expected a list of strings and integers")
    return {category(x): place for place, x in enumerate(values)}
