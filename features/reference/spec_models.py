"""How a word becomes tokens."""


class WordPiece:
    """The longest known beginning, then the longest known continuation."""

    def __init__(self, how):
        self.vocab, self.prefix, self.most = how["vocab"], how["continuing_subword_prefix"], how["max_input_chars_per_word"]
        self.unknown = self.vocab[how["unk_token"]]

    def ids(self, word):
        if len(word) > self.most:
            return [self.unknown]
        ids, at = [], 0
        while at < len(word):
            mark = self.prefix if at else ""
            end = next((end for end in range(len(word), at, -1) if mark + word[at:end] in self.vocab), None)
            if end is None:
                return [self.unknown]
            ids.append(self.vocab[mark + word[at:end]])
            at = end
        return ids


class Bpe:
    """Pairs of tokens are merged, those that were learned first before others, from the left."""

    def __init__(self, how):
        self.vocab, self.suffix, self.whole = how["vocab"], how.get("end_of_word_suffix") or "", how.get("ignore_merges", False)
        self.unknown, self.fuse = self.vocab.get(how.get("unk_token")), how.get("fuse_unk", False)
        merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in how["merges"]]
        self.rank = {(self.vocab[left], self.vocab[right]): (n, self.vocab[left + right]) for n, (left, right) in enumerate(merges)}

    def ids(self, word):
        if self.whole and word in self.vocab:
            return [self.vocab[word]]
        ids, fused = [], False
        for at, c in enumerate(word):
            id = self.vocab.get(c + self.suffix if at + 1 == len(word) else c)
            if id is not None:
                ids.append(id)
            elif self.unknown is not None and not (fused and self.fuse):
                ids.append(self.unknown)
            fused = id is None
        while True:
            pairs = [(*self.rank[pair], at) for at, pair in enumerate(zip(ids, ids[1:])) if pair in self.rank]
            if not pairs:
                return ids
            rank, merged, at = min(pairs, key=lambda pair: (pair[0], pair[2]))
            ids[at:at + 2] = [merged]


MODELS = {"WordPiece": WordPiece, "BPE": Bpe}
