"""The steps of a number."""
import bisect
import math

from spec_reader import only
from spec_values import is_finite, numbers


class Refused(Exception):
    """A number that a step cannot take: what the step expects."""


def above_zero(x):
    return 0.0 if 0.0 > x else x


def power(x, exponent):
    try:
        return math.pow(x, exponent)
    except (OverflowError, ValueError):  # beyond f64, or 0 to a negative power
        return math.inf


def share(points, x):
    """Where x lies among n + 1 points, of which point i stands for i / n."""
    if x <= points[0]:
        return 0.0
    if x >= points[-1]:
        return 1.0
    below, upto = bisect.bisect_left(points, x), bisect.bisect_right(points, x)
    if below == upto:
        place = below - 1 + (x - points[below - 1]) / (points[below] - points[below - 1])
    else:
        place = (below + upto - 1) / 2
    return place / (len(points) - 1)


def step(name, args, x):
    if name == "log1p":
        return math.log1p(above_zero(x))
    if name == "log":
        if not x > 0:
            raise Refused('a number above 0 for "log"')
        return math.log(x)
    if name == "sqrt":
        return math.sqrt(above_zero(x))
    if name == "power":
        return power(above_zero(x), args)
    if name == "standardize":
        return (x - args["mean"]) / args["std"]
    if name == "min_max":
        return (x - args[0]) / (args[1] - args[0])
    if name == "clip":
        x = args[0] if args[0] > x else x
        return args[1] if args[1] < x else x
    return share(args, x)


class Steps:
    """The steps of a number; `bounds` are those of a last `bucketize`."""

    def __init__(self, reader, steps):
        reader.check(isinstance(steps, list), "steps are a list")
        self.steps, self.bounds = [], None
        for each in steps:
            reader.check(self.bounds is None, "bucketize must be the last step")
            name, args = (each, None) if isinstance(each, str) else only(reader, each)
            self.read(reader, name, args)
        self.width = 1 if self.bounds is None else len(self.bounds) + 1

    def read(self, reader, name, args):
        check = reader.check
        check((args is None) == (name in ("log1p", "log", "sqrt")), f"unknown step {name}")
        check(name in STEPS, f"unknown step {name}")
        reader.since_two(f"the step {name}", name in STEPS_OF_TWO)
        if name == "bucketize":
            check(numbers(args) and all(a < b for a, b in zip(args, args[1:])), "bucketize: bounds must increase")
            self.bounds = [float(x) for x in args]
            return
        if name == "power":
            check(is_finite(args), "power: expected a number")
            args = float(args)
        elif name == "standardize":
            check(isinstance(args, dict) and set(args) == {"mean", "std"} and numbers(list(args.values())), "standardize: expected mean and std")
            check(args["std"] > 0, "std must be > 0")
            args = {key: float(x) for key, x in args.items()}
        elif args is not None:
            check(numbers(args), f"{name}: expected numbers")
            args = [float(x) for x in args]
            if name == "quantiles":
                check(len(args) >= 2 and all(a <= b for a, b in zip(args, args[1:])), "quantiles never fall")
                check(0 < args[-1] - args[0] < math.inf, "quantiles: the last lies above the first")
            else:
                check(len(args) == 2, f"{name}: expected two numbers")
                check(args[0] <= args[1] if name == "clip" else 0 < args[1] - args[0] < math.inf, f"{name}: out of order")
        self.steps.append((name, args))

    def number(self, x):
        for name, args in self.steps:
            x = step(name, args, x)
        return x

    def bucket(self, x):
        return bisect.bisect_right(self.bounds, self.number(x))

    def columns(self, x):
        if self.bounds is None:
            return [self.number(x)]
        bucket = self.bucket(x)
        return [float(i == bucket) for i in range(self.width)]


STEPS_OF_TWO = "log", "sqrt", "power", "min_max", "quantiles"
STEPS = ("log1p", "standardize", "clip", "bucketize") + STEPS_OF_TWO
