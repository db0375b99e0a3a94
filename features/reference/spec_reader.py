"""What a spec is read with."""
import json

from spec_values import SpecError

LARGEST = 1 << 40


class Reader:
    """What is refused while a piece is read is named by its tensor and field."""

    def __init__(self, tensor, piece, document):
        self.tensor, self.piece, self.document, self.two = tensor, piece, document, document["torre"] == 2

    def check(self, holds, problem):
        if not holds:
            raise SpecError(f'input "{self.tensor}", field {json.dumps(self.piece.get("from"))}: {problem}')

    def since_two(self, what, used=True):
        self.check(self.two or not used, f"{what} is of version 2")

    def keys(self, x, *known):
        self.check(isinstance(x, dict) and set(x) <= set(known), f"expected an object with the keys {', '.join(known)}")
        return x

    def count(self, x, least=1, most=LARGEST):
        self.check(isinstance(x, int) and not isinstance(x, bool) and least <= x <= most, f"expected a whole number from {least} to {most}")
        return x


def only(reader, x):
    """The one entry of an object."""
    reader.check(isinstance(x, dict) and len(x) == 1, "expected an object with exactly one entry")
    return next(iter(x.items()))
