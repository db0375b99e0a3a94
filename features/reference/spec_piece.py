"""One piece of an input: fields, operation, list, missing and the layout of its indexes."""
import math

from spec_category import CATEGORIES, Category, vocabulary
from spec_reader import only
from spec_steps import Refused, Steps
from spec_texts import character_grams, word_grams, words
from spec_tokens import OPS as TOKENS, Tokenizer
from spec_times import CYCLES, DATE_PARTS, UNITS, cycle, date_part
from spec_values import SEPARATOR, At, FeatureError, f32, field_hash, quote

GRAMS = {"text": (word_grams, [1]), "chars": (character_grams, [3])}
OPS_OF_TWO = "identity", "bag", "chars", "wordpiece", "bpe", "cross", "age", "geo_unit", "geo_cell", "is_missing"
OPS = ("vocab", "hash", "text", "number", "time", "onehot", "vector", "lookup") + OPS_OF_TWO


class Piece:
    """One (from, op, list, missing, index)."""

    def __init__(self, reader, indexed):
        piece, check = reader.piece, reader.check
        source = piece.get("from")
        reader.since_two("a list of fields", isinstance(source, list))
        self.fields = source if isinstance(source, list) else [source]
        check(1 <= len(self.fields) <= 8 and all(isinstance(field, str) for field in self.fields), "from: expected a field, or 1 to 8")
        self.field = self.fields[0]
        self.op, self.args = only(reader, piece.get("op"))
        check(self.op in OPS, f"unknown op {self.op}")
        reader.since_two(f"the operation {self.op}", self.op in OPS_OF_TWO)
        least, most = {"cross": (2, 8), "geo_unit": (1, 2), "geo_cell": (1, 2)}.get(self.op, (1, 1))
        check(least <= len(self.fields) <= most, "another number of fields")
        self.indexed = indexed and reader.two
        self.now = None
        getattr(self, "read_" + self.op, self.read_plain)(reader, self.args)
        self.is_index = self.places is not None
        self.read_list(reader, piece.get("list"))
        self.beside = [key for key in ("token_types", "mask", "length") if key in piece]
        for key in self.beside:
            reader.since_two(key)
            reader.check(isinstance(piece[key], str), f"{key}: expected the name of a tensor")
            reader.check(self.list is not None, f"{key} is for a list")
            reader.check(key != "token_types" or self.tokenizer is not None, "token_types are for wordpiece and bpe")
        self.read_index(reader, piece.get("index"))
        self.read_missing(reader, piece)

    # -- reading

    places, width, steps, category, tokenizer = None, 1, None, None, None

    def read_plain(self, reader, args):
        """Operations with few arguments."""
        if self.op in CATEGORIES:
            self.category = Category(reader, self.field, self.op, args)
            self.places = self.category.places
        elif self.op == "vector":
            self.width = reader.count(reader.keys(args, "width").get("width"), 1, 1 << 19)
        elif self.op == "lookup":
            reader.check(args == {"vector": "item"}, "lookup takes the vectors of items")
            self.width = reader.document["dim"]
        else:
            reader.keys(args)
            self.width = 3 if self.op == "geo_unit" else 1

    def read_bag(self, reader, args):
        op, args = only(reader, args)
        reader.check(op in CATEGORIES, "bag takes vocab, hash or identity")
        self.category = Category(reader, self.field, op, args)
        self.places = self.category.places

    def read_text(self, reader, args):
        reader.keys(args, "buckets", "lower", "ngrams")
        self.grams, usual = GRAMS[self.op]
        self.places, self.lower, self.ngrams = reader.count(args.get("buckets")), args.get("lower", False), args.get("ngrams", usual)
        reader.check(isinstance(self.lower, bool), "lower: expected true or false")
        reader.check(isinstance(self.ngrams, list) and 1 <= len(self.ngrams) <= 64, "ngrams: expected a list")
        self.ngrams = [reader.count(n, 1, 64) for n in self.ngrams]

    read_chars = read_text

    def read_wordpiece(self, reader, args):
        self.tokenizer = Tokenizer(reader, reader.keys(args, "tokenizer").get("tokenizer"))
        reader.check(self.tokenizer.kind == TOKENS[self.op], "another model")
        self.places = self.tokenizer.size

    read_bpe = read_wordpiece

    def read_cross(self, reader, args):
        self.places = reader.count(reader.keys(args, "buckets").get("buckets"))

    def read_geo_cell(self, reader, args):
        reader.keys(args, "resolution", "buckets")
        self.resolution, self.places = reader.count(args.get("resolution"), 0, 23), reader.count(args.get("buckets"))

    def read_steps(self, reader, steps):
        self.steps = Steps(reader, steps)
        self.width = self.steps.width
        if self.indexed:
            reader.check(self.steps.bounds is not None, "an index of a number needs bucketize as its last step")
            self.places, self.width = self.width, 1

    read_number = read_steps

    def read_age(self, reader, args):
        reader.keys(args, "now", "unit", "steps")
        self.now = args.get("now")
        reader.check(isinstance(self.now, str), "now: expected the name of a field")
        reader.check(args.get("unit") in UNITS, "unknown unit")
        self.unit = UNITS[args["unit"]]
        self.read_steps(reader, args.get("steps", []))

    def read_time(self, reader, parts):
        reader.check(isinstance(parts, list) and parts, "time: expected a list of parts")
        if self.indexed:
            reader.check(len(parts) == 1 and parts[0] in DATE_PARTS, "an index of a time takes one of hour, dow, day and month")
            self.places = DATE_PARTS[parts[0]]
        else:
            reader.check(all(part in CYCLES for part in parts), "unknown time part")
            self.width = 2 * len(parts)

    def read_onehot(self, reader, args):
        self.position = vocabulary(reader, reader.keys(args, "values").get("values"))
        self.width = len(args["values"])
        reader.check(self.width > 0, "onehot: expected at least one value")

    def read_list(self, reader, rule):
        self.list = rule
        if rule is None:
            reader.check(self.op not in ("text", "chars", "wordpiece", "bpe", "bag", "lookup"), f"{self.op} needs list")
            return
        takes = self.op in CATEGORIES + ("text", "chars", "wordpiece", "bpe", "bag", "lookup", "number", "age", "vector") or self.op == "time" and self.is_index
        reader.check(takes, f"{self.op} takes no list")
        reader.since_two("a list of vectors", self.op == "vector")
        reader.keys(rule, "max", "keep")
        least = len(self.tokenizer.before + self.tokenizer.after) + 1 if self.tokenizer else 1
        reader.count(rule.get("max"), least, 1 << 19)
        reader.check(rule.get("keep") in ("last", "first") + ("largest",) * (self.op == "bag"), "list keep: expected last or first")
        reader.check(self.op in ("vector", "lookup") or self.width == 1, "bucketize in a list")

    def read_index(self, reader, layout):
        identity = self.category is not None and self.category.op == "identity"
        usual = {"padding": 0, "missing": 1, "first": 2} if not identity else {"padding": 0, "missing": 0, "first": 0}
        if self.tokenizer is not None:
            usual = {"padding": self.tokenizer.padding, "missing": 0, "first": 0}
        self.layout_names_missing = not identity
        if layout is not None:
            reader.since_two("index")
            reader.check(self.is_index, "index is for indexes")
            reader.keys(layout, *usual)
            for key in layout:
                reader.count(layout[key], 0)
            self.layout_names_missing |= "missing" in layout
        self.layout = {**usual, **(layout or {})}

    def read_missing(self, reader, piece):
        columns = not self.is_index and self.op in ("number", "age", "time", "vector", "geo_unit")
        identity = self.category is not None and self.category.op == "identity"
        self.missing = piece.get("missing", "error" if columns or identity else "null")
        reader.check(self.op != "is_missing" or "missing" not in piece, "is_missing takes no missing")
        if self.missing == "null":
            zeros = self.op == "geo_unit" or self.op == "vector" and reader.two
            reader.check(not columns or zeros, "missing null on a number")
            reader.check(self.layout_names_missing, "index has to say which index is missing")
        elif self.missing != "error":
            reader.check(isinstance(self.missing, dict) and list(self.missing) == ["value"], "missing: expected null, error or a value")
            reader.check(self.op in ("number", "age", "time"), "a value for missing is for number, age and time")
            try:
                self.instead(At(self.field, 0))
            except FeatureError as error:
                reader.check(False, f"missing value: {error}")

    def index_size(self):
        """One more than the largest index."""
        size = self.layout["first"] + self.places
        if self.list:
            size = max(size, self.layout["padding"] + 1)
        return max(size, self.layout["missing"] + 1) if self.missing == "null" else size

    # -- encoding

    def at_place(self, place):
        return self.layout["missing"] if place is None else self.layout["first"] + place

    def instead(self, at):
        """What {"value": x} gives."""
        value = self.missing["value"]
        if self.op == "time":
            return self.of_time(at.time(value), value, at)
        return self.of_number(at.number(value), value, at)

    def of_number(self, x, value, at):
        try:
            return self.at_place(self.steps.bucket(x)) if self.is_index else self.finite(self.steps.columns(x), value, at)
        except Refused as refused:
            raise at.bad(str(refused), value)

    def of_time(self, unix, value, at):
        if self.is_index:
            made = date_part(self.args[0], unix)
        else:
            made = [cycle(part, unix) for part in self.args]
        if made is None or not self.is_index and None in made:
            raise at.bad("unix seconds or RFC 3339 text of the years -9999 to 9999", value)
        if self.is_index:
            return self.at_place(made)
        return self.finite([wave(2.0 * math.pi * f) for f in made for wave in (math.sin, math.cos)], value, at)

    @staticmethod
    def finite(columns, value, at):
        rounded = [f32(x) for x in columns]
        if not all(map(math.isfinite, rounded)):
            raise at.bad("a finite number", value)
        return rounded

    def one(self, value, now, at, items):
        """What one value gives: an index, or its columns."""
        strict = self.missing == "error"
        if value is None and isinstance(self.missing, dict):
            return self.instead(at)
        if self.is_index and value is None and not strict:
            return self.at_place(None)
        if self.category is not None:
            text = at.category(value, self.category.kind)
            return self.of_category(text, value, at)
        if self.op == "number":
            return self.of_number(at.number(value), value, at)
        if self.op == "age":
            return self.of_number((now - at.time(value)) / self.unit, value, at)
        if self.op == "time":
            return self.of_time(at.time(value), value, at)
        if self.op == "is_missing":
            return [float(value is None)]
        if self.op == "vector":
            return self.vector(value, at)
        return self.onehot(value, at) if self.op == "onehot" else self.lookup(value, at, items)

    def of_category(self, text, value, at):
        place = self.category.place(text)
        if place is None and self.missing == "error":
            raise at.bad(self.category.expected, value)
        return self.at_place(place)

    def vector(self, value, at):
        if value is None and self.missing != "error":
            return [0.0] * self.width
        expected = f"a list of {self.width} numbers"
        if not isinstance(value, list):
            raise at.bad(expected, value)
        if len(value) != self.width:
            raise at.bad(expected, value, f"a list of {len(value)}")
        return self.finite([at.number(x) for x in value], value, at)

    def onehot(self, value, at):
        strict = self.missing == "error"
        if value is None and strict:
            raise at.bad("a string or a list of strings", value)
        made = [0.0] * self.width
        for x in [] if value is None else value if isinstance(value, list) else [value]:
            if x is not None or strict:
                place = self.position.get(at.category(x))
                if place is not None:
                    made[place] = 1.0
        return made

    def lookup(self, value, at, items):
        if value is None and self.missing != "error":
            return [0.0] * self.width
        vector = items.get(at.category(value))
        return [0.0] * self.width if vector is None else [f32(x) for x in vector]

    def cross(self, row, number):
        texts = []
        for field in self.fields:
            value = row.get(field)
            if value is not None or self.missing == "error":
                texts.append(At(field, number).category(value))
        if len(texts) < len(self.fields):
            return self.at_place(None)
        return self.at_place(field_hash(SEPARATOR.join(self.fields), SEPARATOR.join(texts)) % self.places)

    def geo(self, row, number):
        ats = [At(field, number) for field in self.fields]
        values = [row.get(field) for field in self.fields]
        if len(values) == 1:
            expected, value = "a list of latitude and longitude", values[0]
            if value is None and self.missing != "error":
                values = [None, None]
            elif not isinstance(value, list):
                raise ats[0].bad(expected, value)
            elif len(value) != 2:
                raise ats[0].bad(expected, value, f"a list of {len(value)}")
            else:
                values = value
            ats *= 2
        degrees = []
        for value, at, most, what in zip(values, ats, (90, 180), ("latitude", "longitude")):
            if value is None and self.missing != "error":
                degrees.append(None)
                continue
            degrees.append(at.number(value))
            if abs(degrees[-1]) > most:
                raise at.bad(f"a {what} from -{most} to {most}", value)
        found = None not in degrees
        if self.op == "geo_cell":
            return self.at_place(self.cell(*degrees) if found else None)
        if not found:
            return [0.0] * 3
        lat, lon = map(math.radians, degrees)
        return self.finite([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)], None, ats[0])

    def cell(self, latitude, longitude):
        rows = 1 << self.resolution
        down = min(int((latitude + 90.0) / 180.0 * rows), rows - 1)
        across = int((longitude + 180.0) / 360.0 * (2 * rows)) % (2 * rows)
        return field_hash(SEPARATOR.join(self.fields), f"{self.resolution}/{down}/{across}") % self.places

    def bag(self, value, at):
        """Indexes and weights."""
        if value is None and self.missing != "error":
            return []
        if not isinstance(value, dict):
            raise at.bad("an object of weights", value)
        entries = []
        for name, weight in value.items():
            if weight is None and self.missing != "error":
                continue
            try:
                rounded = f32(At(self.field, 0).number(weight))
            except FeatureError:
                rounded = math.nan
            if not math.isfinite(rounded):
                raise at.bad(f"a finite number as the weight of {quote(name)}", weight)
            entries.append((name, rounded))
        if self.list["keep"] == "largest":
            entries.sort(key=lambda entry: (-entry[1], entry[0].encode("utf-8")))
        return [(self.of_category(name, name, at), weight) for name, weight in self.cut(entries)]

    def cut(self, values):
        most = self.list["max"]
        return values[-most:] if self.list["keep"] == "last" else values[:most]

    def of_row(self, row, number, now, items):
        """What a row gives: an index or columns; a list of them where there is a list."""
        at, value = At(self.field, number), row.get(self.field)
        if self.op == "cross":
            return self.cross(row, number)
        if self.op in ("geo_unit", "geo_cell"):
            return self.geo(row, number)
        if self.op == "bag":
            return self.bag(value, at)
        if self.tokenizer is not None or self.op in GRAMS:
            if value is None and self.missing != "error":
                value = ""
            if not isinstance(value, str):
                raise at.bad("a text" if value is None else "a string", value)
            if self.tokenizer is not None:
                ids, self.token_types = self.tokenizer.encode(value, self.list)
                return [self.at_place(id) for id in ids]
            found = words(value, self.lower)
            grams = self.cut([gram for n in self.ngrams for gram in self.grams(found, n)])
            return [self.at_place(field_hash(self.field, gram) % self.places) for gram in grams]
        if self.now is not None and row.get(self.now) is not None:
            now = At(self.now, number).time(row[self.now])
        if not self.list:
            return self.one(value, now, at, items)
        if value is None and self.missing != "error":
            return []
        if not isinstance(value, list):
            raise at.bad("a list", value)
        return [self.one(x, now, at, items) for x in self.cut(value)]
