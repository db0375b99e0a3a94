"""Values of rows, hashes of them, and errors about them."""
import functools
import json
import math
import struct

from spec_times import is_number, unix_seconds


class SpecError(ValueError):
    """A feature spec that cannot be used."""


class FeatureError(ValueError):
    """A row that a spec cannot take: names the field, the row, what was expected and what came."""


MASK = (1 << 64) - 1
PRIMES = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
SEPARATOR = "\x1f"


def xxh64(data):
    """XXH64 of bytes with seed 0."""
    p1, p2, p3, p4, p5 = PRIMES

    def rotated(x, by):
        return (x << by | x >> 64 - by) & MASK

    def mixed(lane, word):
        return rotated((lane + word * p2) & MASK, 31) * p1 & MASK

    def word(start, size=8):
        return int.from_bytes(data[start:start + size], "little")

    at, end = 0, len(data)
    if end >= 32:
        lanes = [(p1 + p2) & MASK, p2, 0, -p1 & MASK]
        while at + 32 <= end:
            lanes = [mixed(lane, word(at + 8 * n)) for n, lane in enumerate(lanes)]
            at += 32
        hashed = sum(rotated(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            hashed = ((hashed ^ mixed(0, lane)) * p1 + p4) & MASK
    else:
        hashed = p5
    hashed = (hashed + end) & MASK
    while at + 8 <= end:
        hashed = (rotated(hashed ^ mixed(0, word(at)), 27) * p1 + p4) & MASK
        at += 8
    if at + 4 <= end:
        hashed = (rotated(hashed ^ word(at, 4) * p1 & MASK, 23) * p2 + p3) & MASK
        at += 4
    while at < end:
        hashed = rotated(hashed ^ data[at] * p5 & MASK, 11) * p1 & MASK
        at += 1
    hashed = (hashed ^ hashed >> 33) * p2 & MASK
    hashed = (hashed ^ hashed >> 29) * p3 & MASK
    return hashed ^ hashed >> 32


@functools.lru_cache(maxsize=1 << 20)
def field_hash(field, value):
    return xxh64((field + SEPARATOR + value).encode("utf-8"))


def is_integer(value):
    """An integer of 64 bits, signed or not; a longer one counts as a float."""
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 64


def category(value):
    """The text of a category, or None: a float never is one."""
    return value if isinstance(value, str) else str(value) if is_integer(value) else None


def quote(text):
    return json.dumps(text, ensure_ascii=False) if len(text) <= 80 else f"{json.dumps(text[:80] + '…', ensure_ascii=False)} ({len(text.encode())} bytes)"


def decimal(x):
    """A float in the fewest digits that are read back as it."""
    digits, _, exponent = repr(x).partition("e")
    text = f"{digits}e{int(exponent)}" if exponent else digits
    beyond = math.isfinite(x) and abs(x) >= 1 << 63
    return text + " (an integer beyond 64 bits has to be given as text)" * beyond


def describe(value):
    """What came, as errors say it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {quote(value)}"
    if is_integer(value):
        return f"the number {value}"
    if is_number(value):
        return f"the number {decimal(float(value))}"
    return "a list" if isinstance(value, list) else "an object"


def f32(x):
    """Rounded to f32, as a float; infinite where it does not fit."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


class At:
    """Where a value stands."""

    def __init__(self, field, row):
        self.field, self.row = field, row

    def bad(self, expected, value, got=None):
        return FeatureError(f'feature "{self.field}" (row {self.row}): expected {expected}, got {got or describe(value)}')

    def number(self, value):
        if isinstance(value, bool):
            return float(value)
        if not is_number(value):
            raise self.bad("a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.bad("a finite number", value)
        return number

    def category(self, value, expected="a string or an integer"):
        text = category(value)
        if text is None:
            raise self.bad(expected, value)
        return text

    def time(self, value):
        unix = unix_seconds(value)
        if unix is None:
            raise self.bad("unix seconds or RFC 3339 text", value)
        return unix


def is_finite(x):
    return is_number(x) and math.isfinite(x)


def numbers(x):
    return isinstance(x, list) and all(map(is_finite, x))
