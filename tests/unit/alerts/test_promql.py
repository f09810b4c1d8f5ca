"""Numbers of one cluster among those of several."""

from __future__ import annotations

from lomi_ops.domain.promql import scoped


def test_every_number_of_ours_is_narrowed_and_nothing_else() -> None:
    expr = 'sum(lomi_workers{state="running"}) / max(lomi_up) and on() ALERTS{rule="lomi",alertname="LomiUp"}'
    assert scoped(expr, 'profile="a"') == (
        'sum(lomi_workers{profile="a",state="running"}) / max(lomi_up{profile="a"})'
        ' and on() ALERTS{rule="lomi",alertname="LomiUp"}'
    )


def test_a_comparison_behind_a_number_stays() -> None:
    assert (
        scoped("lomi_up < 1 and (lomi_up > 0)", 'profile="a"')
        == 'lomi_up{profile="a"} < 1 and (lomi_up{profile="a"} > 0)'
    )
