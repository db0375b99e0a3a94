#!/usr/bin/env python3
"""Finds circles of files: file A names what file B defines, and B, directly or around, names what A defines.

    .ci/circles.py            all crates of the workspace; exits with 1 when there is a circle that ALLOWED does not have
    .ci/circles.py --edges    prints who names whom, and by which name

A path counts as naming the file that defines what it ends in: re-exports are followed, and a `mod` or `pub use` is no naming by itself.
Methods are not followed: who calls one has named its type, or was handed it. A glob names the module alone. Tests are left out.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES = [".", "cli", "data", "report", "train", "features", "kernel", "storage"]

# Circles that there are: folder, files, and why. One that is opened, or grows smaller, has to leave this list or shrink in it.
ALLOWED = [
    ("features/src", "row value", "recursive data: a row holds values, and a value may be an object, which is a row"),
    ("src/db", "build collection database import options", "to be opened: a handle makes the builders that hold it"),
    ("src/ingest", "sweep writer", "to be opened: the writer keeps what the sweep works on"),
    ("src/segment", "live run sealed shared snapshot", "to be opened: a snapshot holds what is read through it"),
]

NOISE = re.compile(r"""//[^\n]*|/\*.*?\*/|\bb?r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^']+|\\'|[^\\'])'""", re.S)
TEST = re.compile(r"#\[cfg\((?:test|all\(test\b[^]]*)\)\]")
ATTRIBUTE = re.compile(r"\s*#!?\[")
PATH = re.compile(r"(?<![\w:$])(?:\$?crate|super|self|[A-Za-z_]\w*)(?:\s*::\s*[A-Za-z_]\w*)+")
USE = re.compile(r"(?<![\w$])(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);")
MOD = re.compile(r"(?<![\w$])(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*([;{])")
DEFINED = re.compile(r"(?<![\w$])(?:struct|enum|union|trait|fn|type|const|static|macro_rules!)\s+(?:mut\s+)?([A-Za-z_]\w*)")
CLOSES = {"(": ")", "[": "]", "{": "}"}


class Module:
    """A module: what it defines, what it imports (name -> path, and whether for others too), and the modules below it."""

    def __init__(self, parent, file):
        self.parent, self.file = parent, file
        self.below, self.defined, self.imports, self.globs, self.text = {}, set(), {}, [], ""


def closing(text, at):
    """The place behind the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in CLOSES:
            depth += 1
        elif text[i] in CLOSES.values():
            depth -= 1
            if depth == 0:
                return i + 1
    return len(text)


def item_end(text, at):
    """The place behind the item that begins at `at`, its attributes first."""
    while found := ATTRIBUTE.match(text, at):
        at = closing(text, found.end() - 1)
    while at < len(text) and text[at] != ";":
        if text[at] == "{":
            return closing(text, at)
        at = closing(text, at) if text[at] in CLOSES else at + 1
    return at + 1


def without_tests(text):
    while found := TEST.search(text):
        text = text[: found.start()] + text[item_end(text, found.end()) :]
    return text


def use_tree(text, before=()):
    """The paths of a `use`, each with the name that it gets (`*` for a glob)."""
    text = text.strip()
    if not text:
        return
    head, brace, rest = text.partition("{")
    if brace:
        before += tuple(p for p in re.split(r"\s*::\s*", head.strip()) if p)
        start, depth = 0, 0
        inner = rest[: closing(brace + rest, 0) - 2]
        for i, char in enumerate(inner + ","):
            depth += {"{": 1, "}": -1}.get(char, 0)
            if char == "," and depth == 0:
                yield from use_tree(inner[start:i], before)
                start = i + 1
        return
    path, _, name = text.partition(" as ")
    path = before + tuple(re.split(r"\s*::\s*", path.strip()))
    if path[-1] == "self":
        path = path[:-1]
    yield path, name.strip() or path[-1]


def read(file, parent=None, name=""):
    """The module of a file, with all below it."""
    module = Module(parent, file)
    if parent:
        parent.below[name] = module
    text = without_tests(NOISE.sub(" ", file.read_text()))
    folder = file.parent if file.name in ("lib.rs", "mod.rs") else file.with_suffix("")
    fill(module, text, folder)
    return module


def fill(module, text, folder):
    """Takes a module's text apart; modules written out inside it belong to the same file."""
    while found := MOD.search(text):
        name, kind = found.groups()
        end = found.end()
        if kind == "{":
            end = closing(text, found.end() - 1)
            inner = Module(module, module.file)
            module.below[name] = inner
            fill(inner, text[found.end() : end - 1], folder / name)
        elif name not in module.below:
            # A second one of the same name stands in for the first (under another `cfg`), and defines the same.
            for file in (folder / f"{name}.rs", folder / name / "mod.rs"):
                if file.exists():
                    read(file, module, name)
        text = text[: found.start()] + ";" + text[end:]
    for public, tree in USE.findall(text):
        for path, name in use_tree(tree):
            if name == "*":
                module.globs.append((path[:-1], bool(public)))
            else:
                module.imports[name] = (path, bool(public))
    module.text = USE.sub(" ", text)
    module.defined = set(DEFINED.findall(module.text))


def top(module):
    return top(module.parent) if module.parent else module


def defining(module, path, seen=frozenset()):
    """The file that defines what a path names, as seen from a module; `None` for what is outside the crate."""
    if (id(module), path) in seen:
        return None
    seen |= {(id(module), path)}
    if path[0] in ("crate", "$crate"):
        return walk(top(module), path[1:], seen)
    if path[0] == "self":
        return walk(module, path[1:], seen)
    if path[0] == "super":
        return walk(module.parent, path[1:], seen) if module.parent else None
    if path[0] in module.below or path[0] in module.imports or path[0] in module.defined:
        return walk(module, path, seen)
    return None


def walk(module, path, seen):
    if not path:
        return module.file
    first, rest = path[0], path[1:]
    if first == "super":
        return walk(module.parent, rest, seen) if module.parent else None
    # A module and a function may share their name; a path that goes on means the module.
    if first in module.below and (rest or first not in module.defined | module.imports.keys()):
        return walk(module.below[first], rest, seen)
    if first in module.defined:
        return module.file
    if first in module.imports:
        # What another crate defines belongs to the file that brings it in.
        return defining(module, module.imports[first][0] + rest, seen) or module.file
    for glob, _ in module.globs:
        found = defining(module, glob + path, seen)
        if found and found != module.file:
            return found
    return module.file


def modules(module):
    yield module
    for below in module.below.values():
        yield from modules(below)


def edges(crate):
    """For each file the files that it names, each with the names it is named by."""
    out = {}
    for module in modules(read(crate / "src" / "lib.rs")):
        named = out.setdefault(module.file, {})
        paths = [tuple(re.split(r"\s*::\s*", path)) for path in PATH.findall(module.text)]
        words = set(re.findall(r"\w+", module.text))
        # What is brought in for others is named only where the file uses it too.
        paths += [path for name, (path, public) in module.imports.items() if not public or name in words]
        paths += [path for path, public in module.globs if not public]
        for path in paths:
            file = defining(module, path)
            if file and file != module.file:
                named.setdefault(file, set()).add("::".join(path))
    return out


def circles(graph):
    """Groups of files of which each reaches each other (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(file):
        index[file] = low[file] = len(index)
        stack.append(file)
        for other in graph.get(file, ()):
            if other not in index:
                visit(other)
                low[file] = min(low[file], low[other])
            elif other in stack:
                low[file] = min(low[file], index[other])
        if low[file] == index[file]:
            group = set(stack[stack.index(file) :])
            del stack[stack.index(file) :]
            if len(group) > 1:
                found.append(group)

    for file in graph:
        if file not in index:
            visit(file)
    return found


def short(file):
    return file.relative_to(ROOT).as_posix()


def main():
    found = {}
    for crate in CRATES:
        graph = edges(ROOT / crate)
        if "--edges" in sys.argv:
            for file, named in graph.items():
                for other, names in named.items():
                    print(f"{short(file)} -> {short(other)}: {', '.join(sorted(names))}")
        for group in circles(graph):
            found[frozenset(map(short, group))] = [
                f"    {short(file)} names {short(other)}: {', '.join(sorted(graph[file][other]))}"
                for file in sorted(group)
                for other in sorted(group & graph[file].keys())
            ]
    allowed = [frozenset(f"{folder}/{file}.rs" for file in files.split()) for folder, files, _ in ALLOWED]
    failed = False
    for group, lines in sorted(found.items(), key=lambda entry: sorted(entry[0])):
        if not any(group <= files for files in allowed):
            failed = True
            print("a circle of files:", ", ".join(sorted(group)), *lines, sep="\n", file=sys.stderr)
    for files in allowed:
        still = frozenset().union(*(group for group in found if group <= files))
        if still != files:
            failed = True
            print("in the list of circles, and in none any more:", ", ".join(sorted(files - still)), file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
