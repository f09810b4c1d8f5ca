"""The shipped policies as a layer of settings, so that somebody may change one threshold and keep the rest."""

from __future__ import annotations

from collections.abc import Iterator

from lomi_ops.config.keys import Key, closest
from lomi_ops.config.layers import Entry, Layer, Rank
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.judging import PolicyChoice, PolicySection

_POLICIES = ("policy", "policies")


def shipped(*above: Layer) -> Layer:
    """Every policy leaf by leaf: the shipped ones, and those that a layer above names. These start as the schema's
    own, with all labels: a label that is left out keeps its zones."""
    policies = PolicyChoice().policies
    named = {key[2] for layer in above for key in layer if key[:2] == _POLICIES}
    base: dict[Key, Entry] = {}
    for name in (*policies, *sorted(named - policies.keys())):
        policy = policies.get(name) or PolicySection()
        for key, value in _leaves((*_POLICIES, name), policy.model_dump()):
            base[key] = Entry(value, "default", Rank.DEFAULT)
    return base


def doubts(settings: Settings) -> Iterator[str]:
    """Warnings: a shipped policy whose thresholds somebody changed while its version stayed (past verdicts name a
    policy by name and version), and a new policy that looks like a slip for a shipped one."""
    policies = PolicyChoice().policies
    for name in settings.policy.policies.keys() - policies.keys() - {settings.policy.active}:
        if meant := closest(name, list(policies), 0.75):
            yield f"policy {name} is a new one that nothing uses; did you mean {meant}?"
    for name, theirs in policies.items():
        ours = settings.policy.policies[name]
        same_words = theirs.model_copy(update={"description": ours.description})
        if ours.version == theirs.version and ours != same_words:
            key = f"policy.policies.{name}.version"
            yield f"policy {name} differs from the shipped one of the same version; set {key} to {theirs.version + 1}"


def _leaves(key: Key, value: object) -> Iterator[tuple[Key, object]]:
    if not isinstance(value, dict):
        yield key, value
        return
    for name, below in value.items():
        yield from _leaves((*key, str(name)), below)
