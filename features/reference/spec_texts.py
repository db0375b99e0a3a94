"""Words of a text and their n-grams."""
import pathlib
import re


def alphanumeric():
    """A pattern of the characters that words are made of."""
    lines = pathlib.Path(__file__).with_name("alphanumeric.txt").read_text().split("\n", 1)
    return "".join("-".join(f"\\U{int(end, 16):08x}" for end in run.split("-")) for run in lines[1].split())


WORD = re.compile(f"[{alphanumeric()}]+")


def words(text, lower):
    return [word.lower() if lower else word for word in WORD.findall(text)]


def word_grams(found, n):
    return [" ".join(found[i:i + n]) for i in range(len(found) - n + 1)]


def character_grams(found, n):
    marked = [f"<{word}>" for word in found]
    return [word[i:i + n] for word in marked for i in range(len(word) - n + 1)]
