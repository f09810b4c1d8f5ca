"""The rules for a Prometheus, from the same table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops import templating
from lomi_ops.domain import quoting
from lomi_ops.domain.alert_facts import next_command, on_profile
from lomi_ops.domain.alert_rule import Rule
from lomi_ops.domain.promql import scoped


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rule in Prometheus' words."""

    slug: str
    name: str
    expr: str
    for_: str
    keep: str
    severity: str
    cause: str
    summary: str
    command: str


def rendered(rules: Sequence[Rule], profile: str | None = None) -> str:
    """The file of rules."""
    template = templating.for_text("alerts", q=quoting.yaml).get_template("prometheus.yml.j2")
    return template.render(
        rules=[in_its_words(rule, profile) for rule in rules],
        profile=profile,
        missing=f"absent({_of_cluster('lomi_build_info', profile)})",
        on_profile=lambda command: on_profile(command, profile),
    )


def in_its_words(rule: Rule, profile: str | None = None) -> Rendered:
    number = {"%": "{{ $value | humanizePercentage }}", "s": "{{ $value | humanizeDuration }}"}.get(
        rule.unit, f"{{{{ $value | humanize }}}} {rule.unit}"
    )
    return Rendered(
        slug=rule.slug,
        name=alert_name(rule.slug),
        expr=expression(rule, profile),
        for_=_span(rule.for_s),
        keep=_span(rule.keep_firing_for_s),
        severity=rule.severity.value,
        cause=rule.cause,
        summary=rule.sentence.format(value=number, limit=rule.limit),
        command=next_command(rule, profile),
    )


def alert_name(slug: str) -> str:
    return "Lomi" + "".join(word.capitalize() for word in slug.split("_"))


def expression(rule: Rule, profile: str | None = None) -> str:
    """Beyond the threshold; once it fires, for as long as it is not well again, which Prometheus has no word for.

    Of the profile's cluster alone, where one holds."""
    number = rule.query.promql if rule.less is None else f"({rule.query.promql} - {rule.less.promql})"
    bad = f"{number} {rule.side} {rule.threshold:g}"
    if rule.clear_at != rule.threshold:
        ours = f",{_matcher(profile)}" if profile else ""
        firing = f'ALERTS{{alertname="{alert_name(rule.slug)}",alertstate="firing"{ours}}}'
        bad = f"({bad} or ({number} {rule.side} {rule.clear_at:g} and on() {firing}))"
    return _of_cluster(" and ".join([bad, *(f"({guard.promql})" for guard in rule.guards)]), profile)


def _of_cluster(expr: str, profile: str | None) -> str:
    return scoped(expr, _matcher(profile)) if profile else expr


def _matcher(profile: str) -> str:
    return f'profile="{profile}"'


def _span(seconds: float) -> str:
    """Empty for none."""
    if not seconds:
        return ""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds * 1000:.0f}ms"
