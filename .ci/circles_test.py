#!/usr/bin/env python3
"""Tests of circles.py, on crates of a few lines."""

import tempfile
import unittest
from pathlib import Path

import circles


def found(**files):
    """The circles of a crate, each as its files' names in order."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = Path(root, "src", name.replace("__", "/") + ".rs")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        groups = circles.circles(circles.edges(Path(root)))
        return sorted(" ".join(sorted(file.relative_to(Path(root, "src")).as_posix()[:-3] for file in group)) for group in groups)


class Circles(unittest.TestCase):
    def test_one_way_is_no_circle(self):
        self.assertEqual(found(lib="mod a; mod b; pub use a::A;", a="use crate::b::B; pub struct A(B);", b="pub struct B;"), [])

    def test_each_way_of_naming_is_found(self):
        for naming in [
            "use super::a::A;",
            "use crate::a;",
            "use crate::{a::{self, A}, c};",
            "fn f(_: crate::a::A) {}",
            "fn f() { super::a::A::new() }",
            "use crate::A;",
            "use crate::{c, A as Other};",
            "mod inner { use super::super::a::A; }",
        ]:
            files = {"lib": "mod a; mod b; mod c; pub use a::A;", "a": "use crate::b::B; pub struct A(B);", "c": ""}
            self.assertEqual(found(**files, b=f"pub struct B; {naming}"), ["a b"], naming)

    def test_around_and_through_folders(self):
        files = {"lib": "mod a; mod x;", "a": "use crate::x::B; pub struct A;", "x__mod": "mod b; mod c; pub(crate) use b::B;"}
        files |= {"x__b": "use super::c::C; pub struct B;", "x__c": "use crate::a::A; pub struct C;"}
        self.assertEqual(found(**files), ["a x/b x/c"])

    def test_what_names_nothing(self):
        a = "use crate::b::B; pub struct A(B);"
        for b in [
            "// use crate::a::A;",
            "/* crate::a::A */ const TEXT: &str = \"crate::a::A\";",
            "const TEXT: &str = r#\"\"crate::a::A\"#; const QUOTE: char = '\"';",
            "#[cfg(test)] mod tests { use crate::a::A; }",
            "#[cfg(all(test, unix))] #[allow(unused)] fn f() -> [u8; 2] { crate::a::A::new() }",
            "use other::a::A;",
        ]:
            self.assertEqual(found(lib="mod a; mod b;", a=a, b=f"{b} pub struct B;"), [], b)
        self.assertEqual(found(lib="mod a; mod b; #[cfg(test)] mod tests;", a=a, b="pub struct B;", tests="use crate::a::A;"), [])

    def test_a_front_door_is_in_no_circle_and_one_that_works_is(self):
        files = {"x__a": "use super::helper; pub struct A;", "lib": "mod x;"}
        self.assertEqual(found(**files, x__mod="mod a; pub use a::A; fn helper() {}"), [])
        self.assertEqual(found(**files, x__mod="mod a; pub use a::A; fn helper() -> A {}"), ["x/a x/mod"])


if __name__ == "__main__":
    unittest.main()
