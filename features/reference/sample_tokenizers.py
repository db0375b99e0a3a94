"""Small tokenizers for the test vectors, in the JSON of Hugging Face's tokenizers."""
from spec_words import BYTES, pre_tokenized

TEXT = "the red shoe the red shoes running shoes for running the blue shirt and the red shirt size 42 don't stop a text and more text"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def token(id, content, **more):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **more}


def tokenizer(model, **parts):
    usual = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"))
    return {"version": "1.0", **usual, "added_tokens": [], **parts, "model": model}


def template(before, after, segment=0):
    special = [[{"SpecialToken": {"id": name, "type_id": segment}}] * (name is not None) for name, _ in (before, after)]
    tokens = {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in (before, after) if name is not None}
    single = [*special[0], {"Sequence": {"id": "A", "type_id": 0}}, *special[1]]
    return {"type": "TemplateProcessing", "single": single, "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": tokens}


def wordpiece(words, special):
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = [*special, *letters, *(f"##{c}" for c in letters), *".,!?'-:$%[]語日", *words]
    vocab = {each: id for id, each in enumerate(tokens)}
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 10, "vocab": vocab}


def learned(words, alphabet, most):
    """Pairs that come together most often, one after the other."""
    counts, merges = {}, []
    for word in words:
        counts[tuple(word)] = counts.get(tuple(word), 0) + 1
    while len(merges) < most:
        pairs = {}
        for word, count in counts.items():
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        joined = {}
        for word, count in counts.items():
            made, at = [], 0
            while at < len(word):
                found = word[at:at + 2] == best
                made.append("".join(best) if found else word[at])
                at += 1 + found
            joined[tuple(made)] = joined.get(tuple(made), 0) + count
        counts = joined
    return [*alphabet, *dict.fromkeys("".join(merge) for merge in merges)], merges


def bpe(tokens, merges, **more):
    usual = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False}
    return {"type": "BPE", **usual, **more, "vocab": {each: id for id, each in enumerate(dict.fromkeys(tokens))}, "merges": merges}


def all():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    uncased = tokenizer(
        wordpiece(["the", "red", "shoe", "##s", "##ning", "run", "##able", "un", "##known", "cafe", "naive"], special), normalizer=bert,
        pre_tokenizer={"type": "BertPreTokenizer"}, post_processor=template(("[CLS]", 2), ("[SEP]", 3)),
        added_tokens=[token(id, name) for id, name in enumerate(special)],
        truncation={"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0},
        padding={"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"})
    cased = tokenizer(
        wordpiece(["The", "red", "shoe", "CAF", "##É"], special[:4]), normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}, bert | {"lowercase": False}]},
        pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}]},
        post_processor={"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]})
    words = pre_tokenized([TEXT], BYTE_LEVEL)
    tokens, merges = learned(words, sorted(BYTES.values()), 60)
    around = ["<s>", "<pad>", "</s>", "<unk>"]
    roberta = tokenizer(
        bpe(around + tokens + ["<mask>"], [" ".join(merge) for merge in merges]), pre_tokenizer=BYTE_LEVEL,
        post_processor={"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2], "trim_offsets": True, "add_prefix_space": False},
        added_tokens=[token(id, name) for id, name in enumerate(around)] + [token(len(tokens) + 4, "<mask>", lstrip=True)],
        padding={"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "<pad>"})
    gpt = tokenizer(bpe(tokens, [list(merge) for merge in merges], ignore_merges=True), pre_tokenizer=BYTE_LEVEL | {"add_prefix_space": True},
                    post_processor={"type": "Sequence", "processors": [BYTE_LEVEL, template((None, None), ("<end>", len(tokens)), 3)]},
                    added_tokens=[token(len(tokens), "<end>"), token(len(tokens) + 1, "Red Shoes", normalized=True, special=False, rstrip=True)])
    ends = [[*word[:-1], f"{word[-1]}</w>"] for word in TEXT.split()]
    letters = sorted({part for word in ends for part in word})
    tokens, merges = learned(ends, letters, 30)
    marked = tokenizer(bpe(["<unk>", *tokens], [" ".join(merge) for merge in merges], unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True),
                       normalizer={"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]}, pre_tokenizer={"type": "WhitespaceSplit"})
    return {"uncased": uncased, "cased": cased, "roberta": roberta, "gpt": gpt, "marked": marked}
