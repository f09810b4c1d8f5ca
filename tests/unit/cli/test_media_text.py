"""What a list of photos says of each at a glance."""

from __future__ import annotations

import pytest

from lomi_ops.cli.media_text import _glance


@pytest.mark.parametrize(
    ("value", "said"),
    [(3.7893e-05, "0"), (0.234149, "0.234"), (0.45, "0.45"), (369.236, "369"), (12345.6, "12346"), (2, "2"), (0, "0")],
)
def test_a_number_has_three_digits(value: float, said: str) -> None:
    assert _glance(value) == said
