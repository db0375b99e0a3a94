"""Tokenizers: a text into the ids of its tokens. The usual components alone; Torre knows some more."""
from spec_models import MODELS
from spec_words import NORMALIZERS, PRE_TOKENIZERS, WHITE, normalized, pre_tokenized

MAX_TEXT_BYTES = 1 << 16
OPS = {"wordpiece": "WordPiece", "bpe": "BPE"}


def flat(how, key):
    return [] if how is None else how[key] if how["type"] == "Sequence" else [how]


class Tokenizer:
    """A tokenizer of a document."""

    def __init__(self, reader, name):
        how = reader.document.get("tokenizers", {}).get(name)
        reader.check(how is not None, f"tokenizers has no {name}")
        self.normalizer, self.pre_tokenizer, self.kind = how.get("normalizer"), how.get("pre_tokenizer"), how["model"]["type"]
        for each, key, known in ((self.normalizer, "normalizers", NORMALIZERS), (self.pre_tokenizer, "pretokenizers", PRE_TOKENIZERS)):
            reader.check(all(part["type"] in known for part in flat(each, key)), "a component that this reference does not know")
        reader.check(self.kind in MODELS, "another model")
        self.model = MODELS[self.kind](how["model"])
        self.added = how.get("added_tokens") or []
        reader.check(not any(token["single_word"] for token in self.added), "single words, which this reference does not know")
        self.before, self.after, self.segment = self.frame(how.get("post_processor"))
        self.padding = how["padding"]["pad_id"] if how.get("padding") else 0
        ids = [*how["model"]["vocab"].values(), *(token["id"] for token in self.added), *(id for id, _ in self.before + self.after)]
        self.size = max(self.padding, *ids) + 1
        self.segments = max([self.segment] + [segment for _, segment in self.before + self.after]) + 1

    def frame(self, how):
        """Ids and types before and after a text, and the type of its own tokens."""
        for each in flat(how, "processors"):
            if each["type"] == "TemplateProcessing":
                places = [next(iter(piece.items())) for piece in each["single"]]
                middle = next(n for n, (kind, _) in enumerate(places) if kind == "Sequence")
                around = [[(id, piece["type_id"]) for kind, piece in part for id in each["special_tokens"][piece["id"]]["ids"]]
                          for part in (places[:middle], places[middle + 1:])]
                return *around, places[middle][1]["type_id"]
            if each["type"] != "ByteLevel":
                return [(each["cls"][1], 0)], [(each["sep"][1], 0)], 0
        return [], [], 0

    def pieces(self, text, ofs):
        """The text cut at added tokens: texts, and ids."""
        made, start, at = [], 0, 0
        while at < len(text):
            token = max((token for token in ofs if text.startswith(token[0], at)), key=lambda token: len(token[0]), default=None)
            if token is None:
                at += 1
                continue
            content, token = token
            first, last = at, at + len(content)
            at = last
            while token["lstrip"] and first > start and text[first - 1] in WHITE:
                first -= 1
            while token["rstrip"] and last < len(text) and text[last] in WHITE:
                last += 1
            made += [text[start:first]] * (start < first) + [token["id"]]
            start = last
        return made + [text[start:]] * (start < len(text))

    def tokens(self, text):
        plain = [(token["content"], token) for token in self.added if not token["normalized"]]
        after = [(normalized(token["content"], self.normalizer), token) for token in self.added if token["normalized"]]
        for piece in self.pieces(text, plain):
            for part in [piece] if isinstance(piece, int) else self.pieces(normalized(piece, self.normalizer), after):
                if isinstance(part, int):
                    yield part
                else:
                    for word in pre_tokenized([part], self.pre_tokenizer):
                        yield from self.model.ids(word)

    def encode(self, text, rule):
        """Ids and types, cut to a list."""
        given, last = text.encode(), rule["keep"] == "last"
        text = (given[-MAX_TEXT_BYTES:] if last else given[:MAX_TEXT_BYTES]).decode(errors="ignore")
        found = list(self.tokens(text))
        room = rule["max"] - len(self.before) - len(self.after)
        found = found[max(len(found) - room, 0):] if last else found[:room]
        made = self.before + [(id, self.segment) for id in found] + self.after
        return [id for id, _ in made], [segment for _, segment in made]
