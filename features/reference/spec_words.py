"""What is done to a text before its words become tokens: normalizers and pre-tokenizers, the usual ones."""
import unicodedata

WHITE = set("\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | set(map(chr, range(0x2000, 0x200B)))
CHINESE = (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)
CONTRACTIONS = "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"


def is_control(c):
    return c not in "\t\n\r" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs")


def is_chinese(c):
    return any(first <= ord(c) <= last for first, last in CHINESE)


def is_punctuation(c):
    return unicodedata.category(c)[0] == "P" or c.isascii() and c in "$+<=>^`|~"


def lower(text):
    """Character by character, so that a final sigma is one like all others."""
    return "".join(c.lower() for c in text)


def bert(text, how):
    if how["clean_text"]:
        text = "".join(" " if c in WHITE else c for c in text if c not in "\0\ufffd" and not is_control(c))
    if how["handle_chinese_chars"]:
        text = "".join(f" {c} " if is_chinese(c) else c for c in text)
    accents = how.get("strip_accents")
    if how["lowercase"] if accents is None else accents:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return lower(text) if how["lowercase"] else text


def normalized(text, how):
    if how is None:
        return text
    kind = how["type"]
    if kind == "Sequence":
        for each in how["normalizers"]:
            text = normalized(text, each)
        return text
    if kind == "BertNormalizer":
        return bert(text, how)
    return lower(text) if kind == "Lowercase" else unicodedata.normalize(kind, text)


def split(text, removed, alone):
    """Words without what is removed, and what stands alone."""
    words = [""]
    for c in text:
        if removed(c):
            words.append("")
        elif alone(c):
            words += [c, ""]
        else:
            words[-1] += c
    return [word for word in words if word]


def gpt2(text):
    """What GPT-2's regular expression finds."""
    def kind(c):
        return "space" if c in WHITE else {"L": "letter", "N": "number"}.get(unicodedata.category(c)[0], "other")

    found, at = [], 0
    while at < len(text):
        short = next((each for each in CONTRACTIONS if text.startswith(each, at)), None)
        start = at + (text[at] == " ")
        end = start
        if short is not None:
            end = at + len(short)
        elif start < len(text) and kind(text[start]) != "space":
            while end < len(text) and kind(text[end]) == kind(text[start]):
                end += 1
        else:
            end = at
            while end < len(text) and text[end] in WHITE:
                end += 1
            if end < len(text) and end - at > 1:
                end -= 1
        found.append(text[at:end])
        at = end
    return found


def byte_characters():
    """Bytes as the printable characters that stand for them."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + n) for n, byte in enumerate(others)}}


BYTES = byte_characters()


def pre_tokenized(words, how):
    if how is None:
        return words
    kind = how["type"]
    if kind == "Sequence":
        for each in how["pretokenizers"]:
            words = pre_tokenized(words, each)
        return words
    if kind == "BertPreTokenizer":
        return [part for word in words for part in split(word, WHITE.__contains__, is_punctuation)]
    if kind == "WhitespaceSplit":
        return [part for word in words for part in split(word, WHITE.__contains__, lambda c: False)]
    if how["add_prefix_space"]:
        words = [word if word.startswith(" ") else f" {word}" for word in words if word]
    if how.get("use_regex", True):
        words = [part for word in words for part in gpt2(word)]
    return ["".join(BYTES[byte] for byte in word.encode()) for word in words]


NORMALIZERS = "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Sequence"
PRE_TOKENIZERS = "BertPreTokenizer", "WhitespaceSplit", "ByteLevel", "Sequence"
