from __future__ import annotations

import pytest

from lomi_ops.ops.init.interpolation import interpolated

KNOWN = {"A": "one", "EMPTY": "", "B": "$A"}


@pytest.mark.parametrize(
    ("text", "result", "missing"),
    [
        ("plain", "plain", ()),
        ("${A}-$A", "one-one", ()),
        ("$$A $${A}", "$A ${A}", ()),
        ("${B}", "$A", ()),
        ("${NO}", "", ("NO",)),
        ("$NO", "", ("NO",)),
        ("${NO:-x y}", "x y", ()),
        ("${EMPTY:-x}", "x", ()),
        ("${EMPTY-x}", "", ()),
        ("${A:-x}", "one", ()),
        ("${A:?must be set}", "one", ()),
        ("${NO:?must be set}", "", ("NO",)),
        ("${EMPTY?x}", "", ()),
        ("${A:+there}", "there", ()),
        ("${NO:+there}", "", ()),
        ("${EMPTY+there}", "there", ()),
        ("cost: 5$", "cost: 5$", ()),
        ("${not closed", "${not closed", ()),
        ("`id` $(id)", "`id` $(id)", ()),
    ],
)  # fmt: skip
def test_variables_are_replaced_as_compose_does(text: str, result: str, missing: tuple[str, ...]) -> None:
    found = interpolated(text, KNOWN)

    assert (found.text, found.missing) == (result, missing)


def test_it_says_which_variables_a_text_refers_to() -> None:
    assert interpolated("${A} ${NO:-x} $$B", KNOWN).names == ("A", "NO")
