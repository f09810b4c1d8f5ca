"""What the widgets of both apps share."""

from __future__ import annotations

from lomi_ops.tui.text import Latest


def test_nothing_is_made_anew_of_what_has_not_changed() -> None:
    latest, made = Latest[str](), list[int]()

    def make(number: int) -> str:
        made.append(number)
        return str(number)

    def of(number: int) -> str:
        return latest.of((number, "width"), lambda: make(number))

    assert [of(1), of(1), of(2), of(1)] == ["1", "1", "2", "1"]
    assert made == [1, 2, 1]
